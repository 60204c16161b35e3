//! What ssh's configuration says of a host: as `ssh -G` tells it, or as we read it where there is no OpenSSH.

use super::parser::{self, Query};
use super::{ClientOptions, Settings};
use crate::error::{Exit, Fault, FaultContext};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The settings that ssh would use; without an ssh program, those that we read ourselves.
pub(super) fn ask(
    host: &str,
    user: Option<&str>,
    port: Option<u16>,
    options: &ClientOptions,
) -> Result<Settings> {
    // The first value wins in ssh, so that our default stands last.
    let mut config = tempfile::NamedTempFile::new()?;
    match &options.config {
        Some(path) => writeln!(config, "Include \"{}\"", std::path::absolute(path)?.display())?,
        None => writeln!(config, "Include ~/.ssh/config\nInclude /etc/ssh/ssh_config")?,
    }
    writeln!(config, "Match all\n  User root")?;
    config.flush()?;
    let mut ssh = Command::new("ssh");
    ssh.arg("-G").arg("-F").arg(config.path());
    ssh.args(user.iter().flat_map(|u| ["-l", u]));
    ssh.args(port.iter().flat_map(|p| ["-p".to_owned(), p.to_string()]));
    let output = match ssh.arg("--").arg(host).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return by_ourselves(host, user, port, options),
        Err(e) => return Err(e).fault(|| Fault::new(Exit::Unreachable, "cannot run 'ssh -G'")),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(anyhow::anyhow!(said).context(Fault::new(
            Exit::Usage,
            format!("ssh does not accept its configuration for '{host}'"),
        )));
    }
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads what `ssh -G` says.
pub(super) fn read(said: &str) -> Settings {
    let mut settings = Settings::new();
    for line in said.lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        settings
            .entry(key.to_lowercase())
            .or_default()
            .push(value.trim_matches('"').to_owned());
    }
    settings
}

fn by_ourselves(
    host: &str,
    user: Option<&str>,
    port: Option<u16>,
    options: &ClientOptions,
) -> Result<Settings> {
    let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
    let own = home.join(".ssh");
    let files = match &options.config {
        Some(path) => vec![(path.clone(), own)],
        None => vec![
            (own.join("config"), own),
            ("/etc/ssh/ssh_config".into(), "/etc/ssh".into()),
        ],
    };
    let query = Query {
        host,
        user,
        port,
        home: &home,
        local_user: &std::env::var("USER").unwrap_or_default(),
    };
    parser::settings(&query, &files)
}
