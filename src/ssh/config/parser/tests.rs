use super::*;
use std::collections::BTreeMap;

/// What irs makes use of.
const KEYS: [&str; 12] = [
    "hostname",
    "port",
    "user",
    "identityfile",
    "certificatefile",
    "proxyjump",
    "proxycommand",
    "stricthostkeychecking",
    "identitiesonly",
    "connecttimeout",
    "hostkeyalias",
    "userknownhostsfile",
];

fn chosen(settings: &Settings) -> BTreeMap<String, Vec<String>> {
    let chosen = settings.iter().filter(|(key, _)| KEYS.contains(&key.as_str()));
    chosen
        .map(|(key, values)| (key.clone(), values.clone()))
        .collect()
}

/// What both say of a host, ours first; of ssh's only the keywords that ours has, as it has defaults for all.
fn both(dir: &Path, config: &str, host: &str, user: Option<&str>) -> [BTreeMap<String, Vec<String>>; 2] {
    let file = dir.join("config");
    std::fs::write(&file, config).unwrap();
    let local_user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let query = Query {
        host,
        user,
        port: None,
        home: dir,
        local_user: local_user.trim(),
    };
    let ours = chosen(&settings(&query, &[(file.clone(), dir.to_owned())]).unwrap());
    let mut ssh = Command::new("ssh");
    ssh.arg("-F")
        .arg(&file)
        .args(user.iter().flat_map(|user| ["-l", user]));
    let output = ssh
        .args(["-G", "--", host])
        .env("SHELL", "/bin/sh")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs = super::super::ask::read(&String::from_utf8_lossy(&output.stdout));
    let theirs = chosen(&theirs)
        .into_iter()
        .filter(|(key, _)| ours.contains_key(key));
    [ours.clone(), theirs.collect()]
}

#[test]
fn it_reads_as_ssh_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    std::fs::create_dir_all(dir.path().join("conf.d")).unwrap();
    for (name, text) in [
        ("conf.d/10-a.conf", "Port 1010\nHost hv2\n  Port 1011\n"),
        ("conf.d/20-b.conf", "Port 2020\nHost other\n  HostName never\n"),
        ("conf.d/.hidden.conf", "Port 1\n"),
        ("user", "User=carol\nIdentityFile \"/keys/with space\"\n"),
    ] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let configs = [
        "Host hv*\n HostName 192.0.2.7\n Port 2022\n User alice\n IdentityFile /k/a\nHost *\n Port 1\n IdentityFile /k/b\n User x\n".to_owned(),
        format!("Include {path}/conf.d/*.conf\nUser root\n"),
        format!("Host hv1\n Include {path}/conf.d/20-b.conf {path}/user\n\nHost *\n  User last\n"),
        "Host !hv1 hv*\n Port 3\nHost hv1 !hv2\n Port 4\nHost *\n Port 5\n User u\n".to_owned(),
        "# comment\n\n  host=hv1\n\tPORT = 77\n  hostname   %h.example.org\n ProxyCommand=nc -x \"a b\" %h %p # not a comment\n User u\n".to_owned(),
        "Match host hv1,hv9\n Port 6\nMatch all\n User fromall\n".to_owned(),
        "Host hv1\n HostName real.example\nMatch host real.*\n Port 7\nMatch originalhost hv1\n ConnectTimeout 9\nMatch all\n User u\n".to_owned(),
        "Match user bob\n Port 8\nMatch !user bob\n Port 9\nMatch all\n User u\n".to_owned(),
        "Match exec \"test %n = hv1\"\n Port 10\nMatch !exec \"test %n = hv1\" host hv2\n Port 11\nMatch all\n User u\n".to_owned(),
        "ProxyJump a,bob@b:2222\nProxyCommand never\nUser u\n".to_owned(),
        "ProxyCommand first %h\nProxyJump never\nUser u\n".to_owned(),
        "Match final host real*\n Port 12\nHost hv1\n HostName real\nHost *\n User u\n".to_owned(),
        "Match canonical\n Port 13\nMatch all\n User u\n HostKeyAlias x\n StrictHostKeyChecking accept-new\n IdentitiesOnly yes\n".to_owned(),
        format!("UserKnownHostsFile {path}/a {path}/b\nCertificateFile /k/a-cert.pub\nCertificateFile /k/b-cert.pub\nUser u # really\n"),
    ];
    for config in &configs {
        for (host, user) in [("hv1", None), ("hv2", None), ("other", Some("bob"))] {
            let [ours, theirs] = both(dir.path(), config, host, user);
            assert!(!ours.is_empty());
            assert_eq!(ours, theirs, "of {host} in:\n{config}");
        }
    }
}

#[test]
fn relative_files_lie_in_the_folder_of_ssh_and_a_home_is_found() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join(".ssh/more")).unwrap();
    std::fs::write(dir.path().join(".ssh/more/one"), "Port 5\n").unwrap();
    std::fs::write(dir.path().join("two"), "User eve\n").unwrap();
    let file = dir.path().join("config");
    std::fs::write(&file, "Include more/*\nInclude ~/two nowhere/*\n").unwrap();
    let query = Query {
        host: "hv",
        user: None,
        port: None,
        home: dir.path(),
        local_user: "me",
    };
    let found = settings(&query, &[(file, dir.path().join(".ssh"))]).unwrap();
    assert_eq!(
        (&*found["port"][0], &*found["user"][0], &*found["hostname"][0]),
        ("5", "eve", "hv")
    );
}

#[test]
fn what_it_cannot_read_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    let query = Query {
        host: "hv",
        user: None,
        port: None,
        home: dir.path(),
        local_user: "me",
    };
    for (config, what) in [
        (
            "Port 1\nMatch localnetwork 10.0.0.0/8\n",
            "config:2: 'Match localnetwork' is not known to irs itself",
        ),
        ("User \"x\n", "config:1: a quote is not closed"),
        ("Port\n", "config:1: 'port' has no value"),
        ("Include ~/config\n", "is included too deep"),
    ] {
        std::fs::write(&file, config).unwrap();
        let error = settings(&query, &[(file.clone(), dir.path().to_owned())]).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}
