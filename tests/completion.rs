//! Completion as real shells do it: keys are typed at a prompt, and the line that comes of it is looked at.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// An environment of which the last run left its files.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let workspace = home.path().join("lab1");
    std::fs::create_dir(&workspace).unwrap();
    let record = r#"{"version": 1, "deployment": "lab1", "prefix": "lab1", "uuid": "6fa459ea-ee8a-5ca4-894e-db77e160355e",
        "hosts": [{"address": "hv-seven"}]}"#;
    std::fs::write(workspace.join("deployment.json"), record).unwrap();
    let inventory = "# Written by irs\nlocalhost ansible_connection=local\nhypervisor ansible_host=hv-seven\n\
        lab1-compute-0 ansible_host=172.16.0.2\nlab1-compute-1 ansible_host=172.16.0.3\n\n[hypervisor]\nhypervisor\n\n[local]\nlocalhost\n";
    std::fs::write(workspace.join("hosts-prov"), inventory).unwrap();
    // Somebody's topology, which nobody has looked at yet.
    for name in ["hostile`id`", "hostil2!x{a,b}#"] {
        let folder = home.path().join("theirs/network");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.yml")), "networks: {}\n").unwrap();
    }
    home
}

/// What the terminal of a shell shows while these keys are typed.
fn typed(shell: &str, home: &Path, keys: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_irs")).parent().unwrap();
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", shell, "/dev/null"])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
        .env("HOME", home)
        .env("IRS_HOME", home)
        .env("TERM", "dumb")
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(keys.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The line that bash runs when a tabulator is typed after `line`: `irs` shows its words once they are complete.
fn completed(home: &Path, line: &str) -> String {
    let keys = format!(
        "PS1=; eval \"$(irs completion bash)\"\nirs() {{ printf '<%s>' \"$@\"; echo; }}\n{line}\t\nexit\n"
    );
    // The function is what runs; what completes is the program, by its path.
    let keys = keys.replace(
        "irs() {",
        "irs() { [ \"$1\" = __complete ] && { command irs \"$@\"; return; };",
    );
    let shown = typed("bash --norc --noprofile -i", home, &keys);
    let mut words = shown.lines().filter(|line| line.starts_with('<'));
    words
        .next_back()
        .map_or(format!("nothing in: {shown}"), |line| line.trim().to_owned())
}

#[test]
fn bash_completes_what_irs_knows() {
    let home = home();
    for (line, expected) in [
        ("irs topo", "<topology>"),
        ("irs virsh --topology-netw", "<virsh><--topology-network>"),
        (
            "irs virsh --topology-nodes controller:1,under",
            "<virsh><--topology-nodes><controller:1,undercloud:>",
        ),
        (
            "irs virsh --topology-nodes=under",
            "<virsh><--topology-nodes=undercloud:>",
        ),
        (
            "irs virsh --topology-network 3_nets_1_",
            "<virsh><--topology-network><3_nets_1_bridge>",
        ),
        ("irs virsh --workspace la", "<virsh><--workspace><lab1>"),
        ("irs virsh --prefix la", "<virsh><--prefix><lab1>"),
        ("irs virsh --host-address hv", "<virsh><--host-address><hv-seven>"),
        (
            "irs virsh --prefix lab1 --remove-nodes lab1-compute-0,la",
            "<virsh><--prefix><lab1><--remove-nodes><lab1-compute-0,lab1-compute-1>",
        ),
        // What they have in common.
        (
            "irs virsh --prefix lab1 --remove-nodes la",
            "<virsh><--prefix><lab1><--remove-nodes><lab1-compute->",
        ),
        (
            "irs console --prefix lab1 la",
            "<console><--prefix><lab1><lab1-compute->",
        ),
        (
            "irs console --prefix lab1 com",
            "<console><--prefix><lab1><compute->",
        ),
        (
            "irs power --prefix lab1 off lab1-compute-0,com",
            "<power><--prefix><lab1><off><lab1-compute-0,compute-1>",
        ),
        ("irs workspace checkout la", "<workspace><checkout><lab1>"),
        (
            "irs workspace export --name la",
            "<workspace><export><--name><lab1>",
        ),
        (
            "irs power --prefix lab1 off lab1-compute-0,la",
            "<power><--prefix><lab1><off><lab1-compute-0,lab1-compute-1>",
        ),
        ("irs virsh --start=n", "<virsh><--start=none>"),
        // What means something to a shell means itself.
        (
            "irs virsh --topology-dir theirs --topology-network hostile",
            "<virsh><--topology-dir><theirs><--topology-network><hostile`id`>",
        ),
        (
            "irs virsh --topology-dir theirs --topology-network hostil2",
            "<virsh><--topology-dir><theirs><--topology-network><hostil2!x{a,b}#>",
        ),
        ("irs frobn", "<frobn>"),
    ] {
        assert_eq!(completed(home.path(), line), expected, "{line}");
    }
}

/// The lines that every shell completes alike, up to blanks at their end.
const EVERYWHERE: [(&str, &str); 6] = [
    ("irs topo", "irs topology"),
    ("irs virsh --topology-netw", "irs virsh --topology-network"),
    (
        "irs virsh --topology-nodes controller:1,under",
        "irs virsh --topology-nodes controller:1,undercloud:",
    ),
    (
        "irs virsh --topology-nodes=under",
        "irs virsh --topology-nodes=undercloud:",
    ),
    ("irs virsh --workspace la", "irs virsh --workspace lab1"),
    (
        "irs power --prefix lab1 off lab1-compute-0,la",
        "irs power --prefix lab1 off lab1-compute-0,lab1-compute-1",
    ),
];

#[test]
fn zsh_completes_what_irs_knows() {
    let home = home();
    for (line, expected) in EVERYWHERE {
        // The line is printed in place of being run.
        let keys = format!(
            "PS1=; PROMPT_EOL_MARK=; autoload -Uz compinit; compinit -u -D; source <(irs completion zsh)\n\
             accept-line() {{ print -r -- \"<${{BUFFER%% }}>\"; BUFFER=; zle .accept-line }}; zle -N accept-line\n\
             {line}\t\nexit\n"
        );
        let shown = typed("zsh -f -i", home.path(), &keys);
        let whole = format!("<{expected}>");
        assert!(shown.contains(&whole), "{line}: {shown}");
    }
}

#[test]
fn fish_completes_what_irs_knows() {
    let home = home();
    let program = Path::new(env!("CARGO_BIN_EXE_irs")).parent().unwrap();
    for (line, expected) in EVERYWHERE {
        let output = Command::new("fish")
            .args(["--no-config", "--command"])
            .arg(format!(
                "irs completion fish | source; complete --do-complete '{line}'"
            ))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
            .env("HOME", home.path())
            .env("IRS_HOME", home.path())
            .current_dir(home.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = text.lines().filter_map(|line| line.split('\t').next()).collect();
        let last = expected.rsplit(' ').next().unwrap();
        assert_eq!(words, [last], "{line}: {output:?}");
    }
}

#[test]
fn paths_are_completed_with_their_blanks() {
    let home = home();
    std::fs::create_dir(home.path().join("my files")).unwrap();
    let line = format!("cd {}; irs virsh --topology-dir my", home.path().display());
    assert_eq!(
        completed(home.path(), &line),
        "<virsh><--topology-dir><my files/>"
    );
}
