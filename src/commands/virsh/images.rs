//! The images that a run needs: where they are, and that they stay.

use super::input::Request;
use crate::deployment::{Deployment, Disk, ImageSource};
use crate::remote::Host;
use crate::steps::image::locate::Inspected;
use crate::steps::image::{self, Located};
use anyhow::Result;
use std::collections::BTreeMap;

/// The images that disks begin with, and where they are.
pub(super) type Images = BTreeMap<ImageSource, Located>;

/// How often images are looked for that somebody takes out of the cache.
const LOOKS: usize = 3;

/// Looks for images, and keeps in the cache what is there for as long as this run lasts.
///
/// # Errors
/// What cannot be fetched, or is no image; one that vanishes again and again.
pub(super) fn located_and_held(
    request: &Request,
    host: &Host,
    (deployment, all): (&Deployment, bool),
    volumes: &BTreeMap<String, u64>,
    mut inspected: Option<Result<Inspected>>,
) -> Result<Images> {
    for _ in 0..LOOKS {
        let located = locate_images(request, host, (deployment, all), volumes, inspected.take())?;
        let (storage, name) = (&deployment.storage, &deployment.id.name);
        if request.dry_run || image::hold::hold_located(host, storage, name, &located)? {
            return Ok(located);
        }
    }
    Err(image::hold::vanished(&deployment.storage.folder).into())
}

/// Looks for the images of the disks that are to be made, or for all.
fn locate_images(
    request: &Request,
    host: &Host,
    (deployment, all): (&Deployment, bool),
    volumes: &BTreeMap<String, u64>,
    mut inspected: Option<Result<Inspected>>,
) -> Result<Images> {
    let force = request.force_download;
    let disks = || {
        deployment
            .nodes
            .iter()
            .flat_map(|node| &node.disks)
            .filter(|disk| disk.is_ours())
    };
    let needed = |image: &&ImageSource| {
        let missing = |disk: &Disk| !volumes.contains_key(&disk.key());
        all || disks().any(|disk| disk.image.as_ref() == Some(image) && missing(disk))
    };
    let images: Vec<&ImageSource> = deployment.images().into_iter().filter(needed).collect();
    let of_flag = |image: &ImageSource| *image == request.wanted.image;
    let checksum = match &request.checksum {
        Some(said) if images.iter().any(|image| of_flag(image)) => Some(image::sums::checksum(
            host,
            said,
            &request.wanted.image,
            &request.getting,
        )?),
        _ => None,
    };
    images
        .into_iter()
        .map(|image| {
            // What was looked at meanwhile is the image of --image-url.
            let known = inspected.take_if(|_| of_flag(image));
            let wish = image::locate::Wish {
                force,
                checksum: checksum.clone().filter(|_| of_flag(image)),
                getting: &request.getting,
            };
            let located = image::locate::locate(host, image, &deployment.storage, &wish, known)?;
            Ok((image.clone(), located))
        })
        .collect()
}
