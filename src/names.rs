//! Prefixed and length-limited names of domains, networks, bridges and pools.

use crate::yaml::Problems;
use sha2::{Digest, Sha256};

/// The name of the deployment without a prefix.
pub const DEFAULT_DEPLOYMENT: &str = "default";

/// Linux's limit on an interface's name, in bytes (IFNAMSIZ less the final zero).
pub const BRIDGE_NAME_MAX: usize = 15;

/// The longest label of a host name, in bytes (RFC 1035).
pub const HOST_NAME_MAX: usize = 63;

/// The longest prefix: most node names fit a host name's label with it.
pub const PREFIX_MAX: usize = 40;

/// Checks a `--prefix`: letters, digits and inner hyphens, so that it can stand in a host name.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_prefix(prefix: &str) -> Result<(), String> {
    if prefix == DEFAULT_DEPLOYMENT {
        return Err("'default' is the name of the deployment without a prefix".into());
    }
    check_label(prefix, PREFIX_MAX)
}

/// Reports a `--prefix` that cannot be one.
pub fn check_said(prefix: Option<&str>, problems: &mut Problems) {
    if let Some(prefix) = prefix
        && let Err(why) = check_prefix(prefix)
    {
        problems
            .push(None, format!("--prefix '{prefix}' cannot be used: {why}"))
            .hint("'irs list' shows the environments of a hypervisor");
    }
}

/// Checks a name that becomes part of a host name.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_label(name: &str, max: usize) -> Result<(), String> {
    if name.is_empty() {
        return Err("it is empty".into());
    }
    if name.len() > max {
        return Err(format!("it has {} characters, at most {max} fit", name.len()));
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '-')) {
        return Err(format!("{bad:?} is not allowed: use letters, digits and hyphens"));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err("it may not begin or end with a hyphen".into());
    }
    Ok(())
}

/// `[prefix-]type-index`, the name of a domain and of its guest.
pub fn domain(prefix: Option<&str>, node: &str, index: u32) -> String {
    prefixed(prefix, &format!("{node}-{index}"))
}

/// `[prefix-]name`, infrared's rule for domains and networks alike.
pub fn prefixed(prefix: Option<&str>, name: &str) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}-{name}"),
        None => name.to_owned(),
    }
}

/// The bridge device of a network: the network's name where it fits, else a short hashed one.
pub fn bridge(network: &str) -> String {
    if network.len() <= BRIDGE_NAME_MAX {
        return network.to_owned();
    }
    let digest = Sha256::digest(network.as_bytes());
    let hash: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("irs-{hash}")
}

/// The storage pool, and the folder under `--disk-pool`, that hold a deployment's disks and seeds.
pub fn pool(deployment: &str) -> String {
    format!("irs-{deployment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_network_gets_a_short_bridge_of_its_own() {
        assert_eq!(bridge("a-management"), "a-management");
        let long = bridge("aaaaaaaaaabbbbbbbbbbcccccccccc-management");
        assert!(long.len() <= BRIDGE_NAME_MAX, "{long}");
        assert_ne!(long, bridge("aaaaaaaaaabbbbbbbbbbcccccccccc-external"));
    }

    #[test]
    fn prefixes_that_could_break_a_name_are_refused() {
        for bad in [
            "",
            "default",
            "a b",
            "a;b",
            "<a>",
            "-a",
            "a-",
            "a/b",
            "ä",
            "a.b",
            &"x".repeat(41),
        ] {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
        for good in ["a", "foo-1", "aaaaaaaaaabbbbbbbbbbcccccccccc"] {
            assert_eq!(check_prefix(good), Ok(()));
        }
    }
}
