//! What there is of it: how sshd runs, and the user of Ironic.

use super::MADE;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The sections of the facts script; it needs the function `section`.
pub fn script() -> String {
    [
        include_str!("sshd.sh"),
        include_str!("polkit.sh"),
        include_str!("facts.sh"),
    ]
    .concat()
}

/// Who may come to the host, and how often.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The machine's architecture, `x86_64`.
    pub arch: String,
    /// sshd, where its configuration can be told.
    pub sshd: Option<Sshd>,
    /// The user of Ironic.
    pub stack: Stack,
}

/// How sshd runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sshd {
    /// Sessions of one connection.
    pub max_sessions: u32,
    /// Logins at once before it begins to drop some, how many of a hundred it then drops, and when it drops all.
    pub max_startups: [u32; 3],
    /// Whether irs raised these.
    pub raised: bool,
    /// The ports that it listens on.
    pub ports: Vec<u16>,
    /// Where it listens, with the port; `0.0.0.0` and `[::]` are everywhere.
    pub listens: Vec<String>,
    /// Its public host keys, type and base64.
    pub host_keys: Vec<String>,
    /// The only users who may log in, as patterns; none where all may.
    pub allow_users: Vec<String>,
    /// The only groups whose members may log in, likewise.
    pub allow_groups: Vec<String>,
}

impl Sshd {
    /// Why a user of that name, with a group of that name, may not log in, when it is so.
    pub fn shuts_out(&self, user: &str) -> Option<&'static str> {
        let fits = |pattern: &String| {
            let name = pattern.split_once('@').map_or(pattern.as_str(), |(name, _)| name);
            name == user || name.contains(['*', '?'])
        };
        let shut = |patterns: &[String]| !patterns.is_empty() && !patterns.iter().any(fits);
        if shut(&self.allow_users) {
            return Some("AllowUsers");
        }
        shut(&self.allow_groups).then_some("AllowGroups")
    }
}

/// The user that Ironic powers nodes as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// Whether irs made it; none when there is none.
    pub ours: Option<bool>,
    /// The lines of its authorized keys that are irs's.
    pub keys: Vec<String>,
    /// The file by which polkit is to be told of it, when that is not right.
    pub rule: Option<String>,
    /// The group that it must be in to reach libvirt's socket, and is not.
    pub group: Option<String>,
}

impl Stack {
    /// The keys of other environments than this one.
    pub fn others(&self, deployment: Uuid) -> impl Iterator<Item = &String> {
        let end = format!(":{deployment}");
        self.keys.iter().filter(move |line| !line.ends_with(&end))
    }

    /// Whether an environment has a key there.
    pub fn has(&self, deployment: Uuid) -> bool {
        let end = format!(":{deployment}");
        self.keys.iter().any(|line| line.ends_with(&end))
    }
}

impl Access {
    /// Reads the sections of [`script`].
    pub fn parse(sections: &BTreeMap<String, String>) -> Access {
        let section = |name: &str| sections.get(name).map(String::as_str).unwrap_or_default();
        let mut host_keys: Vec<String> = section("sshd-host-keys").lines().map(crate::keys::bare).collect();
        host_keys.retain(|key| ssh_key::PublicKey::from_openssh(key).is_ok());
        let raised = !section("sshd-raised").trim().is_empty();
        Access {
            arch: section("arch").trim().to_owned(),
            sshd: sshd(section("sshd"), raised, host_keys),
            stack: stack(section("stack")),
        }
    }
}

fn sshd(said: &str, raised: bool, host_keys: Vec<String>) -> Option<Sshd> {
    let values = |name: &'static str| {
        let words = said.lines().filter_map(|line| line.split_once(' '));
        words
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value.trim())
    };
    let mut startups = values("maxstartups").next()?.split(':').map(str::parse);
    let mut next = || startups.next()?.ok();
    let patterns = |name| {
        values(name)
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect()
    };
    Some(Sshd {
        allow_users: patterns("allowusers"),
        allow_groups: patterns("allowgroups"),
        max_sessions: values("maxsessions").next()?.parse().ok()?,
        max_startups: [next()?, next()?, next()?],
        raised,
        ports: values("port").filter_map(|port| port.parse().ok()).collect(),
        listens: values("listenaddress").map(str::to_owned).collect(),
        host_keys,
    })
}

fn stack(said: &str) -> Stack {
    let mut stack = Stack::default();
    let (mut groups, mut socket) = ("", None);
    for line in said.lines() {
        match line.split_once(' ') {
            Some(("key", key)) => stack.keys.push(key.to_owned()),
            Some(("groups", list)) => groups = list,
            Some(("rule", file)) => stack.rule = Some(file.to_owned()),
            Some(("socket", group)) => socket = Some(group),
            _ => {}
        }
        if line.starts_with("stack:") {
            stack.ours = Some(line.split(':').nth(4) == Some(MADE));
        }
    }
    let lacks = |group: &&str| !groups.split_whitespace().any(|there| there == *group);
    stack.group = socket.filter(lacks).map(str::to_owned);
    stack
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::host::facts::sections;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVdvOmn0sGJ0RWDTHIkEHAYVaZ0TBXiiPsEFkZwSWZf";

    #[test]
    fn what_the_host_says_is_read() {
        let said = format!(
            "#arch\nx86_64\n#sshd\nport 22\nport 2222\nlistenaddress [::]:22\nmaxsessions 10\nmaxstartups 10:30:100\n\
             #sshd-raised\n#sshd-host-keys\n{KEY} root@hv1\nrubbish here\n#stack\n\
             stack:x:1001:1001:{MADE}:/home/stack:/bin/bash\nkey restrict {KEY} irs:a:{}\ngroups stack users\n\
             rule /etc/polkit-1/rules.d/50-irs-stack.rules\nsocket libvirt\n#end\n",
            Uuid::nil()
        );
        let access = Access::parse(&sections(&said));
        assert_eq!(access.arch, "x86_64");
        let sshd = access.sshd.unwrap();
        assert_eq!((sshd.max_sessions, sshd.max_startups), (10, [10, 30, 100]));
        assert_eq!((sshd.raised, sshd.ports), (false, vec![22, 2222]));
        assert_eq!(sshd.host_keys, [KEY]);
        let stack = access.stack;
        assert_eq!(stack.ours, Some(true));
        assert!(stack.has(Uuid::nil()) && !stack.has(Uuid::max()));
        assert_eq!(stack.others(Uuid::max()).count(), 1);
        assert_eq!(stack.group.as_deref(), Some("libvirt"));
        let other = Access::parse(&sections(
            "#stack\nstack:x:0:0::/:/bin/sh\ngroups libvirt\nsocket libvirt\n",
        ));
        assert_eq!(other.stack.ours, Some(false));
        assert_eq!((other.stack.group, other.stack.rule), (None, None));
        assert_eq!(other.sshd, None);
        let shut = |lines: &str| {
            let said = format!("#sshd\nmaxsessions 10\nmaxstartups 10:30:100\n{lines}\n#end\n");
            Access::parse(&sections(&said)).sshd.unwrap().shuts_out("stack")
        };
        assert_eq!(shut(""), None);
        assert_eq!(shut("allowusers root\nallowusers admin@10.*"), Some("AllowUsers"));
        assert_eq!(
            shut("allowusers root stack@172.16.*\nallowgroups wheel"),
            Some("AllowGroups")
        );
        assert_eq!(shut("allowgroups st*"), None);
    }

    /// A user's home is the user's: root reads no pipe, no device and no end of it.
    #[test]
    fn a_file_of_keys_that_is_none_holds_nobody_up() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), 0o600.into()).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("endless")).unwrap();
        let huge = std::fs::File::create(path("huge")).unwrap();
        huge.set_len(1 << 40).unwrap();
        std::fs::write(path("keys"), "ssh-ed25519 AAAA irs:x\n").unwrap();
        let script = format!("{}\nown_lines \"$1\" | tr -d '\\0'", include_str!("sshd.sh"));
        for (name, expected) in [
            ("pipe", ""),
            ("endless", ""),
            ("huge", ""),
            ("keys", "ssh-ed25519 AAAA irs:x\n"),
        ] {
            let output = std::process::Command::new("timeout")
                .args(["20", "sh", "-euc", &script, "sh"])
                .arg(path(name))
                .output()
                .unwrap();
            assert!(output.status.success(), "{name}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{name}");
        }
        // Nobody reads such a file otherwise.
        for script in ["authorized.sh", "facts.sh", "stack_remove.sh"] {
            let text = std::fs::read_to_string(format!("src/steps/host/access/{script}")).unwrap();
            let mut uses = text
                .lines()
                .filter(|line| line.contains("\"$file\"") && !line.contains("[ -f"));
            assert!(
                uses.all(|line| ["own_lines", "authorize ", "printf "]
                    .iter()
                    .any(|way| line.contains(way))),
                "{script}"
            );
        }
    }

    #[test]
    fn an_sshd_that_nobody_started_ends_no_script() {
        let script = format!(
            "{}\nsshd=/bin/false\nfind_sshd\necho \"[$listener]\"",
            include_str!("sshd.sh")
        );
        let output = std::process::Command::new("sh").args(["-euc", &script]).output();
        assert_eq!(output.unwrap().stdout, b"[]\n");
    }
}
