//! The lab's hypervisor, and runs of `irs` against it, for the tests in `hypervisor`.
//!
//! A test brings its own hypervisor up, real libvirt, QEMU and sshd in namespaces (`tests/lab/up`), and takes it
//! down when the [`Lab`] is dropped, also by a panic. Such tests are marked
//! `#[ignore = "in the lab: tests/run lab"]`, for they need root and the packages that `tests/lab/install` installs.

// Each test file is a crate of its own and uses only a part of this one.
#![allow(dead_code)]

mod run;
mod view;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use run::Run;
use tempfile::TempDir;
#[allow(unused_imports)]
pub use view::{Definition, but_leases, difference, files, words};

/// Flags that make nodes as small as a lab can have many of.
pub const SIZES: &[&str] = &[
    "--virt-type",
    "qemu",
    "-e",
    "override.compute.memory=64",
    "-e",
    "override.compute.cpu=1",
    "-e",
    "override.freeipa.memory=64",
    "-e",
    "override.freeipa.cpu=1",
];

/// What `--virtopts` says unless a test says otherwise: a blank node that asks the network for a system first, as its type
/// has it, takes eight seconds of a core until it gives up.
pub const BOOT_DISK: &str = "--boot hd";

/// A disk of zeros: an image that is made a node's base as any other, and boots nothing.
pub fn blank_image() -> tempfile::NamedTempFile {
    let image = tempfile::NamedTempFile::new().expect("a file");
    image.as_file().set_len(4 << 20).expect("a size");
    image
}

/// A hypervisor of our own, up from [`Lab::up`] until it is dropped.
pub struct Lab {
    name: String,
    env: BTreeMap<String, String>,
    home: TempDir,
}

impl Lab {
    /// Brings up a fresh hypervisor with the flags of `tests/lab/up`, on the first free subnet.
    ///
    /// `name` must be used by no other test, as tests run side by side. Remains of an earlier lab of that name go first.
    pub fn up(name: &str, flags: &[&str]) -> Lab {
        script("down").arg(name).run().ok();
        script("up").arg(name).args(flags).run().ok();
        // From here on a panic takes the lab down again.
        let mut lab = Lab {
            name: name.to_owned(),
            env: BTreeMap::new(),
            home: tempfile::tempdir().expect("a folder for IRS_HOME"),
        };
        let text = std::fs::read_to_string(state(name).join("env")).expect("the lab's env file");
        for line in text.lines() {
            let (key, value) = line.split_once('=').expect("KEY='value'");
            lab.env
                .insert(key.to_owned(), value.trim_matches('\'').to_owned());
        }
        lab
    }

    /// The hypervisor's IPv4 address, as seen from the test.
    pub fn address(&self) -> &str {
        &self.env["LAB_ADDRESS"]
    }

    /// The private key that root of the hypervisor accepts (and `operator`, with `--sudoer`).
    pub fn key(&self) -> &str {
        &self.env["LAB_KEY"]
    }

    /// A known_hosts file with the hypervisor's ed25519 and RSA keys.
    pub fn known_hosts(&self) -> &str {
        &self.env["LAB_KNOWN_HOSTS"]
    }

    /// Our end of the link to the hypervisor: `ip link set … down` cuts it.
    pub fn link(&self) -> &str {
        &self.env["LAB_LINK"]
    }

    /// The lab's folder; `lib`, `log` and `etc` in it are the hypervisor's /var/lib/libvirt, /var/log/libvirt and /etc.
    pub fn state(&self) -> &Path {
        Path::new(&self.env["LAB_STATE"])
    }

    /// The path of the real guest image, built now when it never was (two minutes).
    pub fn image(&self) -> String {
        script("image").run().ok().stdout.trim_end().to_owned()
    }

    /// The path of that image's kernel.
    pub fn kernel(&self) -> PathBuf {
        Path::new(&self.image()).with_extension("vmlinuz")
    }

    /// The folder that [`Lab::irs`] uses as `IRS_HOME`.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs a command on the hypervisor itself.
    pub fn enter(&self, command: &[&str]) -> Run {
        self.enter_command(command).run()
    }

    /// The same, not started yet.
    pub fn enter_command(&self, command: &[&str]) -> Command {
        let mut enter = script("enter");
        enter.arg(&self.name).args(command);
        enter
    }

    /// Runs a command on the LAN of a NIC that was asked for with `--nic`.
    pub fn on_lan(&self, nic: &str, command: &[&str]) -> Run {
        script("lan").arg(&self.name).arg(nic).args(command).run()
    }

    /// What is on the hypervisor: domains, networks, pools, files, leases, links, locks, processes; a sorted line each.
    pub fn snapshot(&self) -> String {
        script("snapshot").arg(&self.name).run().ok().stdout
    }

    /// The libvirt calls that it answered since the last time, "COUNT PROCEDURE" lines; the first time begins to count.
    pub fn calls(&self) -> String {
        script("calls").arg(&self.name).run().ok().stdout
    }

    /// Serves a folder over HTTP on the hypervisor until the lab ends; the answer is the address, without a `/` at its end.
    pub fn serve(&self, folder: &Path) -> String {
        script("serve")
            .arg(&self.name)
            .arg(folder)
            .run()
            .ok()
            .stdout
            .trim_end()
            .to_owned()
    }

    /// Runs `irs` with these arguments and a private `IRS_HOME`.
    pub fn irs(&self, args: &[&str]) -> Run {
        self.irs_command(args).run()
    }

    /// The same, not started yet, to set another environment, or to kill it.
    pub fn irs_command(&self, args: &[&str]) -> Command {
        let mut irs = Command::new(env!("CARGO_BIN_EXE_irs"));
        irs.args(args)
            .env("IRS_HOME", self.home())
            // Each lab has a cache of its own, and to look into an image takes a quarter of a minute by emulation.
            .env("IRS_CUSTOMIZE", "cloud-init")
            .env("IRS_VIRTOPTS", BOOT_DISK)
            .env_remove("SSH_AUTH_SOCK");
        irs
    }

    /// Runs `irs virsh` on this hypervisor: its address, key and known_hosts come before the given arguments.
    pub fn virsh(&self, args: &[&str]) -> Run {
        self.virsh_command(args).run()
    }

    /// The same, not started yet.
    pub fn virsh_command(&self, args: &[&str]) -> Command {
        self.irs_command(&[&["virsh"], &self.login()[..], args].concat())
    }

    /// Runs another subcommand, the first of the arguments, on this hypervisor.
    pub fn on_host(&self, args: &[&str]) -> Run {
        self.on_host_command(args).run()
    }

    /// The same, not started yet.
    pub fn on_host_command(&self, args: &[&str]) -> Command {
        let (command, args) = args.split_first().expect("a subcommand");
        self.irs_command(&[&[*command], &self.login()[..], args].concat())
    }

    /// Runs `irs hypervisor check` or `prepare` on it.
    pub fn hypervisor(&self, args: &[&str]) -> Run {
        let (command, args) = args.split_first().expect("check or prepare");
        self.irs(&[&["hypervisor", *command], &self.login()[..], args].concat())
    }

    /// Runs `irs image list`, `rm`, … on it.
    pub fn cache(&self, args: &[&str]) -> Run {
        self.cache_command(args).run()
    }

    /// The same, not started yet.
    pub fn cache_command(&self, args: &[&str]) -> Command {
        let (command, args) = args.split_first().expect("a subcommand");
        self.irs_command(&[&["image", *command], &self.login()[..], args].concat())
    }

    /// The flags that lead to this hypervisor.
    fn login(&self) -> [&str; 6] {
        [
            "--host-address",
            self.address(),
            "--host-key",
            self.key(),
            "--known-hosts",
            self.known_hosts(),
        ]
    }

    /// Runs `irs` on the hypervisor itself, as its administrator would, with the same `IRS_HOME`.
    pub fn irs_local(&self, args: &[&str]) -> Run {
        let home = format!("IRS_HOME={}", self.home().display());
        self.enter(&[&["env", &home, env!("CARGO_BIN_EXE_irs")], args].concat())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in ["hypervisor.log", "sshd.log"] {
                let text = std::fs::read_to_string(self.state().join(log)).unwrap_or_default();
                let lines: Vec<_> = text.lines().collect();
                eprintln!(
                    "lab '{}', {log}:\n{}",
                    self.name,
                    lines[lines.len().saturating_sub(10)..].join("\n")
                );
            }
            if std::env::var_os("IRS_LAB_KEEP").is_some() {
                eprintln!("lab '{}' stays up: tests/lab/down {0}", self.name);
                return;
            }
        }
        let down = script("down").arg(&self.name).run();
        if down.status != Some(0) && !std::thread::panicking() {
            panic!("the lab did not end: {}", down.stderr);
        }
    }
}

/// The folder of ansible's commands, installed now when it is not there yet.
pub fn ansible() -> PathBuf {
    PathBuf::from(script("ansible").run().ok().stdout.trim_end())
}

/// Runs a command to its end.
pub trait RunExt {
    /// Runs it with no standard input, and takes what it says; panics only when it cannot be started.
    fn run(&mut self) -> Run;
}

impl RunExt for Command {
    fn run(&mut self) -> Run {
        Run::of(self)
    }
}

fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name))
}

fn state(name: &str) -> PathBuf {
    let all = std::env::var_os("IRS_LAB_STATE").map(PathBuf::from);
    all.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/lab"))
        .join(name)
}
