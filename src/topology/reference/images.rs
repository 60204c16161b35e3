//! The keys of files of images.

use super::Default::{Nothing, Required, Said};
use super::Kind::{Any, Either, List, Mappings, Name, Text, Words};
use super::{Table, doc};
use crate::catalogue::FirstBoot;

/// `first_boot`'s words.
pub const FIRST_BOOTS: &[(&str, FirstBoot)] =
    &[("cloud-init", FirstBoot::CloudInit), ("none", FirstBoot::None)];

/// A file of images.
pub const FILE: Table = Table::new(
    "A file of images",
    &[doc(
        "images",
        Mappings(&IMAGE),
        Required,
        "by the name that `--image-url` and `import_url` take; what an own file does not say of an image that \
         another file has stays as that has it",
    )],
);

/// An image.
pub const IMAGE: Table = Table::new(
    "An image",
    &[
        doc("about", Text("text"), Nothing, "what it is, in a few words"),
        doc(
            "url",
            Text("http(s) URL"),
            Required,
            "where it is; `{arch}` and `{version}` stand for the keys of that name",
        ),
        doc(
            "mirrors",
            List(&Text("http(s) URL")),
            Nothing,
            "where it is, too, as `url`: the next one is tried when one does not answer or has it not",
        ),
        doc(
            "checksum",
            Text("`SHA256SUMS`, URL, or `sha256:HEX`"),
            Nothing,
            "its file of sums, named as seen from `url`; or the checksum itself",
        ),
        doc("version", Text("text"), Nothing, "`{version}`"),
        doc(
            "arch",
            Either(&[List(&Name("architecture")), Any]),
            Said("any"),
            "the architectures (as `uname -m` says them) that it is for, or a mapping from them to `{arch}`: \
             `{x86_64: amd64}`",
        ),
        doc(
            "user",
            Name("user"),
            Nothing,
            "who logs in to nodes of this image on which no user is made, unless `--image-ssh_user` says it",
        ),
        doc(
            "first_boot",
            Words(|| FIRST_BOOTS.iter().map(|(word, _)| *word).collect()),
            Said("found out"),
            "what in the image sets up a node at its first boot",
        ),
    ],
);
