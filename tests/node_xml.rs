//! The XML of nodes with every key, as it goes to libvirt.

#![allow(clippy::unwrap_used)]

use std::process::Command;

const NETWORK: &str = "
networks: {net1: {name: data, forward: nat, ip_address: 10.0.0.1, netmask: 24, dhcp: {range: {start: 10.0.0.2, end: 10.0.0.9}}}}
nodes: {default: {interfaces: [{network: data}], external_network: {network: data}}}
";
const MANY: &str = "
cpu: {sockets: 2, cores: 2, threads: 1}
cpumodel: {name: Nehalem, features: {vmx: require, svm: no}}
memory: 1024
deploy_os: no
guest_agent: no
machine_type: pc
os: {type: linux, variant: debian12}
groups: [painters]
disks:
  disk1: {size: 1G, bus: scsi, cache: none}
  disk2: {size: 1G, bus: sata}
  disk3: {size: 1G, bus: ide, dev: /dev/vda}
  disk4: {size: 1G, dev: /dev/vdc}
  disk5: {size: 1G, path: /srv/disks/}
";
const SAFE: &str = "
cpu: 1
cpumodel: none
memory: 1024
secure_boot: yes
tpm: 2.0
disks: {disk1: {size: 1G, dev: /dev/vdb}, disk2: {size: 1G, dev: /dev/vda}}
";

fn domain(nodes: &str, flags: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("network/plain.yml", NETWORK),
        ("nodes/many.yml", MANY),
        ("nodes/safe.yml", SAFE),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_irs"))
        .args([
            "topology",
            "render",
            "--format",
            "xml",
            "--topology-network",
            "plain",
        ])
        .args(["--topology-nodes", nodes, "--topology-dir"])
        .arg(folder.path())
        .args(flags)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let from = text.find("<domain").unwrap();
    text[from..].to_owned()
}

#[test]
fn disks_and_cpus() {
    insta::assert_snapshot!(domain("many:1", &["--virt-type", "kvm"]));
}

#[test]
fn firmware_screens_and_options() {
    let options = "--memballoon none --boot network,hd <devices><sound model='ich9'/></devices><clock offset='localtime'/>";
    let flags = [
        "--virt-type",
        "kvm",
        "--vnc-external",
        "--vnc-password",
        "a<b&'c\"",
        "--virtopts",
        options,
    ];
    insta::assert_snapshot!(domain("safe:1", &flags));
}
