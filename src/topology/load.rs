//! From a request to a checked topology.

use std::path::PathBuf;

use crate::yaml::{Fields, Key, Place, Problems, Source, Tree, Value, nearest, parse, shown};

use super::files::{self, Kind};
use super::interface::{self, WIRING_KEYS, Wiring, suggestion};
use super::network::{self, Networks};
use super::node::{self, NodeType};
use super::reference::names;
use super::reference::networks::FILE;
use super::template::{self, Context};
use super::{Overrides, Request, Topology, Variables, bgp, fixed, name, single, validate, variables};

/// The keys of a network file that mean something here.
pub(super) const FILE_KEYS: &[&str] = &names::<{ FILE.keys.len() }>(&FILE);
/// The keys that infrared's network files have and irs does not use.
pub(super) const UNUSED_FILE_KEYS: &[&str] = FILE.unused;

/// Reads all files of the request. Pure apart from that: called again for each pair of subnets that is tried.
pub fn load(request: &Request, variables: &Variables) -> Result<Topology, Problems> {
    let mut problems = Problems::default();
    let mut notes = Vec::new();
    let context = variables::context(request, variables, &mut problems);
    let loader = Loader {
        folders: &request.dirs,
        overrides: &request.overrides,
        context: &context,
    };
    files::check_folders(&request.dirs, &mut problems);
    check_override_names(request, &mut problems, &mut notes);

    let file = loader
        .found(Kind::Network, &request.network, &mut problems)
        .and_then(|(source, tree)| loader.network_file(&source, tree, &mut problems, &mut notes));
    let mut node_types = Vec::new();
    let mut unwired = Vec::new();
    for (file_name, count) in &request.nodes {
        if !name::check(
            "node type",
            file_name,
            &Place::start_of("--topology-nodes"),
            &mut problems,
        ) {
            continue;
        }
        let Some((_, tree)) = loader.found(Kind::Nodes, file_name, &mut problems) else {
            continue;
        };
        let Some(found) = loader.node_file(file_name, *count, tree, &mut problems, &mut notes) else {
            continue;
        };
        node_types.push(match &file {
            Some(file) => {
                let mut said = validate::Said {
                    unwired: &mut unwired,
                    problems: &mut problems,
                    notes: &mut notes,
                };
                validate::wire(found.node, found.wiring, file, &mut said)
            }
            None => found.node,
        });
    }
    if let Some(file) = &file {
        validate::all_wired(&unwired, file, &mut problems);
    }
    validate::node_types(&node_types, &mut problems);
    fixed::duplicates(&node_types, &mut problems);
    if !problems.is_empty() {
        problems.sort();
        return Err(problems);
    }
    notes.dedup();
    let networks = file.map(|file| file.networks.known).unwrap_or_default();
    Ok(Topology {
        networks,
        node_types,
        notes,
    })
}

/// A network file, typed.
pub(super) struct NetworkFile {
    /// What messages call it.
    pub(super) label: String,
    pub(super) networks: Networks,
    /// The entries of `nodes` by name.
    pub(super) wirings: Vec<(String, Wiring)>,
    /// The whole file, rendered and overridden.
    pub(super) tree: Tree,
    /// Whether `nodes` is faulty as a whole.
    pub(super) broken: bool,
}

/// A node file, typed.
pub(super) struct NodeFile {
    pub(super) node: NodeType,
    /// What the file itself says about the NICs.
    pub(super) wiring: Wiring,
    /// The whole file, rendered and overridden.
    pub(super) tree: Tree,
}

/// How files are rendered and overridden.
pub(super) struct Loader<'a> {
    pub(super) folders: &'a [PathBuf],
    pub(super) overrides: &'a Overrides,
    pub(super) context: &'a Context,
}

impl Loader<'_> {
    fn found(&self, kind: Kind, wanted: &str, problems: &mut Problems) -> Option<(Source, Tree)> {
        let source = files::find(kind, wanted, self.folders, problems)?;
        let tree = self.tree(&source, problems)?;
        Some((source, tree))
    }

    /// Renders and parses a file.
    pub(super) fn tree(&self, source: &Source, problems: &mut Problems) -> Option<Tree> {
        let rendered = template::render(source, self.context, problems)?;
        let tree = parse(&rendered, problems)?;
        if tree.is_null() {
            problems
                .push(tree.place, "the file is empty")
                .hint("'irs virsh --help' names the folders that the files come from");
            return None;
        }
        Some(tree)
    }

    /// Types a node file.
    pub(super) fn node_file(
        &self,
        file_name: &str,
        count: u32,
        mut tree: Tree,
        problems: &mut Problems,
        notes: &mut Vec<String>,
    ) -> Option<NodeFile> {
        self.merge(file_name, &mut tree, problems);
        if !matches!(tree.value, Value::Map(_)) {
            problems
                .push(
                    tree.place.clone(),
                    format!("a node file must be a mapping, not {}", tree.kind()),
                )
                .hint("it begins with keys: name: …, cpu: …, memory: …");
            return None;
        }
        if bgp::node(file_name, &tree, problems) {
            return None;
        }
        let (node, wiring) = node::read(file_name, count, &tree, problems, notes);
        Some(NodeFile { node, wiring, tree })
    }

    /// Merges what `-e override.<name>` says, its templates rendered.
    fn merge(&self, name: &str, tree: &mut Tree, problems: &mut Problems) {
        if let Some(over) = self.overrides.get(name) {
            let mut over = over.clone();
            self.render_scalars(&mut over, problems);
            if name == "networks" {
                drop_strangers(tree, &mut over, problems);
            }
            tree.merge(&over);
        }
    }

    fn render_scalars(&self, tree: &mut Tree, problems: &mut Problems) {
        match &mut tree.value {
            Value::Null | Value::Broken => {}
            Value::Scalar { text, .. } => {
                let source = Source::plain(tree.place.file.clone(), text.as_str());
                let mut inner = Problems::default();
                match template::render(&source, self.context, &mut inner) {
                    Some(rendered) => *text = rendered.text().to_owned(),
                    None => {
                        tree.value = Value::Broken;
                        for mut problem in inner.0 {
                            problem.place = Some(tree.place.clone());
                            problems.0.push(problem);
                        }
                    }
                }
            }
            Value::Seq(items) => items
                .iter_mut()
                .for_each(|item| self.render_scalars(item, problems)),
            Value::Map(entries) => entries
                .iter_mut()
                .for_each(|(_, v)| self.render_scalars(v, problems)),
        }
    }

    /// Types a network file.
    pub(super) fn network_file(
        &self,
        source: &Source,
        mut tree: Tree,
        problems: &mut Problems,
        notes: &mut Vec<String>,
    ) -> Option<NetworkFile> {
        let label = source.file.to_string();
        if single::kind_of(&tree) == Some(Kind::Nodes) {
            problems
                .push(tree.place, "this is a node file, not one of networks")
                .hint("a network file has networks: and nodes:");
            return None;
        }
        if bgp::network(files::stem(&label), &tree, problems) {
            return None;
        }
        if let Value::Map(entries) = &mut tree.value {
            for part in FILE_KEYS {
                if let Some((_, tree)) = entries.iter_mut().find(|(key, _)| key.name == *part) {
                    self.merge(part, tree, problems);
                }
            }
        }
        let known: Vec<&str> = FILE_KEYS.iter().chain(UNUSED_FILE_KEYS).copied().collect();
        let fields = Fields::new("the network file", &tree, &known, problems);
        for key in UNUSED_FILE_KEYS {
            if let (Some(_), Some(place)) = (fields.get(key), fields.key_place(key)) {
                notes.push(format!("{place}: the key '{key}' is not used"));
            }
        }
        let entries = fields.map("networks", problems);
        if entries.is_empty()
            && fields.readable
            && fields
                .get("networks")
                .is_none_or(|t| matches!(t.value, Value::Map(_)))
        {
            problems
                .push(tree.place.clone(), "the network file has no networks")
                .hint("add networks: {net1: {name: management, …}}");
        }
        let mut networks = network::read_all(entries, problems);
        // Without any, each mention of one would be a message.
        networks.broken |= entries.is_empty();
        validate::networks(&networks.known, problems);
        let nodes = fields.get("nodes");
        let broken = !fields.readable || nodes.is_some_and(|t| !matches!(t.value, Value::Map(_)));
        let wirings = self.wirings(fields.map("nodes", problems), &networks, problems);
        Some(NetworkFile {
            label,
            networks,
            wirings,
            broken,
            tree,
        })
    }

    fn wirings(
        &self,
        entries: &[(Key, Tree)],
        networks: &Networks,
        problems: &mut Problems,
    ) -> Vec<(String, Wiring)> {
        let mut wirings = Vec::new();
        for (key, tree) in entries {
            name::check("node", &key.name, &key.place, problems);
            let of = format!("'{}' in 'nodes' of the network file", shown(&key.name));
            let fields = Fields::new(of, tree, WIRING_KEYS, problems);
            let mut wiring = interface::read_wiring(&fields, &key.name, &key.place, problems);
            interface::check_wiring(&mut wiring, networks, problems);
            wirings.push((key.name.clone(), wiring));
        }
        wirings
    }
}

/// `override.<x>` where there is no `<x>` would change nothing, silently. One of a type that this run does not ask
/// for is only noted: an extend is given the same variables as the first run.
pub(super) fn check_override_names(request: &Request, problems: &mut Problems, notes: &mut Vec<String>) {
    let selected = || {
        request
            .nodes
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(FILE_KEYS.iter().copied())
    };
    let known = files::names_of(Kind::Nodes, &request.dirs);
    let mut unused = Vec::new();
    for (key, _) in &request.overrides.entries {
        if selected().any(|name| name == key.name) {
            continue;
        }
        if known.contains(&key.name) {
            unused.push(key.name.as_str());
        } else {
            problems
                .push(
                    key.place.clone(),
                    format!("the override of '{}' matches nothing", key.name),
                )
                .hint(match nearest(&key.name, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => suggestion(&key.name, selected()),
                });
        }
    }
    if !unused.is_empty() {
        notes.push(format!(
            "overrides of node types that are not asked for are not used: {}",
            unused.join(", ")
        ));
    }
}

/// An override may change a network by its key, or add one that has a name of its own; others are reported.
fn drop_strangers(networks: &Tree, over: &mut Tree, problems: &mut Problems) {
    let (Value::Map(networks), Value::Map(over)) = (&networks.value, &mut over.value) else {
        return;
    };
    over.retain(|(key, value)| {
        if value.get("name").is_some() || networks.iter().any(|(known, _)| known.name == key.name) {
            return true;
        }
        let by_name = networks.iter().find(|(_, n)| {
            matches!(n.get("name").map(|t| &t.value), Some(Value::Scalar { text, .. }) if *text == key.name)
        });
        let hint = match by_name {
            Some((real, _)) => format!(
                "networks are overridden by their key: did you mean '{}'?",
                real.name
            ),
            None => suggestion(&key.name, networks.iter().map(|(k, _)| k.name.as_str())),
        };
        let message = format!("the override of the network '{}' matches nothing", key.name);
        problems.push(key.place.clone(), message).hint(hint);
        false
    });
}
