use super::*;
use crate::deployment::{Identity, Ipv4Side, Ipv6Side, Reservation};
use crate::steps::networks::unchangeable::differences;
use crate::steps::networks::{apply, read};
use crate::topology::network::Forward;
use uuid::Uuid;

/// A network with all that irs can give one.
pub(crate) fn network() -> Network {
    let mac = |last: u8| format!("52:54:00:00:00:{last:02x}").parse().unwrap();
    let host = |last: u8, ip: &str, name: &str| Reservation {
        mac: mac(last),
        ip: ip.parse().unwrap(),
        name: name.into(),
    };
    Network {
        name: "external".into(),
        topology_name: "external".into(),
        uuid: Uuid::from_u128(1),
        bridge: "external".into(),
        forward: Forward::Nat,
        mtu: Some(1400),
        domain: Some("lab.example".into()),
        ipv4: Some(Ipv4Side {
            address: [10, 0, 0, 1].into(),
            net: "10.0.0.0/24".parse().unwrap(),
            dhcp: Some(([10, 0, 0, 2].into(), [10, 0, 0, 9].into())),
        }),
        ipv6: Some(Ipv6Side {
            address: "fd00::1".parse().unwrap(),
            net: "fd00::/64".parse().unwrap(),
            dhcp: Some(("fd00::2".parse().unwrap(), "fd00::9".parse().unwrap())),
        }),
        srvs: vec![Srv {
            service: "ldap".into(),
            protocol: "tcp".into(),
            domain: None,
            target: "dir".into(),
            port: 389,
            priority: Some(5),
            weight: Some(0),
        }],
        switch: None,
        querier: false,
        reservations: vec![
            host(1, "10.0.0.2", "a-0"),
            host(2, "10.0.0.3", "a-1"),
            host(1, "fd00::2", "a-0"),
        ],
        wire: None,
    }
}

/// The same as libvirt has it once it runs.
pub(crate) fn found(network: &Network) -> ActualNetwork {
    let id = Identity {
        name: "default".into(),
        prefix: None,
        uuid: Uuid::from_u128(2),
        host: "hv".into(),
    };
    let parse = || read::parse(&apply::template(network, &id).unwrap()).unwrap();
    ActualNetwork {
        active: true,
        autostart: true,
        live: Some(Box::new(parse())),
        ..parse()
    }
}

fn edits_of(network: &Network, found: &ActualNetwork) -> Vec<(String, Vec<Edit>)> {
    let changes = changes(network, found, &Facts::default());
    let edits = changes.into_iter().map(|(reason, work)| match work {
        Work::Edit { edits, .. } => (reason, edits),
        other => panic!("{reason}: {other:?}"),
    });
    edits.collect()
}

#[test]
fn what_the_template_writes_is_read_back_as_the_same() {
    let network = network();
    assert_eq!(edits_of(&network, &found(&network)), []);
    assert_eq!(differences(&network, &found(&network)), [] as [String; 0]);
}

#[test]
fn addresses_that_change_places_leave_theirs_first() {
    let mut wanted = network();
    let found = found(&wanted);
    let (first, second) = (wanted.reservations[0].ip, wanted.reservations[1].ip);
    wanted.reservations[0].ip = second;
    wanted.reservations[1].ip = first;
    let all = edits_of(&wanted, &found);
    let [(_, edits)] = all.as_slice() else {
        panic!("{all:?}")
    };
    let added: Vec<bool> = edits.iter().map(|edit| edit.add).collect();
    assert_eq!(added, [false, false, true, true]);
}

#[test]
fn what_lacks_in_one_place_is_added_there_alone() {
    let wanted = network();
    let mut found = found(&wanted);
    found.reservations.remove(0);
    found.live.as_mut().unwrap().srvs.clear();
    let all = edits_of(&wanted, &found);
    let places: Vec<_> = all
        .iter()
        .flat_map(|(_, edits)| edits)
        .map(|edit| (edit.add, edit.config, edit.live))
        .collect();
    assert_eq!(places, [(true, false, true), (true, true, false)]);
}

#[test]
fn a_server_that_would_go_is_a_difference() {
    let mut wanted = network();
    let found = found(&wanted);
    wanted.ipv6.as_mut().unwrap().dhcp = None;
    wanted.forward = Forward::Route;
    let words = differences(&wanted, &found);
    assert_eq!(
        words,
        [
            "another forward mode: nat, wanted route",
            "another DHCPv6: fd00::2 to fd00::9, wanted none"
        ]
    );
}
