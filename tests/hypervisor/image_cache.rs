//! The cache of base images: every format, who uses what, what is removed and what never is.

use crate::interrupted::sh;
use crate::support::{Lab, Run, RunExt, SIZES};
use std::path::Path;
use std::process::Command;

const FOLDER: &str = "/var/lib/libvirt/images";
/// Nothing starts, and libguestfs does not look into what has no system.
const MAKE: &[&str] = &[
    "--topology-nodes",
    "freeipa:1",
    "--start",
    "none",
    "--customize",
    "cloud-init",
];

/// An image with some data in it, sparse, in a format and with qemu-img's options.
fn make(folder: &Path, name: &str, format: &[&str], mib: u64) -> String {
    let raw = folder.join("raw");
    let file = std::fs::File::create(&raw).expect("a file");
    file.set_len(mib << 20).expect("a size");
    // Noise, other in each of them.
    let noise: Vec<u8> = name
        .bytes()
        .cycle()
        .take(200_000)
        .enumerate()
        .map(|(n, b)| b ^ (n % 251) as u8)
        .collect();
    std::os::unix::fs::FileExt::write_all_at(&file, &noise, (mib << 20) / 2).expect("data");
    let made = folder.join(name);
    let to = made.display().to_string();
    Command::new("qemu-img")
        .args(["convert", "-f", "raw", "-O"])
        .args(format)
        .arg(&raw)
        .arg(&to)
        .run()
        .ok();
    std::fs::remove_file(raw).expect("the raw image goes");
    to
}

fn environment(lab: &Lab, prefix: &str, image: &str, flags: &[&str]) -> Run {
    let own = ["--prefix", prefix, "--image-url", image];
    lab.virsh(&[SIZES, MAKE, &own, flags].concat())
}

fn image_of(lab: &Lab, source: &str) -> serde_json::Value {
    let list = lab.cache(&["list", "--format", "json"]).ok().json();
    let images = list["images"].as_array().expect("images");
    let of = |image: &&serde_json::Value| {
        image["from"]
            .as_array()
            .is_some_and(|from| from.iter().any(|f| f == source))
    };
    images
        .iter()
        .find(of)
        .unwrap_or_else(|| panic!("no image of {source}: {list}"))
        .clone()
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn the_cache_takes_every_format_and_loses_nothing_that_is_used() {
    let lab = Lab::up("image-cache", &["--default-network"]).warm();
    let folder = tempfile::tempdir().expect("a folder");
    let of = |name: &str, format: &[&str], mib: u64| make(folder.path(), name, format, mib);

    // Each format is what QEMU can be given, has the same disk, is small, and read-only.
    for (name, format, stored, from) in [
        ("sparse.img", &["raw"][..], "raw", None),
        ("two.qcow2", &["qcow2", "-o", "compat=0.10"], "qcow2", None),
        ("packed.qcow2", &["qcow2", "-c"], "qcow2", None),
        ("a.qed", &["qed"], "qcow2", Some("qed")),
        ("a.vmdk", &["vmdk"], "qcow2", Some("vmdk")),
        (
            "stream.vmdk",
            &["vmdk", "-o", "subformat=streamOptimized"],
            "qcow2",
            Some("vmdk"),
        ),
    ] {
        let mib = if stored == "raw" { 128 } else { 8 };
        let path = of(name, format, mib);
        let prefix = name.replace('.', "-");
        environment(&lab, &prefix, &path, &[]).ok();
        let image = image_of(&lab, &path);
        assert_eq!(
            (&image["format"], image["converted_from"].as_str()),
            (&stored.into(), from),
            "{image}"
        );
        assert_eq!(image["virtual_size"], mib << 20, "{image}");
        assert!(
            image["size_on_disk"].as_u64().is_some_and(|size| size < 2 << 20),
            "{image}"
        );
        assert_eq!(
            image["used_by"][0]["domain"],
            format!("{prefix}-freeipa-0"),
            "{image}"
        );
        let (of_file, name) = (name, image["name"].as_str().expect("a name"));
        let state = sh(&lab, &format!("stat -c '%a %U' {FOLDER}/{name}")).ok().stdout;
        assert_eq!(state, "444 root\n");
        let shown = if from == Some("qed") { "qed" } else { format[0] };
        let base = lab.state().join("lib/images").join(name);
        Command::new("qemu-img")
            .args(["compare", "-U", "-f", shown, "-F", stored, &path])
            .arg(&base)
            .run()
            .ok();
        // A run finds it again, whether it came as it is or was converted.
        if ["packed.qcow2", "a.vmdk"].contains(&of_file) {
            environment(&lab, &prefix, &path, &[])
                .ok()
                .prints(&["nothing to change"]);
        }
        if stored == "raw" || from == Some("qed") {
            lab.virsh(&["--kill", "--prefix", &prefix]).ok();
        }
    }

    // What others laid over a base keeps it: a machine that is off, a file that no machine has, a link to the base.
    let qed = folder.path().join("a.qed").display().to_string();
    let name = image_of(&lab, &qed)["name"].as_str().expect("a name").to_owned();
    let foreign = format!(
        "mkdir -p /var/lib/libvirt/far && cd /var/lib/libvirt/far && ln -s {FOLDER}/{name} link &&
         qemu-img create -q -f qcow2 -b link -F qcow2 mid.qcow2 && qemu-img create -q -f qcow2 -b mid.qcow2 -F qcow2 top.qcow2 &&
         printf '%s' '<domain type=\"qemu\"><name>other</name><memory>8192</memory><os><type>hvm</type></os><devices><disk type=\"file\">
         <driver name=\"qemu\" type=\"qcow2\"/><source file=\"/var/lib/libvirt/far/top.qcow2\"/><target dev=\"vda\"/></disk></devices></domain>' >other.xml &&
         virsh -q define other.xml"
    );
    sh(&lab, &foreign).ok();
    let rm = |flags: &[&str]| lab.cache(&[&["rm", "a.qed"], flags].concat());
    rm(&[]).exits(1).says(&["stays: in use by domain 'other'"]);
    let kept = lab.cache(&["prune", "--yes"]).ok();
    assert!(
        kept.stdout.contains("in use by domain 'other'"),
        "{}",
        kept.transcript()
    );
    // The raw one, which nothing uses, went with that; those under nodes stay.
    let left = || {
        let list = lab.cache(&["list", "--format", "json"]).ok().json();
        list["images"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(left(), 5);
    // A chain that cannot be read might end in any base.
    sh(
        &lab,
        "virsh -q undefine other; cd /var/lib/libvirt/far; rm link top.qcow2",
    )
    .ok();
    rm(&[]).exits(0);
    assert_eq!(left(), 4);
    sh(&lab, "rm -r /var/lib/libvirt/far").ok();

    // A run that needs an image says so in the file of its lease, for as long as that is held.
    let vmdk = folder.path().join("a.vmdk").display().to_string();
    let name = image_of(&lab, &vmdk)["name"].as_str().expect("a name").to_owned();
    lab.virsh(&["--kill", "--prefix", "a-vmdk"]).ok();
    let lock = "/run/irs/deployment-held.lock";
    let hold = format!("mkdir -p /run/irs; printf 'me@pc, since noon\\nimage {FOLDER}/{name}\\n' >{lock}");
    sh(&lab, &hold).ok();
    let held = format!("exec 9<{lock}; flock 9; echo held; read -r _");
    let mut holder = lab
        .enter_command(&["sh", "-c", &held])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a holder");
    let mut line = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().expect("its words"), &mut line).expect("held");
    lab.cache(&["rm", "a.vmdk"])
        .exits(5)
        .says(&["needed by a run of me@pc, since noon", "hint: try again"]);
    drop(holder.stdin.take());
    holder.wait().expect("it ends");
    lab.cache(&["rm", "a.vmdk", "--dry-run"])
        .ok()
        .prints(&["would be removed"]);
    lab.cache(&["rm", "a.vmdk"]).ok().prints(&["removed: "]);
    sh(&lab, &format!("rm {lock}; rmdir /run/irs")).ok();

    // A changed base is found as a whole, with the nodes over it, and is good again after a run.
    lab.cache(&["verify"]).ok();
    let stream = folder.path().join("stream.vmdk").display().to_string();
    let name = image_of(&lab, &stream)["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    let harm = format!(
        "cd {FOLDER}; when=$(stat -c %y {name}); size=$(stat -c %s {name});
         printf X | dd of={name} bs=1 seek=$((size - 1)) conv=notrunc status=none; touch -d \"$when\" {name}"
    );
    sh(&lab, &harm).ok();
    lab.cache(&["verify"])
        .exits(1)
        .says(&["is not what was placed, and over it lie stream-vmdk (stream-vmdk-freeipa-0)"])
        .prints(&["broken", "good"]);
    environment(&lab, "stream-vmdk", &stream, &["--force-image-download"]).ok();
    lab.cache(&["verify", "stream.vmdk"]).ok();

    // What is known of a URL, or of a packed file, keeps no image.
    let packed = folder.path().join("disk.raw.gz");
    of("disk.raw", &["raw"], 8);
    Command::new("gzip")
        .arg(folder.path().join("disk.raw"))
        .run()
        .ok();
    let base = lab.serve(folder.path());
    for source in [format!("{base}/disk.raw.gz"), packed.display().to_string()] {
        lab.cache(&["pull", &source])
            .ok()
            .prints(&["is in the cache now"]);
        assert_eq!(image_of(&lab, &source)["used_by"], serde_json::json!([]));
    }
    lab.cache(&["rm", "disk.raw.gz"]).ok().prints(&["removed: "]);

    // What unfinished transfers left goes when it is old; what is under way stays.
    sh(&lab, &format!("cd {FOLDER}; echo x >irs-url-0.part; touch -d '2 hours ago' irs-url-0.part; echo y >irs-url-1.part")).ok();
    lab.cache(&["list"])
        .ok()
        .prints(&["unfinished: irs-url-0.part", "unfinished: irs-url-1.part"]);
    lab.cache(&["prune"])
        .exits(2)
        .says(&["there is no terminal to ask on", "--yes"]);
    lab.cache(&["prune", "--yes"])
        .ok()
        .prints(&["removed: irs-url-0.part"]);
    sh(
        &lab,
        &format!("[ ! -e {FOLDER}/irs-url-0.part ] && [ -e {FOLDER}/irs-url-1.part ]"),
    )
    .ok();
    lab.cache(&["rm", "none"])
        .exits(2)
        .says(&["there is no base image 'none'"]);
}
