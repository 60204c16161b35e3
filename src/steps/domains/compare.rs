//! Whether libvirt has what an element says: it adds to what it is given, and leaves nothing out.

use roxmltree::Node;

/// Where an element differs from what it should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// An attribute, or the text, of an element of that name.
    Value {
        /// `driver cache`, or the element alone for its text.
        what: String,
        /// What libvirt has.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// A child of that name is missing.
    Missing(String),
}

/// What of `wanted` is not in `found`; attributes and elements that only `found` has do not count.
pub fn mismatch(wanted: Node<'_, '_>, found: Node<'_, '_>) -> Option<Mismatch> {
    let tag = wanted.tag_name().name();
    for attribute in wanted.attributes() {
        let has = found.attribute(attribute.name());
        if has != Some(attribute.value()) {
            return Some(Mismatch::Value {
                what: format!("{tag} {}", attribute.name()),
                found: has.unwrap_or("nothing").to_owned(),
                wanted: attribute.value().to_owned(),
            });
        }
    }
    let text = |node: Node<'_, '_>| node.text().unwrap_or_default().trim().to_owned();
    if !text(wanted).is_empty() && text(wanted) != text(found) {
        return Some(Mismatch::Value {
            what: tag.to_owned(),
            found: text(found),
            wanted: text(wanted),
        });
    }
    wanted.children().filter(Node::is_element).find_map(|child| {
        let name = child.tag_name().name();
        let mut same = found
            .children()
            .filter(|n| n.is_element() && n.tag_name().name() == name);
        let first = same.next();
        let rest = same.all(|n| mismatch(child, n).is_some());
        match first.map(|n| mismatch(child, n)) {
            None => Some(Mismatch::Missing(name.to_owned())),
            Some(Some(mismatch)) if rest => Some(mismatch),
            _ => None,
        }
    })
}

/// Whether `found` has all that `wanted` says.
pub fn includes(wanted: Node<'_, '_>, found: Node<'_, '_>) -> bool {
    mismatch(wanted, found).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use roxmltree::Document;

    fn between(wanted: &str, found: &str) -> Option<Mismatch> {
        let (wanted, found) = (Document::parse(wanted).unwrap(), Document::parse(found).unwrap());
        mismatch(wanted.root_element(), found.root_element())
    }

    #[test]
    fn what_libvirt_adds_does_not_count() {
        let wanted = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>";
        let found =
            "<rng model='virtio'>\n<backend model='random'> /dev/urandom</backend><address slot='3'/></rng>";
        assert_eq!(between(wanted, found), None);
        let other = found.replace("urandom", "random");
        let Some(Mismatch::Value { what, found, wanted }) = between(wanted, &other) else {
            panic!("no difference")
        };
        assert_eq!(
            (what.as_str(), found.as_str(), wanted.as_str()),
            ("backend", "/dev/random", "/dev/urandom")
        );
    }

    #[test]
    fn one_of_several_children_is_enough() {
        let found = "<os><boot dev='network'/><boot dev='hd'/></os>";
        assert_eq!(between("<os><boot dev='hd'/></os>", found), None);
        assert!(matches!(
            between("<os><boot dev='fd'/></os>", found),
            Some(Mismatch::Value { .. })
        ));
        assert_eq!(
            between("<os><menu/></os>", found),
            Some(Mismatch::Missing("menu".into()))
        );
    }
}
