//! The customised form of a base image: a copy that libguestfs changed once, which nodes without cloud-init lie over.

use super::settle::sealing;
use super::{Base, Located, locate};
use crate::catalogue::{Catalogue, FirstBoot};
use crate::customize::{Customisation, Customize};
use crate::deployment::{Deployment, Disk, ImageSource, Node, Storage};
use crate::error::{Exit, Fault};
use crate::plan::{Action, Kind, Verb};
use crate::remote::{Cmd, Ended, Host, Job, News, Output};
use crate::steps::Step;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// What libguestfs is called by.
pub const PROGRAMS: [&str; 2] = ["virt-customize", "guestfish"];

/// No system fits into a disk of less, in bytes: nobody looks for one.
const SMALLEST: u64 = 64 << 20;

/// An image whose customised form is not there, or of which nobody knows yet whether it needs one.
#[derive(Clone, Debug)]
pub struct Work {
    /// Which image.
    pub source: ImageSource,
    /// [`Customize::Libguestfs`], or [`Customize::Auto`] to look first.
    pub how: Customize,
    /// The node types that say something to cloud-init, which would not be heard.
    pub unheard: Vec<String>,
}

/// What is in an image, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guest {
    CloudInit,
    /// A system without cloud-init.
    Bare,
    /// Nothing that libguestfs knows.
    Unknown,
}

impl Guest {
    fn read(word: &str) -> Option<Guest> {
        match word.trim() {
            "cloud-init" => Some(Guest::CloudInit),
            "none" => Some(Guest::Bare),
            "unknown" => Some(Guest::Unknown),
            _ => None,
        }
    }
}

/// What is to be done before nodes can lie over their images, and the customised forms that are there.
#[derive(Debug, Default)]
pub struct Outlook {
    /// One for each image that is to be looked at or customised.
    pub actions: Vec<Action>,
    /// By the image that they were made of.
    pub there: BTreeMap<ImageSource, Base>,
}

/// Whose first disk that is and how it is told who it is, for the nodes whose first disk is to be made.
pub fn wanting<'a>(
    deployment: &'a Deployment,
    is_missing: &dyn Fn(&Disk) -> bool,
) -> BTreeMap<&'a ImageSource, Customize> {
    let mut wanting = BTreeMap::new();
    for node in deployment
        .nodes
        .iter()
        .filter(|node| node.customize.may_take_libguestfs())
    {
        let Some(image) = first_image(node).filter(|(disk, _)| is_missing(disk)) else {
            continue;
        };
        let how = wanting.entry(image.1).or_insert(node.customize);
        if node.customize == Customize::Libguestfs {
            *how = node.customize;
        }
    }
    wanting
}

/// The types of nodes over an image that say `cloud_init`.
pub fn speaking(deployment: &Deployment, source: &ImageSource) -> Vec<String> {
    let nodes = deployment.nodes.iter();
    let over = nodes.filter(|node| node.cloud_init.is_some() && node.customize.may_take_libguestfs());
    let over = over.filter(|node| first_image(node).is_some_and(|(_, image)| image == source));
    let types: BTreeSet<String> = over.map(|node| node.node_type.clone()).collect();
    types.into_iter().collect()
}

fn first_image(node: &Node) -> Option<(&Disk, &ImageSource)> {
    let disk = node.disks.first().filter(|disk| disk.is_ours())?;
    Some((disk, disk.image.as_ref()?))
}

/// Which node types say `cloud_init` over an image: [`speaking`].
type Speaking<'a> = dyn Fn(&ImageSource) -> Vec<String> + 'a;

/// Looks at what is known of the images, changes nothing.
///
/// # Errors
/// `Resources`, when libguestfs is asked for and the host has none.
pub fn outlook(
    host: &Host,
    (name, storage): (&str, &Storage),
    wanting: &BTreeMap<&ImageSource, Customize>,
    located: &BTreeMap<ImageSource, Located>,
    (customisation, programs): (&Customisation, &[String]),
    (catalogue, speaking): (&Catalogue, &Speaking<'_>),
) -> Result<Outlook> {
    let mut outlook = Outlook::default();
    let has = |program: &str| programs.iter().any(|there| there == program);
    let has_tools = PROGRAMS.iter().all(|program| has(program));
    for (source, how) in wanting {
        let base = match located.get(*source) {
            Some(Located::Cached(base)) => Some(base),
            _ => None,
        };
        let known = match (base, how) {
            // The catalogue knows it without a look.
            (_, Customize::Auto) if catalogue.first_boot(source) == Some(FirstBoot::CloudInit) => continue,
            (_, Customize::Auto) if catalogue.first_boot(source) == Some(FirstBoot::None) => {
                Some(Guest::Bare)
            }
            (Some(base), Customize::Auto) => known(host, base)?,
            _ => None,
        };
        let size = located.get(*source).and_then(Located::virtual_size);
        let reason = match (how, known) {
            (Customize::Libguestfs, _) => "--customize libguestfs asks for it, once for all nodes",
            (_, Some(Guest::Bare)) => {
                "it has no cloud-init, so libguestfs makes it take the nodes' seeds, once"
            }
            (_, Some(_)) => continue,
            (_, None) if !has_tools || size.is_some_and(|size| size < SMALLEST) => continue,
            (_, None) => "whether it has cloud-init is looked at, once; without it libguestfs customises it",
        };
        let certain = *how == Customize::Libguestfs || known == Some(Guest::Bare);
        let unheard = speaking(source);
        if let Some(first) = unheard.first().filter(|_| certain) {
            let message = format!("'cloud_init' of '{first}' is not heard: libguestfs customises its image");
            bail!(
                Fault::new(Exit::Usage, message).hint("leave it out, or take an image with cloud-init in it")
            );
        }
        if let Some(base) = base
            && certain
            && let Some(made) = made(host, storage, base, customisation)?
        {
            outlook.there.insert((*source).clone(), made);
            continue;
        }
        if !has_tools {
            let missing = PROGRAMS.iter().filter(|program| !has(program));
            let missing: Vec<&str> = missing.copied().collect();
            bail!(
                Fault::new(
                    Exit::Resources,
                    format!(
                        "'{}' lacks the programs {} for images without cloud-init",
                        name,
                        missing.join(", ")
                    )
                )
                .hint("install libguestfs there: 'irs hypervisor prepare' does, or the package guestfs-tools (libguestfs-tools on older systems); --customize cloud-init does without")
            );
        }
        let work = Work {
            unheard,
            source: (*source).clone(),
            how: if known == Some(Guest::Bare) {
                Customize::Libguestfs
            } else {
                *how
            },
        };
        let shown = match source {
            ImageSource::Url(url) => crate::url::shown(url),
            ImageSource::Named(entry) => entry.name.clone(),
            ImageSource::File(file) => file.display().to_string(),
        };
        outlook.actions.push(Action::new(
            Step::Image,
            Verb::Update,
            Kind::Image,
            &shown,
            name,
            reason,
            work,
        ));
    }
    Ok(outlook)
}

/// What was found in an image before.
fn known(host: &Host, base: &Base) -> Result<Option<Guest>> {
    let args = [&base.path, base.format.name(), "known"];
    let cmd = Cmd::script(
        &sealing(concat!(
            include_str!("customize/leave.sh"),
            include_str!("customize/look.sh")
        )),
        &args,
    );
    Ok(Guest::read(
        &host.text(&cmd).context("looking into the cache of base images")?,
    ))
}

/// The customised form of a base, when it is there and whole.
fn made(host: &Host, storage: &Storage, base: &Base, customisation: &Customisation) -> Result<Option<Base>> {
    let index = customisation.index_name(base_name(base));
    locate::named(host, storage, &index)
}

fn base_name(base: &Base) -> &str {
    base.path.rsplit('/').next().unwrap_or(&base.path)
}

/// Makes the customised form of an image where it needs one; nothing when it has cloud-init. `emulated` says that guests run
/// by emulation there, and libguestfs's own with them.
///
/// # Errors
/// libguestfs's, an interruption.
pub fn apply(
    (host, storage): (&Host, &Storage),
    (base, how): (&Base, Customize),
    customisation: &Customisation,
    emulated: bool,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<Option<Base>> {
    let emulated = if emulated { "yes" } else { "no" };
    let has_a_system = base.virtual_size >= SMALLEST;
    if how == Customize::Auto && (!has_a_system || look(host, base, emulated, hear)? != Guest::Bare) {
        return Ok(None);
    }
    let folder = storage.folder.trim_end_matches('/');
    let name = base_name(base);
    let index = customisation.index_name(name);
    let part = format!("{index}.part");
    let file = format!("{folder}/{part}");
    let args = [folder, name, base.format.name(), &index, &part, emulated];
    let in_image = customisation.script();
    let script = sealing(concat!(
        include_str!("customize/leave.sh"),
        include_str!("customize/make.sh"),
        include_str!("place.sh")
    ));
    let job = Job {
        purpose: "",
        script: &script,
        args: &args,
        stdin: &in_image,
        file: &file,
        kept: false,
    };
    if let Ended::Done(output) = host.job(&job, hear)?
        && !output.success()
    {
        return Err(failure(&output));
    }
    made(host, storage, base, customisation)?
        .context("the customised image is not there, though libguestfs made it")
        .map(Some)
}

/// Looks into an image with libguestfs. One that cannot be looked into is taken to have cloud-init, as most have.
fn look(host: &Host, base: &Base, emulated: &str, hear: &dyn Fn(News) -> Result<()>) -> Result<Guest> {
    let args = [&base.path, base.format.name(), emulated];
    let script = sealing(concat!(
        include_str!("customize/leave.sh"),
        include_str!("customize/look.sh")
    ));
    let job = Job {
        purpose: "",
        script: &script,
        args: &args,
        stdin: "",
        file: "",
        kept: false,
    };
    let Ended::Done(output) = host.job(&job, hear)? else {
        return Ok(Guest::Unknown);
    };
    if !output.success() {
        tracing::warn!("'{}' cannot be looked into: {}", base.path, last_words(&output));
        return Ok(Guest::Unknown);
    }
    Ok(Guest::read(&output.text()).unwrap_or(Guest::Unknown))
}

fn last_words(output: &Output) -> String {
    let errors = output.errors();
    let lines: Vec<&str> = errors.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}

fn failure(output: &Output) -> anyhow::Error {
    let errors = output.errors();
    // What the script in the image says of it.
    let said = errors.lines().find_map(|line| line.trim().strip_prefix("irs: "));
    let cause = said.map_or_else(|| last_words(output), str::to_owned);
    let (exit, hint) = match errors.contains("No space left on device") {
        true => (
            Exit::Resources,
            "make room in the folder of images there, or take another one by --disk-pool",
        ),
        false => (
            Exit::Failed,
            "'libguestfs-test-tool' there tells whether libguestfs works; an image with cloud-init in it takes --customize cloud-init, \
             one that is to stay as it is --customize none",
        ),
    };
    anyhow::anyhow!(cause)
        .context(Fault::new(exit, "libguestfs could not customise the image".to_owned()).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(errors: &str) -> Output {
        Output {
            status: 1,
            signal: None,
            stdout: Vec::new(),
            stderr: errors.as_bytes().to_vec(),
        }
    }

    #[test]
    fn libguestfs_is_missed_only_where_it_is_asked_for() {
        let source = ImageSource::File("a.qcow2".into());
        let find = |how, programs: &[&str]| {
            let programs: Vec<String> = programs.iter().map(|name| (*name).to_owned()).collect();
            let storage = Storage::default();
            let wanting = BTreeMap::from([(&source, how)]);
            let customisation = Customisation::default();
            outlook(
                &Host::here(),
                ("hv", &storage),
                &wanting,
                &BTreeMap::new(),
                (&customisation, &programs),
                (&Catalogue::default(), &|_| Vec::new()),
            )
        };
        assert!(find(Customize::Auto, &[]).unwrap().actions.is_empty());
        let missed = find(Customize::Libguestfs, &["guestfish"]).unwrap_err();
        assert_eq!(
            missed.to_string(),
            "'hv' lacks the programs virt-customize for images without cloud-init"
        );
        for how in [Customize::Auto, Customize::Libguestfs] {
            assert_eq!(find(how, &PROGRAMS).unwrap().actions.len(), 1);
        }
    }

    #[test]
    fn a_failure_is_told_in_the_images_own_words() {
        let why = |errors: &str| format!("{:#}", failure(&output(errors)));
        let refused = why("[  3.0] Running\nirs: the image has no systemd\nvirt-customize: error: exited\n");
        assert_eq!(
            refused,
            "libguestfs could not customise the image: the image has no systemd"
        );
        assert!(why("\nguestfsd: error: x\n\n").ends_with("guestfsd: error: x"));
    }

    #[test]
    fn libguestfs_leaves_nothing_when_it_is_ended() {
        let script = format!(
            "{}\nwork=$(mktemp -d); : >$work/begun; touch -d '1 minute ago' $work/begun; trap leave EXIT\nleft=/tmp/libguestfs$(printf %06d $(($$ % 1000000)))\nmkdir $left\necho $work $left\nkill -TERM $$",
            include_str!("customize/leave.sh")
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(143), "{output:?}");
        let folders = String::from_utf8(output.stdout).unwrap();
        assert_eq!(folders.split_whitespace().count(), 2);
        for folder in folders.split_whitespace() {
            assert!(!std::path::Path::new(folder).exists(), "{folder} is left");
        }
    }

    #[test]
    fn what_was_found_is_one_of_three_words() {
        assert_eq!(Guest::read("none\n"), Some(Guest::Bare));
        assert_eq!(Guest::read("cloud-init\n"), Some(Guest::CloudInit));
        assert_eq!(Guest::read(""), None);
    }
}
