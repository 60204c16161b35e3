//! Servers that are not here: `read.sh` itself runs, on what the programs of such servers were recorded to say.
//!
//! The recordings are in `testdata/recorded`, with where each is from; what `read.sh` says in words of its own, and what no
//! recording was found of, is in `testdata/written`.

use super::packages;
use crate::steps::host::facts::sections;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs of this machine that the script may call; no other is there.
const TOOLS: &str = "sh sed grep cat awk sort head tail tr cut dirname df stat id getent ls find getconf";

/// The sections that are read from recordings.
const READ: [&str; 6] = ["machine", "os-release", "lscpu", "cpuinfo", "lsmod", "packages"];

/// What a server is made of: names of files in `testdata`; none is a program or a file that is not there.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// `uname -m`.
    pub machine: &'static str,
    /// `/etc/os-release`.
    pub os_release: &'static str,
    /// What lscpu says.
    pub lscpu: Option<&'static str>,
    /// `/proc/cpuinfo`.
    pub cpuinfo: Option<&'static str>,
    /// What lsmod says, one after the other.
    pub lsmod: &'static [&'static str],
    /// What `rpm -qa` says; with its folder, as lists are also written by hand.
    pub rpm: Option<&'static str>,
    /// All other sections.
    pub rest: &'static str,
}

impl Server {
    /// What `read.sh` answers there.
    pub fn answer(&self) -> String {
        let read = sections(&self.run());
        let mut answer = self.rest.to_owned();
        for name in READ {
            let text = read.get(name).map(String::as_str).unwrap_or_default();
            let _ = write!(answer, "\n#{name}\n{text}");
        }
        answer
    }

    fn run(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for tool in TOOLS.split(' ') {
            symlink(program(tool), bin.join(tool)).unwrap();
        }
        let stub = |name: &str, script: String| {
            let path = bin.join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        stub("uname", format!("echo {}", self.machine));
        if let Some(lscpu) = self.lscpu {
            stub("lscpu", format!("cat '{}'", file(&["recorded/lscpu", lscpu])));
        }
        let lsmod = self.lsmod.iter().map(|name| file(&["recorded/lsmod", name]));
        let lsmod: Vec<String> = lsmod.map(|path| format!("cat '{path}'")).collect();
        stub("lsmod", [lsmod, vec!["true".into()]].concat().join("; "));
        if let Some(list) = self.rpm {
            // rpm -q --whatprovides NAME, of the packages that are called so.
            let list = file(&[list]);
            let script = format!(
                "[ \"$1 $2 $#\" = '-q --whatprovides 3' ] || exit 2\n\
                 grep -E \"^$3-[^-]+-[^-]+$\" '{list}' || {{ echo \"no package provides $3\"; exit 1; }}"
            );
            stub("rpm", script);
        }
        let cpuinfo = self.cpuinfo.map(|name| file(&["recorded/cpuinfo", name]));
        let script = include_str!("read.sh")
            .replace("/usr/lib/os-release", "/nothing")
            .replace(
                "/etc/os-release",
                &file(&["recorded/os-release", self.os_release]),
            )
            .replace("/proc/cpuinfo", cpuinfo.as_deref().unwrap_or("/nothing"));
        let (rpm, dpkg) = packages::all_names();
        let output = Command::new(bin.join("sh"))
            .args([
                "-c",
                &script,
                "sh",
                "/var/lib/libvirt/images",
                "host",
                &rpm,
                &dpkg,
            ])
            .env_clear()
            .env("PATH", &bin)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A file of the test data.
pub fn file(parts: &[&str]) -> String {
    let mut path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/steps/host/prepare/testdata");
    path.extend(parts);
    assert!(path.is_file(), "{} is not there", path.display());
    path.to_str().unwrap().to_owned()
}

/// Where a program of this machine is.
fn program(name: &str) -> PathBuf {
    let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(Path::new);
    let mut paths = folders.iter().map(|folder| folder.join(name));
    paths
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{name} is not there"))
}
