//! The flags that say how images are fetched.

use crate::secret::Secret;
use clap::{Args, ValueEnum};

/// How images are fetched.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Images")]
pub struct GettingFlags {
    /// Which machine fetches images: the hypervisor, or this one, which then sends them there, for a hypervisor that
    /// has no way out.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Via::Hypervisor, env = "IRS_IMAGE_VIA")]
    pub image_via: Via,
    /// A mirror of base images, tried before their own places: a URL below which they lie by their file names, or one with
    /// {host}, {path} and {file} of theirs in it. Repeated, they are tried in order.
    #[arg(long, value_name = "URL", env = "IRS_IMAGE_MIRROR")]
    pub image_mirror: Vec<String>,
    /// The proxy through which images are fetched. Default: that of the machine which fetches, by its environment or
    /// /etc/environment. Others may see a command line: with a password rather use the environment.
    #[arg(long, value_name = "URL", value_parser = clap::builder::ValueParser::new(secret), env = "IRS_IMAGE_PROXY", hide_env_values = true)]
    pub image_proxy: Option<Secret>,
}

/// Which machine fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Via {
    /// The one that has the nodes.
    Hypervisor,
    /// This one.
    Client,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}
