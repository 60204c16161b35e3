//! What a run is for, by the flags that say it.

use crate::cli::virsh::Virsh;
use crate::yaml::Problems;

/// What a run is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Make what is missing.
    Make,
    /// Remove these nodes.
    RemoveNodes(Vec<String>),
    /// Remove the deployment.
    Kill,
    /// Remove everything of everybody.
    CleanupAll,
}

/// Which of them the flags ask for; complains of those that do not go together.
pub(super) fn of(args: &Virsh, problems: &mut Problems) -> Mode {
    let removal = &args.removal;
    let topology = &args.topology;
    let removes = [
        ("--cleanup", removal.cleanup),
        ("--kill", removal.kill),
        ("--remove-nodes", !removal.remove_nodes.is_empty()),
    ];
    let asked: Vec<&str> = removes
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(flag, _)| flag)
        .collect();
    if asked.len() > 1 {
        problems
            .push(None, format!("{} do not go together", asked.join(" and ")))
            .hint("use one of them");
    }
    if let Some(flag) = asked.first()
        && (topology.topology_extend || !topology.topology_nodes.is_empty())
    {
        problems
            .push(None, format!("{flag} and --topology-nodes do not go together"))
            .hint("remove first, then make");
    }
    if let Some(flag) = asked.first()
        && args.run.restart
    {
        problems
            .push(None, format!("{flag} and --restart do not go together"))
            .hint("a removal restarts nothing: --restart goes with --topology-nodes");
    }
    if removal.with_storage && !(removal.cleanup && topology.files.prefix.is_none()) {
        problems
            .push(None, "--with-storage goes with a --cleanup without --prefix")
            .hint("irs's own disks go with their nodes anyway");
    }
    if !removal.remove_nodes.is_empty() {
        return Mode::RemoveNodes(
            removal
                .remove_nodes
                .iter()
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        );
    }
    if removal.kill || (removal.cleanup && topology.files.prefix.is_some()) {
        return Mode::Kill;
    }
    if removal.cleanup {
        return Mode::CleanupAll;
    }
    if topology.topology_nodes.is_empty() {
        problems
            .push(None, "--topology-nodes is missing: which nodes shall there be?")
            .hint(examples(args));
    }
    Mode::Make
}

/// Lines to begin with, for the hypervisor and the environment that the flags name.
fn examples(args: &Virsh) -> String {
    let hosts = args.host.connect.host_address.join(",");
    let said = [
        (
            "--host-address",
            Some(hosts.as_str()).filter(|hosts| !hosts.is_empty()),
        ),
        ("--prefix", args.topology.files.prefix.as_deref()),
        ("--workspace", args.run.workspace.as_deref()),
    ];
    let mut irs = "irs virsh".to_owned();
    for (flag, value) in said {
        if let Some(value) = value.and_then(|value| shlex::try_quote(value).ok()) {
            irs.push_str(&format!(" {flag} {value}"));
        }
    }
    let nodes = "--topology-nodes undercloud:1,controller:1,compute:1";
    format!(
        "see what would be made, and touch nothing:\n  \
         {irs} {nodes} --dry-run\n\
         make it:\n  \
         {irs} {nodes}\n\
         later add a node, take one away, or all of it:\n  \
         {irs} --topology-nodes compute:1 --topology-extend\n  \
         {irs} --remove-nodes compute-1\n  \
         {irs} --kill\n\
         'irs topology list' shows the node types, 'irs virsh --help' all flags"
    )
}
