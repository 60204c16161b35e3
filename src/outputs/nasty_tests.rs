//! Names from elsewhere, as somebody would choose them who wants more than a name, held against the real ssh client.

use super::tests::{ssh_g, view};
use super::*;
use proptest::prelude::*;

/// Text with all that ssh's files take badly.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        9 => "[a-zA-Z0-9.@%#=*!?_~^+:/-]{1,6}",
        1 => "[ -~]{1,6}",
        1 => "\\PC{1,2}",
        1 => prop::sample::select(vec!["\n  ProxyCommand touch /tmp/x\n", "\nHost *", "\"", "'", "\\", "%h", "%%", "${HOME}", "~", "#", " ", "\t", "\r", "=", ",", "*", "!", "?", "|1|", "@revoked", "-oProxyCommand=x", "é"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

/// What ssh makes of the files, but for the values that are given.
fn without(view: &View, name: &str, given: &[&str]) -> Vec<(String, Vec<String>)> {
    let options = ssh_g(&view.workspace, name).into_iter();
    options
        .filter(|(key, _)| !given.contains(&key.as_str()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ssh_reads_the_values_or_they_are_refused(user in text(), node_user in text(), key in text(), address in text()) {
        let dir = tempfile::tempdir().unwrap();
        let mut view = view(dir.path());
        view.hosts[0].key = None;
        write(&view).unwrap();
        let (hypervisor, node) = ("hypervisor", "a-undercloud-0");
        let hypervisors = without(&view, hypervisor, &["user", "hostname", "identityfile", "identitiesonly"]);
        let nodes = without(&view, node, &["user", "identityfile", "identitiesonly"]);
        view.hosts[0].user.clone_from(&user);
        view.hosts[0].address.clone_from(&address);
        view.hosts[0].key = Some(Path::new("/keys").join(key.trim_start_matches('/')));
        view.nodes[2].user.clone_from(&node_user);
        if write(&view).is_err() {
            return Ok(());
        }
        let said = ssh_g(&view.workspace, hypervisor);
        prop_assert_eq!(&said["user"][0], &user);
        // ssh writes names of hosts small.
        // An address in another form, as 0 for 0.0.0.0, it writes in its own.
        if !address.starts_with(|c: char| c.is_ascii_digit()) {
            prop_assert_eq!(said["hostname"][0].to_lowercase(), address.to_lowercase());
        }
        prop_assert_eq!(said["identityfile"].len(), 1);
        prop_assert_eq!(&ssh_g(&view.workspace, node)["user"][0], &node_user);
        // Nothing else has changed, for them and for everybody else.
        prop_assert_eq!(without(&view, hypervisor, &["user", "hostname", "identityfile", "identitiesonly"]), hypervisors);
        prop_assert_eq!(without(&view, node, &["user", "identityfile", "identitiesonly"]), nodes);
        let known = std::fs::read_to_string(view.workspace.join(KNOWN_HOSTS)).unwrap();
        prop_assert!(known.lines().all(|line| line.starts_with("hypervisor") || line.starts_with("a-undercloud-0,172.16.0.2 ")), "{}", known);
        prop_assert_eq!(known.lines().count(), 3);
    }
}

#[test]
fn names_of_a_hostile_hypervisor_are_refused() {
    let mark = |change: fn(&mut NodeView)| {
        let dir = tempfile::tempdir().unwrap();
        let mut view = view(dir.path());
        change(&mut view.nodes[2]);
        write(&view).map_err(|error| error.to_string())
    };
    let why = |change| mark(change).unwrap_err();
    assert!(
        why(|node| node.name = "x ansible_connection=local".into())
            .contains("is no name for an inventory node")
    );
    assert!(why(|node| node.name = "*".into()).contains("is no name for an inventory node"));
    assert!(why(|node| node.user = "x\n  ProxyCommand touch /tmp/x".into()).contains("cannot be"));
    assert!(why(|node| node.ansible_connection = "ssh\n[all:vars]".into()).contains("cannot be"));
    assert!(why(|node| node.user = "{% endraw %}{{ lookup('pipe', 'id') }}".into()).contains("cannot be"));
    mark(|node| node.host_public_key = Some("ssh-ed25519 AAAA\n* ssh-ed25519 BBBB".into())).unwrap();
}
