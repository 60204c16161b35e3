//! Changing an XML text in places: all else stays as it was written.

use anyhow::{Context, Result};
use roxmltree::{Document, Node};
use std::ops::Range;

/// Changes to a text, gathered against the text as it is.
#[derive(Clone, Debug, Default)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Puts a text in place of an element.
    pub fn replace(&mut self, element: Node<'_, '_>, text: impl Into<String>) {
        self.0.push((element.range(), text.into()));
    }

    /// Gives an attribute that an element has another value, of plain letters.
    pub fn set(&mut self, element: Node<'_, '_>, attribute: &str, value: &str) {
        if let Some(attribute) = element.attribute_node(attribute) {
            self.0.push((attribute.range_value(), value.to_owned()));
        }
    }

    /// Puts a text right before the end tag of an element, which must have one.
    ///
    /// # Errors
    /// When the element is `<empty/>`.
    pub fn append(&mut self, element: Node<'_, '_>, text: impl Into<String>) -> Result<()> {
        let whole = &element.document().input_text()[element.range()];
        let end = whole
            .rfind("</")
            .context("an element without an end tag takes nothing")?;
        let at = element.range().start + end;
        self.0.push((at..at, text.into()));
        Ok(())
    }

    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with all changes made. Changes within what another one replaces are dropped.
    pub fn apply(&self, text: &str) -> String {
        let mut edits: Vec<&(Range<usize>, String)> = self.0.iter().collect();
        // Stable: what is put at one place stays in order.
        edits.sort_by_key(|(range, _)| (range.start, range.start == range.end));
        let mut changed = String::with_capacity(text.len());
        let mut at = 0;
        for (range, new) in edits {
            if range.start < at {
                continue;
            }
            changed.push_str(&text[at..range.start]);
            changed.push_str(new);
            at = range.end;
        }
        changed.push_str(&text[at..]);
        changed
    }
}

/// The first child element of that name.
pub fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children()
        .find(|n| n.is_element() && n.tag_name().name() == name)
}

/// The text of an element, as it was written.
pub fn text_of<'a>(document: &'a Document<'_>, element: Node<'_, '_>) -> &'a str {
    &document.input_text()[element.range()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_else_stays() {
        let text = "<a>\n <b x='1'/><!-- c --><d><e/></d>\n</a>";
        let document = Document::parse(text).unwrap();
        let root = document.root_element();
        let mut edits = Edits::default();
        assert!(edits.is_empty());
        edits.append(root, "<y/>").unwrap();
        edits.append(root, "<z/>").unwrap();
        edits.set(child(root, "b").unwrap(), "x", "2");
        edits.set(child(root, "b").unwrap(), "absent", "2");
        edits.replace(child(root, "d").unwrap(), "");
        assert_eq!(edits.apply(text), "<a>\n <b x='2'/><!-- c -->\n<y/><z/></a>");
        assert!(edits.append(child(root, "b").unwrap(), "").is_err());
        assert_eq!(text_of(&document, child(root, "d").unwrap()), "<d><e/></d>");
    }
}
