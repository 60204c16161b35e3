//! What lies in the cache of base images of a hypervisor.

use super::settle::sealing;
use super::{converted_from, index_name};
use crate::image::{self, Format};
use crate::remote::{Cmd, Host};
use crate::yaml::Problems;
use anyhow::{Context, Result};

/// How many digits of an image's hash are its short id.
const SHORT: usize = 12;

/// The cache.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Its folder.
    pub folder: String,
    /// The hypervisor's time, in seconds since 1970.
    pub now: u64,
    /// The base images.
    pub bases: Vec<Cached>,
    /// What is no image, or none yet.
    pub parts: Vec<Part>,
    /// What is known of URLs.
    pub indexes: Vec<Index>,
}

/// How a base image looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// As it was placed.
    Good,
    /// Changed or cut short since.
    Changed,
    /// There is no such file any more.
    Gone,
}

/// A base image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// Its file.
    pub name: String,
    /// Whether it is as it was placed, as far as a short look can tell.
    pub state: Sight,
    /// What changes when a run says that it needs it.
    pub stamp: String,
    /// Whose run needs it just now.
    pub needed_by: Option<String>,
    /// Its file system and inode, as `stat -c %d:%i` writes them.
    pub id: String,
    /// Bytes.
    pub length: u64,
    /// Bytes that it takes on the disk.
    pub allocated: u64,
    /// The size of the disk in it, in bytes.
    pub virtual_size: u64,
    /// Its format.
    pub format: Option<Format>,
    /// Where it came from, without what is secret; the last one last.
    pub sources: Vec<String>,
    /// When it was placed.
    pub placed: u64,
    /// When a run needed it last, or it was placed.
    pub used: u64,
    /// Whether a process has it open.
    pub is_open: bool,
}

/// A file that is no image: a partial download or upload, or what a killed run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its file.
    pub name: String,
    /// Bytes.
    pub length: u64,
    /// Bytes that it takes on the disk.
    pub allocated: u64,
    /// When it was written to last.
    pub changed: u64,
    /// Whether a process has it open.
    pub is_open: bool,
}

/// The file that says which content a URL had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its file.
    pub name: String,
    /// When it was written.
    pub changed: u64,
    /// The base image.
    pub base: String,
}

impl Cached {
    /// The beginning of its hash.
    pub fn short_id(&self) -> &str {
        let hash = self.hash();
        hash.get(..SHORT).unwrap_or(hash)
    }

    /// What its name says of its hash.
    pub fn hash(&self) -> &str {
        let rest = self.name.strip_prefix("irs-base-").unwrap_or(&self.name);
        rest.split('.').next().unwrap_or(rest)
    }

    /// The format that it came in, when it was converted.
    pub fn converted_from(&self) -> Option<Format> {
        converted_from(&self.name)
    }
}

/// Looks into the cache.
///
/// # Errors
/// The hypervisor's.
pub fn read(host: &Host, folder: &str) -> Result<Cache> {
    let cmd = Cmd::script(&sealing(include_str!("cache.sh")), &[folder]);
    let text = host.text(&cmd).context("looking into the cache of base images")?;
    Ok(parse(&text, folder))
}

fn parse(text: &str, folder: &str) -> Cache {
    let mut cache = Cache {
        folder: folder.to_owned(),
        ..Cache::default()
    };
    for line in text.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| {
            words
                .get(at)
                .and_then(|word| word.parse::<u64>().ok())
                .unwrap_or(0)
        };
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let last = cache.bases.last_mut();
        match (kind, last) {
            ("now", _) => cache.now = number(0),
            ("base", _) => cache.bases.push(Cached {
                name: word(0).to_owned(),
                state: match word(1) {
                    "good" => Sight::Good,
                    "gone" => Sight::Gone,
                    _ => Sight::Changed,
                },
                stamp: String::new(),
                needed_by: None,
                id: word(2).to_owned(),
                length: number(3),
                allocated: number(4) * 512,
                virtual_size: 0,
                format: word(0)
                    .rsplit_once('.')
                    .and_then(|(_, suffix)| Format::of_name(suffix)),
                sources: Vec::new(),
                placed: number(5),
                used: number(5),
                is_open: word(6) == "open",
            }),
            ("header", Some(base)) => {
                let header = image::from_hex(rest);
                let format = base.format.filter(|format| image::begins_as(&header, *format));
                base.virtual_size = format.map_or(0, |f| image::virtual_size(&header, base.length, f));
            }
            ("stamp", Some(base)) => rest.clone_into(&mut base.stamp),
            ("needed", _) => {
                let (name, who) = rest.split_once(' ').unwrap_or((rest, ""));
                let needed = cache.bases.iter_mut().find(|base| base.name == name);
                needed
                    .into_iter()
                    .for_each(|base| base.needed_by = Some(who.to_owned()));
            }
            ("from", Some(base)) => base.sources.push(rest.to_owned()),
            ("placed", Some(base)) => base.placed = number(0),
            ("used", Some(base)) => base.used = number(0).max(base.placed),
            ("part", _) => cache.parts.push(Part {
                name: word(0).to_owned(),
                length: number(1),
                allocated: number(2) * 512,
                changed: number(3),
                is_open: word(4) == "open",
            }),
            ("index", _) => cache.indexes.push(Index {
                name: word(0).to_owned(),
                changed: number(1),
                base: word(2).to_owned(),
            }),
            _ => {}
        }
    }
    cache
}

impl Cache {
    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.trim_end_matches('/'))
    }

    /// Where its index says that a URL's content is.
    fn of_url(&self, url: &str) -> Option<&Cached> {
        let index = self.indexes.iter().find(|index| index.name == index_name(url))?;
        self.bases.iter().find(|base| base.name == index.base)
    }

    /// The images that somebody names: by the beginning of the id, the file's name, the URL or file that it came from.
    ///
    /// # Errors
    /// `Usage`, for what is not there, or is not one image only.
    pub fn named(&self, names: &[String], host: &str) -> Result<Vec<&Cached>> {
        let mut found: Vec<&Cached> = Vec::new();
        let mut problems = Problems::default();
        for name in names {
            let shown = crate::url::shown(name);
            match &self.matching(name)[..] {
                [one] => {
                    if !found.iter().any(|base| base.name == one.name) {
                        found.push(one);
                    }
                }
                [] => {
                    let what = format!(
                        "there is no base image '{shown}' on '{host}' in '{}'",
                        self.folder
                    );
                    problems
                        .push(None, what)
                        .hint("'irs image list' shows their ids and where they came from");
                }
                several => {
                    let ids: Vec<&str> = several.iter().map(|base| base.hash()).collect();
                    problems
                        .push(
                            None,
                            format!("'{shown}' is more than one base image: {}", ids.join(", ")),
                        )
                        .hint("name it by more digits of its id");
                }
            }
        }
        match problems.is_empty() {
            true => Ok(found),
            false => Err(problems.into_fault()),
        }
    }

    fn matching(&self, name: &str) -> Vec<&Cached> {
        let of = |is: &dyn Fn(&Cached) -> bool| -> Vec<&Cached> {
            self.bases.iter().filter(|base| is(base)).collect()
        };
        let bare = name.rsplit_once('/').filter(|(folder, _)| *folder == self.folder);
        let file = bare.map_or(name, |(_, file)| file);
        let exact = of(&|base| base.name == file || base.hash() == name);
        if !exact.is_empty() {
            return exact;
        }
        if let Some(base) = self.of_url(name) {
            return vec![base];
        }
        let is_id = name.len() >= 4 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let by_id = of(&|base| is_id && base.hash().starts_with(&name.to_ascii_lowercase()));
        if !by_id.is_empty() {
            return by_id;
        }
        let public = crate::url::public(name);
        let last = |source: &str| source.rsplit('/').next().unwrap_or_default().to_owned();
        let whole = of(&|base| base.sources.iter().any(|s| s.trim_end_matches("?…") == public));
        match whole.is_empty() {
            true => of(&|base| {
                base.sources
                    .iter()
                    .any(|s| last(s.trim_end_matches("?…")) == name)
            }),
            false => whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "51 46 49 fb 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00 00 00 40 00 00";

    fn cache() -> Cache {
        let index = index_name("http://me:pw@h/images/one.qcow2?token=5");
        parse(
            &format!(
                "now 5000\nbase irs-base-aabbccddeeff00112233445566778899.qcow2 good 1:2 300 8 100 -\nheader {HEADER}\n\
                 from http://h/images/one.qcow2?…\nplaced 200\nused 300\n\
                 base irs-base-aabb0cddeeff00112233445566778899.vmdk.qcow2 changed 1:3 300 8 100 open\nheader {HEADER}\n\
                 from /home/me/my disk.vmdk\nplaced 200\nused 150\n\
                 base irs-base-11.raw good 1:4 4096 0 100 -\nheader 00\n\
                 part irs-url-1.part 500 8 4000 -\nindex {index} 100 irs-base-aabbccddeeff00112233445566778899.qcow2\n"
            ),
            "/srv",
        )
    }

    #[test]
    fn what_is_there_is_read() {
        let cache = cache();
        let [one, two, old] = &cache.bases[..] else {
            panic!("{cache:?}")
        };
        assert_eq!(
            (one.short_id(), one.virtual_size, one.used),
            ("aabbccddeeff", 4 << 20, 300)
        );
        assert_eq!(
            (two.converted_from(), two.state, two.is_open, two.used),
            (Some(Format::Vmdk), Sight::Changed, true, 200)
        );
        assert_eq!(two.sources, ["/home/me/my disk.vmdk"]);
        // Sealed by an earlier irs, or not at all.
        assert_eq!((old.virtual_size, old.placed, old.allocated), (4096, 100, 0));
        assert_eq!((cache.parts.len(), cache.indexes.len(), cache.now), (1, 1, 5000));
    }

    #[test]
    fn images_are_named_by_id_file_or_source() {
        let cache = cache();
        let named = |name: &str| {
            cache
                .named(&[name.to_owned()], "hv")
                .map(|found| found[0].short_id().to_owned())
        };
        for (name, id) in [
            ("aabbc", "aabbccddeeff"),
            ("AABB0", "aabb0cddeeff"),
            ("irs-base-11.raw", "11"),
            ("/srv/irs-base-11.raw", "11"),
            ("11", "11"),
            ("http://me:pw@h/images/one.qcow2?token=5", "aabbccddeeff"),
            ("http://h/images/one.qcow2", "aabbccddeeff"),
            ("one.qcow2", "aabbccddeeff"),
            ("/home/me/my disk.vmdk", "aabb0cddeeff"),
            ("my disk.vmdk", "aabb0cddeeff"),
        ] {
            assert_eq!(named(name).unwrap(), id, "{name}");
        }
        let why = |name: &str| named(name).unwrap_err().to_string();
        assert!(why("aabb").contains("more than one base image"));
        assert!(why("http://me:pw@h/none").contains("no base image 'http://h/none"));
        assert!(why("aab").contains("no base image"));
    }
}
