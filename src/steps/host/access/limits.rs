//! sshd's limits: how many sessions a connection may have, and how many logins may begin at once.

use super::Work;
use super::facts::Access;
use crate::plan::{Action, Kind, Verb};
use crate::remote::LOCAL;
use crate::steps::{Step, host};
use uuid::Uuid;

/// Sessions of one connection: Ansible's, where it shares one for all that goes through the hypervisor.
pub const SESSIONS: u32 = 100;
/// Logins at once: each node's way goes through the hypervisor with one of its own.
pub const STARTUPS: u32 = 100;

/// What the limits are called in a plan.
const NAME: &str = "limits of sshd";

/// Raises what is lower.
pub fn converge(access: &Access, host: &str) -> Vec<Action> {
    // Nobody comes to this very machine over its own sshd.
    let Some(sshd) = access.sshd.as_ref().filter(|_| host != LOCAL) else {
        return Vec::new();
    };
    let [begin, _, full] = sshd.max_startups;
    let mut low = Vec::new();
    if sshd.max_sessions < SESSIONS {
        low.push(format!(
            "{} sessions a connection become {SESSIONS}",
            sshd.max_sessions
        ));
    }
    // 0 at the end would be no number of its own: sshd takes the first for all.
    if begin < STARTUPS || full < STARTUPS {
        low.push(format!("{begin} logins at once become {STARTUPS}"));
    }
    if low.is_empty() {
        return Vec::new();
    }
    let reason = format!("{}; sshd reads them anew, connections stay", low.join(", "));
    vec![Action::new(
        Step::Host,
        Verb::Update,
        Kind::Host,
        NAME,
        host,
        reason,
        host::Work::Access(Work::RaiseLimits),
    )]
}

/// Gives back what irs raised, when no environment is left.
pub fn restore(access: &Access, host_uuid: Uuid, host: &str) -> Option<Action> {
    let work = host::Work::Access(Work::RestoreLimits { host: host_uuid });
    let reason = "irs raised them, and no deployment is left; sshd reads its old ones anew";
    let raised = access.sshd.as_ref().is_some_and(|sshd| sshd.raised);
    raised.then(|| Action::new(Step::Host, Verb::Remove, Kind::Host, NAME, host, reason, work))
}

/// The values that are asked for: what is higher already stays.
pub fn raised(access: &Access) -> Option<(String, String)> {
    let sshd = access.sshd.as_ref()?;
    let [begin, rate, full] = sshd.max_startups;
    let (begin, full) = (begin.max(STARTUPS), full.max(STARTUPS));
    Some((
        sshd.max_sessions.max(SESSIONS).to_string(),
        format!("{begin}:{rate}:{full}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::facts::Sshd;
    use super::*;

    fn access(max_sessions: u32, max_startups: [u32; 3], raised: bool) -> Access {
        Access {
            sshd: Some(Sshd {
                max_sessions,
                max_startups,
                raised,
                ..Sshd::default()
            }),
            ..Access::default()
        }
    }

    #[test]
    fn only_what_is_too_low_is_raised_and_nothing_is_lowered() {
        let reason = |access: &Access| converge(access, "hv1").pop().map(|action| action.reason);
        let stock = access(10, [10, 30, 100], false);
        assert_eq!(
            reason(&stock).unwrap(),
            "10 sessions a connection become 100, 10 logins at once become 100; sshd reads them anew, connections stay"
        );
        assert_eq!(raised(&stock), Some(("100".into(), "100:30:100".into())));
        let half = access(500, [10, 50, 60], false);
        assert_eq!(
            reason(&half).unwrap(),
            "10 logins at once become 100; sshd reads them anew, connections stay"
        );
        assert_eq!(raised(&half), Some(("500".into(), "100:50:100".into())));
        assert_eq!(reason(&access(100, [100, 30, 200], true)), None);
        assert_eq!(reason(&Access::default()), None);
        assert!(converge(&stock, LOCAL).is_empty());
        assert!(restore(&stock, Uuid::nil(), "hv1").is_none());
        assert!(restore(&access(100, [100, 30, 100], true), Uuid::nil(), "hv1").is_some());
    }
}
