use super::*;

const DEFINED: &str = "<domain type='kvm'><name>a</name><uuid>00000000-0000-0000-0000-000000000001</uuid>
  <memory unit='KiB'>65536</memory><currentMemory unit='KiB'>65536</currentMemory><vcpu placement='static'>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type><boot dev='hd'/></os>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model></cpu>
  <devices>
    <disk type='file'><driver name='qemu' type='qcow2' cache='unsafe'/><source file='/p/a'/><target dev='vda' bus='virtio'/></disk>
    <interface type='network'><mac address='52:54:00:00:00:01'/><source network='data'/><model type='virtio'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1' passwd='old'/>
    <video><model type='virtio'/></video><memballoon model='virtio'/>
  </devices></domain>";

/// The same as libvirt describes it while it runs.
fn live() -> String {
    DEFINED
        .replace("<domain type='kvm'>", "<domain type='kvm' id='7'>")
        .replace("check='none'", "check='full'")
        .replace(
            "</model></cpu>",
            "</model><feature policy='require' name='hypervisor'/></cpu>",
        )
        .replace(
            "<source file='/p/a'/>",
            "<source file='/p/a' index='1'/><backingStore/>",
        )
        .replace(
            "network='data'/>",
            "network='data' portid='x' bridge='virbr0'/><target dev='vnet0'/><mtu size='1500'/>",
        )
        .replace("agent.0'/>", "agent.0' state='disconnected'/>")
        .replace("port='-1'", "port='5900'")
}

fn lacks(defined: &str, live: &str) -> Vec<String> {
    let mut found = read::parse(defined).unwrap();
    found.live = Some(Box::new(read::parse(live).unwrap()));
    let given = ["52:54:00:00:00:01", "52:54:00:00:00:02"].map(|mac| mac.parse().unwrap());
    let own = Own {
        nics: given.into(),
        files: ["/p/a".to_owned()].into(),
        tpm: false,
    };
    of(&found, &own)
}

#[test]
fn what_libvirt_works_out_at_a_start_is_nothing_that_a_restart_shows() {
    assert_eq!(lacks(DEFINED, &live()), [""; 0]);
    assert_eq!(of(&read::parse(DEFINED).unwrap(), &Own::default()), [""; 0]);
}

#[test]
fn what_it_runs_without_is_named_and_no_password_is_shown() {
    let changes = [
        ("65536", "98304", "memory from 64 MiB to 96 MiB"),
        (">1</vcpu>", ">3</vcpu>", "CPUs from 1 to 3"),
        ("type='kvm'", "type='qemu'", "from KVM to emulation"),
        ("qemu64", "Nehalem", "CPU model from libvirt's default to Nehalem"),
        (
            "q35-10.0",
            "i440fx-10.0",
            "machine type from 'pc-q35-10.0' to 'pc-i440fx-10.0'",
        ),
        (
            "cache='unsafe'",
            "cache='none'",
            "disk vda: cache from 'unsafe' to 'none'",
        ),
        (
            "'data'",
            "'other'",
            "NIC 52:54:00:00:00:01 from 'data' to 'other'",
        ),
        (
            "</interface>",
            "<mtu size='9000'/></interface>",
            "NIC 52:54:00:00:00:01: MTU from 1500 to 9000",
        ),
        ("guest_agent.0", "something.0", "the guest agent's channel goes"),
        ("127.0.0.1", "0.0.0.0", "its screen from 127.0.0.1 to 0.0.0.0"),
        ("'old'", "'new'", "the VNC password"),
        (
            "<memballoon model='virtio'/>",
            "",
            "the memory balloon 'virtio' goes",
        ),
    ];
    for (from, to, words) in changes {
        let defined = DEFINED.replace(from, to);
        assert_ne!(defined, DEFINED, "{from}");
        assert_eq!(lacks(&defined, &live()), [words]);
    }
    let without = DEFINED.replace("52:54:00:00:00:01", "52:54:00:00:00:02");
    assert_eq!(
        lacks(&without, &live()),
        [
            "the new NIC 52:54:00:00:00:02 on 'data'",
            "NIC 52:54:00:00:00:01 on 'data' goes"
        ]
    );
}

#[test]
fn what_others_plug_in_is_theirs() {
    let theirs =
        "<interface type='network'><mac address='52:54:00:00:00:99'/><source network='data'/></interface>";
    let with = |xml: &str| xml.replace("<interface", &format!("{theirs}<interface"));
    // For the next start, for now, and on another network at each.
    assert_eq!(lacks(&with(DEFINED), &live()), [""; 0]);
    assert_eq!(lacks(DEFINED, &with(&live())), [""; 0]);
    let moved = with(DEFINED).replacen("'data'", "'other'", 1);
    assert_eq!(lacks(&moved, &with(&live())), [""; 0]);
}

#[test]
fn devices_that_others_add_are_theirs() {
    for theirs in [
        "<watchdog model='i6300esb' action='reset'/>",
        "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>",
        "<rng model='virtio'><backend model='random'>/dev/random</backend></rng>",
        "<memballoon model='virtio'/>",
        "<serial type='pty'><log file='/var/log/theirs.log'/></serial>",
    ] {
        let with = |xml: &str| xml.replace("</devices>", &format!("{theirs}</devices>"));
        // irs's own come first: libvirt keeps their order.
        let own = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>";
        let whole = |xml: &str| xml.replace("</devices>", own);
        let (defined, live) = (whole(DEFINED), whole(&live()));
        assert_eq!(lacks(&with(&defined), &live), [""; 0], "{theirs}");
        assert_eq!(lacks(&defined, &with(&live)), [""; 0], "{theirs}");
    }
    // A disk that somebody attached, and changed since.
    let disk = "<disk type='file'><driver cache='none'/><source file='/p/b'/><target dev='vdb' bus='virtio'/></disk><interface";
    let (defined, live) = (
        DEFINED.replace("<interface", disk),
        live().replace("<interface", &disk.replace("none", "unsafe")),
    );
    assert_eq!(lacks(&defined, &live), [""; 0]);
    // What --virtopts gave is irs's.
    let mark = |extra: &str| {
        format!(
            "<metadata><irs:node xmlns:irs='urn:irs:libvirt' version='1' deployment='default' uuid='00000000-0000-0000-0000-000000000002' type='a' index='0' os='no' seed='no' os-type='' os-variant='' pool='p' user='root' connection='ssh'><irs:volume>a</irs:volume>{extra}</irs:node></metadata><memory "
        )
    };
    let dog = "<watchdog model='i6300esb' action='reset'/>";
    let extra = "<irs:extra tag='watchdog' device='yes' raw='no'>&lt;watchdog model='i6300esb'/></irs:extra>";
    let given = DEFINED
        .replace("<memory ", &mark(extra))
        .replace("</devices>", &format!("{dog}</devices>"));
    let live = self::live().replace("<memory ", &mark(""));
    assert_eq!(lacks(&given, &live), ["the watchdog 'i6300esb'", "--virtopts"]);
}
