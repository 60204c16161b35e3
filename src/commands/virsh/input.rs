//! The flags of `irs virsh`, checked: nothing of the hypervisor is asked yet.

use super::ansible_facts;
use super::getting;
use super::guest::Guest;
use super::mode::{self, Mode};
use super::spec::{self, Spec};
use crate::answers::Answers;
use crate::checksum;
use crate::cli::virsh::{self, Virsh, VirtType};
use crate::cli::{Cli, Command};
use crate::commands::connection::{self, Way, Ways};
use crate::error::{Exit, Fault};
use crate::names::DEFAULT_DEPLOYMENT;
use crate::resolve::Wanted;
use crate::resolve::placement::Placement;
use crate::resolve::slots::Forced;
use crate::ssh::config::ClientOptions;
use crate::steps::image::getting::Getting;
use crate::topology;
use crate::workspace::choice::{self, Choice};
use crate::workspace::{self, Workspace};
use crate::yaml::Problems;
use anyhow::{Result, bail};
use clap::{CommandFactory, FromArgMatches};
use std::time::Duration;

/// A checked command line.
#[derive(Clone, Debug)]
pub struct Request {
    /// What for.
    pub mode: Mode,
    /// The hypervisors, and those of them that new nodes may go to.
    pub ways: Ways,
    /// Which of them this is the request to.
    pub at: usize,
    /// The prefix, from the flag or the workspace.
    pub prefix: Option<String>,
    /// Where the outputs go.
    pub workspace: Workspace,
    /// What is said when this machine is meant because nobody named a hypervisor.
    pub here: String,
    /// What the last run noted there.
    pub known: Option<workspace::Record>,
    /// What is to be made.
    pub wanted: Wanted,
    /// Whether nobody named the folder of images.
    pub folder_is_default: bool,
    /// The topology asked for; the network's name is empty when none was named.
    pub topology: topology::Request,
    /// Forced subnets.
    pub forced: Forced,
    /// What the nodes' first boot is told.
    pub guest: Guest,
    /// Hardware virtualization or emulation.
    pub virt_type: VirtType,
    /// Whether virtualization is checked.
    pub validate: bool,
    /// Whether sshd's limits are raised.
    pub ssh_limits: bool,
    /// Whether the host gets the user that Ironic powers nodes as.
    pub stack_user: bool,
    /// Whether libguestfs is installed, where the hypervisor is prepared.
    pub libguestfs: bool,
    /// Whether too little memory is accepted.
    pub memory_overcommit: bool,
    /// What the base image's content must be.
    pub checksum: Option<checksum::Said>,
    /// How images are fetched.
    pub getting: Getting,
    /// Whether the base image is fetched again.
    pub force_download: bool,
    /// Whether Ansible is to ask the nodes for their facts.
    pub collect_facts: bool,
    /// Say only.
    pub dry_run: bool,
    /// Ask nothing.
    pub yes: bool,
    /// Whether a removal of everything takes the disks of domains that irs did not make.
    pub with_storage: bool,
    /// Wait for another run on the deployment.
    pub wait: bool,
    /// Whether nodes are restarted for what only that shows, and how long each may take to shut down.
    pub restart: Option<Duration>,
    /// For a node to get ready.
    pub timeout: Duration,
    /// How new nodes are dealt to several hypervisors.
    pub placement: Placement,
    /// Whether hypervisors that fail are left out.
    pub keep_going: bool,
    /// The hypervisors that are gone for good.
    pub forgotten: Vec<String>,
}

impl Request {
    /// The flags with what the workspace knew besides.
    pub fn answers(&self, mut answers: Answers) -> Answers {
        let client = self.client();
        let key = client.key.as_ref().map(|key| key.display().to_string());
        let dealt = self.ways.dealt.iter().map(|at| self.ways.all[*at].host.as_str());
        answers.resolve("host-address", Some(&dealt.collect::<Vec<_>>().join(",")));
        answers.resolve("host-user", client.user.as_deref());
        answers.resolve("host-key", key.as_deref());
        answers.resolve("prefix", self.prefix.as_deref());
        answers
    }

    /// The same request to another of its hypervisors.
    pub fn to(&self, at: usize) -> Request {
        Request { at, ..self.clone() }
    }

    /// The hypervisor that it is to.
    pub fn way(&self) -> &Way {
        &self.ways.all[self.at]
    }

    /// That hypervisor's name, as it was typed.
    pub fn host(&self) -> &str {
        &self.way().host
    }

    /// How that hypervisor is reached.
    pub fn client(&self) -> &ClientOptions {
        &self.way().client
    }

    /// Whether it is to several hypervisors.
    pub fn is_of_several(&self) -> bool {
        self.ways.all.len() > 1
    }

    /// The deployment's name.
    pub fn deployment(&self) -> &str {
        self.prefix.as_deref().unwrap_or(DEFAULT_DEPLOYMENT)
    }
}

/// Checks the flags, all of them.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn check(args: &Virsh) -> Result<Request> {
    let mut problems = Problems::default();
    let mode = mode::of(args, &mut problems);
    if mode == Mode::Make && args.run.collect_ansible_facts {
        ansible_facts::check(&mut problems);
    }
    let Spec {
        mut wanted,
        topology,
        forced,
        guest,
    } = spec::check(&args.image, &args.topology, &args.node, &mut problems);
    getting::check(&args.image.getting, &wanted.catalogue, &mut problems);
    connection::check_hosts(&args.host.connect.host_address, &mut problems);
    let named = connection::named(&args.host.connect.host_address);
    for host in connection::named(&args.host.forget_host) {
        if named.contains(&host) {
            problems
                .push(None, format!("'{host}' is named, and is to be forgotten"))
                .hint("--forget-host is for a hypervisor that is gone for good: name the others only");
        }
    }
    wanted.host_mtu = args.host.host_mtu_size;
    wanted.bridge_runtime_only = args.host.bridge_runtime_only;
    if !problems.is_empty() {
        if !topology.nodes.is_empty() {
            problems.append(super::make::faults(&topology, forced, &wanted.catalogue));
        }
        return Err(problems.into_fault());
    }

    let choice = choice::choose(
        args.topology.files.prefix.as_deref(),
        args.run.workspace.as_deref(),
    )?;
    if mode != Mode::Make && args.host.connect.host_address.is_empty() {
        choice.must_be_there()?;
    }
    let prefix = choice.prefix();
    let here = connection::here("working on", &choice);
    let Choice {
        workspace,
        record: mut known,
        ..
    } = choice;
    if let Some(known) = &mut known {
        known
            .hosts
            .retain(|host| !args.host.forget_host.contains(&host.address));
    }
    let ways = connection::ways(&args.host.connect, known.as_ref());
    if let (true, Some(host)) = (
        ways.all.iter().all(|way| way.is_default),
        args.host.forget_host.first(),
    ) {
        bail!(
            Fault::new(
                Exit::Usage,
                format!("no hypervisor is left when '{host}' is forgotten")
            )
            .hint("name one with --host-address")
        );
    }
    if mode == Mode::CleanupAll && args.host.connect.host_address.is_empty() {
        bail!(
            Fault::new(
                Exit::Usage,
                "--cleanup without --prefix removes everything on a hypervisor: --host-address must be said"
            )
            .hint("--host-address local is this machine; --cleanup --prefix NAME removes one environment")
        );
    }
    let spec = Spec {
        wanted,
        topology,
        forced,
        guest,
    };
    let place = Place {
        ways,
        prefix,
        workspace,
        known,
        here,
    };
    Ok(request(args, mode, spec, place))
}

/// Which environment, where, and what is known of it.
pub struct Place {
    /// The hypervisors.
    pub ways: Ways,
    /// The prefix.
    pub prefix: Option<String>,
    /// Where the outputs are.
    pub workspace: Workspace,
    /// What the last run noted there.
    pub known: Option<workspace::Record>,
    /// That in words.
    pub here: String,
}

/// The removal of one environment, with none of the environment's variables and nothing to ask.
///
/// # Errors
/// Never, for these flags.
pub fn removal(place: Place) -> Result<Request> {
    let command = crate::answers::without_variables(Cli::command());
    let said = command.try_get_matches_from(["irs", "virsh", "--kill", "--yes"])?;
    let Command::Virsh(args) = Cli::from_arg_matches(&said)?.command else {
        bail!("'irs virsh' is another command");
    };
    let mut problems = Problems::default();
    let spec = spec::check(&args.image, &args.topology, &args.node, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    Ok(request(&args, Mode::Kill, spec, place))
}

fn request(args: &Virsh, mode: Mode, spec: Spec, place: Place) -> Request {
    Request {
        folder_is_default: args.image.disk_pool.is_none(),
        mode,
        ways: place.ways,
        at: 0,
        prefix: place.prefix,
        workspace: place.workspace,
        known: place.known,
        here: place.here,
        getting: getting::check(
            &args.image.getting,
            &spec.wanted.catalogue,
            &mut Problems::default(),
        ),
        wanted: spec.wanted,
        topology: spec.topology,
        forced: spec.forced,
        guest: spec.guest,
        virt_type: args.node.virt_type,
        ssh_limits: args.host.host_ssh_limits,
        stack_user: args.host.stack_user,
        validate: args.host.ground.host_validate,
        libguestfs: args.host.ground.host_libguestfs,
        memory_overcommit: args.host.host_memory_overcommit,
        checksum: args.image.image_checksum.clone(),
        force_download: args.image.force_image_download,
        collect_facts: args.run.collect_ansible_facts,
        dry_run: args.run.dry_run,
        yes: args.removal.yes,
        with_storage: args.removal.with_storage,
        wait: args.run.wait,
        restart: args
            .run
            .restart
            .then(|| Duration::from_secs(args.run.restart_timeout)),
        timeout: Duration::from_secs(args.run.timeout),
        placement: match args.host.placement {
            virsh::Placement::RoundRobin => Placement::RoundRobin,
            virsh::Placement::Memory => Placement::Memory,
        },
        keep_going: args.run.keep_going,
        forgotten: args
            .host
            .forget_host
            .iter()
            .map(|host| host.trim().to_owned())
            .collect(),
    }
}
