//! `--format`: one flag for all commands; each takes the forms that its result has.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// The forms of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Text.
    #[value(alias = "fancy")]
    Human,
    /// One JSON object.
    Json,
    /// YAML.
    Yaml,
    /// Ansible's INI.
    Ini,
    /// libvirt's XML.
    Xml,
    /// Graphviz.
    Dot,
    /// Mermaid, as Markdown files have it in a code block.
    Mermaid,
    /// A picture.
    Svg,
}

/// The forms of most commands.
pub const COMMON: &[Form] = &[Form::Human, Form::Json];
/// The forms of `irs inventory`.
pub const INVENTORY: &[Form] = &[Form::Ini, Form::Yaml, Form::Json];
/// The forms of `irs topology show`.
pub const SHOW: &[Form] = &[Form::Yaml, Form::Json];
/// The forms of `irs topology render`.
pub const RENDER: &[Form] = &[Form::Yaml, Form::Json, Form::Xml];
/// The forms of `irs topology graph`.
pub const GRAPH: &[Form] = &[Form::Dot, Form::Mermaid, Form::Svg];

/// Takes these forms and no others. The type is the same for all: a flag that a subcommand has anew must have the
/// type of the global one.
pub fn parser(forms: &'static [Form]) -> impl TypedValueParser<Value = Form> {
    PossibleValuesParser::new(forms.iter().filter_map(Form::to_possible_value))
        .try_map(|word| Form::from_str(&word, false))
}
