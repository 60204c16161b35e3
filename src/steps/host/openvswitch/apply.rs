//! Making and removing bridges and ports of Open vSwitch.

use super::read::{ADDRESSES, DEPLOYMENT, OWNER, WAS_DOWN};
use super::{Port, Work};
use crate::deployment::Identity;
use crate::remote::{Cmd, Host};
use anyhow::{Context, Result};

/// Does one action.
///
/// # Errors
/// The hypervisor's.
pub fn apply(work: &Work, host: &Host, id: &Identity) -> Result<()> {
    match work {
        Work::Bridge { bridge, user_space } => {
            if !user_space {
                let module = Cmd::script("[ -d /sys/module/openvswitch ] || modprobe openvswitch", &[]);
                host.text(&module).context("loading the kernel's module")?;
            }
            let datapath = format!("datapath_type={}", if *user_space { "netdev" } else { "system" });
            let marks = marks(id);
            let mut words = vec![
                "--may-exist",
                "add-br",
                bridge,
                "--",
                "set",
                "bridge",
                bridge,
                &datapath,
            ];
            words.extend(marks.iter().map(String::as_str));
            vsctl(host, &words)
        }
        Work::Port(port) => make_port(port, host, id),
        Work::Nic {
            bridge,
            nic,
            was_down,
        } => {
            let marks = marks(id);
            let down = format!("external_ids:{WAS_DOWN}=yes");
            let mut words = vec!["--may-exist", "add-port", bridge, nic, "--", "set", "port", nic];
            words.extend(marks.iter().map(String::as_str));
            words.extend(was_down.then_some(down.as_str()));
            vsctl(host, &words)?;
            let up = Cmd::new("ip").args(["link", "set", "dev", nic, "up"]);
            host.text(&up).context("switching it on")?;
            Ok(())
        }
        Work::RemovePort { bridge, device } => vsctl(host, &["--if-exists", "del-port", bridge, device]),
        Work::RemoveBridge { bridge, down } => {
            vsctl(host, &["--if-exists", "del-br", bridge])?;
            for nic in down {
                let down = Cmd::script(
                    r#"[ ! -e "/sys/class/net/$1" ] || ip link set dev "$1" down"#,
                    &[nic],
                );
                host.text(&down)
                    .with_context(|| format!("switching '{nic}' off again"))?;
            }
            Ok(())
        }
    }
}

fn marks(id: &Identity) -> [String; 2] {
    [
        format!("external_ids:{OWNER}=\"{}\"", id.uuid),
        format!("external_ids:{DEPLOYMENT}=\"{}\"", id.name),
    ]
}

fn make_port(port: &Port, host: &Host, id: &Identity) -> Result<()> {
    let Port {
        bridge,
        device,
        vlan,
        addresses,
        stale,
        mtu,
    } = port;
    let marks = marks(id);
    // Noted before they are given: a killed run's are known, too.
    let noted = format!("external_ids:{ADDRESSES}=\"{}\"", addresses.join(" "));
    let tag = vlan
        .map(|id| format!("tag={id}"))
        .unwrap_or_else(|| "tag=[]".into());
    let request = mtu.map_or("mtu_request=[]".into(), |mtu| format!("mtu_request={mtu}"));
    let mut words = Vec::new();
    if device != bridge {
        words.extend([
            "--may-exist",
            "add-port",
            bridge,
            device,
            "--",
            "set",
            "interface",
            device,
            "type=internal",
            "--",
        ]);
    }
    words.extend([
        "set",
        "interface",
        device,
        &request,
        "--",
        "set",
        "port",
        device,
        &tag,
        &noted,
    ]);
    words.extend(marks.iter().map(String::as_str));
    vsctl(host, &words)?;
    let stale = stale.join(" ");
    let mut arguments = vec![device.as_str(), &stale];
    arguments.extend(addresses.iter().map(String::as_str));
    host.text(&Cmd::script(include_str!("address.sh"), &arguments))
        .context("giving it its addresses")?;
    Ok(())
}

fn vsctl(host: &Host, words: &[&str]) -> Result<()> {
    let cmd = Cmd::new("ovs-vsctl")
        .args(["--timeout=20", "--"])
        .args(words.iter().copied());
    host.text(&cmd).context("asking Open vSwitch")?;
    Ok(())
}
