//! A hypervisor that is looked at, perhaps again and again: a connection that is lost is made anew.

use super::{Asked, Look, look_at};
use crate::apply;
use crate::commands::connection::Way;
use crate::commands::virsh::Session;
use crate::commands::virsh::persist::PAUSES;
use crate::error::{Exit, Fault, Report, chain_faults};
use crate::remote::Host;
use anyhow::Result;
use std::time::{Duration, Instant};

/// A hypervisor, and what is known of the way to it.
pub struct Site {
    /// The way.
    pub way: Way,
    session: Option<Session>,
    failure: Option<Failure>,
}

/// The last look did not succeed.
struct Failure {
    error: anyhow::Error,
    /// How many looks did not, one after the other.
    count: usize,
    /// Before that it is not tried again: sshd refuses those who come too often.
    until: Instant,
}

impl Site {
    /// One that nobody has looked at.
    pub fn new(way: Way) -> Site {
        Site {
            way,
            session: None,
            failure: None,
        }
    }

    /// Looks at it; the connection is made when there is none.
    ///
    /// # Errors
    /// Why it does not answer, or did not a moment ago.
    pub fn look(&mut self, asked: &Asked) -> Result<Look> {
        if let Some(failure) = &self.failure
            && Instant::now() < failure.until
        {
            return Err(again(&failure.error));
        }
        let looked = self.try_look(asked);
        self.failure = looked.as_ref().err().map(|error| {
            let count = self.failure.as_ref().map_or(0, |last| last.count) + 1;
            let pause = PAUSES[count.min(PAUSES.len()) - 1];
            Failure {
                error: again(error),
                count,
                until: Instant::now() + Duration::from_secs(pause),
            }
        });
        looked
    }

    fn try_look(&mut self, asked: &Asked) -> Result<Look> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::on(Host::connect(&self.way.host, &self.way.client)?)?,
        };
        let looked = look_at(asked, &self.way, &session)
            .map_err(|error| apply::explain_lost((&session.host, &session.libvirt), error))?;
        self.session = Some(session);
        Ok(looked)
    }
}

/// An error that is shown more than once.
fn again(error: &anyhow::Error) -> anyhow::Error {
    let report = Report::of(error);
    let fault = chain_faults(error).next().cloned();
    let exit = fault.map_or(Exit::Failed, |fault| fault.exit);
    let fault = report
        .hint
        .into_iter()
        .fold(Fault::new(exit, report.message), |fault, hint| fault.hint(hint));
    let causes = report.causes.into_iter().rev();
    match causes
        .map(anyhow::Error::msg)
        .reduce(|inner, outer| inner.context(outer.to_string()))
    {
        Some(causes) => causes.context(fault),
        None => fault.into(),
    }
}
