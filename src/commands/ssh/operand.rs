//! What ssh and scp are told to go to: `[user@]host`, `[user@]host:path`, or a URI.

/// An operand with a host in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Operand<'a> {
    before: &'a str,
    /// The host, as it was typed.
    pub(in crate::commands) host: &'a str,
    after: &'a str,
}

impl<'a> Operand<'a> {
    /// `[user@]host` or `ssh://[user@]host[:port]`, as ssh takes it.
    pub(in crate::commands) fn login(given: &'a str) -> Operand<'a> {
        match given.strip_prefix("ssh://") {
            Some(rest) => Operand::of(given, rest, |rest| rest.find([':', '/'])),
            None => Operand::of(given, given, |_| None),
        }
    }

    /// `[user@]host:path` or `scp://[user@]host[:port][/path]`, as scp takes it; none for a file of this machine.
    pub(in crate::commands) fn file(given: &'a str) -> Option<Operand<'a>> {
        if let Some(rest) = given.strip_prefix("scp://") {
            return Some(Operand::of(given, rest, |rest| rest.find([':', '/'])));
        }
        let colon = colon(given)?;
        Some(Operand::of(given, given, |rest| {
            Some(colon - (given.len() - rest.len()))
        }))
    }

    /// `rest` is the end of `given` that begins with user or host; `end` says where the host ends in what follows the user.
    fn of(given: &'a str, rest: &'a str, end: impl Fn(&str) -> Option<usize>) -> Operand<'a> {
        let stop = rest.find('/').unwrap_or(rest.len());
        let at = rest[..stop]
            .rfind('@')
            .filter(|at| colon(rest).is_none_or(|colon| *at < colon));
        let host = &rest[at.map_or(0, |at| at + 1)..];
        let end = end(host).unwrap_or(host.len());
        let before = &given[..given.len() - host.len()];
        let (host, after) = host.split_at(end);
        let (before, host, after) = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => (before, inner, after),
            None => (before, host, after),
        };
        Operand { before, host, after }
    }

    /// The same with another host.
    pub(in crate::commands) fn with(&self, host: &str) -> String {
        format!("{}{host}{}", self.before, self.after)
    }
}

/// Where the path begins, by scp's rule: the first colon that no slash precedes, brackets apart.
fn colon(given: &str) -> Option<usize> {
    let mut bracket = false;
    for (at, letter) in given.char_indices() {
        match letter {
            '[' if at == 0 || given[..at].ends_with('@') => bracket = true,
            ']' if given[at + 1..].starts_with(':') && bracket => return Some(at + 1),
            ':' if !bracket => return (at > 0).then_some(at),
            '/' => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_login_is_replaced() {
        let with = |given| {
            let operand = Operand::login(given);
            format!("{} {}", operand.host, operand.with("X"))
        };
        assert_eq!(with("n"), "n X");
        assert_eq!(with("root@n"), "n root@X");
        assert_eq!(with("a@b@n"), "n a@b@X");
        assert_eq!(with("ssh://root@n:22"), "n ssh://root@X:22");
        assert_eq!(with("ssh://n"), "n ssh://X");
        assert_eq!(with("fd00::1"), "fd00::1 X");
    }

    #[test]
    fn the_host_of_a_file_is_replaced_and_files_of_this_machine_stay() {
        let with =
            |given| Operand::file(given).map(|operand| format!("{} {}", operand.host, operand.with("X")));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(with("n:"), some("n X:"));
        assert_eq!(with("root@n:/a:b@c"), some("n root@X:/a:b@c"));
        assert_eq!(with("n:a@b"), some("n X:a@b"));
        assert_eq!(with("[fd00::1]:/a"), some("fd00::1 X:/a"));
        assert_eq!(with("u@[fd00::1]:/a"), some("fd00::1 u@X:/a"));
        assert_eq!(with("scp://u@n:22//a"), some("n scp://u@X:22//a"));
        for here in ["a", "./a:b", "/a:b", ":a", "a/b:c", ""] {
            assert_eq!(with(here), None, "{here}");
        }
    }
}
