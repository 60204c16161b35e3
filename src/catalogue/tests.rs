//! The catalogue as it is, and as users change it.

use super::*;
use crate::checksum::Said;

fn of(text: &str) -> (Catalogue, Problems) {
    let mut problems = Problems::default();
    let own = vec![Source::plain("own/images.yml", text)];
    let catalogue = Catalogue::of(own, &mut problems);
    (catalogue, problems)
}

#[test]
fn the_built_in_images_are_whole() {
    let mut problems = Problems::default();
    let catalogue = Catalogue::load(&[], &mut problems);
    assert!(problems.is_empty(), "{problems}");
    for entry in catalogue.iter() {
        assert!(entry.arch.contains_key("x86_64"), "{}", entry.name);
        assert!(entry.user.is_some() && entry.about.is_some(), "{}", entry.name);
        assert_eq!(entry.first_boot, Some(FirstBoot::CloudInit), "{}", entry.name);
        for machine in entry.arch.keys() {
            let places = entry.places(machine).unwrap();
            let Some(Said::Url(sums)) = places.checksum else {
                panic!("{} has no file of sums", entry.name)
            };
            for url in places.urls.iter().chain([&sums]) {
                assert!(url.starts_with("https://") && !url.contains(['{', '}']), "{url}");
                assert!(url::is_plain(url), "{url}");
            }
        }
    }
    let at = |name: &str, machine| catalogue.get(name).unwrap().places(machine).unwrap();
    let debian = at("debian-12", "aarch64");
    assert_eq!(
        debian.urls[0],
        "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-arm64.qcow2"
    );
    let sums = "https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS";
    assert_eq!(debian.checksum, Some(Said::Url(sums.to_owned())));
    assert_eq!(
        at("centos-stream-9", "x86_64").urls,
        [crate::cli::virsh::DEFAULT_IMAGE]
    );
    let error = catalogue.get("rocky-9").unwrap().places("ppc64le").unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is for aarch64 and x86_64, and the hypervisor is ppc64le"),
        "{error}"
    );
}

#[test]
fn a_url_is_known_when_it_is_the_place_of_an_image() {
    let (catalogue, problems) = of(
        "images:\n  mine:\n    url: http://h/a/{version}.img\n    version: 3\n    mirrors: ['http://near/3.img']\n    first_boot: none\n",
    );
    assert!(problems.is_empty(), "{problems}");
    let (entry, places) = catalogue.at(crate::cli::virsh::DEFAULT_IMAGE).unwrap();
    assert_eq!(entry.name, "centos-stream-9");
    let sums = format!("{}.SHA256SUM", crate::cli::virsh::DEFAULT_IMAGE);
    assert_eq!(places.checksum, Some(Said::Url(sums)));
    let first_boot = |url: &str| catalogue.first_boot(&ImageSource::Url(url.to_owned()));
    let arm = crate::cli::virsh::DEFAULT_IMAGE.replace("x86_64", "aarch64");
    assert_eq!(first_boot(&arm), Some(FirstBoot::CloudInit));
    assert_eq!(first_boot("http://h/a/3.img"), Some(FirstBoot::None));
    for other in ["http://near/3.img", "http://h/a/4.img", ""] {
        assert_eq!(first_boot(other), None, "{other}");
    }
}

#[test]
fn own_files_add_and_change_key_by_key() {
    let (catalogue, problems) = of(
        "images:\n  debian-12:\n    mirrors: ['http://near/debian-{version}.qcow2']\n  mine:\n    url: http://h/a/my.img.xz\n    \
         checksum: ../sums\n",
    );
    assert!(problems.is_empty(), "{problems}");
    let debian = catalogue.get("debian-12").unwrap();
    assert_eq!(debian.user.as_deref(), Some("debian"));
    assert_eq!(debian.source, "own/images.yml");
    assert_eq!(
        debian.places("x86_64").unwrap().urls[1],
        "http://near/debian-12.qcow2"
    );
    let mine = catalogue.get("mine").unwrap();
    assert_eq!((mine.first_boot, mine.user.as_deref()), (None, None));
    let places = mine.places("riscv64").unwrap();
    assert_eq!(places.checksum, Some(Said::Url("http://h/sums".to_owned())));
    assert!(catalogue.hint("debian12").contains("did you mean 'debian-12'"));
    assert!(catalogue.hint("Rocky-9").contains("did you mean 'rocky-9'"));
}

#[test]
fn all_faults_are_said_at_once_with_their_places() {
    let (_, problems) = of("images:
  a b: {url: 'http://h/x'}
  rocky-9: {user: 'a;b', urls: 1}
  half: {about: nothing}
  worn:
    url: http://h/{arch}/{verson}/x{.img
    mirrors: [ftp://h/x, 'http://h/a b']
    checksum: sha256:12
    arch: [amd64]
    first_boot: ignition
  debian-12: 5
");
    let said: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
    let said = said.join("\n");
    for expected in [
        "own/images.yml:11:14: image 'debian-12' must be a mapping",
        "own/images.yml:2:3: 'a b' is not a good name for a base image",
        "own/images.yml:3:19: 'a;b' is not a good name for a user",
        "own/images.yml:3:26: the key 'urls' of image 'rocky-9' is not known\n  hint: did you mean 'url'?",
        "own/images.yml:4:3: image 'half' has no 'url'",
        "own/images.yml:6:10: 'url' of image 'worn' has '{verson}', which is not known\n  hint: did you mean '{version}'?",
        "has a brace that is alone",
        "'url' of image 'worn' has {arch}, and the image has no 'arch'",
        "'mirrors' of image 'worn' 'ftp://h/x' is no http:// or https:// URL",
        "own/images.yml:7:26: 'mirrors' of image 'worn' 'http://h/a b' is no http:// or https:// URL",
        "own/images.yml:8:15: 'checksum' of image 'worn' 'sha256:12' cannot be used",
        "own/images.yml:9:12: 'arch' of image 'worn' has 'amd64', which no machine calls itself",
        "own/images.yml:10:17: 'first_boot' of image 'worn'",
    ] {
        assert!(said.contains(expected), "{expected}\n--\n{said}");
    }
    assert_eq!(of("image: {}").1.len(), 1);
    assert_eq!(of("[]").1.len(), 1);
}
