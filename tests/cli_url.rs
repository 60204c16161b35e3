//! `--topology-net-url`: network files of a web server on this machine.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;

const NETWORK: &str = "networks:\n  net1:\n    name: management\n    forward: nat\n    ip_address: \"10.9.{{ net }}.1\"\n    netmask: 255.255.255.0\nnodes:\n  default:\n    interfaces: [{network: management}]\n    external_network: {network: management}\n";

/// Serves what the path names until the test ends; answers with the address.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            lines.read_line(&mut line).unwrap();
            let mut header = String::new();
            while lines.read_line(&mut header).is_ok_and(|n| n > 2) {
                header.clear();
            }
            let (status, extra, body) = match line.split(' ').nth(1).unwrap_or_default() {
                "/own.yml" | "/own.yml?token=hush" => ("200 OK", "", NETWORK.to_owned()),
                "/moved" => ("302 Found", "Location: /own.yml\r\n", String::new()),
                "/loop" => ("302 Found", "Location: /loop\r\n", String::new()),
                "/file" => ("302 Found", "Location: file:///etc/passwd\r\n", String::new()),
                "/page" => ("200 OK", "", "<!DOCTYPE html><html></html>".to_owned()),
                "/large" => ("200 OK", "", "#".repeat(3 << 20)),
                "/binary" => ("200 OK", "", "a: \u{0}".to_owned()),
                "/typo" => ("200 OK", "", NETWORK.replace("netmask", "netmusk")),
                _ => ("404 Not Found", "", "nothing".to_owned()),
            };
            // The one that has read enough goes away.
            let _ = write!(stream, "HTTP/1.0 {status}\r\n{extra}\r\n{body}");
        }
    });
    address
}

fn irs(line: &str, path: &str) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_irs"))
        .args(shlex::split(line).unwrap())
        .env_clear()
        .env("PATH", path)
        .env("HOME", home.path())
        .env("IRS_HOME", home.path())
        .current_dir(home.path())
        .output()
        .unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(both).unwrap())
}

#[test]
fn a_network_file_comes_from_a_web_server() {
    let server = serve();
    for path in ["own.yml", "moved", "own.yml?token=hush"] {
        let url = format!("http://me:pw@{server}/{path}");
        let (code, said) = irs(
            &format!("topology render --topology-nodes controller:1 --topology-net-url {url} --format json"),
            "/usr/bin:/bin",
        );
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("10.9.0.1"), "{said}");
        let (code, said) = irs(
            &format!(
                "virsh --host-address nowhere.invalid --topology-nodes controller:1 --topology-net-url {url}"
            ),
            "/usr/bin:/bin",
        );
        assert_eq!(code, Some(3), "{said}");
    }
}

#[test]
fn what_cannot_be_had_is_explained() {
    let server = serve();
    let silent = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    for (url, message) in [
        (format!("http://{server}/none"), "the server answers 404\n"),
        (
            format!("http://{server}/page"),
            "/page:1:1: this is a web page, not a network file",
        ),
        (
            format!("http://{server}/large"),
            "/large:1:1: the file is larger than 1024 KiB",
        ),
        (
            format!("http://{server}/binary"),
            "/binary:1:4: control character U+0000",
        ),
        (format!("http://{server}/loop"), "redirects"),
        (format!("http://{server}/file"), "rotocol"),
        (
            format!("http://{server}/typo"),
            "/typo:6:5: the key 'netmusk' of network 'net1' is not known",
        ),
        (format!("https://{server}/own.yml"), "CURL_CA_BUNDLE"),
        (format!("http://{silent}/x"), "cannot fetch"),
        (
            "ftp://host/x".into(),
            "--topology-net-url 'ftp://host/x' is no http:// or https:// URL",
        ),
        ("http:///x".into(), "is no http:// or https:// URL"),
        ("'http://h/$(id) x'".into(), "is no http:// or https:// URL"),
    ] {
        let line = format!("virsh --topology-nodes controller:1 --topology-net-url {url}");
        let (code, said) = irs(&line, "/usr/bin:/bin");
        assert_eq!(code, Some(2), "{url}: {said}");
        assert!(said.contains(message), "{url}: {said}");
    }
    let line = format!(
        "virsh --topology-nodes controller:1 --topology-net-url http://me:hush@{server}/none?token=hush"
    );
    let (_, said) = irs(&line, "/usr/bin:/bin");
    assert!(said.contains("cannot fetch") && !said.contains("hush"), "{said}");
    let (code, said) = irs(&line, "/nonexistent");
    assert_eq!(code, Some(2));
    assert!(
        said.contains("the program 'curl' is not on this machine"),
        "{said}"
    );
    let (code, said) = irs(&format!("{line} --topology-network 3_nets"), "/usr/bin:/bin");
    assert_eq!(code, Some(2));
    assert!(
        said.contains("--topology-network and --topology-net-url do not go together"),
        "{said}"
    );
}
