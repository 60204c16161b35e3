//! Step 1: the hypervisor itself: what it has, what it lacks, the pools and the deployment's record.

pub mod access;
pub mod apply;
pub mod bridges;
pub mod capabilities;
pub mod check;
pub mod diff;
pub mod facts;
pub mod openvswitch;
pub mod pools;
pub mod prepare;
pub mod record;
pub mod virtualization;

use crate::blueprint::Blueprint;
use uuid::Uuid;

/// What can happen to the host.
#[derive(Clone, Debug)]
pub enum Work {
    /// Write the deployment's record into its folder, made when missing, and its blueprint beside it.
    Record {
        /// The folder.
        folder: String,
        /// What it is to say.
        record: Box<record::Record>,
        /// The blueprint, when it changes.
        blueprint: Option<Box<Blueprint>>,
    },
    /// Define and start a directory pool.
    Pool {
        /// libvirt's name.
        name: String,
        /// Its UUID: for a deployment's pool, the deployment's.
        uuid: Uuid,
        /// The folder, made when missing.
        folder: String,
    },
    /// Make the server a hypervisor.
    Prepare(prepare::Work),
    /// Something on Open vSwitch.
    OpenVswitch(openvswitch::Work),
    /// Start a pool.
    StartPool(String),
    /// Let a pool start with the host.
    AutostartPool(String),
    /// Stop and undefine a pool; its files stay.
    RemovePool(String),
    /// Stop and undefine a pool of base images, unless a deployment is there again; its files stay.
    RemoveBasePool {
        /// libvirt's name.
        name: String,
        /// The host's UUID, by which deployments' pools are told.
        host: Uuid,
    },
    /// Change who may come to the host.
    Access(access::Work),
    /// Change a bridge.
    Bridge(bridges::Work),
    /// Remove what is irs's from a deployment's folder, the record last, and the folder when nothing else is in it.
    RemoveFolder {
        /// The folder.
        folder: String,
        /// Names in it that are irs's; what killed runs left is known by its name.
        files: Vec<String>,
    },
}

/// What irs remembers of an environment: who made it, its subnets, node counts and fleet, and the secret of its keys.
pub const RECORD: &str = "record.json";

/// The environment as it was resolved, by which drift is told.
pub const BLUEPRINT: &str = "blueprint.json";

/// The path of the record in a deployment's folder.
pub fn record_path(folder: &str) -> String {
    format!("{folder}/{RECORD}")
}

/// What to do about a folder that is open to everybody.
pub const OPEN_HINT: &str =
    "name a folder that root alone may write to, as are those on the way to it, e.g. /var/lib/libvirt/images";

/// The script with the function `open_folder` after its first line, which says what it is for.
pub fn with_open_folder(script: &str) -> String {
    let (about, rest) = script.split_once('\n').unwrap_or((script, ""));
    [about, "\n", include_str!("open_folder.sh"), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::with_open_folder;
    use crate::remote::{Cmd, Host};
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
    use std::path::Path;

    fn open(path: &Path) -> String {
        let script = with_open_folder("# Asks.\nopen_folder \"$1\"");
        let answer = Host::here().text(&Cmd::script(&script, &[path.to_str().unwrap()]));
        answer.unwrap().trim().to_owned()
    }

    #[test]
    fn folders_where_anybody_could_put_a_link_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let make = |name: &str, mode: u32| {
            let path = base.join(name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let (closed, open_to_all, sticky) =
            (make("closed", 0o755), make("open", 0o777), make("sticky", 0o1777));
        let (mine, theirs, below) = (
            make("sticky/mine", 0o755),
            make("sticky/theirs", 0o755),
            make("open/below", 0o755),
        );
        chown(&theirs, Some(12345), None).unwrap();
        symlink(&open_to_all, base.join("link")).unwrap();
        symlink(&closed, open_to_all.join("away")).unwrap();
        symlink("../closed", sticky.join("my-link")).unwrap();
        symlink("../closed", sticky.join("their-link")).unwrap();
        lchown(sticky.join("their-link"), Some(12345), None).unwrap();
        symlink("./open/away", base.join("through")).unwrap();
        symlink("loop", base.join("loop")).unwrap();
        for good in [
            &closed,
            &mine,
            &closed.join("to/be/made"),
            &sticky.join("to-be-made"),
            &sticky.join("my-link/to-be-made"),
            &base.join("loop"),
        ] {
            assert_eq!(open(good), "", "{}", good.display());
        }
        for (bad, why) in [
            (&open_to_all, &open_to_all),
            (&below, &open_to_all),
            (&base.join("link/below"), &open_to_all),
            (&sticky, &sticky),
            (&open_to_all.join("to-be-made"), &open_to_all),
            (&theirs.join("to-be-made"), &sticky),
            (&theirs, &sticky),
            // Where they lead today is good, and whoever may exchange the link leads them elsewhere tomorrow.
            (&open_to_all.join("away"), &open_to_all),
            (&open_to_all.join("away/below/../to-be-made"), &open_to_all),
            (&sticky.join("their-link"), &sticky),
            (&base.join("through"), &open_to_all),
        ] {
            assert_eq!(open(bad), why.to_str().unwrap(), "{}", bad.display());
        }
    }
}
