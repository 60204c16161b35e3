//! A connection that is lost in the middle of a run: the same road again, from its beginning.
//!
//! Nothing is remembered of the attempt that was cut but what it had changed: the next one reads the hypervisor anew,
//! takes the lease anew and plans anew, as another run would. That is safe wherever the cut was.

use crate::deployment::Identity;
use crate::error::{Exit, Fault, Report};
use crate::plan::{Action, Change, Kind, Plan};
use crate::steps::host::record::{KeySecret, Record};
use crate::ui::Ui;
use crate::{apply, interrupt};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
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
    /// The secrets of the deployment's records by hypervisor, once they were seen or written: another one is another
    /// deployment's.
    pub secrets: BTreeMap<String, KeySecret>,
    /// What a removal of everything was to take, and from where.
    agreed: Option<BTreeSet<(Kind, String, String)>>,
}

/// Makes an attempt, and others when the connection to the hypervisor was lost in the middle: a hypervisor that cannot be
/// reached in the first place is the user's to look at.
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
        say(ui, error, *pause);
        let pause = tokio::time::sleep(Duration::from_secs(*pause));
        if interrupt::unless_stopped(pause).await.is_none() {
            return Err(apply::stopped());
        }
        progress.cuts += 1;
        progress.begun = false;
        result = attempt(&mut progress).await;
    }
    result
}

/// The same for what a thread does on one hypervisor, and which can be begun again wherever it was cut. An attempt says as soon
/// as it has reached the hypervisor: what cannot be reached any more after that was lost.
///
/// # Errors
/// The last attempt's; an interruption.
pub fn persist_on<T>(pauses: &[u64], ui: &Ui, mut attempt: impl FnMut(&mut bool) -> Result<T>) -> Result<T> {
    let mut progress = Progress::default();
    let mut reached = false;
    let mut result = attempt(&mut reached);
    for pause in pauses {
        let Err(error) = &result else { break };
        let lost = reached && Report::of(error).exit_code == Exit::Unreachable as u8;
        if interrupt::requested() || !lost && !progress.may_go_on(error) {
            break;
        }
        say(ui, error, *pause);
        if interrupt::pause(Duration::from_secs(*pause)) {
            return Err(apply::stopped());
        }
        progress.cuts += 1;
        result = attempt(&mut reached);
    }
    result
}

fn say(ui: &Ui, error: &anyhow::Error, pause: u64) {
    let lost = error.downcast_ref::<Fault>().map(Fault::to_string);
    let lost = lost.unwrap_or_else(|| error.to_string());
    ui.note(&format!("{lost}: connecting again in {pause} s"));
}

impl Progress {
    /// Makes sure that a removal of everything takes nothing that was not there when it was asked for.
    ///
    /// # Errors
    /// What has come since.
    pub fn agree(&mut self, plan: &Plan) -> Result<()> {
        let names = |action: &Action| (action.kind, action.name.clone(), action.host.clone());
        let Some(agreed) = &self.agreed else {
            self.agreed = Some(plan.actions.iter().map(names).collect());
            return Ok(());
        };
        let Some(new) = plan
            .actions
            .iter()
            .find(|action| !agreed.contains(&names(action)))
        else {
            return Ok(());
        };
        let message = format!(
            "{} '{}' on '{}' was made by another run while the connection was lost",
            new.kind, new.name, new.host
        );
        Err(Fault::new(Exit::Failed, message)
            .hint("run the same command again if that is to go, too")
            .into())
    }

    /// Makes sure that nobody removed the deployment, or made it anew, while the connection was lost and its lease free:
    /// what this run was asked for is then older than what the other one was.
    ///
    /// # Errors
    /// What the other run did.
    pub fn recognise(&mut self, id: &Identity, record: Option<&Record>, removes: bool) -> Result<()> {
        let same = match (self.secrets.get(&id.host), record) {
            (None, _) => true,
            (Some(known), Some(record)) => *known == record.secret,
            // A removal may have come as far as that itself.
            (Some(_), None) => removes,
        };
        if same {
            if let Some(record) = record {
                self.secrets.insert(id.host.clone(), record.secret.clone());
            }
            return Ok(());
        }
        let did = match record {
            None => "removed by another run".to_owned(),
            Some(record) => format!("made anew by {}", record.created_by),
        };
        let lost = "while the connection that holds its lease was lost";
        let message = format!("deployment '{}' on '{}' was {did} {lost}", id.name, id.host);
        Err(Fault::new(Exit::Failed, message)
            .hint("run the same command again if that is still wanted")
            .into())
    }

    /// Whether another attempt may get further. After a cut the hypervisor may be away for a while, libvirt may not run
    /// again yet, and a lease that is busy may be our own from before.
    fn may_go_on(&self, error: &anyhow::Error) -> bool {
        let code = Report::of(error).exit_code;
        let away = [Exit::Unreachable, Exit::Busy, Exit::Resources].map(|exit| exit as u8);
        is_lost(error) || !self.begun && self.cuts > 0 && away.contains(&code)
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
        let read = (false, lost().1);
        assert_eq!(attempts(vec![read, (true, None)]).await, (2, None));
        let away = (false, fault(Exit::Unreachable));
        let busy = (false, fault(Exit::Busy));
        assert_eq!(attempts(vec![lost(), away, busy, (true, None)]).await, (4, None));
        assert_eq!(attempts(vec![lost(), lost(), lost(), lost()]).await, (4, Some(3)));
    }

    #[test]
    fn what_a_thread_loses_is_tried_again_too() {
        let ui = Ui::plain(
            Format::Human,
            Box::new(std::io::sink()),
            Box::new(std::io::sink()),
        );
        let attempts = |ends: Vec<End>| {
            let mut ends = ends.into_iter();
            let done = persist_on(&[0; 3], &ui, |reached| {
                let (begun, fault) = ends.next().expect("no more attempts");
                *reached |= begun;
                fault.map_or(Ok(()), |fault| Err(fault.into()))
            });
            (ends.len(), done.is_ok())
        };
        let away = || (false, fault(Exit::Unreachable));
        assert_eq!(attempts(vec![lost(), away(), (true, None), away()]), (1, true));
        assert_eq!(attempts(vec![away(), (true, None)]), (1, false));
        // An idle connection that cannot be replaced.
        let cut = (true, fault(Exit::Unreachable));
        assert_eq!(attempts(vec![cut, away(), (true, None)]), (0, true));
    }

    #[tokio::test]
    async fn what_no_other_attempt_makes_better_ends_the_run() {
        for end in [
            (false, fault(Exit::Unreachable)),
            (false, fault(Exit::Busy)),
            (false, fault(Exit::Resources)),
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

    #[test]
    fn a_deployment_that_another_run_took_meanwhile_is_left_alone() {
        let id = Identity {
            name: "a".into(),
            prefix: Some("a".into()),
            uuid: uuid::Uuid::nil(),
            host: "hv1".into(),
        };
        let record = |who: &str| {
            let slot = crate::deployment::Slot {
                net: "0".into(),
                data_net: "24".into(),
            };
            Record::new("a", id.uuid, slot, who.into()).unwrap()
        };
        let (ours, theirs) = (record("me@laptop"), record("bob@pc"));
        let said = |progress: &mut Progress, record, removes| {
            progress
                .recognise(&id, record, removes)
                .map_err(|error| error.to_string())
        };
        for removes in [false, true] {
            let mut progress = Progress::default();
            assert_eq!(said(&mut progress, None, removes), Ok(()));
            assert_eq!(said(&mut progress, Some(&ours), removes), Ok(()));
            assert_eq!(said(&mut progress, Some(&ours), removes), Ok(()));
            let message = said(&mut progress, Some(&theirs), removes).unwrap_err();
            assert!(
                message.starts_with("deployment 'a' on 'hv1' was made anew by bob@pc while"),
                "{message}"
            );
            // A killed removal of one's own looks like another run's.
            assert_eq!(said(&mut progress, None, removes).is_ok(), removes);
        }
    }
}
