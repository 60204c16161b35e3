//! A deployment as it would be on a hypervisor that has nothing yet.

use crate::actual::Actual;
use crate::cli::draft::DraftFlags;
use crate::cli::virsh::VirtType;
use crate::commands::connection;
use crate::commands::virsh::{make, spec};
use crate::deployment::Deployment;
use crate::names::DEFAULT_DEPLOYMENT;
use crate::resolve::{self, part::Part};
use crate::secret::Secret;
use crate::steps::domains::template::Setting;
use crate::topology::Topology;
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;

/// What the flags come to.
pub struct Draft {
    /// The files' words, where the model does not keep them.
    pub topology: Topology,
    /// The model.
    pub deployment: Deployment,
    /// What the domains share; no keys are known.
    pub setting: Setting,
}

/// Resolves the flags, for the hypervisors of `--host-address`, on an empty hypervisor whose UUID is nil.
///
/// # Errors
/// Everything that is wrong with flags and files.
pub fn resolve(host_address: &[String], flags: &DraftFlags, ui: &Ui) -> Result<Draft> {
    let mut problems = Problems::default();
    let mut spec = spec::check(&flags.image, &flags.topology, &flags.node, &mut problems);
    // Nothing is fetched here: what only a real run must be told is stood in for.
    spec.topology.image_mirror_url.get_or_insert(super::MIRROR.into());
    connection::check_hosts(host_address, &mut problems);
    let prefix = flags.topology.files.prefix.as_deref();
    let slot = spec.forced.provisional(prefix);
    let loaded = make::load(&spec.topology, prefix, None, &slot).map_err(|found| problems.append(found));
    let (Ok(topology), true) = (loaded, problems.is_empty()) else {
        return Err(problems.into_fault());
    };
    for note in &topology.notes {
        ui.note(&format!("note: {note}"));
    }
    let hosts = connection::named(host_address);
    let host = hosts.first().copied().unwrap_or("local");
    if hosts.len() > 1 {
        ui.note(&format!("note: shown as if all of it were on '{host}'"));
    }
    let actual = Actual::default();
    let id = actual.identity(prefix.unwrap_or(DEFAULT_DEPLOYMENT), prefix, host);
    let part = Part::alone(&spec.wanted, &topology, &id, &actual);
    let mut deployment = resolve::deployment(&spec.wanted, &topology, slot, &id, &actual, &part)
        .map_err(Problems::into_fault)?;
    for node in &mut deployment.nodes {
        // What is shown has no password in it.
        node.vnc.password = node.vnc.password.take().map(|_| Secret::new("********"));
    }
    let setting = Setting {
        virt_type: match flags.node.virt_type {
            VirtType::Auto | VirtType::Kvm => "kvm",
            VirtType::Qemu => "qemu",
        },
        folder: spec.wanted.storage.deployment_folder(&id.name),
        login_keys: Vec::new(),
    };
    Ok(Draft {
        topology,
        deployment,
        setting,
    })
}
