//! Filling XML templates: every value is escaped.

pub mod edit;

use anyhow::{Context, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

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
    environment.set_formatter(|out, _, value| {
        let text = value.to_string();
        if value.is_safe() {
            return Ok(out.write_str(&text)?);
        }
        match escaped(&text) {
            Some(escaped) => Ok(out.write_str(&escaped)?),
            None => Err(Error::new(
                ErrorKind::InvalidOperation,
                format!("{text:?} has characters that XML has no words for"),
            )),
        }
    });
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

/// The text as XML writes it, in an element or an attribute; none when XML cannot hold it.
fn escaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // A parser makes blanks of these, or newlines of all of them.
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(c))),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return None,
            _ => out.push(c),
        }
    }
    Some(out)
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

/// XML that is rendered already, to stand in another template, with so many more spaces before each line.
pub fn indented(xml: &str, spaces: usize) -> Value {
    let margin = " ".repeat(spaces);
    let lines: Vec<String> = xml.lines().map(|line| format!("{margin}{line}")).collect();
    Value::from_safe_string(lines.join("\n"))
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

    #[test]
    fn what_xml_cannot_hold_is_refused() {
        let v = "a\tb\r\nc";
        let xml = super::render("<name a='{{ v }}'>{{ v }}</name>", values! { v }).unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(document.root_element().text(), Some(v));
        assert_eq!(document.root_element().attribute("a"), Some(v));
        for v in ["\0", "a\u{1b}[2J", "\u{ffff}"] {
            assert!(super::render("<name>{{ v }}</name>", values! { v }).is_err());
        }
    }
}
