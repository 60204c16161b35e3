//! The flags of `irs topology`.

use super::draft::DraftFlags;
use super::format::{self, Form};
use super::virsh::FileFlags;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Flags of `irs topology`.
#[derive(Clone, Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Topology {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with topologies, all of it without a hypervisor.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show which node types and network files there are, what they are for and where they come from.
    List(List),
    /// Show a file as irs reads it: rendered, overridden, with comments on all of its keys.
    Show(Show),
    /// Show the base images that have names: for --image-url, and 'import_url' in topology files.
    Images(Images),
    /// Say everything that is wrong with topology files, with place and hint.
    Check(Check),
    /// Print the JSON Schema of a kind of topology files, for editors.
    Schema(Schema),
    /// Resolve nodes and networks as 'irs virsh' would, down to libvirt's XML.
    Render(Box<Render>),
    /// Draw networks as rails and the nodes that hang from them, with their addresses.
    Graph(Box<GraphFlags>),
}

/// Flags of `irs topology list`.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// How the files are read.
    #[command(flatten)]
    pub files: FileFlags,
}

/// Flags of `irs topology images`.
#[derive(Clone, Debug, Args)]
pub struct Images {
    /// All about this one.
    #[arg(value_name = "IMAGE")]
    pub name: Option<String>,
    /// A folder with an images.yml that comes before the built-in one; may be repeated.
    #[arg(long, value_name = "DIR", env = "IRS_TOPOLOGY_DIR", help_heading = "Topology")]
    pub topology_dir: Vec<PathBuf>,
}

/// Flags of `irs topology show`.
#[derive(Clone, Debug, Args)]
pub struct Show {
    /// A node type, a network file, or the path of a file.
    #[arg(value_name = "NAME|PATH")]
    pub name: String,
    /// Which of the two, where a name is both.
    #[arg(long, value_enum, value_name = "KIND")]
    pub kind: Option<FileKind>,
    /// How the result is printed on stdout.
    #[arg(long, value_name = "FORMAT", value_parser = format::parser(format::SHOW), default_value = "yaml")]
    pub format: Form,
    /// How the files are read.
    #[command(flatten)]
    pub files: FileFlags,
}

/// The kinds of topology files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileKind {
    /// A node type, of a folder 'nodes'.
    Node,
    /// Networks, of a folder 'network'.
    Network,
}

/// Flags of `irs topology check`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "A file in a folder 'nodes' or 'network' is of that kind, 'images.yml' has base images, others are told apart by their keys. Templates are rendered with the \
variables of an environment, and with those of -e. Exit code 2 when anything is wrong; stdout says what is fine."
)]
pub struct Check {
    /// Node and network files, or folders of them.
    #[arg(value_name = "FILE", required = true)]
    pub paths: Vec<PathBuf>,
    /// The networks that the nodes must fit. Default: those of any network file that is checked too, else 3_nets.
    #[arg(
        long,
        value_name = "NAME|PATH",
        env = "IRS_TOPOLOGY_NETWORK",
        help_heading = "Topology"
    )]
    pub topology_network: Option<String>,
    /// How the files are read.
    #[command(flatten)]
    pub files: FileFlags,
}

/// Flags of `irs topology schema`.
#[derive(Clone, Debug, Args)]
pub struct Schema {
    /// Which kind of files.
    #[arg(value_enum, value_name = "KIND")]
    pub kind: SchemaKind,
}

/// The kinds of files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// A node type, of a folder 'nodes'.
    Node,
    /// Networks, of a folder 'network'.
    Network,
    /// Base images by name, 'images.yml'.
    Images,
}

/// Flags of `irs topology render`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Nothing is asked of the hypervisor: subnets are the first ones, addresses the lowest, UUIDs and MACs are derived from \
an empty host UUID, and the SSH keys of a real run are left out. The files' mistakes end with exit code 2."
)]
pub struct Render {
    /// How the result is printed on stdout.
    #[arg(long, value_name = "FORMAT", value_parser = format::parser(format::RENDER), default_value = "yaml")]
    pub format: Form,
    /// What is drawn.
    #[command(flatten)]
    pub drawn: DrawnFlags,
}

/// Flags of `irs topology graph`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Draw with Graphviz: irs topology graph --topology-nodes controller:3 | dot -Tpng -o graph.png. A Markdown file shows \
Mermaid in a code block of that name. SVG needs nothing else."
)]
pub struct GraphFlags {
    /// The language of the drawing.
    #[arg(long, value_name = "FORMAT", value_parser = format::parser(format::GRAPH), default_value = "dot")]
    pub format: Form,
    /// What is drawn.
    #[command(flatten)]
    pub drawn: DrawnFlags,
}

/// What there shall be, and where.
#[derive(Clone, Debug, Args)]
pub struct DrawnFlags {
    /// The hypervisor's name, which is only written down here. Default: 'local'.
    #[arg(
        long,
        value_name = "HOST",
        value_delimiter = ',',
        env = "IRS_HOST_ADDRESS",
        help_heading = "Hypervisor"
    )]
    pub host_address: Vec<String>,
    /// What there shall be.
    #[command(flatten)]
    pub draft: DraftFlags,
}
