//! What each command prints with `--format json`, from the types that serde writes.
//!
//! The types of a command are those of its file and folder in `src/commands`; what none of them mentions is a result.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use syn::{Fields, GenericArgument, Item, PathArguments};

use super::commands::{self, Path};
use super::source::{self, File, Source, Type, said};

/// Types that serde writes as one value. One that is missing here is a panic that says so.
const SCALARS: &[(&str, &str)] = &[
    ("String", "text"),
    ("str", "text"),
    ("bool", "true or false"),
    ("u8", "whole number"),
    ("u16", "whole number"),
    ("u32", "whole number"),
    ("u64", "whole number"),
    ("usize", "whole number"),
    ("i32", "whole number"),
    ("i64", "whole number"),
    ("f64", "number"),
    ("Uuid", "UUID"),
    ("IpAddr", "IP address"),
    ("Ipv4Addr", "IP address"),
    ("Mac", "MAC address"),
    ("PathBuf", "path"),
    ("Value", "any"),
    ("Words", "any"),
];

/// What the doc comment of a result says.
const RESULT: &str = ", in the shape of `--format json`";

/// The page.
pub fn page(source: &Source) -> String {
    let out = String::from(
        "# JSON\n\n\
With `--format json` a command prints one object on stdout; progress and errors stay on stderr. A key with *may be absent* is \
left out when there is nothing to say; one with *or null* is always there. Keys may be added in later versions, so pass over those that \
you do not know; none goes or changes its meaning without a line in the changelog.\n\n\
`[]` is a list: `nodes[].name` is the `name` of each object of the list `nodes`.\n\n\
## An error\n\n\
Whatever the command, an error is one object with the key `error`, and the exit code is the process's:\n\n",
    );
    let report = source
        .file("src/error.rs")
        .types()
        .find(|of| of.name() == "Report")
        .unwrap();
    let mut page = Page {
        source,
        shared: Vec::new(),
        own: "error".to_owned(),
        out,
    };
    page.table(report, "error.");
    for path in commands::leaves() {
        page.own = format!("commands::{}", path[0].replace('-', "_"));
        for (number, result) in results(source, &path).into_iter().enumerate() {
            if number == 0 {
                let _ = write!(page.out, "\n## irs {}\n", path.join(" "));
            }
            let said = commands::prose(&result.said()).replace(RESULT, "");
            let _ = write!(page.out, "\n{said}\n\n");
            page.table(result, "");
        }
    }
    let mut next = 0;
    while let Some(of) = page.shared.get(next).copied() {
        next += 1;
        page.own.clone_from(&of.file.module);
        let _ = write!(
            page.out,
            "\n## {}\n\n{}\n\n",
            title(&of),
            commands::prose(&of.said())
        );
        page.table(of, "");
    }
    page.out
}

/// The results of a command: types of its own, else those that it shares with its neighbours.
fn results<'a>(source: &'a Source, path: &Path) -> Vec<Type<'a>> {
    let words: Vec<String> = path.iter().map(|word| word.replace('-', "_")).collect();
    let own = format!("commands::{}", words.join("::"));
    let of = |chosen: &dyn Fn(&str) -> bool| -> Vec<Type<'a>> {
        let files: Vec<&File> = source.0.iter().filter(|file| chosen(&file.module)).collect();
        roots(source, &files)
    };
    let found = of(&|module| module == own || module.starts_with(&format!("{own}::")));
    if !found.is_empty() || path.len() < 2 {
        return found;
    }
    let above = format!("commands::{}", words[0]);
    let neighbours: Vec<String> = commands::leaves()
        .iter()
        .filter(|other| other.len() > 1 && other[0] == path[0])
        .map(|other| format!("{above}::{}", other[1].replace('-', "_")))
        .collect();
    of(&|module| {
        let is_neighbours = neighbours
            .iter()
            .any(|name| module == name || module.starts_with(&format!("{name}::")));
        (module == above || module.starts_with(&format!("{above}::"))) && !is_neighbours
    })
}

/// The types of the files that no other of them mentions, or that say that they are a result.
fn roots<'a>(source: &'a Source, files: &[&'a File]) -> Vec<Type<'a>> {
    let all: Vec<Type<'a>> = files.iter().flat_map(|file| file.types()).collect();
    let key = |of: &Type| (of.file.path.clone(), of.name());
    let mut mentioned = BTreeSet::new();
    for of in &all {
        for (_, name) in fields(*of)
            .into_iter()
            .flat_map(|field| names(of.file, &field.of))
        {
            if let Some(found) = source.named(of.file, &name) {
                mentioned.insert(key(&found));
            }
        }
    }
    let is_root = |of: &Type| !mentioned.contains(&key(of)) || of.said().contains(RESULT);
    all.into_iter().filter(is_root).collect()
}

/// A field as serde writes it.
struct Field {
    key: String,
    of: syn::Type,
    said: String,
    flat: bool,
    absent: bool,
}

fn fields(of: Type) -> Vec<Field> {
    match of.item {
        Item::Struct(it) => fields_of(&it.fields),
        Item::Enum(it) => it
            .variants
            .iter()
            .flat_map(|variant| fields_of(&variant.fields))
            .collect(),
        _ => Vec::new(),
    }
}

fn fields_of(fields: &Fields) -> Vec<Field> {
    let written = fields.iter().filter_map(|field| {
        let words = source::serde(&field.attrs);
        if words.contains_key("skip") || words.contains_key("skip_serializing") {
            return None;
        }
        let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        Some(Field {
            key: words.get("rename").cloned().unwrap_or(name),
            of: field.ty.clone(),
            said: said(&field.attrs),
            flat: words.contains_key("flatten"),
            absent: words.contains_key("skip_serializing_if"),
        })
    });
    written.collect()
}

/// The names of types in a type, with what is around them: `[]` for a list.
fn names(file: &File, of: &syn::Type) -> Vec<(String, String)> {
    match of {
        syn::Type::Reference(it) => names(file, &it.elem),
        syn::Type::Slice(it) => list(names(file, &it.elem)),
        syn::Type::Array(it) => list(names(file, &it.elem)),
        syn::Type::Path(it) => {
            let last = it.path.segments.last().unwrap();
            let inner = || -> Vec<syn::Type> {
                let PathArguments::AngleBracketed(of) = &last.arguments else {
                    return Vec::new();
                };
                let types = of.args.iter().filter_map(|of| match of {
                    GenericArgument::Type(of) => Some(of.clone()),
                    _ => None,
                });
                types.collect()
            };
            let within = |at: usize| inner().get(at).map(|of| names(file, of)).unwrap_or_default();
            match last.ident.to_string().as_str() {
                "Option" => within(0)
                    .into_iter()
                    .map(|(around, name)| (format!("?{around}"), name))
                    .collect(),
                "Vec" | "BTreeSet" => list(within(0)),
                "Box" | "Cow" | "Rc" | "Arc" => within(0),
                "BTreeMap" => within(1)
                    .into_iter()
                    .map(|(around, name)| (format!(".NAME{around}"), name))
                    .collect(),
                _ => {
                    let path: Vec<String> = it
                        .path
                        .segments
                        .iter()
                        .map(|part| part.ident.to_string())
                        .collect();
                    vec![(String::new(), path.join("::"))]
                }
            }
        }
        _ => panic!(
            "{}: tests/reference/json.rs does not know this kind of type yet",
            file.path.display()
        ),
    }
}

fn list(of: Vec<(String, String)>) -> Vec<(String, String)> {
    of.into_iter()
        .map(|(around, name)| (format!("[]{around}"), name))
        .collect()
}

/// The page while it is written.
struct Page<'a> {
    source: &'a Source,
    /// Objects of several commands, which have a table of their own at the end.
    shared: Vec<Type<'a>>,
    /// The module whose types have no table of their own.
    own: String,
    out: String,
}

/// The heading of an object that several commands have.
fn title(of: &Type) -> String {
    if of.file.module == "error" && of.name() == "Report" {
        return "An error".to_owned();
    }
    let mut words = String::new();
    for letter in of.name().chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    format!("Object: {words}")
}

impl<'a> Page<'a> {
    fn table(&mut self, of: Type<'a>, prefix: &str) {
        self.out.push_str("| key | is | meaning |\n|---|---|---|\n");
        self.rows(of, prefix);
    }

    fn rows(&mut self, of: Type<'a>, prefix: &str) {
        if let Item::Enum(it) = of.item {
            // Untagged: one of several sets of keys.
            for variant in &it.variants {
                for mut field in fields_of(&variant.fields) {
                    field.absent = true;
                    self.row(of.file, &field, prefix);
                }
            }
            return;
        }
        for field in fields(of) {
            self.row(of.file, &field, prefix);
        }
    }

    fn row(&mut self, file: &'a File, field: &Field, prefix: &str) {
        let (around, name) = names(file, &field.of).into_iter().next().unwrap_or_default();
        let is_scalar = |of: &&str| name.rsplit("::").next() == Some(*of);
        let scalar = SCALARS.iter().find(|(of, _)| is_scalar(of)).map(|(_, is)| *is);
        let known = self.source.named(file, &name).filter(|_| scalar.is_none());
        assert!(
            scalar.is_some() || known.is_some(),
            "{}: tests/reference/json.rs does not know what '{name}' is in JSON: add it to SCALARS",
            file.path.display()
        );
        if let (true, Some(of)) = (field.flat, known) {
            return self.rows(of, prefix);
        }
        let shown = file.path.display();
        assert!(
            !field.said.is_empty(),
            "{shown}: '{}' has no doc comment, which the reference of JSON shows",
            field.key
        );
        let is_list = around.ends_with("[]");
        let words = known.and_then(words);
        let elsewhere = known.filter(|of| {
            let is_own = of.file.module == self.own || of.file.module.starts_with(&format!("{}::", self.own));
            words.is_none() && !is_own
        });
        let mut is = match (scalar, &words, elsewhere) {
            (Some(scalar), _, _) if is_list => format!("list of {}", plural(scalar)),
            (Some(scalar), _, _) => scalar.to_owned(),
            (None, Some(words), _) => words
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", "),
            (None, None, Some(of)) => {
                let title = title(&of);
                let anchor = title.to_lowercase().replace(':', "").replace(' ', "-");
                format!(
                    "[{}](#{anchor})",
                    if is_list { "list of objects" } else { "object" }
                )
            }
            (None, None, None) => if is_list { "list of objects" } else { "object" }.to_owned(),
        };
        if around.starts_with('?') && !field.absent {
            is += ", or null";
        }
        if field.absent {
            is += ", may be absent";
        }
        let key = format!("{prefix}{}{}", field.key, around.replace('?', ""));
        let said = commands::cell(&field.said);
        let _ = writeln!(self.out, "| `{}` | {is} | {said} |", key.trim_end_matches("[]"));
        match (known, elsewhere) {
            (_, Some(of))
                if title(&of) == "An error" || self.shared.iter().any(|other| title(other) == title(&of)) => {
            }
            (_, Some(of)) => self.shared.push(of),
            (Some(of), None) if words.is_none() => self.rows(of, &format!("{key}.")),
            _ => {}
        }
    }
}

fn plural(word: &str) -> String {
    match word {
        "text" => "texts".to_owned(),
        "any" => "anything".to_owned(),
        "IP address" => "IP addresses".to_owned(),
        "MAC address" => "MAC addresses".to_owned(),
        other => format!("{other}s"),
    }
}

/// The words of an enum whose variants have nothing in them.
fn words(of: Type) -> Option<Vec<String>> {
    let Item::Enum(it) = of.item else { return None };
    if it.variants.iter().any(|variant| !variant.fields.is_empty()) {
        return None;
    }
    let all = source::serde(&it.attrs)
        .get("rename_all")
        .cloned()
        .unwrap_or_default();
    let word = |variant: &syn::Variant| {
        let name = variant.ident.to_string();
        let mut kebab = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.extend(letter.to_lowercase());
        }
        match (source::serde(&variant.attrs).remove("rename"), all.as_str()) {
            (Some(said), _) => said,
            (None, "lowercase") => name.to_lowercase(),
            (None, "kebab-case") => kebab,
            (None, "snake_case") => kebab.replace('-', "_"),
            (None, "") => name,
            (None, other) => panic!("tests/reference/json.rs does not know the case '{other}' yet"),
        }
    };
    Some(it.variants.iter().map(word).collect())
}
