//! Servers that are ill, and images that are none: what the user is told, and that nothing of it stays in the cache.

use crate::interrupted::{UnderWay, image, sent, sh};
use crate::support::{Lab, SIZES};

const MAKE: &[&str] = &["--topology-nodes", "freeipa:1", "--start", "none"];

#[test]
#[ignore = "in the lab: tests/run lab"]
fn each_ill_server_and_image_is_told() {
    let lab = Lab::up("faults-images", &["--default-network"]).warm();
    let folder = tempfile::tempdir().expect("a folder");
    image(folder.path(), "good.qcow2", 2);
    let whole = std::fs::read(folder.path().join("good.qcow2")).expect("the image");
    std::fs::write(folder.path().join("short.qcow2"), &whole[..whole.len() / 2]).expect("a file");
    let base = lab.serve(folder.path());
    let run = |url: &str| lab.virsh(&[SIZES, MAKE, &["--image-url", url]].concat());
    let cache = || sh(&lab, "ls -A /var/lib/libvirt/images | grep -v '^irs-default$'").stdout;

    // What is known from the server's first answer is told before anything is made.
    for (url, status, said) in [
        (
            format!("{base}/good.qcow2?status=404"),
            1,
            "The requested URL returned error: 404",
        ),
        (
            format!("{base}/good.qcow2?status=403"),
            1,
            "The requested URL returned error: 403",
        ),
        (
            format!("{base}/good.qcow2?loop"),
            1,
            "Maximum (50) redirects followed",
        ),
        (
            format!("{base}/good.qcow2?page"),
            2,
            "is not a disk image but a web page",
        ),
        (base.replace("http:", "https:") + "/good.qcow2", 1, "SSL"),
        (
            "http://images.invalid/good.qcow2".to_owned(),
            1,
            "Could not resolve host: images.invalid",
        ),
        (
            base.replace(":8000", ":81") + "/good.qcow2",
            1,
            "Failed to connect",
        ),
    ] {
        let run = run(&url).exits(status).says(&["error: ", said, "hint: "]);
        assert!(!run.stderr.contains("step 1/6"), "{}", run.transcript());
        assert_eq!(lab.domains(), [] as [&str; 0]);
        assert_eq!(cache(), "", "{url}");
    }

    // A server that hangs up once is nobody's trouble; one that does so each time at the same byte is told.
    run(&format!("{base}/good.qcow2?cut=1000000")).exits(1).says(&[
        "downloading the base image",
        "end of response with",
        "hint: run irs again: the download goes on where it stopped",
    ]);
    assert!(cache().contains(".part"));
    lab.virsh(&["--kill"]).ok();
    run(&format!("{base}/good.qcow2?cut-once=700000")).ok();
    assert_eq!(sent(&lab, "cut-once"), ["0", "700000"]);
    lab.virsh(&["--kill"]).ok();

    // Nobody said how long it is, and half of it came.
    for url in [
        format!("{base}/short.qcow2"),
        format!("{base}/good.qcow2?bare&end=1500000"),
    ] {
        run(&url).exits(2).says(&["is damaged", "hint: get it again"]);
        assert!(!cache().contains(".part"), "{}", cache());
    }
    // Another content than the named one; the right one; and what the cache has is held to it, too.
    let sum = |program: &str, name: &str| {
        let file = folder.path().join(name).display().to_string();
        let said = sh(&lab, &format!("{program} {file}")).ok().stdout;
        said.split(' ').next().unwrap_or_default().to_owned()
    };
    let (url, zeros) = (format!("{base}/good.qcow2"), "0".repeat(64));
    let named =
        |sum: &str| lab.virsh(&[SIZES, MAKE, &["--image-url", &url, "--image-checksum", sum]].concat());
    let told = format!(
        "its checksum names: it has sha256:{}",
        sum("sha256sum", "good.qcow2")
    );
    named(&zeros).exits(1).says(&["is not the one that", &told]);
    assert!(!cache().contains(".part"), "{}", cache());
    let right = named(&format!("sha512:{}", sum("sha512sum", "good.qcow2"))).ok();
    assert!(
        !right.stderr.contains("comes over http"),
        "{}",
        right.transcript()
    );
    lab.virsh(&["--kill"]).ok();
    named(&zeros).exits(1).says(&[&told]);

    // Cut short where it lies: no node is made over that.
    let cut = "cd /var/lib/libvirt/images && for i in irs-base-*.qcow2; do truncate -s 1M $i; done";
    sh(&lab, cut).ok();
    run(&url).ok().says(&["changed or cut short since it was placed"]);
    let sizes = sh(&lab, "stat -c %s /var/lib/libvirt/images/irs-base-*.qcow2")
        .ok()
        .stdout;
    assert!(
        sizes.lines().any(|size| size.parse() == Ok(whole.len())),
        "{sizes}"
    );
    lab.virsh(&["--kill"]).ok();
    assert_eq!(sh(&lab, "ls /run/irs").stdout, "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_base_that_is_lost_under_nodes_is_named_and_brought_back() {
    let lab = Lab::up("faults-bases", &["--default-network"]).warm();
    let folder = tempfile::tempdir().expect("a folder");
    let of = |name: &str| folder.path().join(name);
    image(folder.path(), "good.qcow2", 2);
    std::fs::copy(of("good.qcow2"), of("copy.qcow2")).expect("a copy");
    let base = lab.serve(folder.path());
    let run = |name: &str, flags: &[&str]| {
        let url = format!("{base}/{name}");
        lab.virsh(&[SIZES, MAKE, &["--image-url", &url], flags].concat())
    };
    let cache = || {
        sh(
            &lab,
            "cd /var/lib/libvirt/images && stat -c '%n %s' irs-base-*.qcow2",
        )
        .stdout
    };

    // A file of sums says what it must be, as tools write it; on the hypervisor's side or on ours.
    let sums = format!("{base}/SHA256SUMS");
    run("good.qcow2", &["--image-checksum", &sums]).exits(1).says(&[
        "cannot fetch the file of sums",
        "404",
        "hint: ",
    ]);
    let right = sh(&lab, &format!("sha256sum {}", of("good.qcow2").display())).ok();
    let right = right.stdout.split(' ').next().expect("a sum").to_owned();
    let write = |text: String| std::fs::write(of("SHA256SUMS"), text).expect("a file");
    write(format!("{right}  other.qcow2\n{right}  more.qcow2\n"));
    run("good.qcow2", &["--image-checksum", &sums])
        .exits(2)
        .says(&["does not name 'good.qcow2'", "hint: "]);
    write(format!("SHA256 (good.qcow2) = {}\n", "0".repeat(64)));
    run("good.qcow2", &["--image-checksum", &sums])
        .exits(1)
        .says(&["is not the one that its checksum names"]);
    assert_eq!(cache(), "");
    write(format!("{} *other.qcow2\n{right} *good.qcow2\n", "0".repeat(64)));
    let file = of("SHA256SUMS").display().to_string();
    run("good.qcow2", &["--image-checksum", &file]).ok();

    // Cut short under the node: named by all, brought back by the same command.
    let whole = cache();
    let cut = "truncate -s 1M /var/lib/libvirt/images/irs-base-*.qcow2";
    let told = "was changed or cut short since it was placed, and nodes lie over it: freeipa-0";
    sh(&lab, cut).ok();
    // So is its seed, which would make another instance of it at its next start.
    sh(
        &lab,
        "truncate -s 9 /var/lib/libvirt/images/irs-default/freeipa-0-seed.img",
    )
    .ok();
    let seed = "  ~ volume freeipa-0-seed.img: the seed of freeipa-0 is cut off at 9 bytes";
    lab.on_host(&["status"])
        .ok()
        .prints(&["  + image /var/lib", told, seed]);
    run("good.qcow2", &["--dry-run"])
        .ok()
        .prints(&["  + image ", told, seed]);
    run("good.qcow2", &[]).ok();
    assert_eq!(cache(), whole);
    run("good.qcow2", &[]).ok().prints(&["nothing to change"]);

    // Gone, and its URL has another content now: nothing is put in its place.
    sh(&lab, "rm /var/lib/libvirt/images/irs-base-*.qcow2").ok();
    image(folder.path(), "good.qcow2", 3);
    run("good.qcow2", &[])
        .exits(1)
        .says(&["is another one now than", "which nodes lie over", "hint: "]);
    assert_eq!(cache(), "");
    run("copy.qcow2", &[]).exits(1).says(&[
        "is gone, and nodes lie over it: freeipa-0",
        "hint: --force-image-download puts it back",
        "--remove-nodes freeipa-0",
    ]);
    run("copy.qcow2", &["--force-image-download"]).ok();
    assert_eq!(cache(), whole);
    run("copy.qcow2", &[]).ok().prints(&["nothing to change"]);
    assert!(!lab.on_host(&["status"]).ok().stdout.contains("image "));
    lab.virsh(&["--kill"]).ok();

    // libguestfs fails; then it does something else each time, as it does, and what it made is lost under the node.
    let program = lab.state().join("virt-customize").display().to_string();
    let fake = "#!/bin/sh
        [ -e /run/works ] || { echo 'virt-customize: error: appliance closed the connection' >&2; exit 1; }
        while [ $# -gt 0 ]; do [ \"$1\" != -a ] || date +%N >>\"$2\"; shift; done\n";
    std::fs::write(&program, fake).expect("a program");
    sh(
        &lab,
        &format!("chmod 755 {program}; mount --bind {program} /usr/bin/virt-customize"),
    )
    .ok();
    let customised = || run("copy.qcow2", &["--customize", "libguestfs"]);
    customised().exits(1).says(&[
        "caused by: libguestfs could not customise the image\n",
        "caused by: virt-customize: error: appliance closed the connection\n",
        "hint: 'libguestfs-test-tool' there tells whether libguestfs works",
    ]);
    sh(&lab, "touch /run/works").ok();
    customised().ok();
    customised().ok().prints(&["nothing to change"]);
    let cut =
        "cd /var/lib/libvirt/images; truncate -s 1M $(grep -l 'from libguestfs' *.seal | sed 's/.seal$//')";
    sh(&lab, cut).ok();
    let hint = "libguestfs made it, and would not make the same again: put the file back, or make the nodes anew: \
                --remove-nodes freeipa-0";
    lab.on_host(&["status"]).ok().prints(&[told, hint]);
    for force in [&[][..], &["--force-image-download"]] {
        run("copy.qcow2", &[&["--customize", "libguestfs"], force].concat())
            .exits(1)
            .says(&[told, hint]);
    }
    lab.virsh(&["--remove-nodes", "freeipa-0"]).ok();
    customised().ok();
    assert!(!lab.on_host(&["status"]).ok().stdout.contains("image "));
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_disk_that_gets_full_under_an_image_is_told_and_gone_on_from() {
    let lab = Lab::up("faults-image-full", &["--default-network"]).warm();
    let folder = tempfile::tempdir().expect("a folder");
    image(folder.path(), "slow.qcow2", 4);
    image(folder.path(), "large.qcow2", 48);
    let base = lab.serve(folder.path());
    let disk = lab.state().join("small.img").display().to_string();
    let pool = "/var/lib/libvirt/small";
    let prepare = format!(
        "truncate -s 3G {disk} && mkfs.ext4 -q -m 0 {disk} && mkdir -p {pool} && mount -o loop {disk} {pool} && chmod 711 {pool}"
    );
    sh(&lab, &prepare).ok();
    // What is packed needs room twice, and so does what is converted.
    let file = |name: &str| folder.path().join(name).display().to_string();
    let raw = file("large.qcow2");
    let made = format!(
        "gzip -1k {raw} && qemu-img convert -O vmdk {raw} {}",
        file("large.vmdk")
    );
    sh(&lab, &made).ok();
    let fill = |part: &str, leave: u64| {
        let all = if leave == 0 {
            "cat /dev/zero >>filler 2>/dev/null"
        } else {
            ":"
        };
        let leave = leave.max(8192);
        let script = format!(
            "cd {pool}; until [ -s {part} ]; do :; done; fallocate -l $(($(df -B1 --output=avail . | tail -n 1) - {leave})) filler; \
             {all}; sync -f ."
        );
        UnderWay::start(lab.enter_command(&["sh", "-c", &script]))
    };
    let url = format!("{base}/slow.qcow2?hold=1000000");
    let once = 60 << 20;
    for (source, part, leave, how, why) in [
        (
            &url,
            "irs-url-*.part",
            0,
            "is full: ",
            "downloading the base image",
        ),
        (&raw, "irs-base-*.part", 0, " full: ", "uploading"),
        (
            &file("large.qcow2.gz"),
            "irs-packed-*.part",
            once,
            "got full: ",
            "cannot be unpacked",
        ),
        (
            &file("large.vmdk"),
            "irs-base-*.part",
            once,
            "got full: ",
            "cannot be converted from vmdk to qcow2",
        ),
    ] {
        let make = [SIZES, MAKE, &["--disk-pool", pool, "--image-url", source]].concat();
        let filled = fill(part, leave);
        let run = UnderWay::start(lab.virsh_command(&make));
        filled.end().ok();
        std::fs::write(folder.path().join("go"), "").expect("a file");
        run.end().exits(4).says(&[
            "error: the file system '/var/lib/libvirt/small' on '",
            how,
            why,
            "hint: free some space there; the same command goes on from here",
        ]);
        assert_eq!(sh(&lab, &format!("cd {pool} && ls irs-base-*")).stdout, "");
        sh(&lab, &format!("rm {pool}/filler")).ok();
        lab.virsh(&make).ok();
        assert_eq!(sh(&lab, &format!("cd {pool} && ls *.part")).stdout, "");
        lab.virsh(&["--kill"]).ok();
        sh(&lab, &format!("rm -f {pool}/irs-*")).ok();
    }
}
