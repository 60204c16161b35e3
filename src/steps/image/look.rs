//! What a server has, before anything is made for it.

use super::download::places;
use super::getting::{Getting, Places, Via};
use super::{Work, packed};
use crate::checksum::Checksum;
use crate::deployment::ImageSource;
use crate::error::{Exit, Fault};
use crate::image;
use crate::packed::Packing;
use crate::remote::{Cmd, Host};
use crate::url;
use anyhow::{Result, anyhow};
use std::sync::Arc;

/// What is asked.
pub(super) struct Asked<'a> {
    pub(super) source: &'a ImageSource,
    pub(super) places: Places,
    pub(super) checksum: Option<Checksum>,
    /// The state of the cache's index file.
    pub(super) seen: String,
    pub(super) getting: &'a Getting,
}

/// Probes the beginning of a remote image.
pub(super) fn look(host: &Host, asked: Asked<'_>) -> Result<Work> {
    let Asked {
        source,
        places,
        checksum,
        seen,
        getting,
    } = asked;
    let shown = url::shown(&places.url);
    let fetcher = getting.through(host);
    let cmd = getting.script(include_str!("look.sh"), &[], &places.urls);
    let text = text(&fetcher, &cmd, &places.urls).map_err(|error| {
        let message = match getting.via {
            Via::Hypervisor => format!("the hypervisor cannot fetch the base image '{shown}'"),
            Via::Client => format!("this machine cannot fetch the base image '{shown}'"),
        };
        error.context(cannot(
            getting,
            message,
            "'--image-url FILE' uploads a local image",
        ))
    })?;
    let (headers, hex): (Vec<&str>, Vec<&str>) = text
        .lines()
        .partition(|line| line.contains(':') || line.starts_with("HTTP/"));
    let size = total_size(&headers);
    let header = image::from_hex(&hex.join(" "));
    let of = |key: &str| headers.iter().find_map(|line| line.strip_prefix(key));
    let packing = of("irs-packed: ").and_then(Packing::by);
    let virtual_size = match packing {
        Some(packing) => {
            packed::check_program(host, packing, &shown)?;
            // Nothing of it when what came first is less than a block of the packer's, or this machine cannot unpack it.
            match header.is_empty() {
                true => None,
                false => Some(image::probe_beginning(&header, None, &shown)?.1).filter(|size| *size > 0),
            }
        }
        None => Some(image::probe_beginning(&header, size, &shown)?.1).filter(|size| *size > 0),
    };
    Ok(Work::Download {
        source: source.clone(),
        url: places.url,
        urls: places.urls,
        getting: Arc::new(getting.clone()),
        checksum,
        seen,
        size,
        virtual_size,
        must_be: None,
        // Of several places the one that answered.
        astray: is_led_to_http(&headers),
    })
}

/// What a script that fetches says; its remarks name the places.
pub(super) fn text(host: &Host, cmd: &Cmd, urls: &[String]) -> Result<String> {
    let output = host.run(cmd)?;
    if output.success() {
        return Ok(output.text());
    }
    Err(anyhow!(places(&output.errors(), urls)))
}

/// The fault of a machine that cannot fetch something; `else_` is what else can be done.
pub(super) fn cannot(getting: &Getting, message: String, else_: &str) -> Fault {
    match getting.via {
        Via::Hypervisor => Fault::new(Exit::Failed, message).hint(format!(
            "is the URL right, and can the hypervisor reach it? --image-via client fetches it through this machine, --image-proxy \
             through a proxy; {else_}"
        )),
        Via::Client => Fault::new(Exit::Failed, message).hint(format!(
            "is the URL right, and can this machine reach it? --image-proxy fetches it through a proxy; {else_}"
        )),
    }
}

/// Whether a server leads to another place by http: its image would come as it pleases whoever sits on the way.
fn is_led_to_http(headers: &[&str]) -> bool {
    let mut fields = headers.iter().filter_map(|line| line.split_once(':'));
    fields.any(|(key, value)| {
        key.eq_ignore_ascii_case("location") && value.trim().to_ascii_lowercase().starts_with("http://")
    })
}

/// The size of the whole resource; the last answer after redirects counts.
fn total_size(headers: &[&str]) -> Option<u64> {
    let begin = headers.iter().rposition(|line| line.starts_with("HTTP/"))?;
    let value = |name: &str| {
        headers[begin..]
            .iter()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    match value("content-range") {
        Some(range) => range.rsplit_once('/')?.1.parse().ok(),
        None => value("content-length")?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_led_to_http, total_size};

    #[test]
    fn a_server_that_leads_to_http_is_seen() {
        let to = |place: &str| is_led_to_http(&["HTTP/2 302", &format!("location: {place}"), "HTTP/1.1 206"]);
        assert!(to("http://mirror.example/a.qcow2") && to("HTTP://mirror.example"));
        assert!(!to("https://mirror.example/http://") && !to("/a.qcow2"));
    }

    #[test]
    fn the_last_answer_says_the_size() {
        let redirected = [
            "HTTP/1.1 302 Found",
            "Content-Length: 0",
            "HTTP/1.1 206 Partial Content",
            "Content-Length: 65536",
            "Content-Range: bytes 0-65535/141426688",
        ];
        assert_eq!(total_size(&redirected), Some(141_426_688));
        assert_eq!(total_size(&["HTTP/2 200", "content-length: 99"]), Some(99));
        assert_eq!(
            total_size(&["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"]),
            None
        );
    }
}
