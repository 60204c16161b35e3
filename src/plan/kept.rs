//! What a removal must leave, since something that needs it could not be removed.

use super::{Action, Kind};
use crate::steps::Step;
use std::collections::BTreeSet;

/// Resources that stay.
#[derive(Debug, Default)]
pub struct Kept {
    resources: BTreeSet<(Kind, String)>,
}

impl Kept {
    /// Notes an action that failed: what it would have removed stays, and what that uses.
    pub fn note(&mut self, failed: &Action) {
        self.resources.insert((failed.kind, failed.name.clone()));
        self.resources.extend(failed.uses.iter().cloned());
    }

    /// Whether an action would remove something that stays. Pool, folder and record stay with whatever stays: by
    /// them the next run finds it.
    pub fn keeps(&self, action: &Action) -> bool {
        match action.step {
            Step::Host => !self.resources.is_empty(),
            _ => self.resources.contains(&(action.kind, action.name.clone())),
        }
    }
}
