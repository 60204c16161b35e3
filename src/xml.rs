//! Filling XML templates: every value is escaped.

pub mod edit;

use anyhow::{Context, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

/// The values of a template, by name: `values! { name => node.name, uuid }`.
macro_rules! values {
    (@value $key:ident $value:expr) => { minijinja::Value::from(minijinja::value::Serde(&$value)) };
    (@value $key:ident) => { minijinja::Value::from(minijinja::value::Serde(&$key)) };
    ($($key:ident $(=> $value:expr)?),* $(,)?) => {
        minijinja::Value::from(std::collections::BTreeMap::<&str, minijinja::Value>::from([
            $((stringify!($key), $crate::xml::values!(@value $key $($value)?))),*
        ]))
    };
}
pub(crate) use values;

/// Renders an XML template; values are escaped, an undefined one is an error.
///
/// # Errors
/// When the template and the values do not fit: a fault of the program.
pub fn render(template: &str, values: Value) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Tags on lines of their own leave no empty lines.
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    environment
        .render_str(template, values)
        .context("filling an XML template")
}

/// The XML with another child of the root in place of those of that name.
///
/// # Errors
/// When the XML cannot be read.
pub fn with_child(xml: &str, name: &str, element: Option<&str>) -> Result<String> {
    let document = roxmltree::Document::parse(xml)?;
    let root = document.root_element();
    let mut text = xml.to_owned();
    let mut end = xml[..root.range().end].rfind("</").context("it is empty")?;
    if let Some(element) = element {
        text.insert_str(end, &format!("  {element}\n"));
    }
    let old = root.children().filter(|child| child.has_tag_name(name));
    for range in old
        .map(|child| child.range())
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        end = range.start;
        text.replace_range(end..range.end, "");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_cannot_leave_their_place() {
        let v = "a'b<c>&\"";
        let xml = super::render("<name a='{{ v }}'>{{ v }}</name>", values! { v }).unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(document.root_element().text(), Some(v));
        assert_eq!(document.root_element().attribute("a"), Some(v));
    }
}
