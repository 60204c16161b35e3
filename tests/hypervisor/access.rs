//! Getting in to the guest of `main_road`: ssh, scp, console, ports, screen, power.

use crate::support::{Lab, RunExt, ansible};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A command that goes on until it is told to end.
struct Going(Child, BufReader<std::process::ChildStdout>);

impl Going {
    fn start(mut command: Command) -> Going {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("irs");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Going(child, out)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Everything up to a text.
    fn until(&mut self, text: &str) -> String {
        let (mut seen, mut buffer) = (String::new(), [0; 512]);
        while !seen.contains(text) {
            let count = self.1.read(&mut buffer).expect("output");
            assert!(count > 0, "it ended after {seen:?}");
            seen += &String::from_utf8_lossy(&buffer[..count]);
        }
        seen
    }

    fn keys(&mut self, keys: &[u8]) {
        let input = self.0.stdin.as_mut().expect("a pipe");
        input.write_all(keys).and_then(|()| input.flush()).expect("keys");
    }

    /// Ctrl-C; the exit status.
    fn interrupt(mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        Command::new("kill").args(["-INT", &id]).run().ok();
        self.0.wait().expect("an end").code()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // When a check fails; else it is over already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first bytes that a port of this machine says.
fn greeting(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect(address);
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a limit");
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes).expect("a greeting");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// On the environment `default` with a guest `undercloud-0` that answers, and blank nodes that run.
pub fn to_a_guest(lab: &Lab) {
    ssh_and_scp(lab);
    plain_ssh(lab);
    console(lab);
    ports_and_screen(lab);
    power(lab);
}

fn ssh_and_scp(lab: &Lab) {
    let run = lab.irs(&[
        "ssh",
        "undercloud-0",
        "--",
        "echo 'a  b'",
        "$((1 + 1))",
        "|",
        "cat;",
        "exit",
        "37",
    ]);
    assert_eq!(run.exits(37).stdout, "a  b 2\n");
    let terminal = format!("{} ssh -t undercloud-0 tty", env!("CARGO_BIN_EXE_irs"));
    let mut script = Command::new("script");
    script
        .args(["-qec", &terminal, "/dev/null"])
        .env("IRS_HOME", lab.home());
    script.run().ok().prints(&["/dev/pts/"]);
    lab.irs(&["ssh", "--host", "virsh", "list", "--name"])
        .ok()
        .prints(&["undercloud-0"]);
    let there = lab.home().join("there");
    std::fs::write(&there, "some text").expect("a file");
    let back = lab.home().join("back");
    let (there, back) = (there.display().to_string(), back.display().to_string());
    lab.irs(&["scp", "-q", &there, "undercloud-0:/tmp/a b"]).ok();
    lab.irs(&["scp", "-pq", "root@undercloud-0:/tmp/a b", &back]).ok();
    assert_eq!(std::fs::read_to_string(&back).expect("a copy"), "some text");
    for file in [there, back] {
        std::fs::remove_file(file).expect("our own");
    }
    let play = tempfile::NamedTempFile::new().expect("a file");
    let text = "- {hosts: undercloud-0, gather_facts: no, tasks: [{raw: hostname}, {raw: exit 3}]}\n";
    std::fs::write(play.path(), text).expect("a play");
    let path = format!(
        "{}:{}",
        ansible().display(),
        std::env::var("PATH").expect("a path")
    );
    let mut run = lab.irs_command(&["ansible", "--", "-v", &play.path().display().to_string()]);
    run.env("PATH", path)
        .run()
        .exits(2)
        .prints(&["undercloud-0", "\"rc\": 3"]);
}

fn plain_ssh(lab: &Lab) {
    let home = tempfile::tempdir().expect("a home");
    let install = |flag| {
        lab.irs_command(&["ssh-config", flag])
            .env("HOME", home.path())
            .run()
            .ok()
    };
    install("--install");
    let config = home.path().join(".ssh/config");
    let mut ssh = Command::new("ssh");
    ssh.arg("-F")
        .arg(&config)
        .args(["-o", "BatchMode=yes", "undercloud-0", "id -un"]);
    assert_eq!(ssh.run().ok().stdout, "cloud-user\n");
    install("--uninstall");
    assert_eq!(std::fs::read_to_string(&config).expect("the file"), "");
}

fn console(lab: &Lab) {
    let mut first = Going::start(lab.irs_command(&["console", "undercloud-0"]));
    first.keys(b"\r");
    first.until("login:");
    lab.irs(&["console", "undercloud-0"])
        .exits(5)
        .says(&["somebody else has the console", "--force"]);
    let mut second = Going::start(lab.irs_command(&["console", "undercloud-0", "--force"]));
    assert_eq!(first.0.wait().expect("an end").code(), Some(5));
    second.keys(b"\r");
    second.until("login:");
    second.keys(b"\x1d");
    assert_eq!(second.0.wait().expect("an end").code(), Some(0));
}

fn ports_and_screen(lab: &Lab) {
    let mut forward = Going::start(lab.irs_command(&["forward", "undercloud-0:22", "hypervisor:22"]));
    for to in ["undercloud-0:22", "hypervisor:22"] {
        let line = forward.line();
        let (address, node) = line.split_once(" -> ").expect(&line);
        assert_eq!(node, to);
        assert_eq!(greeting(address), "SSH-2.0-");
    }
    assert_eq!(forward.interrupt(), Some(0));
    let mut screen = Going::start(lab.irs_command(&["vnc", "compute-0"]));
    let line = screen.line();
    let address = line.strip_prefix("vnc://").expect(&line);
    assert_eq!(greeting(address), "RFB 003.");
    assert_eq!(screen.interrupt(), Some(0));
}

/// What `irs power` did: each node with its state.
fn powered(lab: &Lab, words: &[&str]) -> Vec<String> {
    let run = lab.irs(&[&["power"], words, &["--format", "json"]].concat()).ok();
    let node = |node: &serde_json::Value| {
        let text = |key: &str| node[key].as_str().expect("a text").to_owned();
        format!("{} {} {}", text("name"), text("state"), text("done"))
    };
    let nodes = run.json()["nodes"].clone();
    nodes.as_array().expect("a list").iter().map(node).collect()
}

/// Gracefully: a guest that obeys is not switched off.
pub fn it_goes_down_when_asked(lab: &Lab) {
    assert_eq!(
        powered(lab, &["off", "undercloud-0"]),
        ["undercloud-0 shut off shut down"]
    );
}

fn power(lab: &Lab) {
    let power = |words: &[&str]| powered(lab, words);
    let off = |what: &str| {
        [
            format!("compute-0 shut off {what}"),
            format!("controller-0 shut off {what}"),
        ]
    };
    assert_eq!(
        power(&["off", "compute", "contr*-0", "--force"]),
        off("switched off")
    );
    assert_eq!(power(&["off", "compute-0,controller-0"]), off("is off already"));
    lab.irs(&["console", "compute-0"])
        .exits(1)
        .says(&["is shut off", "irs power on compute-0"]);
    lab.irs(&["power", "reset", "compute-0"])
        .exits(1)
        .says(&["nothing to reset"]);
    assert_eq!(
        power(&["cycle", "compute-0", "--wait"]),
        ["compute-0 running started (it was off)"]
    );
    assert_eq!(power(&["reset", "compute-0"]), ["compute-0 running reset"]);
    assert_eq!(
        power(&["on", "compute-0"]),
        ["compute-0 running is running already"]
    );
    lab.irs(&["power", "on", "compute-1"])
        .exits(2)
        .says(&["there is no node 'compute-1'", "did you mean 'compute-0'"]);
}
