//! Servers that are ill, and images that are none: what the user is told, and that nothing of it stays in the cache.

use crate::interrupted::{image, sent, sh};
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
        "--image-checksum names: it has sha256:{}",
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
