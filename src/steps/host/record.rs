//! The deployment's record: a small JSON file in its pool's folder, the mark of the pool.

use crate::deployment::Slot;
use crate::error::{Exit, Fault, FaultContext};
use crate::fleet::Member;
use crate::ui::harmless::short_line;
use anyhow::{Result, bail};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use uuid::Uuid;

/// The format that this program writes.
const VERSION: u32 = 1;

/// What the hypervisor remembers of a deployment besides the marks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The format.
    pub version: u32,
    /// The prefix, or `default`.
    pub deployment: String,
    /// The deployment's UUID.
    pub uuid: Uuid,
    /// Who made it: user@client.
    pub created_by: String,
    /// When: seconds since the epoch.
    pub created_at: u64,
    /// When a later run changed it last, in the same way; none when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<u64>,
    /// Its subnets.
    pub slot: Slot,
    /// The network file that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The target counts of an extend that is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<BTreeMap<String, u32>>,
    /// The nodes that were ready once, so that another run need not wait for them.
    #[serde(default)]
    pub ready: BTreeSet<String>,
    /// Disks outside of the pool, noted before they are made: a killed run leaves none that nobody owns.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub files: BTreeSet<String>,
    /// What snapshots laid outside of the pool over the disks of nodes that a removal takes away, by node: the nodes, which
    /// alone lead to it, go first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub laid: BTreeMap<String, BTreeSet<String>>,
    /// Where the nodes on LANs were reached last, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lan: BTreeMap<String, IpAddr>,
    /// The key by which the deployment's Ironic powers nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_key: Option<StackKey>,
    /// The underclouds that were given that key, each with a digest of what it was told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub handed: BTreeMap<String, String>,
    /// The nodes that know the others by /etc/hosts, each with a digest of what it was told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, String>,
    /// The hypervisors that it lives on, this one among them, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fleet: Vec<Member>,
    /// 32 random bytes in hex, from which the nodes' SSH host keys are derived: any client can write a node's seed again.
    pub secret: KeySecret,
}

/// A pair of an RSA key, the only kind that Ironic's driver for SSH reads.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackKey {
    /// The private half, in PEM's format, with a newline at the end.
    pub private: String,
    /// The public half: type and base64.
    pub public: String,
}

impl fmt::Debug for StackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StackKey({})", self.public)
    }
}

/// The secret of a record, which only the record's file shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeySecret(String);

impl KeySecret {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new() -> Result<KeySecret> {
        let mut secret = [0u8; 32];
        ssh_key::rand_core::RngCore::try_fill_bytes(&mut ssh_key::rand_core::OsRng, &mut secret)
            .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
        Ok(KeySecret(hex(&secret)))
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Record {
    /// A new record of a deployment.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(deployment: &str, uuid: Uuid, slot: Slot, created_by: String) -> Result<Record> {
        let created_at = now()?;
        Ok(Record {
            version: VERSION,
            deployment: deployment.to_owned(),
            uuid,
            created_by,
            created_at,
            changed_at: None,
            slot,
            network: None,
            extend: None,
            ready: BTreeSet::new(),
            files: BTreeSet::new(),
            laid: BTreeMap::new(),
            lan: BTreeMap::new(),
            stack_key: None,
            handed: BTreeMap::new(),
            hosts: BTreeMap::new(),
            fleet: Vec::new(),
            secret: KeySecret::new()?,
        })
    }

    /// The files outside of the pool that it names.
    pub fn outside(&self) -> impl Iterator<Item = &String> {
        self.files.iter().chain(self.laid.values().flatten())
    }

    /// Notes that a run changes the deployment now.
    ///
    /// # Errors
    /// When the clock stands before 1970.
    pub fn touch(&mut self) -> Result<()> {
        self.changed_at = Some(now()?);
        Ok(())
    }

    /// When a run made or changed the deployment last.
    pub fn touched_at(&self) -> u64 {
        self.changed_at.unwrap_or_default().max(self.created_at)
    }

    /// Whether it says the same of the deployment, whenever that was.
    pub fn says_the_same(&self, other: &Record) -> bool {
        let at_that_time = Record {
            changed_at: self.changed_at,
            ..other.clone()
        };
        *self == at_that_time
    }

    /// Whether a run that plans this record changes nothing else of the other than which nodes were ready: that is noted by
    /// the way.
    pub fn plans_the_same(&self, other: &Record) -> bool {
        let but_ready = Record {
            ready: self.ready.clone(),
            ..other.clone()
        };
        self.says_the_same(&but_ready)
    }

    /// Reads a record; an empty text is none.
    ///
    /// # Errors
    /// When it is broken or written by a newer irs.
    pub fn parse(text: &str, path: &str) -> Result<Option<Record>> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let mut record: Record = serde_json::from_str(text).fault(|| {
            Fault::new(
                Exit::Failed,
                format!("the deployment's record '{path}' on the hypervisor is broken"),
            )
            .hint("remove that file: the next run writes it anew from the marks on the domains and networks")
        })?;
        if record.version > VERSION {
            bail!(
                "the record '{path}' was written by a newer irs (format {}, this one knows {VERSION})",
                record.version
            );
        }
        record.created_by = short_line(&record.created_by, 100);
        Ok(Some(record))
    }

    /// The JSON of the record, stable and with a final newline.
    ///
    /// # Errors
    /// Never, for this type.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// 32 bytes for the SSH host key of a node, always the same for the same name.
    pub fn host_key_seed(&self, node: &str) -> [u8; 32] {
        self.key_seed(&format!("ssh host key of {node}"))
    }

    /// 32 bytes for a key with that purpose.
    pub fn key_seed(&self, purpose: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.0.as_bytes())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Seconds since the epoch, by this machine's clock.
///
/// # Errors
/// When it stands before 1970.
pub fn now() -> Result<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(now.as_secs())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let slot = Slot {
            net: "0".into(),
            data_net: "24".into(),
        };
        let record = Record::new("default", Uuid::from_u128(1), slot, "me@laptop".into()).unwrap();
        assert_eq!(
            Record::parse(&record.to_json().unwrap(), "p").unwrap(),
            Some(record.clone())
        );
        let KeySecret(secret) = &record.secret;
        assert!(record.to_json().unwrap().contains(secret) && !format!("{record:?}").contains(secret));
        // Another client may have been called anything.
        let theirs = record
            .to_json()
            .unwrap()
            .replace("me@laptop", "me\\u001b[8m@laptop\\nx");
        let theirs = Record::parse(&theirs, "p").unwrap().unwrap();
        assert_eq!(theirs.created_by, "me [8m@laptop x");
        assert_eq!(record.host_key_seed("a"), record.host_key_seed("a"));
        assert_ne!(record.host_key_seed("a"), record.host_key_seed("b"));
    }

    #[test]
    fn a_record_that_was_never_changed_is_as_old_as_it_is() {
        let slot = Slot {
            net: "0".into(),
            data_net: "24".into(),
        };
        let mut record = Record::new("a", Uuid::from_u128(1), slot, String::new()).unwrap();
        record.created_at = 100;
        assert!(!record.to_json().unwrap().contains("changed_at"));
        assert_eq!(record.touched_at(), 100);
        let before = record.clone();
        record.touch().unwrap();
        assert!(record.touched_at() > 100 && record != before && record.says_the_same(&before));
        record.ready.insert("a-0".into());
        assert!(!record.says_the_same(&before) && record.plans_the_same(&before));
        record.extend = Some(BTreeMap::new());
        assert!(!record.says_the_same(&before) && !record.plans_the_same(&before));
    }

    #[test]
    fn broken_and_newer_records_are_refused_and_absent_ones_are_none() {
        assert_eq!(Record::parse("\n", "p").unwrap(), None);
        assert!(
            Record::parse("{", "p")
                .unwrap_err()
                .to_string()
                .contains("broken")
        );
        let slot = Slot {
            net: "0".into(),
            data_net: "24".into(),
        };
        let mut newer = Record::new("default", Uuid::from_u128(1), slot, String::new()).unwrap();
        newer.version = 9;
        assert!(
            Record::parse(&newer.to_json().unwrap(), "p")
                .unwrap_err()
                .to_string()
                .contains("newer")
        );
    }
}
