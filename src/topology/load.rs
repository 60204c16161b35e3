//! From a request to a checked topology.

use std::cell::RefCell;
use std::path::PathBuf;

use crate::yaml::{Fields, Key, Place, Problems, Source, Tree, Value, parse, shown};

use super::files::{self, Kind};
use super::interface::{self, WIRING_KEYS, Wiring};
use super::network::{self, Networks};
use super::node::{self, NodeType};
use super::reference::names;
use super::reference::networks::FILE;
use super::template::{self, Context};
use super::{
    Overrides, Request, Topology, Variables, bgp, fixed, name, single, strangers, validate, variables,
};

/// The keys of a network file that mean something here.
pub(super) const FILE_KEYS: &[&str] = &names::<{ FILE.keys.len() }>(&FILE);
/// The keys that infrared's network files have and irs does not use.
pub(super) const UNUSED_FILE_KEYS: &[&str] = FILE.unused;

/// Reads all files of the request. Pure apart from that: called again for each pair of subnets that is tried.
pub fn load(request: &Request, variables: &Variables) -> Result<Topology, Problems> {
    let mut problems = Problems::default();
    let mut notes = Vec::new();
    let context = variables::context(request, variables, &mut problems);
    let loader = Loader::new(request, &context);
    files::check_folders(&request.dirs, &mut problems);
    strangers::types(request, &mut problems, &mut notes);

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
    validate::wired_types(&node_types, request, &mut problems);
    fixed::duplicates(&node_types, &mut problems);
    if let Some(file) = &file {
        strangers::nodes(&file.added, &file.entries(), request, &node_types, &mut problems);
    }
    if !problems.is_empty() {
        problems.sort();
        return Err(problems);
    }
    strangers::variables(request, &loader.texts.borrow(), &mut notes);
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
    /// The entries of `nodes` that only an override has.
    added: Vec<Key>,
}

impl NetworkFile {
    /// The entries of `nodes` that the file itself has.
    fn entries(&self) -> Vec<String> {
        let names = self.wirings.iter().map(|(name, _)| name);
        names
            .filter(|name| !self.added.iter().any(|key| key.name == **name))
            .cloned()
            .collect()
    }
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
    /// All texts that were rendered.
    texts: RefCell<Vec<String>>,
}

impl<'a> Loader<'a> {
    /// Reads files for a request.
    pub(super) fn new(request: &'a Request, context: &'a Context) -> Self {
        Loader {
            folders: &request.dirs,
            overrides: &request.overrides,
            context,
            texts: RefCell::default(),
        }
    }

    fn found(&self, kind: Kind, wanted: &str, problems: &mut Problems) -> Option<(Source, Tree)> {
        let source = files::find(kind, wanted, self.folders, problems)?;
        let tree = self.tree(&source, problems)?;
        Some((source, tree))
    }

    /// Renders and parses a file.
    pub(super) fn tree(&self, source: &Source, problems: &mut Problems) -> Option<Tree> {
        self.texts.borrow_mut().push(source.text().to_owned());
        let rendered = template::render(source, self.context, problems)?;
        let tree = parse(&rendered, problems)?;
        if tree.is_null() {
            problems
                .push(tree.place, "the file is empty")
                .hint("a node file has cpu: and memory:, a network file has networks: and nodes:");
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
                strangers::networks(tree, &mut over, problems);
            }
            tree.merge(&over);
        }
    }

    fn render_scalars(&self, tree: &mut Tree, problems: &mut Problems) {
        match &mut tree.value {
            Value::Null | Value::Broken => {}
            Value::Scalar { text, .. } => {
                self.texts.borrow_mut().push(text.clone());
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
        let added = self.merge_parts(&mut tree, problems);
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
            added,
            tree,
        })
    }

    /// Merges what `-e` says of `networks` and `nodes`; answers the entries that `nodes` did not have.
    fn merge_parts(&self, tree: &mut Tree, problems: &mut Problems) -> Vec<Key> {
        let Value::Map(entries) = &mut tree.value else {
            return Vec::new();
        };
        let mut added = Vec::new();
        for (over, said) in &self.overrides.entries {
            let part = over.name.as_str();
            if !FILE_KEYS.contains(&part) {
                continue;
            }
            if !entries.iter().any(|(key, _)| key.name == part) {
                let value = Value::Map(Vec::new());
                let place = over.place.clone();
                entries.push((over.clone(), Tree { place, value }));
            }
            let Some((_, tree)) = entries.iter_mut().find(|(key, _)| key.name == part) else {
                continue;
            };
            if let (Value::Map(said), "nodes") = (&said.value, part) {
                let keys = said.iter().map(|(key, _)| key.clone());
                added.extend(keys.filter(|key| tree.get(&key.name).is_none()));
            }
            self.merge(part, tree, problems);
        }
        added
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
