//! What others on the hypervisor can see of a download, and what an image can be exchanged for.

use super::getting::Getting;
use super::{apply, locate};
use crate::deployment::{ImageSource, Storage};
use crate::remote::Host;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, LazyLock};
use std::thread;

/// The password of the URL; the test's own arguments and environment do not have it.
const PASSWORD: &str = "sesame-5f1c";

/// Whether curl logged in, and the files of processes that showed the password.
type Asked = (bool, Vec<String>);

/// Serves a disk of zeros as often as it is asked; says of each request who logged in, and whether any process shows the
/// password in its arguments or its environment while it is answered.
fn serve(requests: usize) -> (u16, thread::JoinHandle<Vec<Asked>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let answer = |stream: std::net::TcpStream| {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let known = head.iter().any(|line| line.starts_with("Authorization: Basic "));
            let seen = showing(PASSWORD);
            let mut stream = stream;
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 65536\r\n\r\n");
            let _ = stream.write_all(&[0; 65536]);
            (known, seen)
        };
        listener
            .incoming()
            .take(requests)
            .map(|stream| answer(stream.unwrap()))
            .collect()
    });
    (port, server)
}

/// Fetched by the hypervisor itself, whatever it is.
fn wish(force: bool) -> locate::Wish<'static> {
    static PLAIN: LazyLock<Getting> = LazyLock::new(Getting::default);
    locate::Wish {
        force,
        checksum: None,
        getting: &PLAIN,
    }
}

/// The processes that show a text to everybody, or to their own user.
fn showing(text: &str) -> Vec<String> {
    let has = |path: &std::path::Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let files = processes.flat_map(|process| ["cmdline", "environ"].map(|file| process.path().join(file)));
    files
        .filter(|file| has(file))
        .map(|file| file.display().to_string())
        .collect()
}

#[test]
fn a_password_in_a_url_is_in_no_process_list_and_no_message() {
    let dir = tempfile::tempdir().unwrap();
    let (port, server) = serve(2);
    let url = format!("http://me:{PASSWORD}@127.0.0.1:{port}/disk.img");
    let storage = Storage {
        folder: dir.path().to_str().unwrap().to_owned(),
        pool: "images".to_owned(),
    };
    let host = Host::here();
    let located = locate::locate(&host, &ImageSource::Url(url), &storage, &wish(false), None).unwrap();
    let actions = located.actions("hv", false, &|_| None);
    assert!(!format!("{}", crate::plan::Plan::new(actions)).contains(PASSWORD));
    let super::Located::Missing(work) = located else {
        panic!("nothing is cached yet")
    };
    let base = apply::apply(&work, &host, &storage, &|_| Ok(())).unwrap();
    assert_eq!(base.virtual_size, 65536);
    let kept: Vec<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default())
        .collect();
    assert!(kept.iter().all(|text| !text.contains(PASSWORD)), "{kept:?}");
    for (known, seen) in server.join().unwrap() {
        assert!(known, "curl was told the password");
        assert_eq!(seen, Vec::<String>::new());
    }
    // A server that is gone: the message says where, and not how to get in.
    let gone = format!("http://me:{PASSWORD}@127.0.0.1:1/disk.img");
    let error = locate::locate(&host, &ImageSource::Url(gone), &storage, &wish(false), None).unwrap_err();
    let text = crate::error::Report::of(&error).to_string();
    assert!(
        text.contains("http://127.0.0.1:1/disk.img") && !text.contains(PASSWORD),
        "{text}"
    );
}

/// Runs that plan at the same time, of which one is slow: it begins when another one's download is over and forgotten.
#[test]
fn what_another_run_fetched_since_the_plan_is_not_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let (port, server) = serve(4);
    let url = ImageSource::Url(format!("http://me:{PASSWORD}@127.0.0.1:{port}/disk.img"));
    let storage = Storage {
        folder: dir.path().to_str().unwrap().to_owned(),
        pool: "images".to_owned(),
    };
    let host = Host::here();
    let plan = |force| match locate::locate(&host, &url, &storage, &wish(force), None).unwrap() {
        super::Located::Missing(work) => work,
        super::Located::Cached(_) => panic!("there is nothing to do"),
    };
    let bring = |work| apply::apply(work, &host, &storage, &|_| Ok(())).unwrap();
    // One request looks, one fetches, and the server would not answer more of the first two runs.
    let first = plan(false);
    let base = bring(&first);
    assert_eq!(bring(&first), base);
    // That the image is there already is no reason for who wants it anew.
    let forced = plan(true);
    assert_eq!(bring(&forced), base);
    assert_eq!(bring(&forced), base);
    assert_eq!(server.join().unwrap().len(), 4);
}

#[test]
fn an_image_that_changes_after_the_check_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let pool = tempfile::tempdir().unwrap();
    let storage = Storage {
        folder: pool.path().to_str().unwrap().to_owned(),
        pool: "images".to_owned(),
    };
    let (host, file) = (Host::here(), dir.path().join("disk.img"));
    std::fs::write(&file, [0; 65536]).unwrap();
    let source = ImageSource::File(file.clone());
    let super::Located::Missing(work) = locate::locate(&host, &source, &storage, &wish(false), None).unwrap()
    else {
        panic!("nothing is cached yet")
    };
    // As large as before, and now it has a backing file.
    let mut header = b"QFI\xfb\0\0\0\x03\0\0\0\0\0\0\x01\0".to_vec();
    header.resize(65536, 0);
    std::fs::write(&file, header).unwrap();
    let error = apply::apply(&work, &host, &storage, &|_| Ok(())).unwrap_err();
    assert!(
        error.to_string().ends_with("changed while it was sent"),
        "{error:#}"
    );
    assert_eq!(std::fs::read_dir(pool.path()).unwrap().count(), 0);
}

#[test]
fn downloads_over_http_are_told() {
    let led = |url: &str, astray: bool| {
        super::Located::Missing(super::Work::Download {
            checksum: None,
            source: ImageSource::Url(url.to_owned()),
            urls: vec![url.to_owned()],
            getting: Arc::default(),
            url: url.to_owned(),
            size: None,
            seen: String::new(),
            virtual_size: None,
            must_be: None,
            astray,
        })
    };
    let missing = |url: &str| led(url, false);
    let said = missing("HTTP://me:pw@h/a.qcow2").unprotected().unwrap();
    assert!(said.contains("comes over http") && !said.contains("pw"), "{said}");
    assert_eq!(missing("https://h/a.qcow2").unprotected(), None);
    let said = led("https://h/a.qcow2", true).unprotected().unwrap();
    assert!(said.contains("which its server leads to"), "{said}");
}
