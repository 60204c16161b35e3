//! `deployment.json`: what the last run was about, read for the defaults of the next.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::names::check_prefix;

use crate::error::{Exit, Fault, FaultContext};

const VERSION: u32 = 1;

/// What a workspace remembers of its deployment. Only `--host-address` and `--prefix` default to it, and
/// `--kill` reads it; all else is for people and their scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Format of the file.
    pub version: u32,
    /// The prefix, or `default`.
    pub deployment: String,
    /// `--prefix`, if one was given.
    pub prefix: Option<String>,
    /// The deployment's UUID, as in the marks on the hypervisor.
    pub uuid: Uuid,
    /// The hypervisors in the order of `--host-address`.
    pub hosts: Vec<RecordHost>,
    /// `--topology-network`.
    #[serde(default)]
    pub network: Option<String>,
    /// The libvirt pool of the deployment's volumes.
    #[serde(default)]
    pub pool: Option<String>,
    /// The user to log in to the nodes as.
    #[serde(default)]
    pub username: Option<String>,
}

/// A hypervisor as it was named on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordHost {
    /// `--host-address`, as typed.
    pub address: String,
    /// `--host-user`, if one was given.
    #[serde(default)]
    pub user: Option<String>,
    /// `--host-key`, if one was given.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// `--known-hosts`, if one was given.
    #[serde(default)]
    pub known_hosts: Option<PathBuf>,
    /// The UUID of the deployment there, where there are several hypervisors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
}

impl Default for Record {
    fn default() -> Self {
        Record {
            version: VERSION,
            deployment: "default".into(),
            prefix: None,
            uuid: Uuid::nil(),
            hosts: Vec::new(),
            network: None,
            pool: None,
            username: None,
        }
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Record {
    /// Reads the bytes of the file `path`. Fails with a usage fault on anything that is not such a record.
    pub fn parse(bytes: &[u8], path: &Path) -> anyhow::Result<Self> {
        let path = path.display();
        let fault = || {
            Fault::new(Exit::Usage, format!("'{path}' cannot be understood")).hint(
                "remove the file and name the environment by --host-address and --prefix: \
                 the next run writes it again from the hypervisor",
            )
        };
        // The version first: fields of a newer format may not be ours to read.
        let Versioned { version } = serde_json::from_slice(bytes).fault(fault)?;
        if version > VERSION {
            return Err(Fault::new(
                Exit::Usage,
                format!("'{path}' was written by a newer irs (format {version})"),
            )
            .hint("use that irs, or remove the file and name the environment by --host-address and --prefix")
            .into());
        }
        let record: Record = serde_json::from_slice(bytes).fault(fault)?;
        // It becomes names on the hypervisor, as the flag does.
        if let Some(Err(why)) = record.prefix.as_deref().map(check_prefix) {
            return Err(anyhow::anyhow!("its prefix: {why}")).fault(fault);
        }
        Ok(record)
    }

    /// The text of the file.
    pub fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Report;

    fn parse(text: &str) -> anyhow::Result<Record> {
        Record::parse(text.as_bytes(), Path::new("/ws/deployment.json"))
    }

    #[test]
    fn a_corrupt_record_is_a_usage_fault_with_a_way_out() {
        for text in [
            "",
            "{",
            "[]",
            "{\"version\": 1}",
            "{\"version\": 1, \"deployment\": 3}",
            r#"{"version": 1, "deployment": "a", "prefix": "../a", "uuid": "6fa459ea-ee8a-5ca4-894e-db77e160355e", "hosts": []}"#,
        ] {
            let report = Report::of(&parse(text).unwrap_err());
            assert_eq!(report.exit_code, 2);
            assert_eq!(report.message, "'/ws/deployment.json' cannot be understood");
            assert!(report.hint.unwrap().contains("--host-address") && !report.causes.is_empty());
        }
    }

    #[test]
    fn a_newer_format_is_named() {
        let error = parse("{\"version\": 9, \"deployment\": {}}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "'/ws/deployment.json' was written by a newer irs (format 9)"
        );
    }

    #[test]
    fn fields_that_we_do_not_know_are_passed_over() {
        let record = Record::default();
        let text = record.to_json().unwrap().replacen('{', "{\"later\": true,", 1);
        assert_eq!(parse(&text).unwrap(), record);
    }
}
