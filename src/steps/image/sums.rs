//! The checksum of an image, where `--image-checksum` names a file of sums.

use super::getting::{Getting, Places, Via};
use super::look;
use crate::checksum::{Checksum, Said, sums};
use crate::deployment::ImageSource;
use crate::error::{Exit, Fault, FaultContext};
use crate::remote::Host;
use crate::url;
use anyhow::{Result, anyhow};
use std::io::Read;

/// No file of sums is larger, in bytes.
const MOST: &str = "1048576";
/// stdin: curl's configuration; `$1`: how many bytes are enough, `$2`: where it may be led.
pub(super) const FETCH: &str = r#"# Fetches a file of sums
curl --config - --silent --show-error --fail --location --globoff --proto '=http,https' --proto-redir "$2" --connect-timeout 30 \
  --max-time 60 --max-filesize "$1""#;

/// What the flag says of `image`.
///
/// # Errors
/// A file of sums that cannot be had, or says nothing of the image.
pub fn checksum(host: &Host, said: &Said, image: &ImageSource, getting: &Getting) -> Result<Checksum> {
    let name = match (said, image) {
        (Said::Here(checksum), _) => return Ok(checksum.clone()),
        (_, ImageSource::File(file)) => file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        _ => {
            let places = getting.places(host, image)?;
            last(&places.map(|places| places.url).unwrap_or_default())
        }
    };
    named(host, said, &name, getting)
}

/// What the catalogue says of an image.
///
/// # Errors
/// As those of [`checksum`].
pub(super) fn of_places(host: &Host, said: &Said, places: &Places, getting: &Getting) -> Result<Checksum> {
    named(host, said, &last(&places.url), getting)
}

/// Where a server may lead: by these sums all else is judged, so what was protected stays so.
pub(super) fn led_by(url: &str) -> &'static str {
    match url.to_ascii_lowercase().starts_with("https:") {
        true => "=https",
        false => "=http,https",
    }
}

fn last(url: &str) -> String {
    sums::last(url.split(['?', '#']).next().unwrap_or(url)).to_owned()
}

/// What is said of the file of that name.
fn named(host: &Host, said: &Said, name: &str, getting: &Getting) -> Result<Checksum> {
    let (shown, text) = match said {
        Said::Here(checksum) => return Ok(checksum.clone()),
        Said::Url(url) => {
            let shown = url::shown(url);
            let urls = std::slice::from_ref(url);
            let cmd = getting.script(FETCH, &[MOST, led_by(url)], urls);
            let text = look::text(&getting.through(host), &cmd, urls).map_err(|error| {
                let message = match getting.via {
                    Via::Hypervisor => format!("the hypervisor cannot fetch the file of sums '{shown}'"),
                    Via::Client => format!("this machine cannot fetch the file of sums '{shown}'"),
                };
                error.context(look::cannot(
                    getting,
                    message,
                    "--image-checksum takes a file of this machine, too",
                ))
            })?;
            (shown, text)
        }
        Said::File(file) => {
            let shown = file.display().to_string();
            let text = read(file).fault(|| {
                Fault::new(Exit::Usage, format!("cannot read the file of sums '{shown}'"))
                    .hint("--image-checksum takes sha256:HEX, sha512:HEX, or the URL or path of such a file")
            })?;
            (shown, text)
        }
    };
    let own = sums::last(shown.split('?').next().unwrap_or(&shown)).to_owned();
    sums::find_in(&text, name, &own).map_err(|why| {
        Fault::new(Exit::Usage, format!("the file of sums '{shown}' {why}"))
            .hint("it must name the image as --image-url does; else say --image-checksum sha256:HEX")
            .into()
    })
}

fn read(file: &std::path::Path) -> Result<String> {
    // Before it is opened: a named pipe would wait for its writer.
    if !std::fs::metadata(file)?.is_file() {
        return Err(anyhow!("it is not a file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(file)?
        .take(MOST.parse()?)
        .read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
