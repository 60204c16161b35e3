//! What the source says of its own types: their fields, doc comments and serde attributes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, UseTree};

/// A file of `src`.
pub struct File {
    /// Its path from the repository's folder.
    pub path: PathBuf,
    /// Its module, `commands::status::view`.
    pub module: String,
    items: Vec<Item>,
    /// Where the names that it uses come from: `Failure` from `crate::error::Report`.
    uses: BTreeMap<String, String>,
}

/// All of `src`.
pub struct Source(pub Vec<File>);

/// A type that serde writes.
#[derive(Clone, Copy)]
pub struct Type<'a> {
    /// Where it stands.
    pub file: &'a File,
    /// What it is.
    pub item: &'a Item,
}

impl Source {
    /// Reads all of it.
    pub fn read() -> Source {
        let mut files = Vec::new();
        below(Path::new("src"), &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Source(files)
    }

    /// The file of a path.
    pub fn file(&self, path: &str) -> &File {
        let found = self.0.iter().find(|file| file.path == Path::new(path));
        found.unwrap_or_else(|| {
            panic!("there is no '{path}': say where what it had is now, in tests/reference")
        })
    }

    /// The type that a file calls `name`, which may be a path: its own, or the one that it uses.
    pub fn named<'a>(&'a self, from: &'a File, name: &str) -> Option<Type<'a>> {
        let own = || from.types().find(|of| of.name() == name);
        let used = || {
            let path = from.uses.get(name).cloned().unwrap_or_else(|| name.to_owned());
            let (module, name) = path.rsplit_once("::").unwrap_or(("", &path));
            let module = module.trim_start_matches("crate::");
            let all = self.0.iter().flat_map(File::types).filter(|of| of.name() == name);
            let mut all: Vec<Type<'a>> = all.collect();
            // What is used by another module's name stands in it, or below it.
            all.sort_by_key(|of| (of.file.module != module, !of.file.module.starts_with(module)));
            all.first().copied()
        };
        own().or_else(used)
    }
}

impl File {
    /// Its types that serde writes.
    pub fn types(&self) -> impl Iterator<Item = Type<'_>> {
        let items = self.items.iter().filter(|item| is_written(attributes(item)));
        items.map(|item| Type { file: self, item })
    }

    /// Its public constants of text, with what is said of them.
    pub fn texts(&self) -> impl Iterator<Item = (String, String, String)> {
        self.items.iter().filter_map(|item| match item {
            Item::Const(it) => match &*it.expr {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => Some((it.ident.to_string(), text.value(), said(&it.attrs))),
                _ => None,
            },
            _ => None,
        })
    }

    /// The enum of a name.
    pub fn closed(&self, name: &str) -> &syn::ItemEnum {
        let found = self.items.iter().find_map(|item| match item {
            Item::Enum(it) if it.ident == name => Some(it),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("there is no enum {name} in {}", self.path.display()))
    }
}

impl Type<'_> {
    /// Its name.
    pub fn name(&self) -> String {
        match self.item {
            Item::Struct(it) => it.ident.to_string(),
            Item::Enum(it) => it.ident.to_string(),
            _ => String::new(),
        }
    }

    /// What is said of it.
    pub fn said(&self) -> String {
        said(attributes(self.item))
    }
}

fn below(folder: &Path, into: &mut Vec<File>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            // Parsing all of it takes seconds.
            let is_read = ["Serialize", "enum Exit", ": &str = \""]
                .iter()
                .any(|word| text.contains(word));
            if !is_read {
                continue;
            }
            let items = syn::parse_file(&text).unwrap().items;
            let module = path.with_extension("").display().to_string();
            let module = module
                .trim_start_matches("src/")
                .trim_end_matches("/mod")
                .replace('/', "::");
            let mut uses = BTreeMap::new();
            for item in &items {
                if let Item::Use(it) = item {
                    collect(&it.tree, &mut Vec::new(), &mut uses);
                }
            }
            let resolved = uses
                .into_iter()
                .map(|(name, path)| (name, absolute(&path, &module)));
            into.push(File {
                uses: resolved.collect(),
                path,
                module,
                items,
            });
        }
    }
}

/// The names that a `use` brings, each with its path.
fn collect(tree: &UseTree, path: &mut Vec<String>, into: &mut BTreeMap<String, String>) {
    let joined = |path: &[String], last: &syn::Ident| [path.join("::"), last.to_string()].join("::");
    match tree {
        UseTree::Path(it) => {
            path.push(it.ident.to_string());
            collect(&it.tree, path, into);
            path.pop();
        }
        UseTree::Name(it) => drop(into.insert(it.ident.to_string(), joined(path, &it.ident))),
        UseTree::Rename(it) => drop(into.insert(it.rename.to_string(), joined(path, &it.ident))),
        UseTree::Group(it) => it.items.iter().for_each(|tree| collect(tree, path, into)),
        UseTree::Glob(_) => {}
    }
}

/// A path of a `use` from the crate's root.
fn absolute(path: &str, module: &str) -> String {
    let mut module: Vec<&str> = module.split("::").collect();
    let mut rest = path;
    let mut relative = false;
    loop {
        if let Some(after) = rest.strip_prefix("super::") {
            module.pop();
            rest = after;
        } else if let Some(after) = rest.strip_prefix("self::") {
            rest = after;
        } else {
            break;
        }
        relative = true;
    }
    match relative {
        true => format!("crate::{}::{rest}", module.join("::")),
        false => path.to_owned(),
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Struct(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        _ => &[],
    }
}

fn is_written(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("derive")
            && attribute.meta.require_list().is_ok_and(|list| {
                let words = list.tokens.to_string();
                words.split([' ', ',', ':']).any(|word| word == "Serialize")
            })
    })
}

/// The doc comment, as one paragraph.
pub fn said(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(it) if it.path.is_ident("doc") => match &it.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The words of `#[serde(…)]`: `skip`, or a key with its value.
pub fn serde(attributes: &[Attribute]) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
    {
        attribute
            .parse_nested_meta(|meta| {
                let value = match meta.value() {
                    Ok(value) => value.parse::<syn::LitStr>()?.value(),
                    Err(_) => String::new(),
                };
                words.insert(meta.path.require_ident()?.to_string(), value);
                Ok(())
            })
            .unwrap();
    }
    words
}
