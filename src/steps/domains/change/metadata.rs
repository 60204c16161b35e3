//! irs's mark in a domain's metadata, and libosinfo's word.

use super::Comparison;
use crate::mark;
use crate::steps::domains::compare::includes;
use crate::xml::edit::{child, text_of};
use anyhow::{Context, Result};
use roxmltree::Node;

impl<'a> Comparison<'a, '_> {
    /// irs's mark.
    pub(super) fn metadata(&mut self) -> Result<()> {
        let wanted = child(self.wanted.root_element(), "metadata").context("a domain has no metadata")?;
        let Some(found) = child(self.found.root_element(), "metadata") else {
            self.changes.lost_mark = true;
            let text = format!("  {}\n", text_of(self.wanted, wanted));
            return self.changes.edits.append(self.found.root_element(), text);
        };
        if let (Some(new), None) = (child(wanted, "node"), child(found, "node")) {
            self.changes.lost_mark = true;
            let text = text_of(self.wanted, new);
            match text_of(self.found, found).ends_with("/>") {
                true => self
                    .changes
                    .edits
                    .replace(found, format!("<metadata>{text}</metadata>")),
                false => self.changes.edits.append(found, text)?,
            }
        }
        let marks = (
            mark::of_domain(self.wanted.root_element()),
            mark::of_domain(self.found.root_element()),
        );
        if let (Some(mut to), Some(from)) = marks
            && let (Some(new), Some(old)) = (child(wanted, "node"), child(found, "node"))
        {
            // The same NIC, wherever it stands in the one and in the other.
            let reached = |mark: Node<'_, '_>| mark.attribute("external-mac").map(str::to_owned);
            let same = reached(new) == reached(old);
            if same {
                to.external = from.external;
            }
            if to == from && (same || reached(old).is_none()) {
                return self.osinfo(wanted, found);
            }
            self.changes.words.push(to.difference(&from));
            let text = text_of(self.wanted, new);
            self.changes.edits.replace(old, text);
        }
        self.osinfo(wanted, found)
    }

    /// libosinfo's word for its operating system.
    fn osinfo(&mut self, wanted: Node<'_, '_>, found: Node<'_, '_>) -> Result<()> {
        if let Some(new) = child(wanted, "libosinfo") {
            let text = text_of(self.wanted, new);
            match child(found, "libosinfo") {
                Some(old) if includes(new, old) => {}
                old => {
                    self.changes.words.push("its operating system's name".into());
                    match old {
                        Some(old) => self.changes.edits.replace(old, text),
                        None => self.changes.edits.append(found, text)?,
                    }
                }
            }
        }
        Ok(())
    }
}
