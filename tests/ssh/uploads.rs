//! Large files over links that break.

use crate::sshd::{Sshd, child};
use irs::interrupt;
use irs::remote::{Host, Sent};
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub const SIZE: u64 = 24 << 20;

fn content() -> Vec<u8> {
    (0..SIZE as u32).map(|n| (n ^ (n >> 9)) as u8).collect()
}

pub fn send(host: &Host, path: &str) -> anyhow::Result<Sent> {
    host.send(&mut Cursor::new(content()), SIZE, path, &|_| ())
}

/// What a child does that is to be killed, or stopped by a signal.
pub fn send_as_told(host: &Host) {
    let path = std::env::var("IRS_TEST_PATH").unwrap();
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let listening = interrupt::listen(|| println!("{HEARD}"), || ());
        runtime.unwrap().block_on(listening)
    });
    if let Err(error) = send(host, &path) {
        println!("{}", irs::error::Report::of(&error));
    }
}

/// What it says when it got a signal.
const HEARD: &str = "a signal came";

/// A wire to an sshd that carries so many bytes up, and then none.
struct Wire {
    port: u16,
    /// Bytes that went up.
    up: Arc<AtomicU64>,
    /// Ends the waiting of those that wait.
    over: Arc<AtomicBool>,
}

/// What a wire does then.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// It hangs up.
    Cut,
    /// It stays and carries nothing, and hangs up at last.
    Silent,
    /// It stays and carries nothing for a while.
    Waits,
}

impl Wire {
    fn to(sshd: &Sshd, most: u64, then: Then) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Wire {
            port: listener.local_addr().unwrap().port(),
            up: Arc::default(),
            over: Arc::default(),
        };
        let (up, over, port) = (Arc::clone(&wire.up), Arc::clone(&wire.over), sshd.port);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (up, over) = (Arc::clone(&up), Arc::clone(&over));
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    let (mut from, mut to) = back;
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                std::thread::spawn(move || {
                    let (mut client, mut server) = (client, server);
                    let mut buffer = [0; 32 * 1024];
                    while let Ok(count @ 1..) = client.read(&mut buffer) {
                        let carried = up.fetch_add(count as u64, Ordering::SeqCst);
                        while carried >= most && then != Then::Cut && !over.load(Ordering::SeqCst) {
                            std::thread::sleep(Duration::from_millis(10));
                        }
                        let ends = carried >= most && then != Then::Waits;
                        if ends || server.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = client.shutdown(Shutdown::Both);
                    let _ = server.shutdown(Shutdown::Both);
                });
            }
        });
        wire
    }

    fn address(&self) -> String {
        format!("hv:{}", self.port)
    }

    fn wait_for(&self, bytes: u64) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.up.load(Ordering::SeqCst) < bytes {
            assert!(Instant::now() < end, "the wire carries no {bytes} bytes");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn start() -> (Sshd, String) {
    let sshd = Sshd::start();
    // Whatever the port.
    sshd.write_known(&format!("127.0.0.1 {}", sshd.host_key("ed25519")));
    let path = sshd.path("it's.part").to_str().unwrap().to_owned();
    (sshd, path)
}

#[track_caller]
fn went_on(sent: &Sent, path: &str, at_least: u64) {
    assert!(sent.found >= at_least, "only {} bytes were of use", sent.found);
    assert_eq!(sent.path, path);
    assert!(std::fs::read(path).unwrap() == content());
}

#[test]
fn an_upload_over_a_cut_link_goes_on_where_it_was() {
    let (sshd, path) = start();
    let wire = Wire::to(&sshd, 16 << 20, Then::Cut);
    let host = Host::connect(&wire.address(), &sshd.options()).unwrap();
    let error = send(&host, &path).err().expect("the link is cut");
    let report = irs::error::Report::of(&error);
    assert!(
        report.message.contains("is lost") && report.exit_code == 3,
        "{report}"
    );
    // sshd needs a moment to see it.
    let sent = send(&sshd.connect().unwrap(), &path).unwrap();
    went_on(&sent, &path, 4 << 20);
}

#[test]
fn an_upload_goes_on_after_its_own_that_hangs() {
    let (sshd, path) = start();
    let wire = Wire::to(&sshd, 16 << 20, Then::Silent);
    std::thread::scope(|scope| {
        let hangs =
            scope.spawn(|| send(&Host::connect(&wire.address(), &sshd.options()).unwrap(), &path).is_err());
        wire.wait_for(16 << 20);
        let sent = send(&sshd.connect().unwrap(), &path).unwrap();
        wire.over.store(true, Ordering::SeqCst);
        assert!(hangs.join().unwrap(), "its file is another's now");
        went_on(&sent, &path, 4 << 20);
    });
}

#[test]
fn an_upload_goes_on_after_a_killed_run_and_beside_a_living_one() {
    let (sshd, path) = start();
    let wire = Wire::to(&sshd, 16 << 20, Then::Silent);
    // Without ssh, irs sends it itself.
    let address = wire.address();
    let variables = [
        ("IRS_TEST_ADDRESS", &*address),
        ("IRS_TEST_PATH", &path),
        ("PATH", "/nowhere"),
    ];
    let mut run = child("send", &sshd, &variables)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wire.wait_for(16 << 20);
    let host = sshd.connect().unwrap();
    // While somebody writes to it, it is left alone.
    let script = "exec 9>>\"$1\"; flock 9; while sleep 0.1; do echo more >&9; done";
    let other = sshd.path("other.part").to_str().unwrap().to_owned();
    let mut writer = std::process::Command::new("sh")
        .args(["-c", script, "sh", &other])
        .spawn()
        .unwrap();
    while std::fs::metadata(&other).map_or(0, |file| file.len()) == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let beside = send(&host, &other).unwrap();
    assert!(writer.try_wait().unwrap().is_none(), "it lives");
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert!(
        beside.path != other && beside.path.ends_with(".part"),
        "{}",
        beside.path
    );
    assert!(std::fs::read(&beside.path).unwrap() == content());

    run.kill().unwrap();
    run.wait().unwrap();
    wire.over.store(true, Ordering::SeqCst);
    went_on(&send(&host, &path).unwrap(), &path, 4 << 20);
}

/// A client that is gone without a word, its laptop closed: its writer is ended when nothing has come for a while.
#[test]
fn an_upload_goes_on_after_a_client_that_went_silent() {
    let (sshd, path) = start();
    let wire = Wire::to(&sshd, 16 << 20, Then::Silent);
    let variables = [("IRS_TEST_ADDRESS", &*wire.address()), ("IRS_TEST_PATH", &path)];
    let mut run = child("send", &sshd, &variables)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wire.wait_for(16 << 20);
    let sent = send(&sshd.connect().unwrap(), &path).unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    wire.over.store(true, Ordering::SeqCst);
    went_on(&sent, &path, 4 << 20);
}

#[test]
fn an_upload_goes_on_after_a_signal() {
    for signal in ["INT", "TERM"] {
        let (sshd, path) = start();
        let wire = Wire::to(&sshd, 16 << 20, Then::Waits);
        let variables = [("IRS_TEST_ADDRESS", &*wire.address()), ("IRS_TEST_PATH", &path)];
        let mut run = child("send", &sshd, &variables)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        wire.wait_for(16 << 20);
        let mut said = BufReader::new(run.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let killed = std::process::Command::new("kill")
            .args(["-s", signal, &run.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        assert!(said.any(|line| line.ends_with(HEARD)), "{signal}");
        wire.over.store(true, Ordering::SeqCst);
        let said: Vec<_> = said.collect();
        assert!(
            run.wait().unwrap().success() && said.contains(&"caused by: interrupted".to_owned()),
            "{signal}: {said:?}"
        );
        let left = std::fs::metadata(&path).unwrap().len();
        assert!(left < SIZE, "it stopped");
        went_on(&send(&sshd.connect().unwrap(), &path).unwrap(), &path, left);
    }
}
