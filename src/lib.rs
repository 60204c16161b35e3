//! `irs` brings libvirt hypervisors to the state that a YAML topology describes, over SSH.
//!
//! ```text
//! flags + YAML ─► topology ─► Deployment (resolved, pure data) ─┐
//!                                                               ├─► Plan (pure) ─► steps 1–6 ─► outputs
//! hypervisor ─────────────► Actual (each step reads its kind) ──┘                 (effects)
//! ```
//!
//! One direction, no way back: a dry run stops after the plan, a removal is the same road with less wanted.

pub mod actual;
pub mod addresses;
pub mod answers;
pub mod apply;
pub mod blueprint;
pub mod ca;
pub mod catalogue;
pub mod checksum;
pub mod cli;
pub mod commands;
pub mod completion;
pub mod converge;
pub mod core_dumps;
pub mod customize;
pub mod deployment;
pub mod error;
pub mod fleet;
pub mod graph;
pub mod image;
pub mod interrupt;
pub mod ironic;
pub mod keys;
pub mod lease;
pub mod libvirt;
pub mod log;
pub mod mark;
pub mod names;
pub mod osinfo;
pub mod outputs;
pub mod packed;
pub mod patience;
pub mod plan;
pub mod ready;
pub mod remote;
pub mod resolve;
pub mod secret;
pub mod seed;
pub mod ssh;
pub mod steps;
pub mod topology;
pub mod ui;
pub mod units;
pub mod url;
pub mod version;
pub mod virtopts;
pub mod workspace;
pub mod xml;
pub mod yaml;

use std::process::ExitCode;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The exit codes of failures of which the log says more: not of wrong input.
const LOGGED: [u8; 3] = [1, 3, 4];

/// Runs the program; everything that goes wrong ends here.
pub fn run() -> ExitCode {
    core_dumps::none();
    let arguments: Vec<_> = std::env::args_os().collect();
    if completion::answered(&arguments) {
        return ExitCode::SUCCESS;
    }
    log::begin(&arguments);
    let answers::Settled { cli, answers, notes } = match cli::usage::parse() {
        Ok(settled) => settled,
        Err(code) => return code,
    };
    libvirt::quiet();
    let ui = ui::Ui::speaking(cli.common.format.into(), cli.common.quiet);
    tracing_subscriber::registry()
        .with(log::Events::new(&ui, cli.common.verbose))
        .init();
    notes.iter().for_each(|note| ui.note(&format!("note: {note}")));
    // Each node that is waited for has a thread, and a run may have a thousand.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2048)
        .build();
    let result = match runtime {
        // The calls into libvirt and ssh block; they have threads of their own.
        Ok(runtime) => {
            let result = runtime.block_on(async {
                match &cli.command {
                    cli::Command::Virsh(args) => commands::virsh::run(args, answers, &ui).await,
                    cli::Command::Status(args) => commands::status::run(args, &ui).await,
                    cli::Command::List(args) => commands::stoppable(commands::list::run(args, &ui)).await,
                    cli::Command::Inventory(args) => {
                        commands::stoppable(commands::inventory::run(args, &ui)).await
                    }
                    cli::Command::Workspace(args) => commands::workspace::run(args, &ui),
                    cli::Command::Ssh(args) => commands::ssh::ssh(args),
                    cli::Command::Scp(args) => commands::ssh::scp(args),
                    cli::Command::Console(args) => commands::console::run(args, &ui).await,
                    cli::Command::Forward(args) => commands::forward::run(args, &ui).await,
                    cli::Command::Vnc(args) => commands::vnc::run(args, &ui).await,
                    cli::Command::Power(args) => commands::power::run(args, &ui).await,
                    cli::Command::Ansible(args) => commands::ansible::run(args),
                    cli::Command::SshConfig(args) => commands::ssh_config::run(args, &ui),
                    cli::Command::Cleanup(args) => commands::cleanup::run(args, &ui).await,
                    cli::Command::Hypervisor(args) => commands::hypervisor::run(args, &ui).await,
                    cli::Command::Image(args) => commands::image::run(args, &ui).await,
                    cli::Command::Topology(args) => commands::topology::run(args, &ui),
                    cli::Command::Doctor(args) => commands::stoppable(commands::doctor::run(args, &ui)).await,
                    cli::Command::Completion(args) => {
                        commands::completion::run(args, &ui);
                        Ok(())
                    }
                    cli::Command::Man(args) => commands::man::run(args, &ui),
                }
            });
            runtime.shutdown_background();
            ssh::passphrase::restore();
            ui::raw::restore();
            result
        }
        Err(error) => Err(error.into()),
    };
    let code = match &result {
        Ok(()) => 0,
        Err(error) => told(error, &ui),
    };
    log::line(
        log::Level::Info,
        &format!("exit code {code}, after {}", ui.elapsed()),
    );
    if let Some(failure) = log::failure() {
        ui.warn(&failure);
    }
    if let Some(file) = log::file().filter(|file| LOGGED.contains(&code) && file.exists()) {
        ui.point(&format!("log: {}", file.display()));
    }
    ExitCode::from(code)
}

/// Tells of an error that ends the program; gives its exit code.
fn told(error: &anyhow::Error, ui: &ui::Ui) -> u8 {
    if let Some(error::Told(fault)) = error.downcast_ref() {
        ui.fault(&error::Report::of(&fault.clone().into()));
        return fault.exit as u8;
    }
    let report = error::Report::of(error);
    ui.error(&report);
    report.exit_code
}
