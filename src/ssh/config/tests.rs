use super::*;

fn address(user: Option<&str>, host: &str, port: Option<u16>) -> Address {
    Address {
        user: user.map(Into::into),
        host: host.into(),
        port,
    }
}

#[test]
fn addresses_are_read_as_ssh_reads_them() {
    assert_eq!(Address::parse("hv1").unwrap(), address(None, "hv1", None));
    assert_eq!(
        Address::parse("me@hv1:2222").unwrap(),
        address(Some("me"), "hv1", Some(2222))
    );
    assert_eq!(
        Address::parse("[::1]:2222").unwrap(),
        address(None, "::1", Some(2222))
    );
    assert_eq!(Address::parse("::1").unwrap(), address(None, "::1", None));
    assert_eq!(
        Address::parse("ssh://me@[fe80::1%eth0]:22/").unwrap(),
        address(Some("me"), "fe80::1%eth0", Some(22))
    );
    assert_eq!(
        Address::parse("ssh://me@[fe80::1]/").unwrap(),
        address(Some("me"), "fe80::1", None)
    );
}

#[test]
fn what_is_no_address_is_a_usage_error() {
    for bad in [
        "",
        "@hv",
        "hv:",
        "hv:0",
        "hv:70000",
        "-oProxyCommand=x",
        "a b",
        "hv;id",
        "$(id)",
        "[::1]22",
    ] {
        let error = Address::parse(bad).unwrap_err();
        assert_eq!(error.downcast_ref::<Fault>().unwrap().exit, Exit::Usage, "{bad}");
    }
    for bad in [
        "",
        "-oProxyCommand=id",
        "a b",
        "a\n  ProxyCommand id",
        "$(id)",
        "a\u{1b}[2J",
    ] {
        let options = ClientOptions {
            user: Some(bad.to_owned()),
            ..Default::default()
        };
        let error = resolve("hv", &options).unwrap_err();
        assert_eq!(error.downcast_ref::<Fault>().unwrap().exit, Exit::Usage, "{bad}");
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
}

#[test]
fn the_configuration_counts_and_root_is_only_the_last_resort() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    std::fs::write(
        &config,
        "Host hv*\n  HostName 192.0.2.7\n  Port 2022\n  User alice\n  IdentityFile /keys/%h-%r\n  \
         UserKnownHostsFile /k1 /k2\n  StrictHostKeyChecking accept-new\n  ProxyJump jump\n  IdentitiesOnly yes\n  ConnectTimeout 3\n",
    )
    .unwrap();
    let options = ClientOptions {
        config: Some(config),
        ..Default::default()
    };
    let hv = resolve("hv1", &options).unwrap();
    assert_eq!(
        (hv.hostname.as_str(), hv.port, hv.user.as_str()),
        ("192.0.2.7", 2022, "alice")
    );
    assert_eq!(hv.identity_files, [PathBuf::from("/keys/192.0.2.7-alice")]);
    assert_eq!(&hv.known_hosts[..2], [PathBuf::from("/k1"), PathBuf::from("/k2")]);
    assert_eq!(hv.strictness, Strictness::AcceptNew);
    assert_eq!(hv.proxy_jump.as_deref(), Some("jump"));
    assert!(hv.identities_only);
    assert_eq!(hv.connect_timeout, Duration::from_secs(3));
    assert_eq!(hv.known_names(), ["[192.0.2.7]:2022", "192.0.2.7"]);

    let other = resolve("other", &options).unwrap();
    assert_eq!(
        (other.hostname.as_str(), other.port, other.user.as_str()),
        ("other", 22, "root")
    );
    assert_eq!(resolve("bob@hv1:23", &options).unwrap().login(), "bob@hv1");
    assert_eq!(resolve("bob@hv1:23", &options).unwrap().port, 23);
    let flag = ClientOptions {
        user: Some("carol".into()),
        ..options
    };
    assert_eq!(resolve("bob@hv1", &flag).unwrap().user, "carol");
}

#[test]
fn a_wrong_configuration_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    std::fs::write(&config, "Nonsense yes\n").unwrap();
    let error = resolve(
        "hv1",
        &ClientOptions {
            config: Some(config),
            ..Default::default()
        },
    )
    .unwrap_err();
    assert!(format!("{error:#}").contains("onsense"), "{error:#}");
}

#[test]
fn variables_and_tokens_of_paths_are_expanded() {
    let home = std::env::var("HOME").unwrap();
    let expanded = |path: &str| expand_path(path, "hv", "192.0.2.7", 22, "me");
    assert_eq!(
        expanded("${HOME}/k-%h-%r"),
        Path::new(&home).join("k-192.0.2.7-me")
    );
    assert_eq!(
        expanded("/a/${NO_SUCH_VARIABLE_7}/${b"),
        Path::new("/a/${NO_SUCH_VARIABLE_7}/${b")
    );
    assert_eq!(expanded("~/k"), Path::new(&home).join("k"));
}

#[test]
fn tokens_are_expanded() {
    let value = |c| (c == 'h').then(|| "host".to_owned());
    assert_eq!(expand_tokens("%h %% %z %", value), "host % %z %");
}
