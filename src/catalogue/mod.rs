//! Images by name: the catalogue `topology/images.yml`, and what users' own `images.yml` add to it or change of it.
//!
//! A name says where its image is for each architecture, which file of sums tells it from a forged one, who logs in to
//! it, and what sets it up at its first boot.

mod pattern;
mod read;
#[cfg(test)]
mod tests;

use crate::checksum::Said;
use crate::deployment::ImageSource;
use crate::error::{Exit, Fault};
use crate::topology::files;
use crate::url;
use crate::yaml::{Problems, Source, nearest, parse};
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file of a topology folder that has images.
pub const FILE: &str = "images.yml";
const BUILT_IN: &str = include_str!("../../topology/images.yml");

/// What sets an image up at its first boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstBoot {
    /// cloud-init is in it.
    CloudInit,
    /// Nothing: it must be set up from outside.
    None,
}

impl FirstBoot {
    /// Its word in the file.
    pub fn name(self) -> &'static str {
        match self {
            FirstBoot::CloudInit => "cloud-init",
            FirstBoot::None => "none",
        }
    }
}

/// An image of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What `--image-url` calls it.
    pub name: String,
    /// What it is, in a few words.
    pub about: Option<String>,
    /// Where it is: a pattern.
    pub url: String,
    /// Where it is, too, in the order in which they are tried: patterns.
    pub mirrors: Vec<String>,
    /// `sha256:HEX`, `sha512:HEX`, or a pattern of a file of sums; relative to the URL unless it is one.
    pub checksum: Option<String>,
    /// `{version}` of the patterns.
    pub version: Option<String>,
    /// `{arch}` of the patterns, by the machine's own word for it (`uname -m`); empty for an image of any machine.
    pub arch: BTreeMap<String, String>,
    /// The user that the image itself makes.
    pub user: Option<String>,
    /// What sets it up.
    pub first_boot: Option<FirstBoot>,
    /// The file that has it, the last one of several.
    pub source: String,
}

/// Where an image is for one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// In the order in which they are tried; the first one names it in the cache.
    pub urls: Vec<String>,
    /// What tells it from others.
    pub checksum: Option<Said>,
}

impl Entry {
    /// Where it is for a machine, as `uname -m` calls it.
    ///
    /// # Errors
    /// `Usage`, when there is none for such a machine.
    pub fn places(&self, machine: &str) -> Result<Places> {
        let arch = match self.arch.is_empty() {
            true => machine,
            false => self.arch.get(machine).ok_or_else(|| self.unfit(machine))?,
        };
        let filled = |text: &str| pattern::fill(text, arch, self.version.as_deref().unwrap_or_default());
        let url = filled(&self.url);
        let checksum = self.checksum.as_deref().map(filled);
        let checksum = checksum.map(|text| match text.parse() {
            Ok(Said::Here(sum)) => Said::Here(sum),
            _ => Said::Url(url::beside(&url, &text)),
        });
        let mirrors = self.mirrors.iter().map(|mirror| filled(mirror));
        Ok(Places {
            urls: std::iter::once(url).chain(mirrors).collect(),
            checksum,
        })
    }

    fn unfit(&self, machine: &str) -> anyhow::Error {
        let all: Vec<&str> = self.arch.keys().map(String::as_str).collect();
        Fault::new(
            Exit::Usage,
            format!(
                "image '{}' of {} is for {}, and the hypervisor is {machine}",
                self.name,
                self.source,
                all.join(" and ")
            ),
        )
        .hint("'irs topology images' shows which image is for which architecture")
        .into()
    }
}

/// All images that have names.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    entries: BTreeMap<String, Entry>,
}

impl Catalogue {
    /// Reads the built-in file and those of the folders, of which the first counts most; what is wrong is a problem.
    pub fn load(folders: &[PathBuf], problems: &mut Problems) -> Catalogue {
        let own = folders.iter().rev().map(|folder| folder.join(FILE));
        let own = own.filter(|path| path.symlink_metadata().is_ok());
        let sources = own.filter_map(|path| files::read(&path, problems)).collect();
        Catalogue::of(sources, problems)
    }

    /// Checks a file as if its folder were given.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(path: &Path) -> Result<Catalogue, Problems> {
        let mut problems = Problems::default();
        let source = files::read(path, &mut problems).into_iter().collect();
        let read = Catalogue::of(source, &mut problems);
        match problems.is_empty() {
            true => Ok(read),
            false => Err(problems),
        }
    }

    fn of(own: Vec<Source>, problems: &mut Problems) -> Catalogue {
        let built_in = Source::plain(format!("{}{FILE}", files::BUILT_IN_LABEL), BUILT_IN);
        let mut merged = Vec::new();
        for source in std::iter::once(built_in).chain(own) {
            if let Some(tree) = parse(&source, problems) {
                read::merge(&mut merged, &tree, problems);
            }
        }
        let entries = merged.iter().filter_map(|found| read::entry(found, problems));
        let entries = entries.map(|entry| (entry.name.clone(), entry));
        Catalogue {
            entries: entries.collect(),
        }
    }

    /// The image of that name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The image whose own place a URL is, with all that is known of it there.
    pub fn at(&self, url: &str) -> Option<(&Entry, Places)> {
        let places = |entry: &Entry| {
            let machines = entry.arch.keys().map(String::as_str);
            // One of any machine has none of its own.
            let any = entry.arch.is_empty().then_some("");
            let mut all = machines
                .chain(any)
                .filter_map(|machine| entry.places(machine).ok());
            all.find(|places| places.urls.first().is_some_and(|own| own == url))
        };
        self.iter().find_map(|entry| Some((entry, places(entry)?)))
    }

    /// What sets an image up at its first boot, when that is known without a look into it.
    pub fn first_boot(&self, source: &ImageSource) -> Option<FirstBoot> {
        match source {
            ImageSource::Named(entry) => entry.first_boot,
            ImageSource::Url(url) => self.at(url)?.0.first_boot,
            ImageSource::File(_) => None,
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// What to say to who names an image that is not there.
    pub fn hint(&self, name: &str) -> String {
        match nearest(&name.to_lowercase(), self.entries.keys().map(String::as_str)) {
            Some(near) => {
                format!("did you mean '{near}'? 'irs topology images' shows all images that have names")
            }
            None => "'irs topology images' shows all images that have names".to_owned(),
        }
    }
}
