//! The reference as JSON Schema, with which editors complete and check the files while they are written.
//!
//! Made for files as they are typed: numbers may be quoted, booleans are YAML 1.1's, and a template may stand in place
//! of any value. What only shows between keys and files is left to `irs topology check`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::files;
use super::reference::{self, Default, Doc, Kind, Table};

/// The dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// As `name::check` has it.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$";
/// As `units::parse_size` has it.
const SIZE: &str = "^[0-9]+(\\.[0-9]{1,6})? ?([KkMmGgTtPp]([Ii]?[Bb])?|[Bb])?$";

/// The schema of a kind of files, as it lies beside the built-in ones.
pub fn render(kind: files::Kind) -> String {
    let (table, title) = match kind {
        files::Kind::Nodes => (&reference::nodes::NODE, "a node file of irs and infrared"),
        files::Kind::Network => (&reference::networks::FILE, "a network file of irs and infrared"),
    };
    of(table, title)
}

/// The schema of files of images.
pub fn render_images() -> String {
    of(&reference::images::FILE, "a file of base images of irs")
}

fn of(table: &'static Table, title: &str) -> String {
    let mut definitions = Definitions(shared());
    let root = mapping(table, &mut definitions);
    let mut schema = json!({ "$schema": DIALECT, "title": title, "$defs": definitions.0 });
    if let (Value::Object(schema), Value::Object(root)) = (&mut schema, root) {
        schema.extend(root);
    }
    format!("{schema:#}\n")
}

/// Where that schema lies in the repository.
pub const IMAGES_PATH: &str = "topology/images.schema.json";

/// Where the schema of a kind lies in the repository.
pub fn path(kind: files::Kind) -> &'static str {
    match kind {
        files::Kind::Nodes => "topology/node.schema.json",
        files::Kind::Network => "topology/network.schema.json",
    }
}

/// What others refer to, by name: tables, and values of one kind.
struct Definitions(BTreeMap<String, Value>);

impl Definitions {
    /// A reference to a table's schema, which is made when it is the first one.
    fn refer(&mut self, table: &'static Table) -> Value {
        let name = table.title.replace('`', "").to_lowercase().replace(' ', "-");
        if !self.0.contains_key(&name) {
            self.0.insert(name.clone(), Value::Null);
            let made = mapping(table, self);
            self.0.insert(name.clone(), made);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

fn mapping(table: &'static Table, definitions: &mut Definitions) -> Value {
    let mut properties = Map::new();
    for doc in table.keys {
        properties.insert(doc.key.to_owned(), property(doc, definitions));
    }
    for key in table.unused {
        properties.insert(
            (*key).to_owned(),
            json!({ "description": "infrared's, not used" }),
        );
    }
    let required: Vec<&str> = table
        .keys
        .iter()
        .filter(|doc| doc.default == Default::Required)
        .map(|doc| doc.key)
        .collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn property(doc: &Doc, definitions: &mut Definitions) -> Value {
    let mut alternatives = alternatives(&doc.kind, definitions);
    if doc.default != Default::Required {
        alternatives.push(json!({ "type": "null" }));
    }
    let mut property = json!({ "description": description(doc), "anyOf": alternatives });
    if let (Default::Value(text), Value::Object(property)) = (doc.default, &mut property) {
        property.insert("default".into(), typed(&doc.kind, text));
    }
    property
}

/// `swap file. MiB, 0 to 1048576; default 0`.
fn description(doc: &Doc) -> String {
    let default = match doc.default {
        Default::Required => "required".to_owned(),
        Default::Nothing => "default none".to_owned(),
        Default::Said(text) if text.starts_with("required") => text.to_owned(),
        Default::Value(text) | Default::Said(text) => format!("default {text}"),
    };
    let words = reference::words(&doc.kind);
    let facts = match words.is_empty() {
        true => default,
        false => format!("{words}; {default}"),
    };
    format!("{} ({facts})", doc.meaning).replace('`', "'")
}

/// A default as the editor puts it into the file.
fn typed(kind: &Kind, text: &str) -> Value {
    match (kind, text.parse::<u64>()) {
        (Kind::Integer(..), Ok(number)) => json!(number),
        (Kind::Boolean, _) => json!(text == "yes"),
        _ => json!(text),
    }
}

/// What a value may be; the first ones are what an editor offers.
fn alternatives(kind: &Kind, definitions: &mut Definitions) -> Vec<Value> {
    let shared = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    match kind {
        Kind::Any => vec![json!(true)],
        Kind::Boolean => vec![shared("boolean"), shared("template")],
        Kind::Integer(first, last, _) => vec![
            json!({ "type": "integer", "minimum": first, "maximum": last }),
            shared("quoted-number"),
            shared("template"),
        ],
        Kind::Size(first, last) => vec![
            shared("size"),
            json!({ "type": "integer", "minimum": first, "maximum": last }),
            shared("template"),
        ],
        Kind::Words(words) => vec![json!({ "enum": words() }), shared("template")],
        Kind::Name(_) => vec![shared("name"), shared("template")],
        Kind::Text(_) => vec![shared("text")],
        Kind::List(inner) => {
            let items = json!({ "anyOf": alternatives(inner, definitions) });
            vec![json!({ "type": "array", "items": items }), shared("template")]
        }
        Kind::Free(_) => vec![json!({ "type": "object" })],
        Kind::Mapping(table) => vec![definitions.refer(table)],
        Kind::Mappings(table) => {
            vec![json!({ "type": "object", "additionalProperties": definitions.refer(table) })]
        }
        Kind::Either(kinds) => {
            let all = kinds.iter().flat_map(|kind| alternatives(kind, definitions));
            all.fold(Vec::new(), |mut found, one| {
                if !found.contains(&one) {
                    found.push(one);
                }
                found
            })
        }
    }
}

/// What many values may be, by name.
fn shared() -> BTreeMap<String, Value> {
    let words = any_case(&["yes", "no", "true", "false", "on", "off", "y", "n", "1", "0"]);
    let all = json!({
        "template": { "type": "string", "pattern": "\\{\\{|\\{%" },
        "boolean": { "anyOf": [
            { "enum": ["yes", "no", true, false, 1, 0] },
            { "type": "string", "pattern": format!("^({words})$") },
        ] },
        "quoted-number": { "type": "string", "pattern": "^[0-9]+$" },
        "size": { "type": "string", "pattern": SIZE, "examples": ["40G"] },
        // Numbers and booleans are text where text is wanted.
        "name": { "anyOf": [{ "type": "string", "pattern": NAME }, { "type": ["number", "boolean"] }] },
        "text": { "type": ["string", "number"] },
    });
    match all {
        Value::Object(all) => all.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

/// `[Yy][Ee][Ss]|[Nn][Oo]`: the dialect has no flag for it.
fn any_case(words: &[&str]) -> String {
    let letter = |c: char| match c.is_ascii_lowercase() {
        true => format!("[{}{c}]", c.to_ascii_uppercase()),
        false => c.to_string(),
    };
    let words: Vec<String> = words
        .iter()
        .map(|word| word.chars().map(letter).collect())
        .collect();
    words.join("|")
}
