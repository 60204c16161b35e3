//! The flags of `irs completion` and `irs man`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Flags of `irs completion`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "To have it in every new shell:\n\
  bash: irs completion bash > ~/.local/share/bash-completion/completions/irs\n\
        (without the package bash-completion: eval \"$(irs completion bash)\" in ~/.bashrc)\n\
  zsh:  irs completion zsh > \"${fpath[1]}/_irs\"\n\
  fish: irs completion fish > ~/.config/fish/completions/irs.fish")]
pub struct Completion {
    /// For which shell.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Shells that can complete command lines of irs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU bash, from 4.
    Bash,
    /// Z shell.
    Zsh,
    /// fish, from 3.
    Fish,
}

/// Flags of `irs man`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Read one with: irs man virsh | man -l -")]
pub struct Man {
    /// The command whose page is printed, as in 'irs man topology show'. Default: irs itself.
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub command: Vec<String>,
    /// Write the pages of all commands into this folder: irs.1, irs-virsh.1, …
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}
