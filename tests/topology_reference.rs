//! What topology/README.md and the schemas say of the keys is what the readers do.

#![allow(clippy::unwrap_used)]

use irs::topology::reference::{self, Default, Doc, Kind, TABLES, Table, images};
use irs::topology::{Request, Topology, Variables, files, load, schema};
use irs::yaml::{Problem, Problems};
use serde_yaml::Value;

/// How what is made from the reference is made anew.
const ANEW: &str = "IRS_WRITE_README=1 cargo test --test topology_reference";
const README: &str = "topology/README.md";
const BEGIN: &str = "<!-- keys -->\n";
const END: &str = "<!-- end of keys -->\n";

#[test]
fn the_readme_is_made_from_the_reference() {
    let readme = std::fs::read_to_string(README).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}\n{END}{after}", reference::markdown());
    keep(README, &wanted);
}

#[test]
fn the_schemas_are_made_from_the_reference() {
    for kind in [files::Kind::Nodes, files::Kind::Network] {
        keep(schema::path(kind), &schema::render(kind));
    }
    keep(schema::IMAGES_PATH, &schema::render_images());
}

/// Compares a committed file with what it should be, or writes it.
fn keep(path: &str, wanted: &str) {
    if std::env::var_os("IRS_WRITE_README").is_some() {
        std::fs::write(path, wanted).unwrap();
    } else {
        let found = std::fs::read_to_string(path).unwrap();
        assert!(found == wanted, "{path} is out of date: {ANEW}");
    }
}

/// A node file and a network file in which every mapping of the reference is there, with what it needs.
const NODE: &str = "
cpu: {sockets: 1, cores: 1}
cpumodel: {name: Nehalem}
memory: 1024
os: {}
image: {}
disks: {disk1: {size: 10G}}
interfaces: [{network: management}]
external_network: {network: management}
";
const NETWORK: &str = "
networks:
  net1:
    name: management
    forward: {mode: nat}
    ip_address: 172.16.0.1
    netmask: 255.255.255.0
    dhcp: {range: {start: 172.16.0.2, end: 172.16.0.9}}
    ipv6: {ip_address: '2001:db8::1', prefix: 64}
    dns: {srvs: [{name: ldap, protocol: tcp, port: 389, target: host}]}
  net2:
    name: switch
    forward: bridge
    virtualport_type: openvswitch
    portgroups: [{name: trunk, trunk: yes, vlans: [{id: 5}]}]
nodes:
  default: {interfaces: [{network: management}], external_network: {network: management}}
";

/// Where the mapping of a table stands: in a node file (or else in the network file), and below which keys.
fn home(title: &str) -> Option<(bool, &'static [&'static str])> {
    Some(match title {
        "A node file" => (true, &[]),
        "`cpu`" => (true, &["cpu"]),
        "`cpumodel`" => (true, &["cpumodel"]),
        "`os`" => (true, &["os"]),
        "`image`" => (true, &["image"]),
        "A disk" => (true, &["disks", "disk1"]),
        "An interface" => (true, &["interfaces", "0"]),
        "`external_network`" => (true, &["external_network"]),
        "A network file" => (false, &[]),
        "An entry of `nodes`" => (false, &["nodes", "default"]),
        "A network" => (false, &["networks", "net1"]),
        "`forward`" => (false, &["networks", "net1", "forward"]),
        "`dhcp`" => (false, &["networks", "net1", "dhcp"]),
        "A range" => (false, &["networks", "net1", "dhcp", "range"]),
        "`ipv6`" => (false, &["networks", "net1", "ipv6"]),
        "`dns`" => (false, &["networks", "net1", "dns"]),
        "A DNS service" => (false, &["networks", "net1", "dns", "srvs", "0"]),
        "A port group" => (false, &["networks", "net2", "portgroups", "0"]),
        "A VLAN of a port group" => (false, &["networks", "net2", "portgroups", "0", "vlans", "0"]),
        _ => return None,
    })
}

/// Both files, one of them with `key` of the table's mapping set, or taken out.
fn changed(table: &Table, key: &str, value: Option<Value>) -> Result<Topology, Problems> {
    let (in_node, path) = home(table.title).unwrap_or_else(|| panic!("say where {} stands", table.title));
    let mut files: [Value; 2] = [NODE, NETWORK].map(|text| serde_yaml::from_str(text).unwrap());
    let mut mapping = &mut files[usize::from(!in_node)];
    for step in path {
        mapping = match step.parse::<usize>() {
            Ok(index) => &mut mapping[index],
            Err(_) => &mut mapping[*step],
        };
    }
    let mapping = mapping.as_mapping_mut().unwrap();
    match value {
        Some(value) => drop(mapping.insert(key.into(), value)),
        None => drop(mapping.remove(key)),
    }
    let folder = tempfile::tempdir().unwrap();
    for (kind, file) in ["nodes", "network"].iter().zip(&files) {
        std::fs::create_dir(folder.path().join(kind)).unwrap();
        std::fs::write(
            folder.path().join(kind).join("own.yml"),
            serde_yaml::to_string(file).unwrap(),
        )
        .unwrap();
    }
    let request = Request {
        nodes: vec![("own".to_owned(), 1)],
        network: "own".to_owned(),
        dirs: vec![folder.path().to_owned()],
        ..Request::default()
    };
    let variables = Variables {
        net: "0".to_owned(),
        data_net: "24".to_owned(),
        ..Variables::default()
    };
    load(&request, &variables)
}

/// A topology without the places, which differ from file to file.
fn said(topology: &Topology) -> String {
    let text = format!("{topology:?}");
    let mut parts = text.split("Place {");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('}').unwrap().1);
    }
    out.replace("Some()", "None").replace("Some( )", "None")
}

/// Files of images are no part of a topology: src/catalogue/tests.rs holds their reader.
fn of_topologies() -> impl Iterator<Item = &'static &'static Table> {
    let of_images = [images::FILE.title, images::IMAGE.title];
    TABLES
        .iter()
        .filter(move |table| !of_images.contains(&table.title))
}

fn every_key(mut check: impl FnMut(&Table, &Doc)) {
    for table in of_topologies() {
        table.keys.iter().for_each(|doc| check(table, doc));
    }
}

fn text(text: impl ToString) -> Option<Value> {
    Some(Value::String(text.to_string()))
}

#[test]
fn required_keys_are_required_and_others_are_not() {
    every_key(|table, doc| {
        let without = changed(table, doc.key, None);
        let null = changed(table, doc.key, Some(Value::Null));
        let of = format!("{}: {}", table.title, doc.key);
        if doc.default == Default::Required {
            assert!(without.is_err() && null.is_err(), "{of} may be missing");
            return;
        }
        // Others may need it: an address its netmask. But it is never missed for itself.
        for result in [&without, &null] {
            let problems = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert!(
                !problems.contains(&format!("has no '{}'", doc.key)),
                "{of}: {problems}"
            );
        }
        assert_eq!(
            without.as_ref().map(said).ok(),
            null.as_ref().map(said).ok(),
            "{of}: null"
        );
        if let (Default::Value(value), Ok(without)) = (doc.default, &without) {
            let with = changed(table, doc.key, text(value)).unwrap_or_else(|p| panic!("{of}: {value}: {p}"));
            assert_eq!(said(&with), said(without), "{of} is not {value} by default");
        }
    });
}

#[test]
fn every_key_says_what_it_is_for() {
    every_key(|table, doc| assert!(!doc.meaning.is_empty(), "{}: {}", table.title, doc.key));
}

#[test]
fn types_ranges_and_words_are_the_readers() {
    every_key(|table, doc| {
        let of = format!("{}: {}", table.title, doc.key);
        let good = |value: String| {
            if let Err(problems) = changed(table, doc.key, text(&value)) {
                // What it does not go together with is another matter.
                let about = format!("'{}' of", doc.key);
                let typed = |p: &&Problem| p.message.contains(&about) && p.message.contains(" be ");
                assert!(
                    problems.0.iter().find(typed).is_none(),
                    "{of}: {value}: {problems}"
                );
            }
        };
        let bad = |value: Value| {
            assert!(
                changed(table, doc.key, Some(value.clone())).is_err(),
                "{of} may be {value:?}"
            );
        };
        let word = |word: &str| Value::String(word.to_owned());
        match doc.kind {
            Kind::Boolean => {
                for word in ["yes", "No", "TRUE", "off"] {
                    good(word.to_owned());
                }
                bad(word("maybe"));
            }
            Kind::Integer(first, last, _) | Kind::Size(first, last) => {
                good(first.to_string());
                good(last.to_string());
                bad(Value::from(last + 1));
                if first > 0 {
                    bad(Value::from(first - 1));
                }
                bad(word("many"));
                bad(word("-1"));
            }
            Kind::Words(words) => {
                words().into_iter().for_each(|word| good(word.to_owned()));
                bad(word("zebra"));
            }
            Kind::Name(_) => bad(word("a <b>")),
            Kind::Text(_) => bad(Value::Sequence(vec![word("x")])),
            Kind::Any => good("anything".to_owned()),
            Kind::List(_) | Kind::Free(_) | Kind::Mapping(_) | Kind::Mappings(_) | Kind::Either(_) => {
                bad(word("<zebra>"));
            }
        }
    });
}

#[test]
fn keys_that_are_not_in_the_reference_are_refused() {
    for table in of_topologies() {
        let problems = changed(table, "zebra", text("x"))
            .err()
            .map(|p| p.to_string())
            .unwrap_or_default();
        assert!(
            problems.contains("the key 'zebra' of"),
            "{}: {problems}",
            table.title
        );
        for key in table.unused {
            let topology = changed(table, key, text("x")).unwrap();
            assert!(topology.notes.iter().any(|note| note.contains(key)), "{key}");
        }
    }
}
