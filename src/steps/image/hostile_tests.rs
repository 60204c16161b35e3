//! Servers and archives that give without end.

use super::packed::unpacking;
use super::sums;
use crate::remote::{Cmd, Host};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

#[test]
fn what_unpacks_without_end_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    // The largest image is 64 KiB here. Zeros take no room: nothing else would stop them.
    let (before, after) = include_str!("unpack.sh").split_once("\nmost=16777216\n").unwrap();
    let script = format!(
        "set -eu\n{before}\nmost=1\n{after}\n\
         cd \"$1\"; mkdir state; head -c \"$2\" /dev/zero | gzip >packed; true & wait $!\n\
         unpack gzip packed $! plain state; unpacked_whole state; stat -c %s plain"
    );
    for (size, expected) in [("65535", Some("65535\n")), ("65536", None), ("900000000", None)] {
        let folder = tempfile::tempdir_in(folder.path()).unwrap();
        let output = Command::new("sh")
            .args(["-c", &script, "sh", folder.path().to_str().unwrap(), size])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), expected.is_some(), "{size}: {said}");
        match expected {
            Some(expected) => assert_eq!(String::from_utf8_lossy(&output.stdout), expected),
            None => assert!(said.contains("no image is so large"), "{size}: {said}"),
        }
        assert!(folder.path().join("plain").metadata().unwrap().len() <= 65536);
    }
}

#[test]
fn a_download_without_end_leaves_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/disk.img", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n");
        // Slowly: a test is not to fill the disk.
        while stream.write_all(&[0; 4096]).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    // No more room than this.
    let script = unpacking(include_str!("download.sh"));
    let (before, after) = script.split_once("\nroom_left() {").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    let script = format!("{before}\nroom_left() {{ echo no; }}\n{after}");
    let cache = folder.path().join("new/images");
    let mut child = Command::new("sh")
        // Whatever the umask is, nobody else may write there.
        .args(["-c", "umask 0; exec sh -c \"$@\"", "sh", &script, "sh"])
        .arg(&cache)
        .args(["irs-url-x.part", "", "irs-url-x", "", "8192"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let config = format!("\n{}", crate::url::curl_line(&url));
    child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    server.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(23), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert_eq!(cache.read_dir().unwrap().count(), 0);
    for made in [&*cache, cache.parent().unwrap()] {
        assert_eq!(made.metadata().unwrap().permissions().mode() & 0o022, 0);
    }
}

#[test]
fn sums_that_are_protected_are_not_led_astray() {
    assert_eq!(sums::led_by("HTTPS://h/SUMS"), "=https");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(3) {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let count = stream.read(&mut head).unwrap();
            let answer = match head[..count].starts_with(b"GET /led ") {
                true => "HTTP/1.0 302 Found\r\nLocation: /there\r\n\r\n",
                false => "HTTP/1.0 200 OK\r\n\r\nsums\n",
            };
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    for (led, expected) in [("=https", ""), (sums::led_by("http://h/SUMS"), "sums\n")] {
        let cmd = Cmd::script(sums::FETCH, &["1000", led]);
        let cmd = cmd.stdin(crate::url::curl_line(&format!("http://{address}/led")));
        assert_eq!(Host::here().run(&cmd).unwrap().text(), expected);
    }
    server.join().unwrap();
}
