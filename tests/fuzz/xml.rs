//! Any text in any value of the XML.

use clap::Parser as _;
use irs::cli::{Cli, Command, topology};
use irs::commands::topology::draft::{self, Draft};
use irs::steps::{domains, networks};
use irs::topology::cpu::Model;
use irs::ui::{Format, Ui};
use proptest::prelude::*;

use super::config;

/// An environment with all that the XML has places for.
fn draft() -> Draft {
    let words = "irs topology render --topology-nodes undercloud:1,heat:1 --topology-network 3_nets --serial-files --virt-type kvm";
    let cli = Cli::try_parse_from(words.split(' ')).unwrap();
    let Command::Topology(topology) = &cli.command else {
        panic!()
    };
    let topology::Command::Render(render) = &topology.command else {
        panic!()
    };
    let ui = Ui::plain(
        Format::Human,
        Box::new(std::io::sink()),
        Box::new(std::io::sink()),
    );
    draft::resolve(&render.drawn.host_address, &render.drawn.draft, &ui).unwrap()
}

/// Text with all that XML and terminals take badly.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<String>(),
        4 => "[ -~]{1,8}",
        2 => prop::sample::select(vec!["<", ">", "&", "\"", "'", "]]>", "<!--", "-->", "<?x", "&lt;", "&#0;", "{{ x }}", "{% x %}", "\n", "\t", "\r", " ", "é", "😀"]).prop_map(str::to_owned),
    ];
    // An empty one is none in some places.
    prop::collection::vec(piece, 1..4).prop_map(|pieces| format!("t{}", pieces.concat()))
}

/// What the XML says: the elements in their order, and every value.
fn parsed(xml: &str) -> (Vec<String>, Vec<String>) {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|why| panic!("{why}: {xml}"));
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    let names = elements.clone().map(|e| e.tag_name().name().to_owned()).collect();
    let mut values = Vec::new();
    for element in elements {
        values.extend(element.attributes().map(|a| a.value().to_owned()));
        values.extend(element.text().map(str::to_owned));
    }
    (names, values)
}

/// Whether XML has a way to write it.
fn fits(text: &str) -> bool {
    let bad = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    !text.contains(bad)
}

/// The new XML has the elements of the old, and all the texts among its values.
fn check(before: &str, after: anyhow::Result<String>, texts: &[&String]) {
    if !texts.iter().all(|text| fits(text)) {
        assert!(after.is_err());
        return;
    }
    let xml = after.unwrap();
    let (names, values) = parsed(&xml);
    assert_eq!(names, parsed(before).0);
    for text in texts {
        assert!(values.contains(text), "{text:?} is not in {xml}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn domains_say_what_they_are_given(t in prop::collection::vec(text(), 16)) {
        let Draft { mut deployment, mut setting, .. } = draft();
        let mut node = deployment.nodes.swap_remove(0);
        setting.login_keys = vec!["key".to_owned()];
        node.machine = Some("q35".to_owned());
        node.cpu_model = Model::Named("model".to_owned()).into();
        node.nics[0].portgroup = Some("group".to_owned());
        // Else the name of its device decides where it is said.
        node.boot = vec!["hd".to_owned()];
        let before = domains::template::domain(&node, &deployment.id, &setting, Some("host".to_owned())).unwrap();
        node.name.clone_from(&t[0]);
        node.node_type.clone_from(&t[1]);
        // Three words mean another element.
        let model = format!("m{}", t[2]);
        node.cpu_model = Model::Named(model.clone()).into();
        node.machine = Some(t[3].clone());
        node.disks[0].dev = format!("vd{}", t[4]);
        node.groups[0].clone_from(&t[5]);
        node.user.clone_from(&t[6]);
        node.ansible_connection.clone_from(&t[7]);
        node.serial_file = Some(t[8].clone());
        node.nics[0].network.clone_from(&t[9]);
        node.nics[0].portgroup = Some(t[10].clone());
        node.nics[0].model.clone_from(&t[11]);
        node.disks[0].volume.clone_from(&t[12]);
        setting.login_keys = vec![t[13].clone()];
        deployment.id.name.clone_from(&t[14]);
        let after = domains::template::domain(&node, &deployment.id, &setting, Some(t[15].clone()));
        let dev = node.disks[0].dev.clone();
        let mut all: Vec<&String> = t.iter().enumerate().filter(|(i, _)| ![2, 4].contains(i)).map(|(_, t)| t).collect();
        all.extend([&model, &dev]);
        check(&before, after, &all);
    }

    #[test]
    fn networks_say_what_they_are_given(t in prop::collection::vec(text(), 10)) {
        let Draft { mut deployment, .. } = draft();
        let mut network = deployment.networks.into_iter().find(|n| !n.reservations.is_empty()).unwrap();
        let srv = irs::topology::network::Srv {
            service: "ldap".to_owned(),
            protocol: "tcp".to_owned(),
            domain: Some("lab".to_owned()),
            target: "ipa".to_owned(),
            port: 389,
            priority: Some(1),
            weight: Some(2),
        };
        let wire = irs::mark::Wire { from: "a".to_owned(), to: "b".to_owned(), nth: 0, hub: true };
        network.domain = Some("lab".to_owned());
        network.srvs = vec![srv];
        network.wire = Some(wire);
        let before = networks::apply::template(&network, &deployment.id).unwrap();
        network.name.clone_from(&t[0]);
        network.bridge.clone_from(&t[1]);
        network.domain = Some(t[2].clone());
        network.srvs[0].service.clone_from(&t[3]);
        network.srvs[0].target.clone_from(&t[4]);
        network.srvs[0].domain = Some(t[5].clone());
        network.reservations[0].name.clone_from(&t[6]);
        if let Some(wire) = &mut network.wire {
            wire.from.clone_from(&t[7]);
            wire.to.clone_from(&t[8]);
        }
        deployment.id.name.clone_from(&t[9]);
        let after = networks::apply::template(&network, &deployment.id);
        check(&before, after, &t.iter().collect::<Vec<_>>());
    }
}
