//! The files that irs writes, and its exit codes.

use std::fmt::Write as _;

use super::commands::cell;
use super::source::{Source, said};

/// The constants on files of the hypervisor, each with the folder that the file is in.
const THERE: &[(&str, &str, &str)] = &[
    ("src/steps/host/mod.rs", "RECORD", "DISK_POOL/irs-NAME/"),
    ("src/steps/host/mod.rs", "BLUEPRINT", "DISK_POOL/irs-NAME/"),
    ("src/steps/host/prepare/modules.rs", "LOAD", ""),
    ("src/steps/host/prepare/modules.rs", "OPTIONS", ""),
    ("src/steps/host/prepare/forwarding.rs", "FILE", ""),
    ("src/steps/host/bridges/lasting/netplan.rs", "OURS", ""),
];

/// Files that scripts write: path, script, and what they are.
const WRITTEN: &[(&str, &str, &str)] = &[
    (
        "/etc/ssh/sshd_config.d/00-irs.conf",
        "src/steps/host/access/limits.sh",
        "Raises sshd's limits where they are low, until the last environment goes.",
    ),
    (
        "/etc/polkit-1/rules.d/50-irs-stack.rules",
        "src/steps/host/access/facts.sh",
        "Lets the user `stack` manage libvirt, for [Ironic](../ironic.md).",
    ),
];

/// The page of files.
pub fn page(source: &Source) -> String {
    let mut out = String::from(
        "# Files\n\n\
## The workspace\n\n\
The outputs of an environment are on your machine, in a folder of its own below `$IRS_HOME`, else `$XDG_DATA_HOME/irs`, else \
`~/.local/share/irs`. The folder's mode is 0700 and its files' 0600, whatever the umask. Nothing in it is state: any machine whose key the \
hypervisor accepts can write it anew.\n\n| file | is |\n|---|---|\n",
    );
    for file in source
        .0
        .iter()
        .filter(|file| file.path.starts_with("src/workspace.rs") || file.path.starts_with("src/workspace"))
    {
        for (_, name, said) in file
            .texts()
            .filter(|(_, name, said)| !said.is_empty() && !name.contains(' '))
        {
            let _ = writeln!(out, "| `{name}` | {} |", cell(&said));
        }
    }
    out.push_str(
        "\n## On the hypervisor\n\n\
`DISK_POOL` is the folder of `--disk-pool`, `NAME` the environment: the prefix, or `default`.\n\n| file | is |\n|---|---|\n\
| `DISK_POOL/irs-base-…` | A base image, by the digest of its content: a cache, which stays when environments go. |\n\
| `DISK_POOL/irs-NAME/` | The environment's pool: disks and seeds, and what irs remembers of it. |\n",
    );
    for (path, constant, folder) in THERE {
        let found = source.file(path).texts().find(|(name, _, _)| name == constant);
        let (_, name, said) = found.unwrap_or_else(|| {
            panic!("{path} has no {constant} any more: say in tests/reference/files.rs what has")
        });
        let _ = writeln!(out, "| `{folder}{name}` | {} |", cell(&said));
    }
    for (path, script, said) in WRITTEN {
        let text = std::fs::read_to_string(script).unwrap_or_default();
        let (_, name) = path.rsplit_once('/').unwrap();
        assert!(
            text.contains(name),
            "{script} does not write {path} any more: say in tests/reference/files.rs what does"
        );
        let _ = writeln!(out, "| `{path}` | {said} |");
    }
    out.push_str("| `/run/irs/*.lock` | Who may change an environment, and since when; empty folders and old locks do no harm. |\n");
    out
}

/// The page of exit codes.
pub fn exits(source: &Source) -> String {
    let mut out = String::from(
        "# Exit codes\n\n| code | means |\n|---|---|\n| 0 | Done, or there was nothing to do. |\n",
    );
    for variant in &source.file("src/error.rs").closed("Exit").variants {
        let Some((
            _,
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Int(code),
                ..
            }),
        )) = &variant.discriminant
        else {
            panic!("an exit code of src/error.rs has no number");
        };
        let _ = writeln!(out, "| {code} | {} |", cell(&said(&variant.attrs)));
    }
    out.push_str(
        "\nA command that hands over to a program, ssh say, ends with that program's own status. A command that only looks ends with 0 whatever it \
finds, unless it says otherwise.\n\n\
After exit code 1, 3, 4, 5 or 130 the same command may be run again, and goes on from where it was. After 2 it has to be another one.\n",
    );
    out
}
