//! What a node without cloud-init says of its first boot: the files that its seed's script writes.

use super::cloud_init::{LONGEST, MOST, Progress};
use crate::ui::harmless::short_line;

/// The beginning of the words that a node is asked with: whether libguestfs made its image take a seed, and how far that is.
pub(super) const ASK: &str = "if [ -x /usr/sbin/irs-first-boot ]; then if [ -e /var/lib/irs/first-boot/done ]; then \
                              echo first-boot; cat /var/lib/irs/first-boot/errors; else echo first-boot-works; fi; el";

/// What no node can do without.
const ESSENTIAL: [&str; 2] = ["ssh:", "users:"];

/// What a node's answer says; it is the node's own, as cloud-init's is.
pub(super) fn read(word: &str, errors: &str) -> Option<Progress> {
    match word {
        "first-boot-works" => Some(Progress::Working("first boot: under way".into())),
        "first-boot" => {
            let errors: Vec<String> = errors
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(|line| short_line(line, LONGEST))
                .take(MOST)
                .collect();
            let real = errors
                .iter()
                .find(|line| ESSENTIAL.iter().any(|name| line.starts_with(name)));
            Some(match real {
                Some(error) => Progress::Failed(format!("first boot failed: {error}")),
                None => Progress::Finished {
                    warnings: errors.iter().map(|line| format!("first boot: {line}")).collect(),
                },
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_besides_keys_is_a_warning() {
        let finished = |warnings: &[&str]| {
            let warnings = warnings.iter().map(|text| (*text).to_owned()).collect();
            Some(Progress::Finished { warnings })
        };
        assert_eq!(read("first-boot", "\n"), finished(&[]));
        assert_eq!(
            read("first-boot", "swap failed\n"),
            finished(&["first boot: swap failed"])
        );
        let failed = read("first-boot", "swap failed\nusers: 'a' failed\n");
        assert_eq!(
            failed,
            Some(Progress::Failed("first boot failed: users: 'a' failed".into()))
        );
        assert!(matches!(read("first-boot-works", ""), Some(Progress::Working(_))));
        assert_eq!(read("done", "{}"), None);
    }
}
