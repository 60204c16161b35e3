//! Virtual networks, really made: what each kind lets through, what its servers give out and answer, and what stays when
//! it changes while it runs.

use crate::support::{Definition, Lab, Run, RunExt, difference};
use std::path::Path;

const FILE: &str = r#"
networks:
  nat:
    name: external
    forward: nat
    ip_address: "10.7.{{ net }}.1"
    netmask: 255.255.255.0
    dhcp: {range: {start: "10.7.{{ net }}.2", end: "10.7.{{ net }}.{{ last }}"}}
    domain: "{{ domain }}"
    dns:
      srvs:
        - {name: ldap, protocol: tcp, domain: lab.example, port: "{{ port }}", target: dir.lab.example, priority: 5, weight: 0}
    ipv6:
      ip_address: "fd00:7:{{ net }}::1"
      prefix: 64
      dhcp: {range: {start: "fd00:7:{{ net }}::2", end: "fd00:7:{{ net }}::9"}}
  alone: {ip_address: "10.8.{{ net }}.1", netmask: 24, mtu: "{{ mtu }}"}
  routed: {forward: route, ip_address: "10.9.{{ net }}.1", netmask: 24}
  open: {forward: open, ip_address: "10.10.{{ net }}.1", netmask: 24}
nodes:
  default:
    interfaces: [{network: external}, {network: alone}]
    external_network: external
"#;

/// Two blank nodes, the first of which has a fixed address and a fixed MAC.
const NODE: &str = "
name: probe
cpu: 1
memory: 64
deploy_os: no
disks: {disk1: {size: 1M}}
ips: [20, 21, 22]
introspection_macs: [52:54:00:00:aa:01, 52:54:00:00:aa:02, 52:54:00:00:aa:03]
introspection_nets: [external, external, external]
";

/// A script on the hypervisor, of lines that must all succeed; gives back what it says.
fn script(lab: &Lab, text: &str) -> String {
    lab.enter(&["bash", "-euc", text]).ok().stdout
}

/// Network namespaces plugged into the bridges by veth pairs, and one beyond the hypervisor, that knows no way back.
fn plug_clients(lab: &Lab) {
    script(
        lab,
        r#"
        join() {
            ip netns add "$1"
            ip link add "$1-h" type veth peer name eth0 netns "$1"
            # A router's advertisement would add a default route of its own, some time.
            echo 0 | ip netns exec "$1" tee /proc/sys/net/ipv6/conf/eth0/accept_ra >/dev/null
            ip link set "$1-h" up
            ip -n "$1" link set eth0 up
        }
        client() {
            join "$1"
            ip link set "$1-h" master "$2"
            ip -n "$1" address add "$3.9/24" dev eth0
            ip -n "$1" route add default via "$3.1"
        }
        client nat external 10.7.0
        client alone alone 10.8.0
        client routed routed 10.9.0
        client open open 10.10.0
        ip -n nat -6 address add fd00:7:0::99/64 dev eth0 nodad
        ip -n nat -6 route add default via fd00:7:0::1
        join out
        ip address add 203.0.113.1/24 dev out-h
        ip -6 address add 2001:db8:113::1/64 dev out-h nodad
        ip -n out address add 203.0.113.2/24 dev eth0
        ip -n out -6 address add 2001:db8:113::2/64 dev eth0 nodad
        "#,
    );
}

fn reaches(lab: &Lab, from: &str, to: &str) -> bool {
    let ping = ["ip", "netns", "exec", from, "ping", "-q", "-c1", "-W1", to];
    lab.enter(&ping).status == Some(0)
}

/// What a DHCP client with this MAC on the bridge is given.
fn lease(lab: &Lab, mac: &str, flags: &str) -> String {
    script(
        lab,
        &format!(
            r#"
            ip netns add asks
            ip link add asks-h type veth peer name eth0 netns asks address {mac}
            ip link set asks-h master external up
            echo 0 | ip netns exec asks tee /proc/sys/net/ipv6/conf/eth0/accept_dad >/dev/null
            ip -n asks link set eth0 up
            until ip -n asks -6 address show dev eth0 scope link -tentative | grep -q inet6; do sleep 0.1; done
            cd "$(mktemp -d)"
            touch lease
            ip netns exec asks dhclient {flags} -1 -lf "$PWD/lease" -pf "$PWD/pid" -sf /bin/true eth0 2>/dev/null
            until [ -s pid ]; do sleep 0.05; done
            kill "$(cat pid)"
            # The kernel takes the pair away some time after its namespace.
            ip link delete asks-h
            ip netns delete asks
            cat lease
            "#
        ),
    )
}

/// The same of the definition and of the network as it runs.
fn both(lab: &Lab, network: &str) -> [Definition; 2] {
    [
        &["net-dumpxml", network][..],
        &["net-dumpxml", "--inactive", network],
    ]
    .map(|args| Definition::of(lab.ask(args)))
}

fn reasons(run: &Run) -> String {
    let changes = run.list("changes");
    let reasons = changes.iter().filter_map(|change| change["reason"].as_str());
    reasons.collect::<Vec<_>>().join("\n")
}

fn write(folder: &Path, network: &str, node: &str, text: &str) {
    for (kind, name, text) in [("network", "kinds", network), ("nodes", node, text)] {
        std::fs::create_dir(folder.join(kind)).expect("a folder");
        std::fs::write(folder.join(kind).join(format!("{name}.yml")), text).expect("a file");
    }
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn virtual_networks_do_what_their_kinds_promise() {
    let lab = Lab::up("networks", &["--default-network"]).warm();
    let before = lab.snapshot();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), FILE, "probe", NODE);
    let folder = folder.path().display().to_string();
    let run = |nodes: &str, variables: &[&str]| {
        let mut args = vec![
            "--format",
            "json",
            "--virt-type",
            "qemu",
            "--topology-dir",
            &folder,
        ];
        args.extend(["--topology-network", "kinds", "--topology-nodes", nodes]);
        args.extend([
            "--host-network-mtu-size",
            "1450",
            "--host-network-multicast-querier",
        ]);
        args.extend(variables.iter().flat_map(|variable| ["-e", *variable]));
        lab.virsh(&args).ok()
    };
    let first = ["last=50", "domain=lab.example", "port=389", "mtu=1400"];
    run("probe:2", &first);
    assert_eq!(
        reasons(&run("probe:2", &first)),
        "",
        "a second run has nothing to do"
    );

    let sizes =
        "cat /sys/class/net/{external,alone,open}/mtu /sys/class/net/external/bridge/multicast_querier";
    assert_eq!(script(&lab, sizes), "1450\n1400\n1450\n1\n");
    let node = lab.domain("probe-0");
    assert_eq!(node.all("mtu", "size"), ["1450", "1400"], "{}", node.xml);
    assert_eq!(node.all("mac", "address")[0], "52:54:00:00:aa:01");

    check_traffic(&lab);
    check_servers(&lab, "389");

    // Changes of running networks: what is reserved stays, in the definition and in what runs.
    let then = ["last=60", "domain=new.example", "port=636", "mtu=1390"];
    let changed = reasons(&run("probe:3", &then));
    for part in [
        "DNS domain from lab.example to new.example, after the network's next start",
        "MTU from 1400 to 1390, after the network's next start",
        "DHCP gives out 10.7.0.2 to 10.7.0.60",
        "its DNS gets _ldap._tcp at dir.lab.example:636 and loses _ldap._tcp at dir.lab.example:389",
        "probe-2 has no reservation of 10.7.0.22 for 52:54:00:00:aa:03",
        "probe-2 has no reservation of fd00:7::16 for 52:54:00:00:aa:03",
    ] {
        assert!(changed.contains(part), "no '{part}' in:\n{changed}");
    }
    assert_eq!(reasons(&run("probe:3", &then)), "");
    let reserved = [
        "10.7.0.20",
        "10.7.0.21",
        "10.7.0.22",
        "fd00:7::14",
        "fd00:7::15",
        "fd00:7::16",
    ];
    for xml in both(&lab, "external") {
        assert_eq!(xml.all("host", "ip"), reserved, "{}", xml.xml);
        assert_eq!(xml.all("srv", "port"), ["636"], "{}", xml.xml);
        assert_eq!(xml.all("range", "end"), ["10.7.0.60", "fd00:7::9"], "{}", xml.xml);
    }
    check_servers(&lab, "636");

    // Somebody takes an entry out of what runs, and stops a network under its nodes.
    lab.ask(&[
        "net-update",
        "external",
        "delete",
        "ip-dhcp-host",
        "<host mac='52:54:00:00:aa:02'/>",
        "--live",
    ]);
    lab.ask(&["net-destroy", "alone"]);
    let repaired = reasons(&run("probe:3", &then));
    for part in [
        "probe-1 has no reservation of 10.7.0.21 for 52:54:00:00:aa:02 as it runs",
        "it is not started",
    ] {
        assert!(repaired.contains(part), "no '{part}' in:\n{repaired}");
    }
    let ports = script(
        &lab,
        "ip -br link show master alone | wc -l; cat /sys/class/net/alone/mtu",
    );
    assert_eq!(ports, "3\n1390\n", "the nodes' NICs are plugged in again");
    assert_eq!(both(&lab, "external")[0].all("host", "ip").len(), reserved.len());
    assert_eq!(reasons(&run("probe:3", &then)), "");

    script(
        &lab,
        "for name in nat alone routed open out; do ip netns delete $name; done",
    );
    lab.virsh(&["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}

/// Who reaches whom, first without any way back from outside, then with one to each subnet.
fn check_traffic(lab: &Lab) {
    plug_clients(lab);
    let outward =
        |lab: &Lab| ["nat", "alone", "routed", "open"].map(|client| reaches(lab, client, "203.0.113.2"));
    assert_eq!(
        outward(lab),
        [true, false, false, false],
        "only NAT hides the sender"
    );
    script(
        lab,
        "for n in 7 8 9 10; do ip -n out route add 10.$n.0.0/24 via 203.0.113.1; done
        ip -n out -6 route add fd00:7:0::/64 via 2001:db8:113::1",
    );
    assert_eq!(outward(lab), [true, false, true, true]);
    let inward = [7, 8, 9, 10].map(|n| reaches(lab, "out", &format!("10.{n}.0.9")));
    assert_eq!(inward, [false, false, true, true]);
    assert!(reaches(lab, "nat", "2001:db8:113::2"));
    assert!(
        reaches(lab, "nat", "10.7.0.1") && reaches(lab, "alone", "10.8.0.1"),
        "the host answers"
    );
}

/// DHCP of both families and DNS, asked by their real clients.
fn check_servers(lab: &Lab, port: &str) {
    let mac = "52:54:00:00:aa:01";
    let v4 = lease(lab, mac, "-4");
    assert!(v4.contains("fixed-address 10.7.0.20;"), "{v4}");
    assert!(v4.contains("option interface-mtu 1450;"), "{v4}");
    let v6 = lease(lab, mac, "-6 -D LL");
    assert!(v6.contains("iaaddr fd00:7::14 "), "the reserved one: {v6}");
    let other = lease(lab, "52:54:00:00:bb:01", "-6 -D LL");
    assert!(
        other.contains("iaaddr fd00:7::") && !other.contains("iaaddr fd00:7::14 "),
        "{other}"
    );
    let ask = |args: &[&str]| lab.enter(&[&["host"], args, &["10.7.0.1"]].concat()).ok().stdout;
    let service = ask(&["-t", "SRV", "_ldap._tcp.lab.example"]);
    assert!(
        service.contains(&format!("SRV record 5 0 {port} dir.lab.example.")),
        "{service}"
    );
    let names = ask(&["probe-0.lab.example"]);
    assert!(
        names.contains("10.7.0.20") && names.contains("fd00:7::14"),
        "{names}"
    );
}

const V6_FILE: &str = r#"
networks:
  six:
    forward: nat
    mtu: 1400
    ipv6:
      ip_address: "fd00:6:{{ net }}::1"
      prefix: 64
      dhcp: {range: {start: "fd00:6:{{ net }}::2", end: "fd00:6:{{ net }}::9"}}
  alone: {ip_address: "10.8.{{ net }}.1", netmask: 24}
nodes:
  default:
    interfaces: [{network: alone}, {network: six}]
    external_network: six
"#;

const GUEST: &str = r#"
name: guest
cpu: 1
memory: 512
deploy_os: yes
disks: {disk1: {size: 3G}}
ips: ["10.8.{{ net }}.44"]
"#;

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_guest_is_reached_by_ipv6_alone_and_has_its_fixed_address() {
    let lab = Lab::up("networks-v6", &[]);
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), V6_FILE, "guest", GUEST);
    let folder = folder.path().display().to_string();
    let image = lab.image();
    let run = lab
        .virsh(&[
            "--format",
            "json",
            "--virt-type",
            "qemu",
            "--topology-dir",
            &folder,
            "--topology-network",
            "kinds",
            "--topology-nodes",
            "guest:1",
            "--image-url",
            &image,
        ])
        .ok();
    assert_eq!(run.list("nodes")[0]["ip"], "fd00:6::2", "{}", run.transcript());
    assert_eq!(run.list("nodes")[0]["ready"], true, "{}", run.transcript());
    let config = lab.home().join("default/ansible.ssh.config");
    let look = "ip -br address; cat /sys/class/net/eth1/mtu; ip -6 route show default";
    let guest = std::process::Command::new("ssh")
        .arg("-F")
        .arg(config)
        .args(["-o", "BatchMode=yes", "guest-0", look])
        .env_remove("SSH_AUTH_SOCK")
        .run()
        .ok()
        .stdout;
    for part in [
        "10.8.0.44/24",
        "fd00:6::2/64",
        "\n1400\n",
        "default via fd00:6::1 dev eth1",
    ] {
        assert!(guest.contains(part), "no {part:?} in:\n{guest}");
    }
}
