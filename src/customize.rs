//! How a node is told who it is: by the cloud-init of its image, by what libguestfs puts into the image, or not at all.

use crate::steps::image::index_name;
use sha2::{Digest, Sha256};

/// How the nodes of an image are told their names, keys and addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Customize {
    /// As the image can: by cloud-init where it is in it, or where that cannot be found out, else by libguestfs.
    Auto,
    /// By the cloud-init of the image.
    #[default]
    CloudInit,
    /// By a program that libguestfs puts into the image, once for all nodes.
    Libguestfs,
    /// Not at all: the image is taken as it is, and no user is made.
    None,
}

impl Customize {
    /// All, by the words of flags and files.
    pub const WORDS: [(&'static str, Customize); 4] = [
        ("auto", Customize::Auto),
        ("cloud-init", Customize::CloudInit),
        ("libguestfs", Customize::Libguestfs),
        ("none", Customize::None),
    ];

    /// Whether libguestfs is used, or may be.
    pub fn may_take_libguestfs(self) -> bool {
        matches!(self, Customize::Auto | Customize::Libguestfs)
    }
}

/// What is changed in an image for all of its nodes alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customisation {
    /// The sudo user.
    pub user: String,
    /// tz name; `None` leaves the image's.
    pub timezone: Option<String>,
}

/// The unit that runs [`PROGRAM`] before the network and sshd.
const UNIT: &str = include_str!("customize/irs-first-boot.service");
/// The program that reads a node's seed at its first boot.
const PROGRAM: &str = include_str!("customize/irs-first-boot");
/// What is done in the image.
const IN_IMAGE: &str = include_str!("customize/in_image.sh");

impl Customisation {
    /// The script that libguestfs runs in the image, as its root; user and zone were checked as flags.
    pub fn script(&self) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let zone = quoted(self.timezone.as_deref().unwrap_or_default());
        format!(
            "user={} zone={zone}\nprogram=$(cat <<'IRS_END'\n{PROGRAM}IRS_END\n)\nunit=$(cat <<'IRS_END'\n{UNIT}IRS_END\n)\n{IN_IMAGE}",
            quoted(&self.user)
        )
    }

    /// The small file that says which image a base became by this customisation; it is called as those of URLs are, for
    /// whoever clears up.
    pub fn index_name(&self, base: &str) -> String {
        let script = Sha256::digest(self.script());
        let digits: String = script.iter().map(|byte| format!("{byte:02x}")).collect();
        index_name(&format!("customised {base} {digits}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn of(user: &str, zone: Option<&str>) -> Customisation {
        Customisation {
            user: user.into(),
            timezone: zone.map(str::to_owned),
        }
    }

    #[test]
    fn another_base_user_or_zone_makes_another_image() {
        let name = of("a", None).index_name("irs-base-1.qcow2");
        assert_eq!(name, of("a", None).index_name("irs-base-1.qcow2"));
        for other in [
            of("b", None).index_name("irs-base-1.qcow2"),
            of("a", Some("UTC")).index_name("irs-base-1.qcow2"),
            of("a", None).index_name("irs-base-2.qcow2"),
        ] {
            assert_ne!(name, other);
        }
    }

    #[test]
    fn what_is_said_of_an_image_stays_text() {
        let (user, zone) = ("a'; exit 3; '", "$(exit 3)`exit 3`\"\n'\\''");
        let script = of(user, Some(zone)).script();
        let begin = script.split("\nprogram=").next().unwrap();
        let said = Command::new("sh")
            .args(["-c", &format!("{begin}\nprintf %s \"$user|$zone\"")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("{user}|{zone}"));
    }

    #[test]
    fn the_scripts_are_sound_shell() {
        for script in [of("a", Some("Europe/Berlin")).script(), PROGRAM.to_owned()] {
            let mut sh = Command::new("sh")
                .arg("-n")
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            sh.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            assert!(sh.wait().unwrap().success(), "{script}");
        }
    }
}
