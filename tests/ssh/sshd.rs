//! A real sshd with keys, known_hosts and an ssh configuration of its own.

use irs::remote::Host;
use irs::ssh::config::ClientOptions;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An sshd on 127.0.0.1, reached as `hv` by [`Sshd::options`]; it ends when this is dropped.
pub struct Sshd {
    pub dir: tempfile::TempDir,
    pub port: u16,
    child: Child,
}

impl Sshd {
    /// One with an ed25519 host key that is known, and a login key that is authorised.
    pub fn start() -> Sshd {
        Sshd::with("")
    }

    /// The same with more lines for sshd_config.
    pub fn with(more: &str) -> Sshd {
        Sshd::with_host_keys(&["ed25519"], more)
    }

    /// One with host keys of these types; the first is known.
    pub fn with_host_keys(types: &[&str], more: &str) -> Sshd {
        Sshd::under(&mut Command::new("/usr/sbin/sshd"), types, more)
    }

    /// One that `launcher` starts: it takes sshd's arguments.
    pub fn under(launcher: &mut Command, types: &[&str], more: &str) -> Sshd {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nPidFile {}\nAuthorizedKeysFile {}\nPerSourcePenalties no\n\
             UsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n{more}\n",
            path("pid").display(),
            path("authorized_keys").display(),
        );
        if more.contains("UsePAM yes") {
            // The first line of each kind wins.
            config = config.replace("UsePAM no\n", "");
        }
        for kind in types {
            keygen(&path(&format!("host_{kind}")), kind, "");
            config.insert_str(
                0,
                &format!("HostKey {}\n", path(&format!("host_{kind}")).display()),
            );
        }
        keygen(&path("login"), "ed25519", "");
        std::fs::copy(path("login.pub"), path("authorized_keys")).unwrap();
        std::fs::write(path("sshd_config"), config).unwrap();
        // sshd wants its separation folder even where nothing has made it yet.
        std::fs::create_dir_all("/run/sshd").unwrap();
        let child = launcher
            .arg("-D")
            .arg("-f")
            .arg(path("sshd_config"))
            .arg("-E")
            .arg(path("log"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let sshd = Sshd { dir, port, child };
        sshd.write_known(&format!("[127.0.0.1]:{port} {}", sshd.host_key(types[0])));
        sshd.write_client("");
        let end = Instant::now() + Duration::from_secs(10);
        // sshd makes the file before it writes to it.
        while !std::fs::read_to_string(sshd.path("pid")).is_ok_and(|pid| pid.ends_with('\n')) {
            assert!(Instant::now() < end, "sshd did not start: {}", sshd.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        sshd
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The public half of a host key, `type base64`.
    pub fn host_key(&self, kind: &str) -> String {
        public(&self.path(&format!("host_{kind}.pub")))
    }

    pub fn write_known(&self, text: &str) {
        std::fs::write(self.path("known_hosts"), format!("{text}\n")).unwrap();
    }

    /// Authorises the public key in `name`.
    pub fn authorise(&self, name: &str) {
        let mut keys = std::fs::read(self.path("authorized_keys")).unwrap();
        keys.extend(std::fs::read(self.path(name)).unwrap());
        std::fs::write(self.path("authorized_keys"), keys).unwrap();
    }

    /// Writes the ssh configuration: `hv` and these lines, which come first and so win.
    pub fn write_client(&self, more: &str) {
        let text = format!(
            "Host hv\n{more}\n  HostName 127.0.0.1\n  Port {}\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n  \
             IdentityFile {}\n  IdentityAgent none\n",
            self.port,
            self.path("known_hosts").display(),
            self.path("login").display(),
        );
        std::fs::write(self.path("ssh_config"), text).unwrap();
    }

    pub fn options(&self) -> ClientOptions {
        ClientOptions {
            config: Some(self.path("ssh_config")),
            ..Default::default()
        }
    }

    pub fn connect(&self) -> anyhow::Result<Host> {
        Host::connect("hv", &self.options())
    }

    /// The error of a connection that must not succeed: its text, causes and hint, and its exit code.
    pub fn refusal(&self) -> (String, u8) {
        refusal(self.connect())
    }
}

pub fn refusal(connected: anyhow::Result<Host>) -> (String, u8) {
    let Err(error) = connected else {
        panic!("the connection was made")
    };
    let report = irs::error::Report::of(&error);
    (report.to_string(), report.exit_code)
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- sshd's log\n{}", self.log());
        }
    }
}

/// Makes a key pair with ssh-keygen; more arguments after the type.
pub fn keygen(path: &Path, kind: &str, passphrase: &str) {
    keygen_with(path, kind, passphrase, &[]);
}

pub fn keygen_with(path: &Path, kind: &str, passphrase: &str, more: &[&str]) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-C", "made by a test"])
        .args(more)
        .arg("-f")
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success());
}

/// A public key file's type and key, without the comment.
pub fn public(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Runs `part` (see `logins::in_a_child`) of this test program as another process, with these variables.
pub fn child(part: &str, sshd: &Sshd, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "logins::in_a_child", "--nocapture"]);
    command
        .env("IRS_TEST_PART", part)
        .env("IRS_TEST_CONFIG", sshd.path("ssh_config"));
    command
        .env_remove("IRS_KEY_PASSPHRASE")
        .env_remove("IRS_HOST_PASSWORD")
        .env_remove("IRS_HOST_SUDO_PASSWORD")
        .env_remove("SSH_AUTH_SOCK");
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    command
}
