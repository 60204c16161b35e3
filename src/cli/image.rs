//! The flags of `irs image`.

use super::boolean::Boolean;
use super::cleanup::duration;
use super::environment::WorkspaceFlag;
use super::getting::GettingFlags;
use super::host::ConnectFlags;
use crate::checksum;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Flags of `irs image`.
#[derive(Clone, Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Base images lie once on each hypervisor, under the disks of all environments. One that a disk lies over, or that a run needs, \
is never removed."
)]
pub struct Image {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of `irs image`.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List the base images on a hypervisor: sizes, where they came from, and who uses them.
    List(List),
    /// Bring an image into the cache without making nodes of it.
    Pull(Box<Pull>),
    /// Remove base images that nothing uses.
    Rm(Rm),
    /// Remove all base images that nothing uses, and what unfinished downloads left.
    Prune(Prune),
    /// Read base images as a whole, and name those that are not what was placed.
    Verify(Verify),
}

/// Where the cache is.
#[derive(Clone, Debug, Args)]
pub struct CacheFlags {
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Folder of all images on the hypervisor. Default: /var/lib/libvirt/images.
    #[arg(long, value_name = "DIR", env = "IRS_DISK_POOL", help_heading = "Images")]
    pub disk_pool: Option<String>,
    /// Whose, when none is named.
    #[command(flatten)]
    pub workspace: WorkspaceFlag,
}

/// Flags of `irs image list`.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Where.
    #[command(flatten)]
    pub cache: CacheFlags,
}

/// Flags of `irs image pull`.
#[derive(Clone, Debug, Args)]
pub struct Pull {
    /// Which image: an http(s) URL, a file of this machine, or a name that 'irs topology images' shows.
    #[arg(value_name = "URL|PATH|NAME", env = "IRS_IMAGE_URL", hide_env_values = true)]
    pub source: String,
    /// Where to.
    #[command(flatten)]
    pub cache: CacheFlags,
    /// What its content must be: sha256: or sha512: and its digits, or the URL or path of a file of sums (SHA256SUMS) that
    /// names the image.
    #[arg(
        long,
        value_name = "sha256:HEX|URL|PATH",
        env = "IRS_IMAGE_CHECKSUM",
        help_heading = "Images"
    )]
    pub image_checksum: Option<checksum::Said>,
    /// How it is fetched.
    #[command(flatten)]
    pub getting: GettingFlags,
    /// Fetch it again, though it is in the cache.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_FORCE_IMAGE_DOWNLOAD", hide_possible_values = true, help_heading = "Images")]
    pub force_image_download: bool,
    /// Name of the pool of base images in that folder, unless a pool owns it already.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "images",
        env = "IRS_POOL_NAME",
        help_heading = "Images"
    )]
    pub pool_name: String,
    /// A folder whose images.yml comes before the built-in one; may be repeated.
    #[arg(long, value_name = "DIR", env = "IRS_TOPOLOGY_DIR", help_heading = "Images")]
    pub topology_dir: Vec<PathBuf>,
}

/// Flags of `irs image rm`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 removed, 1 one of them is in use, 2 usage or input, 3 hypervisor unreachable or refused, 5 a run needs one just now."
)]
pub struct Rm {
    /// Which ones: the beginning of the id, the file's name, or the URL or file that it came from.
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// Where.
    #[command(flatten)]
    pub cache: CacheFlags,
    /// Say what would be removed, and touch nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Flags of `irs image prune`.
#[derive(Clone, Debug, Args)]
pub struct Prune {
    /// Where.
    #[command(flatten)]
    pub cache: CacheFlags,
    /// How long no run may have needed an image that goes: 24h, 90m, 7d, 1d12h. Default: all that nothing uses go.
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub older_than: Option<Duration>,
    /// Say what would be removed, and touch nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// Flags of `irs image verify`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all are what was placed, 1 one is not, 2 usage or input, 3 hypervisor unreachable or refused, 130 interrupted."
)]
pub struct Verify {
    /// Which ones: the beginning of the id, the file's name, or the URL or file that it came from. Default: all.
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Where.
    #[command(flatten)]
    pub cache: CacheFlags,
}
