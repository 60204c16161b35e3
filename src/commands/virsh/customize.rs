//! Which images of a run are to be customised, and which are already.

use super::Session;
use super::input::Request;
use crate::actual::Actual;
use crate::customize::Customisation;
use crate::deployment::{Deployment, ImageSource};
use crate::steps::image::customize::{self, Outlook};
use crate::steps::image::{Base, Located, hold};
use anyhow::Result;
use std::collections::BTreeMap;

/// Looks at the images of the nodes whose first disk is to be made; what is customised already is kept for this run.
///
/// # Errors
/// `Resources` without libguestfs where it is asked for; `Usage` for what its nodes would not hear.
pub(super) fn outlook(
    request: &Request,
    session: &Session,
    (deployment, actual): (&Deployment, &Actual),
    volumes: &BTreeMap<String, u64>,
    located: &BTreeMap<ImageSource, Located>,
) -> Result<Outlook> {
    let customisation = Customisation {
        user: request.wanted.username.clone(),
        timezone: request.guest.timezone.clone(),
    };
    let wanting = customize::wanting(deployment, &|disk| !volumes.contains_key(&disk.key()));
    let (id, storage) = (&deployment.id, &deployment.storage);
    let outlook = customize::outlook(
        &session.host,
        (&id.host, storage),
        &wanting,
        located,
        (&customisation, &actual.facts.programs),
        (&request.wanted.catalogue, &|source| {
            customize::speaking(deployment, source)
        }),
    )?;
    let held: Vec<&Base> = outlook.there.values().collect();
    if !request.dry_run && !hold::hold(&session.host, storage, &id.name, &held)?.is_empty() {
        return Err(hold::vanished(&storage.folder).into());
    }
    Ok(outlook)
}
