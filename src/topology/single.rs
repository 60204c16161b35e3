//! One topology file by itself: found or given, rendered, overridden, typed.

use std::path::{Path, PathBuf};

use crate::yaml::{Problems, Source, Tree, Value, nearest};

use super::files::{self, Kind};
use super::load::{FILE_KEYS, Loader, NetworkFile, NodeFile, UNUSED_FILE_KEYS};
use super::template::Context;
use super::{NetworkSpec, NodeType, Request, Variables, name, node, strangers, validate, variables};

/// A file that is right by itself.
pub struct Single {
    /// Its name without folder and ending.
    pub name: String,
    /// What messages call it: its path, or `built-in:nodes/…`.
    pub label: String,
    /// What it is for: the comment at its head.
    pub purpose: Option<String>,
    /// What the user should know and need not change.
    pub notes: Vec<String>,
    content: Content,
}

enum Content {
    Node(Box<NodeFile>),
    Network(Box<NetworkFile>),
}

/// Reads files one by one, with the variables and overrides of a request.
pub struct Reader<'a> {
    request: &'a Request,
    context: Context,
}

impl<'a> Reader<'a> {
    /// Takes the folders, the overrides and, for their names, the node types of the request.
    ///
    /// # Errors
    /// Overrides and variables that cannot be, folders that are none.
    pub fn new(request: &'a Request, variables: &Variables) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let context = variables::context(request, variables, &mut problems);
        files::check_folders(&request.dirs, &mut problems);
        strangers::types(request, &mut problems, &mut Vec::new());
        match problems.is_empty() {
            true => Ok(Reader { request, context }),
            false => Err(problems),
        }
    }

    /// Reads a file that is known by its name.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn named(&self, kind: Kind, name: &str) -> Result<Single, Problems> {
        let mut problems = Problems::default();
        match files::find(kind, name, &self.request.dirs, &mut problems) {
            Some(source) => self.typed(source, name, Some(kind)),
            None => Err(problems),
        }
    }

    /// Reads the file at a path; its folder says what kind it is, else its content does.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn at(&self, path: &Path) -> Result<Single, Problems> {
        let mut problems = Problems::default();
        let Some(source) = files::read(path, &mut problems) else {
            return Err(problems);
        };
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        self.typed(source, &name, files::kind_of(path))
    }

    fn typed(&self, source: Source, name: &str, kind: Option<Kind>) -> Result<Single, Problems> {
        let mut problems = Problems::default();
        let mut notes = Vec::new();
        let loader = Loader::new(self.request, &self.context);
        let content =
            loader
                .tree(&source, &mut problems)
                .and_then(|tree| match kind.or_else(|| kind_of(&tree)) {
                    Some(Kind::Nodes) => {
                        name::check("node type", name, &tree.place, &mut problems);
                        let file = loader.node_file(name, 1, tree, &mut problems, &mut notes)?;
                        Some(Content::Node(Box::new(file)))
                    }
                    Some(Kind::Network) => {
                        let file = loader.network_file(&source, tree, &mut problems, &mut notes)?;
                        Some(Content::Network(Box::new(file)))
                    }
                    None => {
                        problems
                            .push(tree.place, "this is neither a node file nor a network file")
                            .hint("a node file has cpu: and memory:, a network file has networks:");
                        None
                    }
                });
        match content {
            Some(content) if problems.is_empty() => Ok(Single {
                name: name.to_owned(),
                label: source.file.to_string(),
                purpose: purpose(source.text()),
                notes,
                content,
            }),
            _ => {
                problems.sort();
                Err(problems)
            }
        }
    }
}

impl Single {
    /// What kind of file it is.
    pub fn kind(&self) -> Kind {
        match self.content {
            Content::Node(_) => Kind::Nodes,
            Content::Network(_) => Kind::Network,
        }
    }

    /// The file's words, rendered and overridden.
    pub fn tree(&self) -> &Tree {
        match &self.content {
            Content::Node(file) => &file.tree,
            Content::Network(file) => &file.tree,
        }
    }

    /// The node type of a node file, without the NICs that a network file would give it.
    pub fn node(&self) -> Option<&NodeType> {
        match &self.content {
            Content::Node(file) => Some(&file.node),
            Content::Network(_) => None,
        }
    }

    /// The networks of a network file; none of a node file.
    pub fn networks(&self) -> &[NetworkSpec] {
        match &self.content {
            Content::Node(_) => &[],
            Content::Network(file) => &file.networks.known,
        }
    }

    /// What keeps nodes of this file from being made on the networks of the other.
    pub fn on(&self, networks: &Single) -> Problems {
        let mut problems = Problems::default();
        if let (Content::Node(file), Content::Network(networks)) = (&self.content, &networks.content) {
            let (mut unwired, mut notes) = (Vec::new(), Vec::new());
            let mut said = validate::Said {
                unwired: &mut unwired,
                problems: &mut problems,
                notes: &mut notes,
            };
            validate::wire(file.node.clone(), file.wiring.clone(), networks, &mut said);
            validate::all_wired(&unwired, networks, &mut problems);
        }
        problems.sort();
        problems
    }
}

/// The comment line at the head of a file; what editors read there does not count.
pub fn purpose(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .take_while(|line| line.is_empty() || line.starts_with('#') || *line == "---")
        .filter_map(|line| line.strip_prefix('#'))
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("yaml-language-server:"))
        .map(str::to_owned)
}

/// Which kind of file has these keys, when they say it.
pub(super) fn kind_of(tree: &Tree) -> Option<Kind> {
    let Value::Map(entries) = &tree.value else {
        return None;
    };
    let has = |known: &[&str]| {
        let names = entries.iter().map(|(key, _)| key.name.as_str());
        names.filter(|name| known.contains(name)).count()
    };
    let network: Vec<&str> = FILE_KEYS.iter().chain(UNUSED_FILE_KEYS).copied().collect();
    match (has(node::KEYS), has(&network)) {
        (0, 0) => {
            let near = |known: &[&str]| {
                let names = entries.iter().map(|(key, _)| key.name.as_str());
                names
                    .filter_map(|name| nearest(name, known.iter().copied()))
                    .count()
            };
            match (near(node::KEYS), near(&network)) {
                (0, 0) => None,
                (nodes, networks) if networks > nodes => Some(Kind::Network),
                _ => Some(Kind::Nodes),
            }
        }
        (nodes, networks) if networks >= nodes => Some(Kind::Network),
        _ => Some(Kind::Nodes),
    }
}

/// The topology files in a folder and all folders below it, sorted; hidden ones and links to folders are left out.
///
/// # Errors
/// When a folder cannot be read.
pub fn below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if files::has_ending(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    #[test]
    fn the_head_of_a_file_says_what_it_is_for() {
        assert_eq!(
            purpose("# yaml-language-server: $schema=x\n\n---\n#  Two networks. \n# more\na: 1").as_deref(),
            Some("Two networks.")
        );
        assert_eq!(purpose("a: 1\n# not at the head"), None);
        assert_eq!(purpose(""), None);
    }

    #[test]
    fn keys_tell_the_kind() {
        let kind =
            |text: &str| kind_of(&parse(&Source::plain("a.yml", text), &mut Problems::default()).unwrap());
        assert_eq!(kind("cpu: 1\nmemory: 2"), Some(Kind::Nodes));
        assert_eq!(kind("networks: {}"), Some(Kind::Network));
        assert_eq!(kind("nodes: {default: {}}"), Some(Kind::Network));
        assert_eq!(kind("memry: 1"), Some(Kind::Nodes));
        assert_eq!(kind("netwroks: {}"), Some(Kind::Network));
        assert_eq!(kind("tasks: all"), None);
        assert_eq!(kind("[1]"), None);
    }
}
