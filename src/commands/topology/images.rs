//! `irs topology images`: the base images that have names.

use crate::catalogue::{Catalogue, Entry, FirstBoot};
use crate::cli::topology::Images;
use crate::error::{Exit, Fault};
use crate::topology::files;
use crate::ui::Ui;
use crate::ui::table::{self, table};
use crate::url;
use crate::yaml::Problems;
use anyhow::{Result, bail};
use serde::Serialize;
use std::collections::BTreeMap;

/// The images, in the shape of `--format json`.
#[derive(Serialize)]
struct Listed<'a> {
    /// Each one.
    images: Vec<Image<'a>>,
}

#[derive(Serialize)]
struct Image<'a> {
    /// What `--image-url` calls it.
    name: &'a str,
    /// What it is.
    about: Option<&'a str>,
    /// The user that it makes itself.
    user: Option<&'a str>,
    /// What sets it up at its first boot, when that is known: `cloud-init` or `none`.
    first_boot: Option<FirstBoot>,
    /// The file that has it, the last one of several.
    source: &'a str,
    /// Where it is, by architecture; `any` for one that is for all.
    places: BTreeMap<&'a str, Places>,
}

#[derive(Serialize)]
struct Places {
    /// In the order in which they are tried, without passwords.
    urls: Vec<String>,
    /// Its checksum, or its file of sums.
    checksum: Option<String>,
}

/// Runs `irs topology images`.
///
/// # Errors
/// Faulty files, and a name that is none.
pub fn run(args: &Images, ui: &Ui) -> Result<()> {
    let mut problems = Problems::default();
    files::check_folders(&args.topology_dir, &mut problems);
    let catalogue = Catalogue::load(&args.topology_dir, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let entries: Vec<&Entry> = match &args.name {
        None => catalogue.iter().collect(),
        Some(name) => match catalogue.get(name) {
            Some(entry) => vec![entry],
            None => bail!(
                Fault::new(Exit::Usage, format!("no image has the name {name:?}")).hint(catalogue.hint(name))
            ),
        },
    };
    let images: Vec<Image<'_>> = entries.into_iter().map(image).collect::<Result<_>>()?;
    match args.name {
        None => ui.result(&listed(&images)),
        Some(_) => images.iter().for_each(|image| ui.result(&detailed(image))),
    }
    ui.json(&Listed { images })
}

fn image(entry: &Entry) -> Result<Image<'_>> {
    let mut places = BTreeMap::new();
    let mut machines: Vec<&str> = entry.arch.keys().map(String::as_str).collect();
    if machines.is_empty() {
        machines.push("any");
    }
    for machine in machines {
        let found = entry.places(machine)?;
        let of = Places {
            urls: found.urls.iter().map(|url| url::shown(url)).collect(),
            checksum: found.checksum.map(|said| said.to_string()),
        };
        places.insert(machine, of);
    }
    Ok(Image {
        name: &entry.name,
        about: entry.about.as_deref(),
        user: entry.user.as_deref(),
        first_boot: entry.first_boot,
        source: &entry.source,
        places,
    })
}

fn listed(images: &[Image<'_>]) -> String {
    let mut rows = vec![table::row(&[
        "IMAGE",
        "ABOUT",
        "USER",
        "FIRST BOOT",
        "ARCHITECTURES",
        "FROM",
    ])];
    for image in images {
        let machines: Vec<&str> = image.places.keys().copied().collect();
        let from = match image.source.starts_with(files::BUILT_IN_LABEL) {
            true => "built-in",
            false => image.source,
        };
        rows.push(table::row(&[
            image.name,
            image.about.unwrap_or_default(),
            image.user.unwrap_or_default(),
            image.first_boot.map_or("", FirstBoot::name),
            &machines.join(", "),
            from,
        ]));
    }
    table(&rows)
}

fn detailed(image: &Image<'_>) -> String {
    let mut rows = vec![table::row(&["image", image.name])];
    let mut say = |key: &str, value: &str| rows.push(table::row(&[key, value]));
    say("about", image.about.unwrap_or("-"));
    say("user", image.user.unwrap_or("-"));
    say(
        "first boot",
        image.first_boot.map_or("found out", FirstBoot::name),
    );
    say("from", image.source);
    for (machine, places) in &image.places {
        for (at, place) in places.urls.iter().enumerate() {
            say(if at == 0 { machine } else { "" }, place);
        }
        say("", places.checksum.as_deref().unwrap_or("no checksum"));
    }
    table(&rows)
}
