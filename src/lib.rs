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
pub mod checksum;
pub mod cli;
pub mod commands;
pub mod completion;
pub mod converge;
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
pub mod mark;
pub mod names;
pub mod osinfo;
pub mod outputs;
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
pub mod virtopts;
pub mod workspace;
pub mod xml;
pub mod yaml;

use std::process::ExitCode;

/// Runs the program; everything that goes wrong ends here.
pub fn run() -> ExitCode {
    if completion::answered(&std::env::args_os().collect::<Vec<_>>()) {
        return ExitCode::SUCCESS;
    }
    let answers::Settled { cli, answers, notes } = match cli::usage::parse() {
        Ok(settled) => settled,
        Err(code) => return code,
    };
    libvirt::quiet();
    let ui = ui::Ui::new(cli.common.format.into());
    log(&ui, cli.common.verbose);
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
                    cli::Command::List(args) => commands::list::run(args, &ui).await,
                    cli::Command::Inventory(args) => commands::inventory::run(args, &ui).await,
                    cli::Command::Workspace(args) => commands::workspace::run(args, &ui),
                    cli::Command::Ssh(args) => commands::ssh::ssh(args),
                    cli::Command::Scp(args) => commands::ssh::scp(args),
                    cli::Command::Console(args) => commands::console::run(args, &ui).await,
                    cli::Command::Forward(args) => commands::forward::run(args, &ui).await,
                    cli::Command::Vnc(args) => commands::vnc::run(args, &ui).await,
                    cli::Command::Power(args) => commands::power::run(args, &ui).await,
                    cli::Command::Ansible(args) => commands::ansible::run(args),
                    cli::Command::SshConfig(args) => commands::ssh_config::run(args, &ui),
                    cli::Command::Hypervisor(args) => commands::hypervisor::run(args, &ui).await,
                    cli::Command::Topology(args) => commands::topology::run(args, &ui),
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
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(error::Told(fault)) = error.downcast_ref() {
                ui.note(&error::Report::of(&fault.clone().into()).to_string());
                return ExitCode::from(fault.exit as u8);
            }
            let report = error::Report::of(&error);
            ui.error(&report);
            ExitCode::from(report.exit_code)
        }
    }
}

/// Sends log lines to stderr, past the progress lines.
fn log(ui: &ui::Ui, verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(ui.clone())
        .with_ansi(ui.colour())
        .with_target(false)
        .without_time()
        .init();
}
