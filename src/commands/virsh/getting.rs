//! The flags that say how images are fetched, checked.

use crate::catalogue::Catalogue;
use crate::cli::getting::{self, GettingFlags};
use crate::secret::Secret;
use crate::steps::image::getting::{Getting, Via};
use crate::url;
use crate::yaml::{Problems, shown};
use std::sync::Arc;

/// What the flags say; what is wrong is a problem.
pub fn check(flags: &GettingFlags, catalogue: &Arc<Catalogue>, problems: &mut Problems) -> Getting {
    for mirror in &flags.image_mirror {
        let filled = ["{host}", "{path}", "{file}"]
            .iter()
            .fold(mirror.clone(), |text, word| text.replace(word, "x"));
        if !url::is_plain(&filled) {
            let text = shown(&url::shown(mirror));
            problems
                .push(
                    None,
                    format!("--image-mirror '{text}' is no http:// or https:// URL"),
                )
                .hint("e.g. https://mirror.example/images, or https://mirror.example/{host}/{path}");
        }
    }
    let proxy = flags
        .image_proxy
        .clone()
        .filter(|proxy| !proxy.reveal().is_empty());
    if let Some(proxy) = &proxy
        && !is_proxy(proxy)
    {
        problems
            .push(
                None,
                format!(
                    "--image-proxy '{}' cannot be used",
                    shown(&url::public(proxy.reveal()))
                ),
            )
            .hint("it takes http://HOST:PORT, https://, socks5:// or socks5h://");
    }
    Getting {
        via: match flags.image_via {
            getting::Via::Hypervisor => Via::Hypervisor,
            getting::Via::Client => Via::Client,
        },
        mirrors: flags.image_mirror.clone(),
        proxy,
        catalogue: catalogue.clone(),
    }
}

/// curl's kinds of proxies. Without one nobody could tell a password in it.
fn is_proxy(proxy: &Secret) -> bool {
    let text = proxy.reveal();
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let known = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
    known.contains(&scheme.to_ascii_lowercase().as_str()) && url::is_plain(&format!("http://{rest}"))
}
