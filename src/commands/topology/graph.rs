//! `irs topology graph`: a picture of what there would be.

use super::draft;
use crate::cli::format::Form;
use crate::cli::topology::GraphFlags;
use crate::error::{Exit, Fault};
use crate::graph::{Graph, dot, mermaid, svg};
use crate::ui::Ui;
use anyhow::{Result, bail};

/// Runs `irs topology graph`.
///
/// # Errors
/// Everything that is wrong with flags and files.
pub fn run(args: &GraphFlags, ui: &Ui) -> Result<()> {
    let render = match args.format {
        Form::Dot => dot::render,
        Form::Mermaid => mermaid::render,
        Form::Svg => svg::render,
        _ => bail!(
            Fault::new(Exit::Usage, "a graph cannot be JSON")
                .hint("use --format dot, mermaid or svg; 'irs topology render' has JSON")
        ),
    };
    let draft = draft::resolve(&args.drawn.host_address, &args.drawn.draft, ui)?;
    ui.result(&render(&Graph::of(&draft.deployment)));
    Ok(())
}
