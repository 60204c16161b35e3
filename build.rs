//! What `irs --version` says of its making: the commit, and the libvirt that it was built with. Nothing of when, where
//! or by whom: the same sources give the same program.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=IRS_COMMIT");
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let said = env::var("IRS_COMMIT").ok().filter(|commit| !commit.is_empty());
    if let Some(commit) = said.or_else(|| of_crate(&folder)).or_else(|| of_clone(&folder)) {
        println!("cargo:rustc-env=IRS_COMMIT={}", commit.trim());
    }
    let mut libvirt = pkg_config::Config::new();
    if let Ok(found) = libvirt.cargo_metadata(false).probe("libvirt") {
        println!("cargo:rustc-env=IRS_LIBVIRT={}", found.version);
    }
}

/// The commit that `cargo package` made a crate of.
fn of_crate(folder: &Path) -> Option<String> {
    let text = watched(&folder.join(".cargo_vcs_info.json"))?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    hash(rest.split('"').nth(1)?)
}

/// The commit of a clone, or of another work tree of one; not that of a repository which the sources only lie in.
/// Read without git, which refuses the folders of others. Uncommitted changes do not show.
fn of_clone(folder: &Path) -> Option<String> {
    let dot = folder.join(".git");
    let git = match fs::read_to_string(&dot) {
        Ok(link) => folder.join(link.trim().strip_prefix("gitdir: ")?),
        Err(_) => dot,
    };
    let head = watched(&git.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else {
        return hash(&head);
    };
    let common = match fs::read_to_string(git.join("commondir")) {
        Ok(common) => git.join(common.trim()),
        Err(_) => git,
    };
    let loose = common.join(name);
    let packed = watched(&common.join("packed-refs"));
    if let Some(commit) = watched(&loose) {
        return hash(&commit);
    }
    // The next commit makes that file, and cargo cannot watch what is not there.
    if let Some(there) = loose.ancestors().skip(1).find(|folder| folder.is_dir()) {
        println!("cargo:rerun-if-changed={}", there.display());
    }
    packed?
        .lines()
        .find_map(|line| hash(line.strip_suffix(name)?.strip_suffix(' ')?))
}

/// The text of a file, a change of which builds anew.
fn watched(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo:rerun-if-changed={}", path.display());
    Some(text)
}

fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    let is_hash = [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}
