//! What ssh itself would do for a destination: OpenSSH is asked (`ssh -G`), so that all of the
//! user's configuration counts as it does for `ssh`.

use super::auth::{Method, Methods};
use crate::error::{Exit, Fault, FaultContext};
use crate::yaml::shown;
use anyhow::Result;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What the command line says about connecting to a hypervisor.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// The login user; without one the ssh configuration's, else root.
    pub user: Option<String>,
    /// The one private key to use; a public key names one that the agent holds.
    pub key: Option<PathBuf>,
    /// The known_hosts file that replaces the user's.
    pub known_hosts: Option<PathBuf>,
    /// The ssh configuration that replaces the user's and the system's, as `ssh -F`.
    pub config: Option<PathBuf>,
    /// What to do about an unknown host key, whatever the ssh configuration says.
    pub strictness: Option<Strictness>,
}

/// What to do about a host key that is not known, in the words of ssh's own option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Refuse it (ssh's `yes` and `ask`).
    Refuse,
    /// Accept and remember it (ssh's `accept-new`; `no` means the same to irs: a changed key is refused).
    AcceptNew,
}

/// Which ssh-agent may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentSocket {
    /// The one of `$SSH_AUTH_SOCK`.
    Environment,
    /// The one of this socket.
    Path(PathBuf),
    /// None.
    Off,
}

/// Where a hypervisor is and how to get in.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The host as it was typed, without user and port.
    pub typed: String,
    /// The name or address to connect to.
    pub hostname: String,
    /// The TCP port.
    pub port: u16,
    /// The login user.
    pub user: String,
    /// The private keys to try, in order.
    pub identity_files: Vec<PathBuf>,
    /// The one key that the command line named: no other is tried.
    pub only_key: Option<PathBuf>,
    /// Whether the agent may only offer keys of `identity_files`.
    pub identities_only: bool,
    /// Files with certificates of keys.
    pub certificates: Vec<PathBuf>,
    /// The ssh-agent.
    pub agent: AgentSocket,
    /// How to log in, in which order.
    pub methods: Methods,
    /// Whether it is only on the way to the hypervisor.
    pub is_hop: bool,
    /// ssh's ProxyJump, a comma-separated list.
    pub proxy_jump: Option<String>,
    /// ssh's ProxyCommand, its tokens not yet expanded.
    pub proxy_command: Option<String>,
    /// The known_hosts files, the user's first; the first of them takes new keys.
    pub known_hosts: Vec<PathBuf>,
    /// What to do about an unknown host key.
    pub strictness: Strictness,
    /// The name to look up in known_hosts instead of the host's.
    pub host_key_alias: Option<String>,
    /// Whether known_hosts files are to hide the names of hosts.
    pub hash_names: bool,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// The ssh configuration in place of the usual ones.
    pub config: Option<PathBuf>,
}

impl Destination {
    /// The names under which known_hosts files list the host, the most exact first.
    pub fn known_names(&self) -> Vec<String> {
        let name = self
            .host_key_alias
            .as_ref()
            .unwrap_or(&self.hostname)
            .to_lowercase();
        match (self.port, &self.host_key_alias) {
            (22, _) | (_, Some(_)) => vec![name],
            (port, None) => vec![format!("[{name}]:{port}"), name],
        }
    }

    /// `user@host`, as messages say it.
    pub fn login(&self) -> String {
        format!("{}@{}", self.user, self.typed)
    }
}

/// Asks ssh what `address` (`hv`, `user@hv:2222`, `[::1]:22`, `ssh://…`) means; fails when it is no
/// address or when the ssh configuration is wrong.
pub fn resolve(address: &str, options: &ClientOptions) -> Result<Destination> {
    let address = Address::parse(address)?;
    if let Some(user) = options.user.as_ref().filter(|user| !is_name(user)) {
        let message = format!("--host-user '{}' is not the name of a user", shown(user));
        return Err(Fault::new(Exit::Usage, message)
            .hint("it takes the name of the user to log in as, e.g. --host-user root")
            .into());
    }
    let user = options.user.clone().or(address.user);
    let settings = ask_ssh(&address.host, user.as_deref(), address.port, options)?.unwrap_or_default();
    let one = |key: &str| {
        settings
            .get(key)
            .and_then(|v| v.first())
            .filter(|v| !v.is_empty() && *v != "none")
            .cloned()
    };
    let port = one("port")
        .and_then(|p| p.parse().ok())
        .or(address.port)
        .unwrap_or(22);
    let hostname = one("hostname").unwrap_or_else(|| address.host.clone());
    let user = user.or_else(|| one("user")).unwrap_or_else(|| "root".into());
    let expand = |path: &str| expand_path(path, &address.host, &hostname, port, &user);
    let files = |key: &str, default: &[&str]| -> Vec<PathBuf> {
        let listed = match settings.get(key) {
            Some(lines) => lines
                .iter()
                .flat_map(|l| l.split_whitespace())
                .map(expand)
                .collect(),
            None => default.iter().map(|p| expand(p)).collect(),
        };
        Vec::into_iter(listed)
            .filter(|p| p != Path::new("none"))
            .collect()
    };
    let user_known = match &options.known_hosts {
        Some(file) => vec![file.clone()],
        None => files(
            "userknownhostsfile",
            &["~/.ssh/known_hosts", "~/.ssh/known_hosts2"],
        ),
    };
    let mut known_hosts = user_known;
    known_hosts.extend(files("globalknownhostsfile", &["/etc/ssh/ssh_known_hosts"]));
    let identity_files = match settings.get("identityfile") {
        Some(lines) => lines.iter().filter(|l| *l != "none").map(|l| expand(l)).collect(),
        None => ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"]
            .iter()
            .map(|p| expand(p))
            .collect(),
    };
    let certificates = settings.get("certificatefile").into_iter().flatten();
    let certificates = certificates.filter(|l| *l != "none").map(|l| expand(l)).collect();
    let agent = match settings
        .get("identityagent")
        .and_then(|v| v.first())
        .map(String::as_str)
    {
        None | Some("SSH_AUTH_SOCK") => AgentSocket::Environment,
        Some("none") => AgentSocket::Off,
        Some(path) => match path.strip_prefix('$') {
            Some(name) => std::env::var_os(name.trim_matches(['{', '}']))
                .map_or(AgentSocket::Off, |p| AgentSocket::Path(p.into())),
            None => AgentSocket::Path(expand(path)),
        },
    };
    let strictness = options
        .strictness
        .unwrap_or_else(|| match one("stricthostkeychecking").as_deref() {
            Some("accept-new" | "no" | "off" | "false") => Strictness::AcceptNew,
            _ => Strictness::Refuse,
        });
    Ok(Destination {
        identity_files,
        only_key: options.key.clone(),
        identities_only: one("identitiesonly").as_deref() == Some("yes"),
        certificates,
        agent,
        methods: methods(&one),
        is_hop: false,
        hash_names: one("hashknownhosts").as_deref() == Some("yes"),
        proxy_jump: one("proxyjump"),
        proxy_command: one("proxycommand"),
        known_hosts,
        strictness,
        host_key_alias: one("hostkeyalias"),
        connect_timeout: one("connecttimeout")
            .and_then(|s| s.parse().ok())
            .map_or(Duration::from_secs(15), Duration::from_secs),
        config: options.config.clone(),
        typed: address.host,
        hostname,
        port,
        user,
    })
}

/// What may be tried to log in.
fn methods(one: &dyn Fn(&str) -> Option<String>) -> Methods {
    let allowed = |method: &Method| {
        let keys: &[&str] = match method {
            Method::PublicKey => &["pubkeyauthentication"],
            Method::Interactive => &["kbdinteractiveauthentication", "challengeresponseauthentication"],
            Method::Password => &["passwordauthentication"],
        };
        !keys
            .iter()
            .any(|key| matches!(one(key).as_deref(), Some("no" | "false")))
    };
    let order = match one("preferredauthentications") {
        Some(names) => names
            .split(',')
            .filter_map(|name| {
                Method::ALL
                    .into_iter()
                    .find(|method| method.name() == name.trim())
            })
            .collect(),
        None => Method::ALL.to_vec(),
    };
    Methods {
        order: order.into_iter().filter(allowed).collect(),
        prompts: one("numberofpasswordprompts")
            .and_then(|n| n.parse().ok())
            .unwrap_or(3),
        ask: !matches!(one("batchmode").as_deref(), Some("yes" | "true")),
    }
}

/// Whether it may be the name of a user or of a host: no option, no shell's or configuration's words.
fn is_name(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "'\"`$\\;&<>|(){}".contains(c);
    !text.is_empty() && !text.starts_with('-') && !text.contains(odd)
}

/// An address as typed.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Address {
    fn parse(typed: &str) -> Result<Address> {
        let wrong = |why: &str| {
            Fault::new(
                Exit::Usage,
                format!("'{}' is not the address of a host: {why}", shown(typed)),
            )
            .hint("write 'host', 'user@host', 'host:port', '[ipv6]:port' or 'local'")
        };
        let rest = typed
            .strip_prefix("ssh://")
            .unwrap_or(typed)
            .trim_end_matches('/');
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (
                host,
                Some(port.strip_prefix(':').ok_or_else(|| wrong("no ':' after ']'"))?),
            ),
            None if rest.matches(':').count() == 1 => {
                rest.split_once(':').map_or((rest, None), |(h, p)| (h, Some(p)))
            }
            None => (rest, None),
        };
        let port = match port {
            Some(p) => Some(
                p.parse()
                    .ok()
                    .filter(|p| *p != 0)
                    .ok_or_else(|| wrong("the port is no number of 1 to 65535"))?,
            ),
            None => None,
        };
        if host.is_empty() || user.as_deref() == Some("") {
            return Err(wrong("a part of it is empty").into());
        }
        for part in user.iter().map(String::as_str).chain([host]) {
            if !is_name(part) {
                return Err(wrong("it has a character that no name has").into());
            }
        }
        Ok(Address {
            user,
            host: host.to_owned(),
            port,
        })
    }
}

/// The settings that ssh would use, by lower-case name; `None` when there is no ssh program.
fn ask_ssh(
    host: &str,
    user: Option<&str>,
    port: Option<u16>,
    options: &ClientOptions,
) -> Result<Option<HashMap<String, Vec<String>>>> {
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
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).fault(|| Fault::new(Exit::Unreachable, "cannot run 'ssh -G'")),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(anyhow::anyhow!(said).context(Fault::new(
            Exit::Usage,
            format!("ssh does not accept its configuration for '{host}'"),
        )));
    }
    let mut settings: HashMap<String, Vec<String>> = HashMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        settings
            .entry(key.to_lowercase())
            .or_default()
            .push(value.trim_matches('"').to_owned());
    }
    Ok(Some(settings))
}

/// Expands `~` and ssh's tokens in the path of a file.
fn expand_path(path: &str, typed: &str, hostname: &str, port: u16, user: &str) -> PathBuf {
    let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
    let local_user = std::env::var("USER").unwrap_or_default();
    let path = expand_tokens(path, |token| match token {
        'd' => Some(home.display().to_string()),
        'h' => Some(hostname.to_owned()),
        'n' => Some(typed.to_owned()),
        'p' => Some(port.to_string()),
        'r' => Some(user.to_owned()),
        'u' => Some(local_user.clone()),
        _ => None,
    });
    match path.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(path),
    }
}

/// Replaces ssh's `%x` tokens by `value`; an unknown one stays as it is.
pub(crate) fn expand_tokens(text: &str, value: impl Fn(char) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, (c == '%').then(|| rest.next()).flatten()) {
            ('%', Some('%')) => out.push('%'),
            ('%', Some(token)) => out.push_str(&value(token).unwrap_or_else(|| format!("%{token}"))),
            (c, _) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
