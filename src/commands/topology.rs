//! `irs topology`: what topologies are and would be, without a hypervisor.

mod check;
pub mod draft;
mod graph;
mod images;
mod list;
mod render;
mod schema;
mod show;

use crate::cli::topology::{Command, Topology};
use crate::cli::virsh::FileFlags;
use crate::commands::virsh::spec;
use crate::topology::files::Kind;
use crate::topology::{Request, Variables};
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;

/// Stands in for an image mirror that is not named: nothing is fetched from it here.
const MIRROR: &str = "https://mirror.example/images";

/// What files are read with, when they are not all of one topology: `types` are the node types that overrides may name.
fn request(
    flags: &FileFlags,
    types: impl IntoIterator<Item = String>,
) -> Result<(Request, Variables), Problems> {
    let mut problems = Problems::default();
    let mut request = spec::files(flags, &mut problems);
    request.nodes = types.into_iter().map(|name| (name, 1)).collect();
    request.image_mirror_url.get_or_insert(MIRROR.into());
    let slot = spec::forced(flags).provisional(flags.prefix.as_deref());
    let variables = Variables {
        net: slot.net,
        data_net: slot.data_net,
        prefix: flags.prefix.clone().unwrap_or_default(),
    };
    match problems.is_empty() {
        true => Ok((request, variables)),
        false => Err(problems),
    }
}

/// A kind of files in JSON.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Nodes => "node",
        Kind::Network => "network",
    }
}

/// Runs `irs topology`.
///
/// # Errors
/// `Usage`, with everything that is wrong with the files and flags.
pub fn run(args: &Topology, ui: &Ui) -> Result<()> {
    match &args.command {
        Command::List(args) => list::run(args, ui),
        Command::Show(args) => show::run(args, ui),
        Command::Schema(args) => {
            schema::run(args, ui);
            Ok(())
        }
        Command::Images(args) => images::run(args, ui),
        Command::Check(args) => check::run(args, ui),
        Command::Render(args) => render::run(args, ui),
        Command::Graph(args) => graph::run(args, ui),
    }
}
