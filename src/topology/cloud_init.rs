//! `cloud_init` of a node file: cloud-config that the nodes get at their first boot beside irs's own.

use std::collections::BTreeMap;
use std::fmt;

use crate::yaml::{Fields, Key, Place, Problems, Tree, Value, nearest, shown};

/// How much text it may come to: a seed has room for it and all else.
const MAX_BYTES: usize = 512 * 1024;

/// What irs says itself, and has nobody else say: it would not know the node again.
const OWN: &[(&str, &str)] = &[
    (
        "hostname",
        "a node is called as its type and number say: 'name' in its file, --prefix",
    ),
    (
        "fqdn",
        "a node's domain is that of the network it is reached over: 'domain' in the network file",
    ),
    ("preserve_hostname", "irs gives the node its name"),
    ("ssh_keys", "irs makes the node's host key, and knows it by that"),
    (
        "ssh_deletekeys",
        "irs makes the node's host key, and knows it by that",
    ),
    (
        "ssh_genkeytypes",
        "irs makes the node's host key, and knows it by that",
    ),
    (
        "network",
        "cloud-init takes none from here: 'interfaces' and 'ips' say it",
    ),
];

/// The lists that irs's own entries are joined to.
const LISTS: &[&str] = &["users", "bootcmd", "runcmd"];

/// The keys of cloud-config, to tell a misspelt one.
const KNOWN: &str = "allow_public_ssh_keys ansible apk_repos apt apt_pipelining apt_reboot_if_required apt_update \
    apt_upgrade authkey_hash autoinstall bootcmd byobu_by_default ca-certs ca_certs chef chpasswd cloud_config_modules \
    cloud_final_modules cloud_init_modules create_hostname_file device_aliases disable_ec2_metadata disable_root \
    disable_root_opts disk_setup drivers fan final_message fs_setup groups growpart grub-dpkg grub_dpkg keyboard landscape \
    locale locale_configfile lxd manage_etc_hosts manage_resolv_conf mcollective merge_how merge_type mount_default_fields \
    mounts no_ssh_fingerprints ntp output package_reboot_if_required package_update package_upgrade packages password \
    phone_home power_state prefer_fqdn_over_hostname puppet random_seed reporting resize_rootfs resolv_conf \
    rh_subscription rpi rsyslog runcmd salt_minion snap spacewalk ssh ssh_authorized_keys ssh_fp_console_blacklist \
    ssh_import_id ssh_key_console_blacklist ssh_publish_hostkeys ssh_pwauth ssh_quiet_keygen swap syslog_fix_perms \
    system_info timezone ubuntu_advantage ubuntu_autoinstall ubuntu_pro updates user users vendor_data wireguard \
    write_files yum_repo_dir yum_repos zypper";

/// What a node's file adds to its first boot. It may have passwords in it: no message shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct CloudInit {
    /// A mapping in YAML's flow form, without `#cloud-config` before it.
    pub text: String,
    /// The login keys of its users, by their names.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Where it is said: in a file, or by a flag.
    pub place: Place,
}

impl fmt::Debug for CloudInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloudInit({} bytes)", self.text.len())
    }
}

/// Reads the key.
pub(super) fn read(
    fields: &Fields<'_>,
    problems: &mut Problems,
    notes: &mut Vec<String>,
) -> Option<CloudInit> {
    let tree = fields.get("cloud_init")?;
    let what = fields.what("cloud_init");
    let entries = match &tree.value {
        Value::Map(entries) => entries,
        Value::Broken => return None,
        Value::Scalar { text, .. } if text.trim_start().starts_with('#') => {
            problems
                .push(tree.place.clone(), format!("{what} is text, and must be a mapping"))
                .hint("leave out '|' and the line '#cloud-config', and indent what follows it; a script goes into 'runcmd'");
            return None;
        }
        _ => {
            problems
                .push(
                    tree.place.clone(),
                    format!("{what} must be a mapping, not {}", tree.kind()),
                )
                .hint("it has keys of cloud-config: cloud_init: {packages: [tcpdump]}");
            return None;
        }
    };
    let before = problems.len();
    for (key, value) in entries {
        check(key, value, &what, problems);
        let unknown = !KNOWN.split_whitespace().any(|known| known == key.name)
            && !OWN.iter().any(|(own, _)| *own == key.name);
        if let (true, Some(near)) = (unknown, nearest(&key.name, KNOWN.split_whitespace())) {
            let name = shown(&key.name);
            notes.push(format!(
                "{}: the key '{name}' of {what} is none that irs knows of cloud-init: did you mean '{near}'?",
                key.place
            ));
        }
    }
    let mut text = String::new();
    let said = entries.iter().filter(|(_, value)| !value.is_null());
    mapping(said, &mut text);
    if text.len() > MAX_BYTES {
        problems
            .push(
                tree.place.clone(),
                format!(
                    "{what} comes to {} KiB, and may have {}",
                    text.len() >> 10,
                    MAX_BYTES >> 10
                ),
            )
            .hint("let 'runcmd' fetch what is large");
    }
    (problems.len() == before && text != "{}").then(|| CloudInit {
        text,
        keys: keys(tree),
        place: tree.place.clone(),
    })
}

fn check(key: &Key, value: &Tree, what: &str, problems: &mut Problems) {
    let name = key.name.as_str();
    if let Some((_, why)) = OWN.iter().find(|(own, _)| *own == name) {
        problems
            .push(key.place.clone(), format!("{what} cannot say '{name}'"))
            .hint(*why);
    }
    let good = matches!(value.value, Value::Seq(_) | Value::Null | Value::Broken);
    if LISTS.contains(&name) && !good {
        problems
            .push(
                value.place.clone(),
                format!("'{name}' in {what} must be a list, not {}", value.kind()),
            )
            .hint("irs adds its own to it, which cloud-init can do with lists only: write '- ' before each entry");
    }
    let commands = match &value.value {
        Value::Seq(items) if name.ends_with("cmd") => items.as_slice(),
        _ => &[],
    };
    for command in commands.iter().filter(|item| matches!(item.value, Value::Map(_))) {
        problems
            .push(
                command.place.clone(),
                format!("a command of '{name}' in {what} is a mapping"),
            )
            .hint("it has ': ' in it, which YAML takes for a key: put the whole command into quotes");
    }
    let empty = name.trim().is_empty() || name.contains(char::is_control);
    if empty || name.starts_with('#') {
        problems
            .push(
                key.place.clone(),
                format!("'{}' in {what} is no key of cloud-config", shown(name)),
            )
            .hint("its keys are words: packages, runcmd, write_files");
    }
}

/// The keys that its users have.
fn keys(tree: &Tree) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let list = |tree: Option<&Tree>| match tree.map(|tree| &tree.value) {
        Some(Value::Seq(items)) => items.clone(),
        _ => Vec::new(),
    };
    for user in list(tree.get("users")) {
        let Some(Value::Scalar { text: name, .. }) = user.get("name").map(|name| &name.value) else {
            continue;
        };
        let theirs = list(
            user.get("ssh_authorized_keys")
                .or(user.get("ssh-authorized-keys")),
        );
        let theirs = theirs.into_iter().filter_map(|key| match key.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        });
        let theirs: Vec<String> = theirs.collect();
        if !theirs.is_empty() {
            found.entry(name.clone()).or_default().extend(theirs);
        }
    }
    found
}

/// YAML for cloud-init's reader, which is one of YAML 1.1: what was plain stays so where it may be anything but text (`0644`,
/// `yes`, `1e3`), as only that reader knows; all else is quoted.
fn write(tree: &Tree, out: &mut String) {
    match &tree.value {
        Value::Null | Value::Broken => out.push_str("null"),
        Value::Scalar { text, quoted } => match !quoted && is_bare(text) {
            true => out.push_str(text),
            false => quote(text, out),
        },
        Value::Seq(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => mapping(entries.iter(), out),
    }
}

fn mapping<'a>(entries: impl Iterator<Item = &'a (Key, Tree)>, out: &mut String) {
    out.push('{');
    for (index, (key, value)) in entries.enumerate() {
        out.push_str(if index > 0 { ", " } else { "" });
        quote(&key.name, out);
        out.push_str(": ");
        write(value, out);
    }
    out.push('}');
}

fn quote(text: &str, out: &mut String) {
    // JSON's strings are YAML's; these three break lines in YAML alone.
    let json = serde_json::Value::from(text).to_string();
    for letter in json.chars() {
        match letter {
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{7f}'..='\u{9f}' | '\u{feff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
}

/// Whether a plain word stands for itself between brackets, too.
fn is_bare(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.+-:".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && text.chars().all(plain)
        && !text.ends_with(':')
        && text != "-"
        && !text.starts_with("---")
        && !text.starts_with("...")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Source, parse};

    fn read_text(text: &str) -> (Option<CloudInit>, Vec<String>, Vec<String>) {
        let mut problems = Problems::default();
        let mut notes = Vec::new();
        let tree = parse(&Source::plain("a.yml", text), &mut problems);
        let read = tree.and_then(|tree| {
            let fields = Fields::new("node 'a'", &tree, &["cloud_init"], &mut problems);
            read(&fields, &mut problems, &mut notes)
        });
        let shown = problems.0.iter().map(ToString::to_string).collect();
        (read, shown, notes)
    }

    #[test]
    fn what_is_no_text_in_yaml_1_1_stays_as_it_was_typed() {
        let text = "cloud_init:\n  packages: [tcpdump, 'yes', \"a, b\"]\n  package_update: yes\n  runcmd:\n    - echo a=b, c\n    - [sh, -c, 'echo \"x\"']\n  write_files:\n    - {path: /x, permissions: 0644, content: \"a\\tb\\n\"}\n    - {path: /y, permissions: '0600'}\n  swap: ~\n  mounts: [[a, null]]\n  x: 1:30\n";
        let (read, problems, notes) = read_text(text);
        assert_eq!((problems, notes), (vec![], vec![]));
        assert_eq!(
            read.unwrap().text,
            r#"{"packages": [tcpdump, "yes", "a, b"], "package_update": yes, "runcmd": ["echo a=b, c", [sh, -c, "echo \"x\""]], "write_files": [{"path": "/x", "permissions": 0644, "content": "a\tb\n"}, {"path": "/y", "permissions": "0600"}], "mounts": [[a, null]], "x": 1:30}"#
        );
    }

    #[test]
    fn nothing_is_nothing_and_a_debug_print_shows_no_password() {
        for text in ["cloud_init: {}", "cloud_init: ~", "cloud_init: {runcmd: ~}"] {
            assert_eq!(read_text(text).0, None, "{text}");
        }
        let (read, ..) = read_text("cloud_init: {password: geheim}");
        assert!(!format!("{read:?}").contains("geheim"));
    }

    #[test]
    fn keys_of_users_are_known() {
        let text = "cloud_init: {users: [default, {name: root, ssh_authorized_keys: [ssh-rsa A, ssh-rsa B]}, {name: x}]}";
        let keys = read_text(text).0.unwrap().keys;
        assert_eq!(
            keys.into_iter().collect::<Vec<_>>(),
            [(
                "root".to_owned(),
                vec!["ssh-rsa A".to_owned(), "ssh-rsa B".to_owned()]
            )]
        );
    }

    #[test]
    fn mistakes_are_told_with_their_places() {
        let cases = [
            (
                "cloud_init: |\n  #cloud-config\n  packages: [a]\n",
                "a.yml:2:3: 'cloud_init' of node 'a' is text, and must be a mapping",
            ),
            ("cloud_init: [a]", "must be a mapping, not a list"),
            (
                "cloud_init: {hostname: x}",
                "a.yml:1:14: 'cloud_init' of node 'a' cannot say 'hostname'",
            ),
            (
                "cloud_init: {users: cloud}",
                "'users' in 'cloud_init' of node 'a' must be a list, not a single value",
            ),
            ("cloud_init: {runcmd: {a: b}}", "must be a list, not a mapping"),
            (
                "cloud_init: {runcmd: [ok, [echo, a], {echo a: b}]}",
                "a.yml:1:38: a command of 'runcmd' in 'cloud_init' of node 'a' is a mapping",
            ),
            ("cloud_init:\n\tpackages: [a]\n", "tab"),
            ("cloud_init: {'#cloud-config': x}", "is no key of cloud-config"),
        ];
        for (text, expected) in cases {
            let (read, problems, _) = read_text(text);
            assert!(
                read.is_none() && problems.len() == 1 && problems[0].contains(expected),
                "{text}: {problems:?}"
            );
            assert!(problems[0].contains("hint: "), "{problems:?}");
        }
        let (_, problems, _) = read_text(&format!("cloud_init: {{a: {}}}", "x".repeat(MAX_BYTES)));
        assert!(problems[0].contains("comes to 512 KiB"), "{}", problems[0].len());
        let (read, problems, notes) = read_text("cloud_init: {pakages: [a]}");
        assert!(read.is_some() && problems.is_empty());
        assert!(notes[0].contains("did you mean 'packages'?"), "{notes:?}");
    }
}
