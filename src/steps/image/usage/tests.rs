//! Who lies over what, told from what was seen of files.

use super::*;
use crate::steps::image::cache::{Cached, Sight};

const BASE: &str = "irs-base-aabb.qcow2";

/// What lies over a base in `/srv`: files with their first bytes, those that domains name with the domain.
fn usage(files: &[(&str, &[u8])], named: &[(&str, &str)], missing: &[&str]) -> Usage {
    let base = Cached {
        name: BASE.to_owned(),
        state: Sight::Good,
        stamp: String::new(),
        needed_by: None,
        id: "1:0".to_owned(),
        length: 512,
        allocated: 512,
        virtual_size: 512,
        format: None,
        sources: Vec::new(),
        placed: 0,
        used: 0,
        is_open: false,
    };
    let cache = Cache {
        folder: "/srv".to_owned(),
        bases: vec![base],
        ..Cache::default()
    };
    let mut seen = Seen::default();
    seen.ids.insert(format!("/srv/{BASE}"), "1:0".to_owned());
    for (inode, (path, head)) in files.iter().enumerate() {
        seen.ids.insert((*path).to_owned(), format!("1:{}", inode + 1));
        seen.heads.insert((*path).to_owned(), head.to_vec());
        if let Below::Files(files) = below(head, path) {
            seen.below.insert((*path).to_owned(), files);
        }
    }
    seen.missing = missing.iter().map(|path| (*path).to_owned()).collect();
    let owners = named
        .iter()
        .map(|(path, domain)| ((*path).to_owned(), BTreeSet::from([(None, (*domain).to_owned())])));
    let must = named.iter().map(|(path, _)| (*path).to_owned()).collect();
    seen.usage(&cache, &owners.collect(), &must)
}

fn over(name: &str) -> Vec<u8> {
    let mut head = [b"QFI\xfb\0\0\0\x03".as_slice(), &32u64.to_be_bytes()].concat();
    head.extend((name.len() as u32).to_be_bytes());
    head.resize(32, 0);
    [&head, name.as_bytes()].concat()
}

fn files(usage: &Usage) -> Vec<(&str, Option<&str>)> {
    let users = usage.of.get(BASE).into_iter().flatten();
    users
        .map(|user| (user.file.as_str(), user.domain.as_deref()))
        .collect()
}

#[test]
fn disks_use_a_base_and_what_irs_knows_of_it_does_not() {
    let (direct, through) = (over(BASE), over("/srv/mid"));
    let found = usage(
        &[
            ("/srv/irs-url-1", BASE.as_bytes()),
            (
                "/srv/irs-base-cc.raw.seal",
                format!("1 2\nfrom /x/{BASE}\n").as_bytes(),
            ),
            ("/srv/mid", &direct),
            ("/srv/irs-a/top", &through),
            ("/srv/words", format!("the disk is {BASE}").as_bytes()),
        ],
        &[("/srv/irs-a/top", "a-0")],
        &[],
    );
    // What lies under a domain's disk is the domain's.
    assert_eq!(
        files(&found),
        [("/srv/words", None), ("/srv/irs-a/top", Some("a-0"))]
    );
    assert!(found.unread.is_empty());
    assert_eq!(
        files(&usage(&[("/srv/irs-url-1", BASE.as_bytes())], &[], &[])),
        []
    );
}

#[test]
fn a_chain_that_ends_nowhere_is_told_unless_it_ended_in_a_base() {
    let (lost, gone) = (over("nowhere"), over("irs-base-dd.raw"));
    let found = usage(
        &[("/srv/a", &lost), ("/srv/b", &gone)],
        &[("/srv/c", "vm")],
        &["/srv/nowhere", "/srv/irs-base-dd.raw", "/srv/c"],
    );
    let unread: Vec<_> = found
        .unread
        .iter()
        .map(|(user, why)| (user.file.as_str(), why.as_str()))
        .collect();
    assert_eq!(
        unread,
        [
            ("/srv/a", "'/srv/nowhere' is not there"),
            ("/srv/c", "'/srv/c' is not there")
        ]
    );
    assert_eq!(files(&found), []);
}
