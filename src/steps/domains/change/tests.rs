use super::*;
use crate::virtopts;

/// A definition in libvirt's own form, with what others added.
const FOUND: &str = "<domain type='kvm'>
  <metadata/>
  <memory unit='KiB'>65536</memory><currentMemory unit='KiB'>65536</currentMemory>
  <vcpu placement='static'>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type><boot dev='hd'/></os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model></cpu>
  <devices>
    <disk type='file'><driver name='qemu' type='qcow2' cache='unsafe'/><source file='/p/a'/><target dev='vda' bus='virtio'/><address type='pci' slot='3'/></disk>
    <disk type='file'><source file='/others'/><target dev='vdz' bus='virtio'/></disk>
    <controller type='pci' index='0' model='pcie-root'/>
    <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1' passwd='old'><listen type='address'/></graphics>
    <memballoon model='virtio'><address type='pci' slot='5'/></memballoon>
  </devices>
</domain>";
/// What irs writes for the same.
const WANTED: &str = "<domain type='kvm'><metadata/><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type machine='q35'>hvm</type><boot dev='hd'/></os><features><acpi/></features>
  <devices>
    <disk type='file'><driver name='qemu' type='qcow2' cache='unsafe'/><source file='/p/a'/><target dev='vda' bus='virtio'/></disk>
    <graphics type='vnc' autoport='yes' listen='127.0.0.1' passwd='old'/>
    <memballoon model='virtio'/>
  </devices></domain>";

fn between(wanted: &str) -> (Vec<String>, String) {
    let changes = changes(wanted, FOUND, &[], &[], true).unwrap();
    let changed = changes.apply(FOUND).unwrap();
    // What was changed needs no change any more.
    let again = super::changes(wanted, &changed, &[], &[], true).unwrap();
    assert!(again.is_empty(), "{:?}: {changed}", again.reasons);
    (changes.reasons, changed)
}

#[test]
fn what_libvirt_and_others_add_is_no_change() {
    assert_eq!(between(WANTED), (Vec::new(), FOUND.to_owned()));
}

#[test]
fn only_what_differs_is_written_anew() {
    let (reasons, changed) = between(&WANTED.replace("cache='unsafe'", "cache='none'"));
    assert_eq!(reasons, ["disk vda: cache from 'unsafe' to 'none'"]);
    assert!(changed.contains("/others") && changed.contains("slot='5'") && changed.contains("cache='none'"));

    let wanted = WANTED.replace(">64<", ">128<").replace("<vcpu>1", "<vcpu>4");
    let (reasons, changed) = between(&wanted);
    assert_eq!(reasons, ["memory from 64 MiB to 128 MiB", "CPUs from 1 to 4"]);
    assert!(!changed.contains("currentMemory") && changed.contains("<vcpu>4</vcpu>"));

    let cpu = "<cpu mode='host-passthrough' check='none'><topology sockets='1' cores='1' threads='1'/></cpu>";
    let (reasons, _) = between(&WANTED.replace("<devices>", &format!("{cpu}<devices>")));
    assert_eq!(
        reasons,
        ["CPU model from libvirt's default to host-passthrough in 1 × 1 × 1"]
    );

    let (reasons, changed) = between(&WANTED.replace("type='kvm'", "type='qemu'"));
    assert_eq!(reasons, ["from KVM to emulation"]);
    assert!(changed.starts_with("<domain type='qemu'>"), "{changed}");

    let agent = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>";
    let (reasons, changed) = between(&WANTED.replace("<memballoon", &format!("{agent}<memballoon")));
    assert_eq!(reasons, ["it has no guest agent's channel"]);
    assert!(changed.contains("guest_agent"));
}

#[test]
fn a_disk_under_a_snapshot_is_no_second_disk() {
    let wanted = WANTED
        .replace("'/p/a'", "'/p/a.qcow2'")
        .replace("dev='vda' bus='virtio'", "dev='sda' bus='scsi'");
    let over = |file: &str, behind: &str| {
        let disk = format!("<source file='{file}'/>{behind}");
        FOUND.replace("<source file='/p/a'/>", &disk)
    };
    let behind = "<backingStore type='file'><source file='/p/mid'/>
        <backingStore type='file'><source file='/p/a.qcow2'/></backingStore></backingStore>";
    for found in [over("/p/a.snap", ""), over("/elsewhere/b", behind)] {
        let asks = |wanted: &str| changes(wanted, &found, &[], &[], true).unwrap();
        let other = asks(&wanted);
        assert!(other.is_empty(), "{:?}", other.reasons);
        // The snapshot knows it by its name and bus.
        assert_eq!(
            other.refused,
            ["disk vda: bus from 'virtio' to 'scsi', device from 'vda' to 'sda'"]
        );
        assert_eq!(asks(&WANTED.replace("'/p/a'", "'/p/a.qcow2'")).refused, [""; 0]);
    }
    let other = over("/p/b.snap", "");
    let changes = changes(&wanted, &other, &[], &[], true).unwrap();
    assert_eq!(changes.reasons, ["it has no disk sda"]);
}

#[test]
fn no_reason_shows_a_password() {
    let (reasons, changed) = between(&WANTED.replace("passwd='old'", "passwd='new'"));
    assert_eq!(reasons, ["the VNC password"]);
    assert!(changed.contains("passwd='new'"));
    let (reasons, _) = between(&WANTED.replace("127.0.0.1' passwd='old'", "0.0.0.0' passwd='new'"));
    assert_eq!(
        reasons,
        [
            "screen: graphics listen from '127.0.0.1' to '0.0.0.0'",
            "the VNC password"
        ]
    );
    let (reasons, changed) = between(&WANTED.replace(" passwd='old'", ""));
    assert_eq!(reasons, ["its screen has a password"]);
    assert!(!changed.contains("passwd"));
}

#[test]
fn another_family_of_machines_has_other_buses() {
    let (reasons, changed) = between(&WANTED.replace("'q35'", "'pc'"));
    assert_eq!(reasons, ["machine type from 'pc-q35-10.0' to 'pc'"]);
    assert!(!changed.contains("pcie-root") && !changed.contains("slot="));
}

#[test]
fn what_virtopts_added_goes_with_it() {
    let text = "--memballoon none <devices><sound model='ich9'/></devices><memtune><hard_limit unit='G'>4</hard_limit></memtune>";
    let added = virtopts::parse(text).unwrap().extras;
    let wanted = crate::steps::domains::extras::compose(WANTED, &added).unwrap();
    let first = changes(&wanted, FOUND, &added, &[], true).unwrap();
    let with = first.apply(FOUND).unwrap();
    assert!(
        with.contains("ich9") && with.contains("memtune") && with.contains("model=\"none\""),
        "{with}"
    );
    // libvirt stores it in another form.
    let stored = with.replace("unit='G'>4<", "unit='KiB'>4194304<");
    assert!(
        changes(&wanted, &stored, &added, &added, true)
            .unwrap()
            .is_empty()
    );
    let without = changes(WANTED, &stored, &[], &added, true).unwrap();
    let changed = without.apply(&stored).unwrap();
    for gone in ["ich9", "memtune", "none\""] {
        assert!(!changed.contains(gone), "{gone}: {changed}");
    }
    assert!(changes(WANTED, &changed, &[], &[], true).unwrap().is_empty());
}
