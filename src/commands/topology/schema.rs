//! `irs topology schema`: what editors check files with.

use crate::cli::topology::{Schema, SchemaKind};
use crate::topology::files::Kind;
use crate::topology::schema;
use crate::ui::Ui;

/// Runs `irs topology schema`.
pub fn run(args: &Schema, ui: &Ui) {
    let schema = match args.kind {
        SchemaKind::Node => schema::render(Kind::Nodes),
        SchemaKind::Network => schema::render(Kind::Network),
        SchemaKind::Images => schema::render_images(),
    };
    ui.document(&schema);
}
