//! First contact, by a password.

use super::{SMALL, script};
use crate::support::{Lab, RunExt, blank_image};

/// Who comes by a password has a key from then on, on the hypervisor and on the nodes.
pub fn first(lab: &Lab) {
    script(
        lab,
        "usermod -p \"$(openssl passwd -6 sesame)\" operator
        sed -i -e 's/^PasswordAuthentication no/PasswordAuthentication yes/' -e '/^MaxSessions 10$/d' /etc/ssh/sshd_config
        kill -HUP $(cat /run/sshd.pid)",
    );
    let home = tempfile::tempdir().expect("a home");
    let image = blank_image();
    let image = image.path().display().to_string();
    let irs = |flags: &[&str]| {
        let login = [
            "--host-address",
            lab.address(),
            "--host-user",
            "operator",
            "--known-hosts",
            lab.known_hosts(),
        ];
        let nodes = [
            "--topology-nodes",
            "patcher:1",
            "--start",
            "none",
            "--image-url",
            &image,
        ];
        let mut irs = lab.irs_command(&[&["virsh"], SMALL, &login, &nodes, flags].concat());
        irs.env("HOME", home.path()).env_remove("IRS_HOST_PASSWORD");
        irs
    };
    let key = home.path().join(".ssh/id_ed25519");
    let planned = irs(&["--dry-run"]).env("IRS_HOST_PASSWORD", "sesame").run().ok();
    planned.prints(&[
        "+ host authorized key of operator: the login was by password: you have no key: a new one, ",
        "/.ssh/id_ed25519' (SHA256:",
    ]);
    assert!(!key.exists());
    irs(&[]).env("IRS_HOST_PASSWORD", "sesame").run().ok();
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("the new key");
    let public = public.split_whitespace().nth(1).expect("its text").to_owned();
    let keys = script(
        lab,
        "cat /run/operator/.ssh/authorized_keys; stat -c '%a %U' /run/operator/.ssh /run/operator/.ssh/authorized_keys",
    );
    assert!(keys.contains(&public), "{keys}");
    assert!(keys.ends_with("\n700 operator\n600 operator\n"), "{keys}");
    // By the key, without a password; and there is nothing to do.
    let second = irs(&["--format", "json"]).run().ok();
    assert!(second.list("changes").is_empty(), "{}", second.transcript());
    let seed = lab.state().join("lib/images/irs-default/patcher-0-seed.img");
    let seed = std::fs::read(seed).expect("the seed");
    let accounts = String::from_utf8_lossy(&seed).matches(&public).count();
    assert_eq!(accounts, 2, "root and the user of the node");
}
