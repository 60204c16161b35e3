//! The flags of `irs cleanup`.

use super::environment::WorkspaceFlag;
use super::host::ConnectFlags;
use clap::Args;
use std::time::Duration;

/// Flags of `irs cleanup`.
#[derive(Clone, Debug, Args)]
pub struct Cleanup {
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// How long nobody may have made or changed an environment that goes: 24h, 90m, 7d, 1d12h.
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub older_than: Duration,
    /// Only environments of such a prefix, where * is any text and ? any character: 'ci-*'. Default: all that irs made,
    /// also the one without a prefix, 'default'.
    #[arg(long, value_name = "GLOB,…", value_delimiter = ',', value_parser = glob)]
    pub prefix: Vec<String>,
    /// Say what would be removed, and touch nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Whose hypervisor.
    #[command(flatten)]
    pub workspace: WorkspaceFlag,
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let known = humantime::parse_duration(text.trim());
    known.map_err(|_| "it takes a duration with its unit: 24h, 90m, 7d, 1d12h".to_owned())
}

fn glob(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-*?".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("it takes letters, digits, hyphens, * and ?, e.g. 'ci-*'".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_globs_what_prefixes_have() {
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("1d12h"), Ok(Duration::from_secs(129_600)));
        assert_eq!(duration(" 90m"), Ok(Duration::from_secs(5_400)));
        for text in ["24", "", "-1h", "h", "tomorrow", "1h-"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(glob("ci-*"), Ok("ci-*".into()));
        for text in ["", "a b", "ci/*", "[ab]", "ä"] {
            assert!(glob(text).is_err(), "{text}");
        }
    }
}
