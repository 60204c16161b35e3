//! `os.variant` in libosinfo's own terms, by which virt-manager and others know a guest's system.

/// Distributions: the beginning of the short name, the one of the address of libosinfo's entry.
const FAMILIES: &[(&str, &str)] = &[
    ("centos-stream", "http://centos.org/centos-stream/"),
    ("centos", "http://centos.org/centos/"),
    ("rhel", "http://redhat.com/rhel/"),
    ("fedora", "http://fedoraproject.org/fedora/"),
    ("debian", "http://debian.org/debian/"),
    ("ubuntu", "http://ubuntu.com/ubuntu/"),
    ("freebsd", "http://freebsd.org/freebsd/"),
    ("rocky", "http://rockylinux.org/rocky/"),
    ("almalinux", "http://almalinux.org/almalinux/"),
];

/// The identity of an operating system by its short name, `rhel7.0`; nothing for a name that says no version.
pub fn id(variant: &str) -> Option<String> {
    FAMILIES.iter().find_map(|(family, address)| {
        let version = variant.strip_prefix(family)?;
        let good = version.starts_with(|c: char| c.is_ascii_digit())
            && version.chars().all(|c| c.is_ascii_digit() || c == '.');
        good.then(|| format!("{address}{version}"))
    })
}

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn short_names_are_known_by_their_family() {
        assert_eq!(id("rhel7.0").unwrap(), "http://redhat.com/rhel/7.0");
        assert_eq!(id("centos-stream9").unwrap(), "http://centos.org/centos-stream/9");
        assert_eq!(id("freebsd10.0").unwrap(), "http://freebsd.org/freebsd/10.0");
        assert_eq!(id("generic"), None);
        assert_eq!(id("rhel-unknown"), None);
    }
}
