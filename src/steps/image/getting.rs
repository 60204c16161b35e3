//! How images are fetched: from which places, through which machine and proxy.

use crate::catalogue::Catalogue;
use crate::checksum::Said;
use crate::deployment::ImageSource;
use crate::remote::{Cmd, Host};
use crate::secret::Secret;
use crate::url;
use anyhow::Result;
use std::sync::Arc;

/// The beginning of every script that fetches: the proxies of the machine.
const PROXY: &str = include_str!("proxy.sh");

/// Which machine fetches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// The one that has the cache.
    #[default]
    Hypervisor,
    /// This one, which then sends it there.
    Client,
}

/// How images are fetched, as the flags say it.
#[derive(Clone, Debug, Default)]
pub struct Getting {
    /// Through which machine.
    pub via: Via,
    /// The site's own mirrors, in the order in which they are tried.
    pub mirrors: Vec<String>,
    /// The proxy, where it is not the machine's own.
    pub proxy: Option<Secret>,
    /// What is known of URLs that images with names have, too.
    pub catalogue: Arc<Catalogue>,
}

/// Where an image is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// What names it in the cache: its own URL, wherever it then comes from.
    pub url: String,
    /// In the order in which they are tried.
    pub urls: Vec<String>,
    /// What the catalogue says of its content.
    pub checksum: Option<Said>,
}

impl Getting {
    /// The machine that fetches for `host`.
    pub fn through(&self, host: &Host) -> Host {
        match self.via {
            Via::Hypervisor => host.clone(),
            Via::Client => Host::here(),
        }
    }

    /// Where an image is to be had; nothing for a file.
    ///
    /// # Errors
    /// An image that is not made for the hypervisor's architecture.
    pub fn places(&self, host: &Host, source: &ImageSource) -> Result<Option<Places>> {
        let (own, checksum) = match source {
            ImageSource::File(_) => return Ok(None),
            ImageSource::Url(url) => {
                let known = self.catalogue.at(url);
                (vec![url.clone()], known.and_then(|(_, places)| places.checksum))
            }
            ImageSource::Named(entry) => {
                let machine = host.text(&Cmd::new("uname").arg("-m"))?;
                let places = entry.places(machine.trim())?;
                (places.urls, places.checksum)
            }
        };
        let url = own.first().cloned().unwrap_or_default();
        let mirrored = self.mirrors.iter().map(|mirror| mirrored(mirror, &url));
        Ok(Some(Places {
            urls: mirrored.chain(own.iter().cloned()).collect(),
            url,
            checksum,
        }))
    }

    /// A command that fetches, with what curl has to know on its stdin: arguments stand in the process list.
    pub(super) fn script(&self, text: &str, args: &[&str], urls: &[String]) -> Cmd {
        Cmd::script(&with_proxy(text), args).stdin(self.config(urls))
    }

    /// What curl has to know: the proxy, and a line for each place.
    pub(super) fn config(&self, urls: &[String]) -> String {
        let mut config = String::new();
        if let Some(proxy) = &self.proxy {
            config.push_str(&url::curl_option("proxy", proxy.reveal()));
            // Who names a proxy means it, whatever the machine's own exceptions are.
            config.push_str(&url::curl_option("noproxy", ""));
        }
        config.extend(urls.iter().map(|url| url::curl_line(url)));
        config
    }
}

/// A script, which begins with a comment, with the machine's proxies before it.
pub(super) fn with_proxy(text: &str) -> String {
    let (about, rest) = text.split_once('\n').unwrap_or((text, ""));
    [about, "\n", PROXY, rest].concat()
}

/// Where a mirror has what is at `url`: below the mirror by its file's name, or where the words in the mirror's URL say it.
fn mirrored(mirror: &str, url: &str) -> String {
    let whole = url::public(url);
    let rest = whole.split_once("://").map_or(whole.as_str(), |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let file = path.rsplit('/').next().unwrap_or(path);
    let filled = mirror
        .replace("{host}", host)
        .replace("{path}", path)
        .replace("{file}", file);
    match filled == mirror {
        true => format!("{}/{file}", mirror.trim_end_matches('/')),
        false => filled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_have_images_by_file_or_by_pattern() {
        let url = "https://me:pw@h:8443/a/b/x.qcow2?sig=1";
        for (mirror, expected) in [
            ("http://m/images/", "http://m/images/x.qcow2"),
            ("http://m/{file}?raw", "http://m/x.qcow2?raw"),
            ("http://m/{host}/{path}", "http://m/h:8443/a/b/x.qcow2"),
        ] {
            assert_eq!(mirrored(mirror, url), expected);
        }
        let getting = Getting {
            mirrors: vec!["http://m".to_owned()],
            ..Getting::default()
        };
        let places = getting.places(&Host::here(), &ImageSource::Url(url.to_owned()));
        let places = places.unwrap().unwrap();
        assert_eq!(places.urls, ["http://m/x.qcow2", url]);
        assert_eq!(places.url, url, "the cache knows it by its own name");
    }

    #[test]
    fn a_proxy_is_curls_and_counts_for_all() {
        let getting = Getting {
            proxy: Some(Secret::new("http://me:p\"w@p:3128")),
            ..Getting::default()
        };
        let config = getting.config(&["http://h/a".to_owned()]);
        assert_eq!(
            config,
            "proxy = \"http://me:p\\\"w@p:3128\"\nnoproxy = \"\"\nurl = \"http://h/a\"\n"
        );
        assert!(!format!("{getting:?}").contains("p\"w"));
    }
}
