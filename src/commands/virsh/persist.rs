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
    /// Whether one came as far as making changes: before that, an unreachable hypervisor is the user's to look at.
    pub begun: bool,
    /// What was changed.
    pub changes: Vec<Change>,
}

/// Makes an attempt, and others when the connection to the hypervisor was lost after the changes had begun.
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
        if !progress.begun || interrupt::requested() || !is_passing(error) {
            break;
        }
        let lost = error.downcast_ref::<Fault>().map(Fault::to_string);
        let lost = lost.unwrap_or_else(|| error.to_string());
        ui.note(&format!("{lost}: connecting again in {pause} s"));
        tokio::time::sleep(Duration::from_secs(*pause)).await;
        if interrupt::requested() {
            break;
        }
        result = attempt(&mut progress).await;
    }
    result
}

/// Whether it may be over soon: a hypervisor that cannot be reached, and a lease that is busy, which may be our own from
/// before the cut.
pub fn is_passing(error: &anyhow::Error) -> bool {
    let code = Report::of(error).exit_code;
    code == Exit::Unreachable as u8 || code == Exit::Busy as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Format;

    /// How many attempts are made when each ends like this, and with which exit code.
    async fn attempts(begun: bool, ends: &[Option<Exit>]) -> (usize, Option<u8>) {
        let ui = Ui::plain(
            Format::Human,
            Box::new(std::io::sink()),
            Box::new(std::io::sink()),
        );
        let mut count = 0;
        let result = persist(&[0; 3], &ui, async |progress| {
            progress.begun |= begun;
            let end = ends[count.min(ends.len() - 1)];
            count += 1;
            end.map_or(Ok(()), |exit| Err(Fault::new(exit, "it").into()))
        })
        .await;
        (count, result.err().map(|error| Report::of(&error).exit_code))
    }

    #[tokio::test]
    async fn only_what_passes_is_tried_again_and_only_after_changes_had_begun() {
        let lost = Some(Exit::Unreachable);
        assert_eq!(attempts(true, &[None]).await, (1, None));
        assert_eq!(attempts(true, &[lost, Some(Exit::Busy), None]).await, (3, None));
        assert_eq!(attempts(true, &[lost]).await, (4, Some(3)));
        assert_eq!(attempts(false, &[lost, None]).await, (1, Some(3)));
        assert_eq!(attempts(true, &[Some(Exit::Failed), None]).await, (1, Some(1)));
        assert_eq!(attempts(true, &[lost, Some(Exit::Failed)]).await, (2, Some(1)));
    }
}
