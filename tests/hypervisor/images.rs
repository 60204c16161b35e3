//! Getting images: by name, packed, from mirrors, through a proxy, through this machine.

use crate::interrupted::{sent, sh, until};
use crate::support::{Lab, Run, RunExt, SIZES};
use std::path::Path;
use std::process::Command;

/// Nothing starts, and libguestfs does not look into what has no system.
const MAKE: &[&str] = &[
    "--topology-nodes",
    "freeipa:1",
    "--start",
    "none",
    "--customize",
    "cloud-init",
];
const CACHE: &str = "/var/lib/libvirt/images";

/// A disk of 48 MiB that begins with zeros, as a blank one does, with some data in it that cannot be packed, and zeros at its end.
fn disk(folder: &Path) {
    let make = "truncate -s 48M disk.raw && head -c 3000000 /dev/urandom | dd of=disk.raw bs=1M seek=8 conv=notrunc status=none && \
                gzip -k disk.raw && xz -k -0 disk.raw && zstd -q disk.raw && \
                { head -c 2000000 disk.raw.xz >cut.xz; } && sha512sum disk.raw.xz >SHA512SUMS && sha256sum disk.raw >SHA256SUMS && \
                mkdir near && cp disk.raw.zst near/x.zst && tar -czf tar.gz disk.raw && zstd -q --rm near/x.zst -o near/twice.zst";
    Command::new("bash")
        .args(["-ec", make])
        .current_dir(folder)
        .run()
        .ok();
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn images_come_by_name_packed_and_through_others() {
    let lab = Lab::up("images", &["--default-network"]).warm();
    let folder = tempfile::tempdir().expect("a folder");
    disk(folder.path());
    let base = lab.serve(folder.path());
    std::fs::write(
        folder.path().join("images.yml"),
        format!(
            "images:
  packed:
    url: {base}/gone/disk.raw.xz
    mirrors: ['{base}/disk.raw.xz?status=503', '{base}/disk.raw.xz']
    checksum: ../SHA512SUMS
    user: packer
  elsewhere: {{url: '{base}/disk.raw.xz', arch: [s390x]}}
"
        ),
    )
    .expect("a file");
    let own = folder.path().display().to_string();
    let run = |args: &[&str]| lab.virsh(&[SIZES, MAKE, &["--topology-dir", &own], args].concat());
    // What makes no nodes gets images in the same way, and is quicker.
    let pull = |args: &[&str]| lab.cache(&[&["pull", "--topology-dir", &own], args].concat());
    let cache = || sh(&lab, &format!("cd {CACHE} && ls -A | grep -v irs-default")).stdout;
    let clear = || drop(sh(&lab, &format!("rm -f {CACHE}/irs-*")).ok());

    // What cannot be is told before anything is made.
    for (url, status, said) in [
        (
            "packd",
            2,
            &[
                "neither a file of this machine nor an image that has a name",
                "did you mean 'packed'?",
            ][..],
        ),
        ("elsewhere", 2, &["is for s390x, and the hypervisor is x86_64"]),
        (
            &format!("{base}/tar.gz"),
            2,
            &["not a disk image but a tar archive"],
        ),
        (
            &format!("{base}/near/twice.zst"),
            2,
            &["not a disk image but a zstd archive", "packed twice"],
        ),
    ] {
        if url == "elsewhere" {
            let run = run(&["--image-url", url]).exits(status).says(said);
            assert!(!run.stderr.contains("step 1/6"), "{}", run.transcript());
        }
        pull(&[url]).exits(status).says(said);
        assert_eq!(cache(), "", "{url}");
    }

    // By name: the places are tried in order, what came is held to the file of sums, and unpacked.
    run(&["--image-url", "packed"]).ok();
    let content = || {
        let base = sh(
            &lab,
            &format!("cd {CACHE} && sha256sum irs-base-*.raw && stat -c '%b %s' irs-base-*.raw"),
        )
        .ok();
        let sum = Run::of(Command::new("sha256sum").arg(folder.path().join("disk.raw")))
            .ok()
            .stdout;
        assert_eq!(base.stdout[..64], sum[..64]);
        let line = base.stdout.lines().nth(1).unwrap_or_default().to_owned();
        let (blocks, size) = line.split_once(' ').expect("blocks and size");
        assert_eq!(size, (48 << 20).to_string());
        assert!(
            blocks.parse::<u64>().unwrap_or(u64::MAX) * 512 < 8 << 20,
            "zeros take no room: {line}"
        );
        assert!(!cache().contains(".part"), "{}", cache());
    };
    content();
    // What is in the cache needs no server; the packed file's checksum holds, too, and another one does not.
    let sums = folder.path().join("SHA512SUMS").display().to_string();
    lab.virsh(&["--kill"]).ok();
    let again = run(&["--image-url", "packed", "--image-checksum", &sums]).ok();
    assert!(!again.stderr.contains("step 3/6"), "{}", again.transcript());
    lab.virsh(&["--kill"]).ok();
    clear();

    // Packed files of this machine are sent as they are.
    let file = folder.path().join("disk.raw.zst");
    let file = file.to_str().expect("text");
    pull(&[file]).ok().prints(&["is in the cache now"]);
    content();
    pull(&[file]).ok().prints(&["was there already"]);
    clear();

    // Cut short: told, and nothing stays. A sums file may name what is in it. Resumed, and unpacked from its beginning.
    pull(&[&format!("{base}/cut.xz")]).exits(2).says(&[
        "cannot be unpacked",
        "Unexpected end of input",
        "hint: ",
    ]);
    assert_eq!(cache(), "");
    let plain = format!("{base}/SHA256SUMS");
    pull(&[
        &format!("{base}/disk.raw.xz?cut-once=1000000"),
        "--image-checksum",
        &plain,
    ])
    .ok();
    assert_eq!(sent(&lab, "cut-once"), ["0", "1000000"]);
    content();
    clear();

    // The machine's own proxy, which a login for commands alone leaves out; one that is named, with a password; a mirror.
    let address = lab.address().to_owned();
    sh(
        &lab,
        "echo 'export HTTP_PROXY=\"http://127.0.0.1:1\"' >/etc/environment",
    )
    .ok();
    let url = format!("{base}/disk.raw.gz");
    pull(&[&url]).exits(1).says(&[
        "Failed to connect to 127.0.0.1 port 1",
        "--image-via client fetches it through this machine",
    ]);
    let _proxy = Server::start(
        lab.enter_command(&[
            "/usr/bin/python3",
            "tests/lab/proxy.py",
            &address,
            "3128",
            "me:sesame",
        ]),
        "3128",
        &|| sh(&lab, &format!("curl -s -o /dev/null http://{address}:3128/")).status == Some(0),
    );
    let wrong = format!("http://me:other@{address}:3128");
    pull(&[&url, "--image-proxy", &wrong]).exits(1).says(&["407"]);
    let mirror = format!("{base}/{{path}}?x={{file}}");
    let mut through =
        lab.virsh_command(&[SIZES, MAKE, &["--image-url", "http://images.invalid/disk.raw.gz"]].concat());
    through.env("IRS_IMAGE_PROXY", format!("http://me:sesame@{address}:3128"));
    through.env("IRS_IMAGE_MIRROR", &mirror);
    let made = through.run().ok();
    assert!(!made.stderr.contains("sesame"), "{}", made.transcript());
    let logged = Command::new("grep").args(["-rl", "sesame"]).arg(lab.home()).run();
    assert_eq!(logged.stdout, "");
    content();
    sh(&lab, "rm -f /etc/environment").ok();
    lab.virsh(&["--kill"]).ok();
    clear();

    // This machine fetches what the hypervisor cannot reach; what it has already is not fetched again.
    let (port, cached) = (free_port(), tempfile::tempdir().expect("a folder"));
    let mut serve = Command::new("python3");
    serve
        .arg("tests/lab/http_server.py")
        .arg(folder.path())
        .args(["127.0.0.1", &port]);
    let server = Server::start(serve, &port, &|| {
        std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok()
    });
    for (name, sums, times) in [("disk.raw.xz", "SHA512SUMS", 2), ("disk.raw", "SHA256SUMS", 1)] {
        let [url, sums] = [name, sums].map(|name| format!("http://127.0.0.1:{port}/{name}"));
        let flags = [url.as_str(), "--image-checksum", &sums];
        if name == "disk.raw.xz" {
            pull(&flags)
                .exits(1)
                .says(&["the hypervisor cannot fetch", "--image-via client"]);
        }
        for _ in 0..times {
            let mut client = lab.cache_command(&[&["pull", "--image-via", "client"], &flags[..]].concat());
            client.env("XDG_CACHE_HOME", cached.path()).run().ok();
            content();
            assert_eq!(server.sent(name), 1, "{name}");
            clear();
        }
    }
}

fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port().to_string()
}

/// A server of this test's, which ends with it.
struct Server {
    child: std::process::Child,
    log: tempfile::NamedTempFile,
}

impl Server {
    fn start(mut command: Command, port: &str, answers: &dyn Fn() -> bool) -> Server {
        let log = tempfile::NamedTempFile::new().expect("a file");
        let file = || log.reopen().expect("the log");
        let child = command.stdout(file()).stderr(file()).spawn().expect("it starts");
        let server = Server { child, log };
        until(&format!("port {port} answers"), answers);
        server
    }

    /// How often it sent a file that is no small one, from its beginning or not.
    fn sent(&self, name: &str) -> usize {
        let log = std::fs::read_to_string(self.log.path()).expect("the log");
        log.lines()
            .filter(|line| line.contains(&format!("sent /{name} from")))
            .count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
