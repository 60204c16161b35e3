//! A node on a LAN of the host that no guest agent tells the address of.

use crate::bridges::{lan, shell, state, topology};
use crate::support::{Lab, difference};

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_node_without_an_agent_is_found_among_the_neighbours() {
    let lab = Lab::up("neighbours", &["--nic", "lan0"]);
    let before = lab.snapshot();
    let nic = state(&lab, "lan0");
    let (file, folder) = (topology("lan0", ""), tempfile::tempdir().expect("a folder"));
    let blank = folder.path().join("blank.qcow2").display().to_string();
    lab.enter(&["qemu-img", "create", "-q", "-f", "qcow2", &blank, "64M"])
        .ok();
    let network = file.path().display().to_string();
    let make = |timeout: &str| {
        let args = [
            "--topology-nodes",
            "freeipa:1",
            "--topology-network",
            &network,
            "--image-url",
            &blank,
        ];
        let sizes = [
            "-e",
            "override.freeipa.memory=64",
            "-e",
            "override.freeipa.cpu=1",
            "--virt-type",
            "qemu",
        ];
        let more = ["--bridge-runtime-only", "--timeout", timeout];
        lab.virsh(&[&args[..], &sizes, &more].concat()).exits(1)
    };
    make("1").says(&["neither its guest agent nor the host's neighbours tell one"]);

    // Its disk is blank: a namespace answers in its place, who is only heard when he is asked.
    let mac = lab.domain("freeipa-0").all("mac", "address")[0].clone();
    let plug = format!(
        "ip link add plug type veth peer name wire; ip link set plug master br-lan up
         unshare --net sleep 60 >/dev/null 2>&1 & guest=$!
         until [ $(readlink /proc/$guest/ns/net) != $(readlink /proc/$$/ns/net) ]; do sleep 0.05; done
         ip link set wire netns $guest
         inside() {{ nsenter --target $guest --net \"$@\"; }}
         inside ip link set wire address {mac}; inside ip address add {}.88/24 dev wire; inside ip link set wire up",
        lan(&lab)
    );
    shell(&lab, &plug);
    make("16").says(&[&format!("no answer on port 22 of {}.88", lan(&lab))]);

    // Whatever else is in a bridge keeps it; the rest goes, and then the bridge does.
    lab.virsh(&["--kill", "--yes"])
        .exits(1)
        .says(&["'br-lan' still has the ports plug", "take them out"]);
    shell(&lab, "ip link delete plug");
    lab.virsh(&["--kill", "--yes"]).ok();
    assert_eq!(state(&lab, "lan0"), nic);
    let after = lab.snapshot_but_cache();
    let left = difference(&before, &after);
    let left: Vec<_> = left.lines().filter(|line| !line.contains("process")).collect();
    assert_eq!(left, [] as [&str; 0]);
}
