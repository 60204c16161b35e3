//! What ssh itself would do for a destination: OpenSSH is asked (`ssh -G`), so that all of the
//! user's configuration counts as it does for `ssh`.

mod address;
mod ask;
mod parser;

use super::auth::{Method, Methods};
use crate::error::{Exit, Fault};
use crate::yaml::shown;
use address::{Address, is_name};
use anyhow::Result;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings by their lower-case names, each with its values in order.
type Settings = HashMap<String, Vec<String>>;

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
    /// ssh's ProxyJump, a comma-separated list.
    pub proxy_jump: Option<String>,
    /// ssh's ProxyCommand, its tokens not yet expanded.
    pub proxy_command: Option<String>,
    /// The known_hosts files, the user's first; the first of them takes new keys.
    pub known_hosts: Vec<PathBuf>,
    /// What to do about an unknown host key.
    pub strictness: Strictness,
    /// What the command line says of that, which counts for the hosts on the way, too.
    pub said_strictness: Option<Strictness>,
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
    let settings = ask::ask(&address.host, user.as_deref(), address.port, options)?;
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
        hash_names: one("hashknownhosts").as_deref() == Some("yes"),
        proxy_jump: one("proxyjump"),
        proxy_command: one("proxycommand"),
        known_hosts,
        strictness,
        said_strictness: options.strictness,
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

/// Replaces `${NAME}` by that variable of the environment; an unknown one stays as it is.
fn expand_variables(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let value = after
            .split_once('}')
            .and_then(|(name, end)| Some((std::env::var(name).ok()?, end)));
        out.push_str(before);
        match value {
            Some((value, end)) => {
                out.push_str(&value);
                rest = end;
            }
            None => {
                out.push_str("${");
                rest = after;
            }
        }
    }
    out + rest
}

/// Expands `~`, variables and ssh's tokens in the path of a file.
fn expand_path(path: &str, typed: &str, hostname: &str, port: u16, user: &str) -> PathBuf {
    let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
    let local_user = std::env::var("USER").unwrap_or_default();
    let path = expand_tokens(&expand_variables(path), |token| match token {
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
