//! A connection that is lost in the middle of a run: the same road again, from its beginning.
//!
//! Nothing is remembered of the attempt that was cut but what it had changed: the next one reads the hypervisor anew,
//! takes the lease anew and plans anew, as another run would. That is safe wherever the cut was.

use crate::error::{Exit, Fault, Report};
use crate::interrupt;
use crate::plan::Change;
use crate::ui::Ui;
use anyhow::Result;
use std::time::Duration;

/// The pauses before new attempts, in seconds: a minute in all, which a restart of sshd or a change of network takes.
pub const PAUSES: [u64; 6] = [1, 2, 4, 8, 15, 30];

/// What the attempts of a run have done so far.
#[derive(Debug, Default)]
pub struct Progress {
    /// How many attempts were cut before this one.
    pub cuts: usize,
    /// Whether this one came as far as making changes.
    pub begun: bool,
    /// What was changed.
    pub changes: Vec<Change>,
}

/// Makes an attempt, and others when the connection to the hypervisor was lost after the changes had begun: before that,
/// an unreachable hypervisor is the user's to look at.
///
/// # Errors
/// The last attempt's.
pub async fn persist(
    pauses: &[u64],
    ui: &Ui,
    mut attempt: impl AsyncFnMut(&mut Progress) -> Result<()>,
) -> Result<()> {
    let mut progress = Progress::default();
    let mut result = attempt(&mut progress).await;
    for pause in pauses {
        let Err(error) = &result else { break };
        if interrupt::requested() || !progress.may_go_on(error) {
            break;
        }
        let lost = error.downcast_ref::<Fault>().map(Fault::to_string);
        let lost = lost.unwrap_or_else(|| error.to_string());
        ui.note(&format!("{lost}: connecting again in {pause} s"));
        tokio::time::sleep(Duration::from_secs(*pause)).await;
        if interrupt::requested() {
            break;
        }
        progress.cuts += 1;
        progress.begun = false;
        result = attempt(&mut progress).await;
    }
    result
}

impl Progress {
    /// Whether another attempt may get further. After a cut the hypervisor may be away for a while, and a lease that is
    /// busy may be our own from before.
    fn may_go_on(&self, error: &anyhow::Error) -> bool {
        let code = Report::of(error).exit_code;
        let away = code == Exit::Unreachable as u8 || code == Exit::Busy as u8;
        match self.begun {
            true => is_lost(error),
            false => self.cuts > 0 && away,
        }
    }
}

/// Whether an error comes of a lost connection.
pub fn is_lost(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Fault>().is_some_and(|fault| fault.passing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Format;

    /// How an attempt ends: whether changes had begun, and the fault.
    type End = (bool, Option<Fault>);

    /// How many attempts are made when they end like this, and the last one's exit code.
    async fn attempts(ends: Vec<End>) -> (usize, Option<u8>) {
        let ui = Ui::plain(
            Format::Human,
            Box::new(std::io::sink()),
            Box::new(std::io::sink()),
        );
        let mut count = 0;
        let mut ends = ends.into_iter();
        let result = persist(&[0; 3], &ui, async |progress| {
            count += 1;
            let (begun, fault) = ends.next().expect("no more attempts");
            progress.begun = begun;
            fault.map_or(Ok(()), |fault| Err(fault.into()))
        })
        .await;
        (count, result.err().map(|error| Report::of(&error).exit_code))
    }

    fn fault(exit: Exit) -> Option<Fault> {
        Some(Fault::new(exit, "it"))
    }

    fn lost() -> End {
        (true, Some(Fault::new(Exit::Unreachable, "lost").passing()))
    }

    #[tokio::test]
    async fn what_is_lost_after_changes_had_begun_is_tried_again() {
        assert_eq!(attempts(vec![(true, None)]).await, (1, None));
        let away = (false, fault(Exit::Unreachable));
        let busy = (false, fault(Exit::Busy));
        assert_eq!(attempts(vec![lost(), away, busy, (true, None)]).await, (4, None));
        assert_eq!(attempts(vec![lost(), lost(), lost(), lost()]).await, (4, Some(3)));
    }

    #[tokio::test]
    async fn what_no_other_attempt_makes_better_ends_the_run() {
        for end in [
            (false, fault(Exit::Unreachable)),
            (false, fault(Exit::Busy)),
            // A change of the host's bridges that cut us off and was taken back.
            (true, fault(Exit::Unreachable)),
            (true, fault(Exit::Failed)),
        ] {
            let code = end.1.as_ref().map(|fault| fault.exit as u8);
            assert_eq!(attempts(vec![end]).await, (1, code));
        }
        assert_eq!(
            attempts(vec![lost(), (true, fault(Exit::Failed))]).await,
            (2, Some(1))
        );
    }
}
