//! What `irs --version` says: the version, the commit that it was built of, and libvirt's library.

use std::fmt::Write;
use std::sync::LazyLock;

/// The commit, where the build knew one.
const COMMIT: Option<&str> = option_env!("IRS_COMMIT");
/// The version of libvirt whose library was linked.
const BUILT_WITH: Option<&str> = option_env!("IRS_LIBVIRT");

/// The version with what belongs to it, a line each. It asks the library, which takes a moment.
pub fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let running = virt::connect::Connect::version().ok().map(dotted);
        lines(env!("CARGO_PKG_VERSION"), COMMIT, running.as_deref(), BUILT_WITH)
    });
    &TEXT
}

fn lines(version: &str, commit: Option<&str>, running: Option<&str>, built: Option<&str>) -> String {
    let mut text = version.to_owned();
    if let Some(commit) = commit {
        let _ = write!(text, "\ncommit: {commit}");
    }
    let libvirt = match (running, built) {
        (Some(running), Some(built)) => format!("{running} (built with {built})"),
        (Some(running), None) => running.to_owned(),
        (None, Some(built)) => format!("does not say its version (built with {built})"),
        (None, None) => return text,
    };
    let _ = write!(text, "\nlibvirt: {libvirt}");
    text
}

/// libvirt's versions are one number: 11003000 is 11.3.0.
fn dotted(number: u32) -> String {
    format!(
        "{}.{}.{}",
        number / 1_000_000,
        number / 1000 % 1000,
        number % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(dotted(11_003_000), "11.3.0");
        assert_eq!(dotted(9_000_012), "9.0.12");
        assert_eq!(lines("1.2.3", None, None, None), "1.2.3");
        assert_eq!(
            lines("1.2.3", Some("abc"), Some("9.0.0"), Some("11.3.0")),
            "1.2.3\ncommit: abc\nlibvirt: 9.0.0 (built with 11.3.0)"
        );
        assert_eq!(lines("1.2.3", None, Some("9.0.0"), None), "1.2.3\nlibvirt: 9.0.0");
    }
}
