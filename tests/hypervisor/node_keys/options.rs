//! `--virtopts` and the screens.

use super::{Files, RUN};
use crate::support::{Lab, RunExt};

/// What `--virtopts` and the screens' flags add, and take away again.
pub fn options_and_screens(lab: &Lab, files: &Files<'_>) {
    let options = [
        "--virtopts",
        "--memballoon none --watchdog i6300esb,action=poweroff --rng builtin <devices><sound model='ich9'/></devices><memtune><hard_limit unit='G'>4</hard_limit></memtune><features><hyperv><relaxed state='on'/></hyperv></features>",
    ];
    files.run(lab, "many:1", &options).ok();
    files.settled(lab, "many:1", &options);
    let domain = lab.domain("many-0");
    assert_eq!(domain.all("memballoon", "model"), ["none"]);
    // libvirt gives every q35 an itco besides.
    assert!(domain.all("watchdog", "action").contains(&"poweroff".to_owned()));
    assert_eq!(domain.all("sound", "model"), ["ich9"]);
    assert_eq!(domain.all("relaxed", "state"), ["on"]);
    assert_eq!(domain.text("hard_limit"), "4194304");
    assert_eq!(domain.all("rng", "model").len(), 1);
    files.run(lab, "many:1", &[]).ok();
    files.settled(lab, "many:1", &[]);
    let domain = lab.domain("many-0");
    assert_eq!(domain.all("memballoon", "model"), ["virtio"]);
    for gone in ["<sound", "action='poweroff'", "<memtune", "<hyperv"] {
        assert!(!domain.xml.contains(gone), "{gone} is left");
    }
    files.refused(
        lab,
        "many:1",
        &["--virtopts", "--memballon none"],
        2,
        &["did you mean '--memballoon'?"],
    );
    files.refused(
        lab,
        "many:1",
        &["--virtopts", "<devices><sound</devices>"],
        2,
        &["at line 1, column"],
    );

    let folder = files.folder.display().to_string();
    let screens = |password: &str| {
        let mut irs = lab.virsh_command(RUN);
        irs.args([
            "--topology-dir",
            &folder,
            "--topology-nodes",
            "many:1",
            "--vnc-external",
            "-vv",
            "--output",
        ])
        .arg(files.folder.join("told.yml"))
        .env("IRS_VNC_PASSWORD", password);
        irs
    };
    let dry = screens("sesame1").arg("--dry-run").run().ok();
    let run = screens("sesame1").run().ok();
    let again = screens("sesame2")
        .run()
        .ok()
        .says(&["the VNC password, after the next restart"]);
    for run in [&dry, &run, &again] {
        assert!(!run.stdout.contains("sesame") && !run.stderr.contains("sesame"));
    }
    let told = std::fs::read_to_string(files.folder.join("told.yml")).expect("what was told");
    assert!(!told.contains("sesame"), "{told}");
    let graphics = lab.domain("many-0");
    assert_eq!(graphics.all("graphics", "listen"), ["0.0.0.0"]);
    assert_eq!(graphics.all("graphics", "passwd"), ["sesame2"]);
    let mode = lab
        .enter(&["stat", "-c", "%a", "/etc/libvirt/qemu/many-0.xml"])
        .ok()
        .stdout;
    assert_eq!(mode.trim(), "600");
    assert!(!lab.ask(&["dumpxml", "--inactive", "many-0"]).contains("sesame"));
    files.refused(
        lab,
        "many:1",
        &["--vnc-external"],
        2,
        &["--vnc-password is missing"],
    );
    files.refused(
        lab,
        "many:1",
        &["--vnc-password", "123456789"],
        2,
        &["is longer than 8 characters"],
    );
}
