//! The options of virt-install that people use, as domain XML.

use super::values::{Values, one_of};
use super::{Extra, OPTIONS, Virtopts};
use crate::topology::cpu::CpuModel;
use crate::topology::firmware::Tpm;
use crate::xml::{self, values};
use crate::yaml::{Problems, nearest, shown};

/// Reads options, as a shell would split them.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Virtopts {
    let mut virtopts = Virtopts::default();
    let Some(words) = shlex::split(text) else {
        problems
            .push(None, "--virtopts has a quote that does not end")
            .hint("e.g. --virtopts '--watchdog i6300esb,action=reset'");
        return virtopts;
    };
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        if !OPTIONS.contains(&name.as_str()) {
            unknown(&name, problems);
            // Its value is not another fault.
            if value.is_none() && name.starts_with("--") {
                words.next_if(|next| !next.starts_with("--"));
            }
            continue;
        }
        let Some(value) = value.or_else(|| words.next_if(|next| !next.starts_with("--"))) else {
            problems
                .push(None, format!("the option '{name}' of --virtopts has no value"))
                .hint(example(&name));
            continue;
        };
        if let Err(why) = option(&name, &value, &mut virtopts) {
            problems
                .push(
                    None,
                    format!(
                        "the option '{name}' of --virtopts cannot be '{}': {why}",
                        shown(&value)
                    ),
                )
                .hint(example(&name));
        }
    }
    virtopts
}

fn unknown(name: &str, problems: &mut Problems) {
    let list = OPTIONS.join(", ");
    let hint = match nearest(name, OPTIONS.iter().copied()) {
        Some(near) => format!("did you mean '{near}'? known are {list}, and domain XML"),
        None => format!("known are {list}, and domain XML: <devices>…</devices>"),
    };
    problems
        .push(
            None,
            format!("--virtopts has '{}', which irs does not know", shown(name)),
        )
        .hint(hint);
}

fn example(name: &str) -> &'static str {
    match name {
        "--memballoon" => "e.g. --memballoon virtio,autodeflate=on, or --memballoon none",
        "--tpm" => "e.g. --tpm emulator, --tpm emulator,version=2.0 or --tpm /dev/tpm0",
        "--rng" => "e.g. --rng /dev/urandom, --rng builtin or --rng none",
        "--boot" => "e.g. --boot network,hd or --boot uefi",
        "--cpu" => "e.g. --cpu host-passthrough, or --cpu Nehalem,+vmx,-svm",
        "--graphics" => {
            "e.g. --graphics spice,listen=0.0.0.0 or --graphics none; a password is --vnc-password of irs itself"
        }
        "--hostdev" => "e.g. --hostdev 0000:01:00.0, or --hostdev 0x046d:0x0825",
        "--filesystem" => {
            "e.g. --filesystem /srv/share,share or --filesystem /srv/share,share,driver.type=virtiofs"
        }
        _ => "e.g. --watchdog i6300esb,action=reset",
    }
}

fn option(name: &str, value: &str, virtopts: &mut Virtopts) -> Result<(), String> {
    let mut given = Values::of(value);
    let mut add =
        |tag: &str, xml: Result<String, String>| xml.map(|xml| virtopts.extras.push(device(tag, xml)));
    match name {
        "--cpu" => {
            virtopts.cpu = Some(CpuModel::parse(value)?);
            return Ok(());
        }
        "--boot" => {
            for word in given.words() {
                if word == "uefi" {
                    virtopts.uefi = true;
                    continue;
                }
                virtopts
                    .boot
                    .push(one_of(word, &["hd", "network", "cdrom", "fd"])?.to_owned());
            }
        }
        "--tpm" => tpm(&mut given, virtopts)?,
        "--memballoon" => add("memballoon", memballoon(&mut given))?,
        "--rng" => add("rng", rng(&mut given))?,
        "--graphics" => add("graphics", graphics(&mut given))?,
        "--hostdev" => add("hostdev", hostdev(&mut given))?,
        "--watchdog" => add("watchdog", watchdog(&mut given))?,
        _ => filesystem(&mut given, virtopts)?,
    }
    given.end()
}

fn device(tag: &str, xml: String) -> Extra {
    Extra {
        tag: tag.to_owned(),
        xml,
        device: true,
        raw: false,
    }
}

fn rendered(template: &str, values: minijinja::Value) -> Result<String, String> {
    xml::render(template, values).map_err(|error| format!("{error:#}"))
}

fn memballoon(given: &mut Values<'_>) -> Result<String, String> {
    let models = ["virtio", "virtio-transitional", "virtio-non-transitional", "none"];
    let model = one_of(given.first(&["model"]).unwrap_or("virtio"), &models)?;
    let switch = |flag: Option<bool>| flag.map(|on| if on { "on" } else { "off" });
    let autodeflate = switch(given.flag(&["autodeflate"])?);
    let reporting = switch(given.flag(&["freePageReporting"])?);
    let period = given.key(&["stats.period"]).map(number).transpose()?;
    rendered(
        r#"<memballoon model="{{ model }}"{% if autodeflate %} autodeflate="{{ autodeflate }}"{% endif %}{% if reporting %} freePageReporting="{{ reporting }}"{% endif %}>{% if period is not none %}<stats period="{{ period }}"/>{% endif %}</memballoon>"#,
        values! { model, autodeflate, reporting, period },
    )
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("'{}' must be a whole number", shown(text)))
}

fn absolute(path: &str) -> Result<&str, String> {
    let good = path.starts_with('/') && !path.contains(|c: char| c.is_control());
    if good {
        Ok(path)
    } else {
        Err(format!("'{}' must be an absolute path", shown(path)))
    }
}

fn tpm(given: &mut Values<'_>, virtopts: &mut Virtopts) -> Result<(), String> {
    let first = given.first(&["type", "backend.type"]);
    let model = given.choice(&["model"], &["tpm-crb", "tpm-tis", "tpm-spapr"])?;
    let path = given.key(&["path", "device_path", "backend.device.path"]);
    let path = path.or(first.filter(|word| word.starts_with('/')));
    if let Some(path) = path {
        let xml = rendered(
            r#"<tpm model="{{ model }}"><backend type="passthrough"><device path="{{ path }}"/></backend></tpm>"#,
            values! { model => model.unwrap_or("tpm-tis"), path => absolute(path)? },
        )?;
        virtopts.extras.push(device("tpm", xml));
        return Ok(());
    }
    let version = given.choice(&["version", "backend.version"], &["1.2", "2.0"])?;
    virtopts.tpm = Some(match (first.unwrap_or("emulator"), version, model) {
        ("none", None, None) => None,
        ("emulator" | "default", Some("1.2"), None | Some("tpm-tis")) => Some(Tpm::V1),
        ("emulator" | "default", _, None | Some("tpm-crb")) => Some(Tpm::V2),
        ("emulator" | "default", _, Some(model)) => {
            return Err(format!("an emulated one of that version is no '{model}'"));
        }
        (other, ..) => {
            return Err(format!(
                "'{}' is not one of emulator, none, /dev/tpm0",
                shown(other)
            ));
        }
    });
    Ok(())
}

fn rng(given: &mut Values<'_>) -> Result<String, String> {
    let first = given.first(&["type", "backend.model"]).unwrap_or("/dev/urandom");
    if first == "none" {
        return Ok(String::new());
    }
    given.choice(&["model"], &["virtio"])?;
    let bytes = given.key(&["rate_bytes", "rate.bytes"]).map(number).transpose()?;
    let period = given
        .key(&["rate_period", "rate.period"])
        .map(number)
        .transpose()?;
    let path = given.key(&["device", "backend"]);
    let (kind, path) = match first {
        "builtin" => ("builtin", None),
        "random" => ("random", Some(absolute(path.unwrap_or("/dev/urandom"))?)),
        path if path.starts_with('/') => ("random", Some(absolute(path)?)),
        other => {
            return Err(format!(
                "'{}' is not one of a path, builtin, random, none",
                shown(other)
            ));
        }
    };
    rendered(
        r#"<rng model="virtio">{% if bytes is not none %}<rate bytes="{{ bytes }}"{% if period is not none %} period="{{ period }}"{% endif %}/>{% endif %}<backend model="{{ kind }}">{{ path if path else "" }}</backend></rng>"#,
        values! { kind, path, bytes, period },
    )
}

fn graphics(given: &mut Values<'_>) -> Result<String, String> {
    if given.key(&["password", "passwd", "passwordValidTo"]).is_some() {
        return Err("a password does not belong here".into());
    }
    let kind = one_of(given.first(&["type"]).unwrap_or("vnc"), &["vnc", "spice", "none"])?;
    if kind == "none" {
        return Ok(String::new());
    }
    let listen = given.key(&["listen"]).unwrap_or("127.0.0.1");
    if listen.parse::<std::net::IpAddr>().is_err() {
        return Err(format!("'{}' is no address to listen on", shown(listen)));
    }
    let port = given.key(&["port"]).map(number).transpose()?;
    let keymap = given.key(&["keymap"]);
    if keymap.is_some_and(|keymap| !crate::topology::name::is_name(keymap)) {
        return Err("that is no keymap".into());
    }
    rendered(
        r#"<graphics type="{{ kind }}"{% if port is not none %} port="{{ port }}" autoport="no"{% else %} autoport="yes"{% endif %} listen="{{ listen }}"{% if keymap %} keymap="{{ keymap }}"{% endif %}/>"#,
        values! { kind, port, listen, keymap },
    )
}

/// A PCI or USB device of the host, in the forms of lspci, lsusb and libvirt.
fn hostdev(given: &mut Values<'_>) -> Result<String, String> {
    let wrong = || {
        "it takes a PCI address (0000:01:00.0), a USB address (001.004) or a USB vendor and product (0x1234:0x5678)".to_owned()
    };
    let text = given.first(&["name"]).ok_or_else(wrong)?;
    given.choice(&["type"], &["pci", "usb"])?;
    let hex = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).map_err(|_| wrong());
    if text.starts_with("0x")
        && let Some((vendor, product)) = text.split_once(':')
    {
        let (vendor, product) = (hex(vendor)?, hex(product)?);
        return Ok(format!(
            r#"<hostdev mode="subsystem" type="usb" managed="yes"><source><vendor id="0x{vendor:04x}"/><product id="0x{product:04x}"/></source></hostdev>"#
        ));
    }
    let plain = text.strip_prefix("pci_").map(|rest| rest.replace('_', ":"));
    let text = plain.as_deref().unwrap_or(text);
    let parts: Vec<&str> = text.split([':', '.']).collect();
    let (domain, bus, slot, function) = match (parts.as_slice(), text.contains(':')) {
        ([domain, bus, slot, function], true) => (hex(domain)?, hex(bus)?, hex(slot)?, hex(function)?),
        ([bus, slot, function], true) => (0, hex(bus)?, hex(slot)?, hex(function)?),
        ([bus, number_of], false) => {
            let (bus, device) = (
                number(bus).map_err(|_| wrong())?,
                number(number_of).map_err(|_| wrong())?,
            );
            return Ok(format!(
                r#"<hostdev mode="subsystem" type="usb" managed="yes"><source><address bus="{bus}" device="{device}"/></source></hostdev>"#
            ));
        }
        _ => return Err(wrong()),
    };
    if domain > 0xffff || bus > 0xff || slot > 0x1f || function > 7 {
        return Err(wrong());
    }
    Ok(format!(
        r#"<hostdev mode="subsystem" type="pci" managed="yes"><source><address domain="0x{domain:04x}" bus="0x{bus:02x}" slot="0x{slot:02x}" function="0x{function:x}"/></source></hostdev>"#
    ))
}

fn watchdog(given: &mut Values<'_>) -> Result<String, String> {
    let models = ["i6300esb", "ib700", "itco", "diag288", "default", "none"];
    let model = one_of(given.first(&["model"]).unwrap_or("default"), &models)?;
    let actions = [
        "reset",
        "shutdown",
        "poweroff",
        "pause",
        "none",
        "dump",
        "inject-nmi",
    ];
    let action = given.choice(&["action"], &actions)?.unwrap_or("reset");
    if model == "none" {
        return Ok(String::new());
    }
    let model = if model == "default" { "i6300esb" } else { model };
    rendered(
        r#"<watchdog model="{{ model }}" action="{{ action }}"/>"#,
        values! { model, action },
    )
}

fn filesystem(given: &mut Values<'_>, virtopts: &mut Virtopts) -> Result<(), String> {
    let source = given.first(&["source", "source.dir"]).ok_or("it has no source")?;
    let target = given.first(&["target", "target.dir"]).ok_or("it has no target")?;
    let mode = given.choice(&["accessmode", "mode"], &["passthrough", "mapped", "squash"])?;
    let driver = given.choice(&["driver.type", "driver"], &["virtiofs", "path"])?;
    let readonly = given.flag(&["readonly"])?.unwrap_or(false);
    given.choice(&["type"], &["mount"])?;
    let shared = driver == Some("virtiofs");
    let xml = rendered(
        r#"<filesystem type="mount" accessmode="{{ mode }}">{% if driver %}<driver type="{{ driver }}"/>{% endif %}<source dir="{{ source }}"/><target dir="{{ target }}"/>{% if readonly %}<readonly/>{% endif %}</filesystem>"#,
        values! { mode => mode.unwrap_or("passthrough"), driver, source => absolute(source)?, target, readonly },
    )?;
    virtopts.extras.push(device("filesystem", xml));
    // virtiofsd maps the guest's memory.
    if shared && !virtopts.extras.iter().any(|extra| extra.tag == "memoryBacking") {
        virtopts.extras.push(Extra {
            tag: "memoryBacking".into(),
            xml: r#"<memoryBacking><source type="memfd"/><access mode="shared"/></memoryBacking>"#.into(),
            device: false,
            raw: false,
        });
    }
    Ok(())
}
