//! `irs topology schema`: what editors check files with.

use crate::cli::topology::{FileKind, Schema};
use crate::topology::files::Kind;
use crate::topology::schema;
use crate::ui::Ui;

/// Runs `irs topology schema`.
pub fn run(args: &Schema, ui: &Ui) {
    let kind = match args.kind {
        FileKind::Node => Kind::Nodes,
        FileKind::Network => Kind::Network,
    };
    ui.document(&schema::render(kind));
}
