//! The flags about the inside of the nodes, and their screens, checked.

use crate::ca;
use crate::cli::virsh::NodeFlags;
use crate::deployment::Vnc;
use crate::secret::Secret;
use crate::topology::name;
use crate::yaml::Problems;
use std::path::Path;

/// VNC's way to ask for a password knows no longer one.
const VNC_PASSWORD_MAX: usize = 8;

/// Who logs in where no user is made.
pub(super) fn image_user(flags: &NodeFlags, problems: &mut Problems) -> Option<String> {
    let user = flags.image_ssh_user.as_deref()?;
    Some(word("--image-ssh_user", user, "admin", problems))
}

/// Ansible's connection plugin.
pub(super) fn ansible_connection(flags: &NodeFlags, problems: &mut Problems) -> String {
    let plugin = &flags.image_ansible_connection;
    word("--image-ansible_connection", plugin, "network_cli", problems)
}

fn word(flag: &str, text: &str, example: &str, problems: &mut Problems) -> String {
    if !name::is_name(text) {
        problems
            .push(None, format!("{flag} {text:?} cannot be used"))
            .hint(format!(
                "it takes letters, digits and _ . -, e.g. {flag} {example}"
            ));
    }
    text.to_owned()
}

/// Who sees the screens. No message has the password.
pub(super) fn vnc(flags: &NodeFlags, problems: &mut Problems) -> Vnc {
    const WHERE: &str = "set it in the environment, IRS_VNC_PASSWORD, or with --vnc-password-file FILE";
    let mut name = "--vnc-password";
    let password = match &flags.vnc_password_file {
        Some(file) => {
            name = "the password in --vnc-password-file";
            match std::fs::read_to_string(file) {
                Ok(text) => Some(Secret::new(text.lines().next().unwrap_or_default())),
                Err(error) => {
                    problems
                        .push(
                            None,
                            format!(
                                "cannot read the password of --vnc-password-file '{}': {error}",
                                file.display()
                            ),
                        )
                        .hint("it takes a file of this machine with the password in its first line");
                    return Vnc::default();
                }
            }
        }
        None => flags.vnc_password.clone(),
    };
    if let Some(password) = &password {
        let text = password.reveal();
        let fault = match () {
            () if text.is_empty() => Some("is empty".to_owned()),
            () if text.len() > VNC_PASSWORD_MAX => {
                Some(format!("is longer than {VNC_PASSWORD_MAX} characters"))
            }
            () if !text.chars().all(|c| c.is_ascii_graphic()) => {
                Some("has blanks or characters beyond ASCII".to_owned())
            }
            () => None,
        };
        if let Some(fault) = fault {
            problems.push(None, format!("{name} {fault}")).hint(
                "VNC takes 1 to 8 letters, digits and signs, and ignores the rest: choose one of that length",
            );
        }
    }
    if flags.vnc_external && password.is_none() {
        problems
            .push(
                None,
                "--vnc-external shows the nodes' screens to everybody, and --vnc-password is missing",
            )
            .hint(WHERE);
    }
    Vnc {
        external: flags.vnc_external,
        password,
    }
}

/// What the nodes' first boot is told beside who they are.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    /// Time zone.
    pub timezone: Option<String>,
    /// Locale.
    pub locale: Option<String>,
    /// Where the CA certificates come from that they trust.
    pub tls_ca: Vec<ca::Source>,
}

/// Checks the user that is made, the time zone, the locale and the certificates.
pub(super) fn check(flags: &NodeFlags, problems: &mut Problems) -> Guest {
    let user = &flags.topology_username;
    let first = user
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let rest = user
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    if !first || !rest || user.len() > 32 {
        problems
            .push(
                None,
                format!("--topology-username {user:?} is no name of a Linux user"),
            )
            .hint("it takes small letters, digits, _ and -, at most 32");
    }
    if let Some(locale) = &flags.topology_locale {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
        let named = locale.starts_with(|c: char| c.is_ascii_alphabetic()) && locale.chars().all(plain);
        if !named || locale.len() > 60 {
            problems
                .push(
                    None,
                    format!("--topology-locale {locale:?} is no name of a locale"),
                )
                .hint("e.g. de_DE.UTF-8, en_US.UTF-8 or C.UTF-8");
        }
    }
    if let Some(zone) = &flags.topology_timezone {
        let plain = !zone.is_empty()
            && zone
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c))
            && !zone.starts_with('/');
        let zones = Path::new("/usr/share/zoneinfo");
        if !plain || (zones.is_dir() && !zones.join(zone).is_file()) {
            problems
                .push(None, format!("--topology-timezone {zone:?} is not known"))
                .hint("e.g. Europe/Berlin or UTC");
        }
    }
    Guest {
        timezone: flags.topology_timezone.clone(),
        locale: flags.topology_locale.clone(),
        tls_ca: ca::read(&flags.tls_ca, problems),
    }
}
