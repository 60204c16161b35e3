use super::*;

fn faults(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

fn xml(text: &str) -> Vec<String> {
    let virtopts = parse(text).unwrap_or_else(|problems| panic!("{text}: {problems}"));
    virtopts.extras.into_iter().map(|extra| extra.xml).collect()
}

#[test]
fn options_of_virt_install_become_xml() {
    assert_eq!(
        xml("--memballoon none --rng builtin --watchdog=i6300esb,action=poweroff"),
        [
            r#"<memballoon model="none"></memballoon>"#,
            r#"<rng model="virtio"><backend model="builtin"></backend></rng>"#,
            r#"<watchdog model="i6300esb" action="poweroff"/>"#,
        ]
    );
    assert_eq!(
        xml("--graphics spice,listen=0.0.0.0 --graphics none"),
        [r#"<graphics type="spice" autoport="yes" listen="0.0.0.0"/>"#, ""]
    );
    let pci = r#"<hostdev mode="subsystem" type="pci" managed="yes"><source><address domain="0x0000" bus="0x01" slot="0x1f" function="0x7"/></source></hostdev>"#;
    assert_eq!(
        xml("--hostdev 01:1f.7 --hostdev pci_0000_01_1f_7 --hostdev 0000:01:1f.7"),
        [pci, pci, pci]
    );
    assert!(xml("--hostdev 0x046d:0x0825")[0].contains(r#"<vendor id="0x046d"/><product id="0x0825"/>"#));
    assert!(xml("--hostdev 001.004")[0].contains(r#"<address bus="1" device="4"/>"#));
    let shared = xml("--filesystem '/srv/a b',tag,driver.type=virtiofs");
    assert!(shared[0].contains(r#"<source dir="/srv/a b"/>"#), "{shared:?}");
    assert!(shared[1].contains("memfd"));
}

#[test]
fn what_nodes_have_keys_for_goes_there() {
    let virtopts = parse("--cpu Nehalem,+vmx --tpm emulator,version=2.0 --boot network,hd").unwrap();
    assert_eq!(virtopts.cpu.unwrap().to_string(), "Nehalem,force=vmx");
    assert_eq!(virtopts.tpm, Some(Some(Tpm::V2)));
    assert_eq!(virtopts.boot, ["network", "hd"]);
    assert!(virtopts.extras.is_empty());
    assert_eq!(parse("--tpm none").unwrap().tpm, Some(None));
    assert!(xml("--tpm /dev/tpm0")[0].contains("passthrough"));
}

#[test]
fn fragments_of_domain_xml_are_taken_as_they_are() {
    let text = "--memballoon none <devices><sound model='ich9'/>\n<!-- why --><input type='tablet' bus='usb'/></devices><memtune><hard_limit unit='G'>4</hard_limit></memtune>";
    let extras = parse(text).unwrap().extras;
    let tags: Vec<(&str, bool, bool)> = extras.iter().map(|e| (e.tag.as_str(), e.device, e.raw)).collect();
    assert_eq!(
        tags,
        [
            ("memballoon", true, false),
            ("sound", true, true),
            ("input", true, true),
            ("memtune", false, true)
        ]
    );
    assert_eq!(extras[1].xml, "<sound model='ich9'/>");
    let qemu = "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-S'/></qemu:commandline>";
    assert_eq!(xml(qemu), [qemu]);
}

#[test]
fn what_is_not_understood_is_never_ignored() {
    for (text, says) in [
        (
            "--memballon none",
            "did you mean '--memballoon'? known are --memballoon, --tpm",
        ),
        ("--network default", "'--network', which irs does not know"),
        ("none", "'none', which irs does not know"),
        ("--rng", "has no value"),
        ("--rng 'x", "a quote that does not end"),
        ("--rng floppy", "not one of a path"),
        ("--watchdog i6300esb,foo=1", "'foo=1' is not understood"),
        ("--watchdog i6300esb,action=explode", "not one of reset"),
        ("--memballoon virtio,autodeflate=maybe", "must be on or off"),
        ("--graphics vnc,password=x", "a password does not belong here"),
        ("--hostdev ../../x", "it takes a PCI address"),
        ("--hostdev 0000:01:ff.0", "it takes a PCI address"),
        ("--filesystem srv,tag", "must be an absolute path"),
        ("--boot uefi,menu=on", "'menu=on' is not understood"),
        ("--boot floppy", "not one of hd, network"),
        ("--cpu Nehalem,vmx", "neither +FEATURE nor -FEATURE"),
        ("--tpm dongle", "not one of emulator"),
        (
            "<devices><sound</devices>",
            "no well-formed XML at line 1, column",
        ),
        ("<memtune>\n  <x>\n</memtune>", "at line 3, column"),
        ("<devices>", "no well-formed XML"),
        ("<sound/> and", "text between its elements: 'and'"),
        ("<memory>4</memory>", "the node's key 'memory'"),
        ("<devices><sond/></devices>", "did you mean <sound>?"),
        ("<frobnicate/>", "no element of libvirt's domain XML"),
        ("<graphics type='vnc' passwd='x'/>", "has a password"),
    ] {
        let found = faults(text);
        assert!(found.contains(says), "{text}: {found}");
        assert!(found.contains("hint: "), "{text}: {found}");
    }
    assert_eq!(parse("--foo 1 --bar 2").unwrap_err().len(), 2);
    assert_eq!(parse(" ").unwrap(), Virtopts::default());
}
