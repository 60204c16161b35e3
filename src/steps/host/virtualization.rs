//! Whether guests run by KVM or by QEMU's own emulation.

use super::facts::Facts;
use crate::cli::virsh::VirtType;
use crate::deployment::{Deployment, Node};
use crate::error::{Exit, Fault};
use crate::libvirt::Libvirt;
use crate::remote::{Cmd, Host};
use crate::steps::domains::read::ActualDomain;
use anyhow::{Result, bail};

const SLOW: &str = "guests run by QEMU's own emulation: slow, and not for production";

/// Chooses `kvm` or `qemu`; with a warning when it is not what one would want.
///
/// # Errors
/// `Resources`, when KVM is asked for and not usable.
pub fn choose(
    wanted: VirtType,
    validate: bool,
    facts: &Facts,
    libvirt: &Libvirt,
    host: &Host,
) -> Result<(&'static str, Option<String>)> {
    if wanted == VirtType::Qemu {
        return Ok(("qemu", None));
    }
    if !validate {
        return Ok((
            if facts.kvm_device || wanted == VirtType::Kvm {
                "kvm"
            } else {
                "qemu"
            },
            None,
        ));
    }
    let Some(missing) = missing(facts, libvirt) else {
        // Nested hosts may offer a KVM that no guest survives; only `auto` may look for itself.
        if wanted == VirtType::Auto && !survives(host) {
            return Ok((
                "qemu",
                Some(format!(
                    "KVM is there on '{}' and does not carry a guest: {SLOW}",
                    host.name()
                )),
            ));
        }
        return Ok(("kvm", None));
    };
    if wanted == VirtType::Kvm {
        bail!(
            Fault::new(
                Exit::Resources,
                format!("'{}' cannot run KVM guests: {missing}", host.name())
            )
            .hint(
                "enable VT-x or AMD-V in the firmware and load the kvm module, or use --virt-type qemu (slow)"
            )
        );
    }
    Ok((
        "qemu",
        Some(format!("'{}' has no usable KVM ({missing}): {SLOW}", host.name())),
    ))
}

/// The existing nodes that are told to run by another one of the two than they do. An extend tells them nothing.
pub fn turned(deployment: &Deployment, domains: &[ActualDomain]) -> Vec<String> {
    let turns = |node: &&Node| {
        let found = domains.iter().find(|domain| domain.name == node.name);
        let wanted = node.virt_type.filter(|_| deployment.extend.is_none());
        found.is_some_and(|found| wanted.is_some_and(|wanted| wanted != found.virt_type))
    };
    let nodes = deployment.nodes.iter().filter(turns);
    nodes.map(|node| node.name.clone()).collect()
}

fn missing(facts: &Facts, libvirt: &Libvirt) -> Option<String> {
    if !facts.kvm_device {
        return Some(match &facts.cpu_flag {
            Some(flag) => format!("the CPU has {flag}, and there is no /dev/kvm"),
            None => "the CPU shows neither vmx nor svm, and there is no /dev/kvm".into(),
        });
    }
    (!libvirt.offers_kvm()).then(|| "libvirt offers no domains of the type kvm".into())
}

/// Runs a boot sector under KVM for a moment: it writes to QEMU's debug-exit device, and the exit status tells.
fn survives(host: &Host) -> bool {
    let probe = Cmd::script(include_str!("kvm_probe.sh"), &[]);
    match host.run(&probe) {
        // A QEMU that lacks the probe's devices says nothing about KVM: only a guest that gets nowhere does.
        Ok(output) => output.status != 124,
        Err(_) => true,
    }
}
