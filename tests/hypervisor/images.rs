//! Getting images: by name, packed, from mirrors, through a proxy, through this machine.

use crate::interrupted::{sent, sh};
use crate::support::{Lab, Run, RunExt, SIZES};
use std::path::Path;
use std::process::Command;

const MAKE: &[&str] = &["--topology-nodes", "freeipa:1", "--start", "none"];
const CACHE: &str = "/var/lib/libvirt/images";

/// A disk of 256 MiB that begins with zeros, as a blank one does, with some data in it that cannot be packed, and zeros at its end.
fn disk(folder: &Path) {
    let make = "truncate -s 256M disk.raw && head -c 3000000 /dev/urandom | dd of=disk.raw bs=1M seek=8 conv=notrunc status=none && \
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
    let cache = || sh(&lab, &format!("cd {CACHE} && ls -A | grep -v irs-default")).stdout;
    let clear = || {
        lab.virsh(&["--kill"]).ok();
        sh(&lab, &format!("rm -f {CACHE}/irs-*")).ok();
    };

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
        let run = run(&["--image-url", url]).exits(status).says(said);
        assert!(!run.stderr.contains("step 1/6"), "{}", run.transcript());
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
        assert_eq!(size, (256 << 20).to_string());
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
    clear();

    // Packed files of this machine are sent as they are.
    for name in ["disk.raw.gz", "disk.raw.zst"] {
        let file = folder.path().join(name);
        let file = file.to_str().expect("text");
        run(&["--image-url", file]).ok();
        content();
        lab.virsh(&["--kill"]).ok();
        let again = run(&["--image-url", file, "--dry-run"]).ok();
        assert!(
            !again.transcript().contains("not in the cache"),
            "{}",
            again.transcript()
        );
        clear();
    }

    // Cut short: told, and nothing stays. A sums file may name what is in it. Resumed, and unpacked from its beginning.
    run(&["--image-url", &format!("{base}/cut.xz")]).exits(2).says(&[
        "cannot be unpacked",
        "Unexpected end of input",
        "hint: ",
    ]);
    assert_eq!(cache(), "");
    lab.virsh(&["--kill"]).ok();
    let plain = format!("{base}/SHA256SUMS");
    run(&[
        "--image-url",
        &format!("{base}/disk.raw.xz?cut-once=1000000"),
        "--image-checksum",
        &plain,
    ])
    .ok();
    assert_eq!(sent(&lab, "cut-once"), ["0", "1000000"]);
    content();
    clear();
}
