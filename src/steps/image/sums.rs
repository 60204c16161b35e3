//! The checksum of an image, where `--image-checksum` names a file of sums.

use crate::checksum::{Checksum, Said, sums};
use crate::deployment::ImageSource;
use crate::error::{Exit, Fault, FaultContext};
use crate::remote::{Cmd, Host};
use crate::url;
use anyhow::{Result, anyhow};
use std::io::Read;

/// No file of sums is larger, in bytes.
const MOST: &str = "1048576";
/// Fetches a file of sums. stdin: the URL as a line of curl's configuration; `$1`: how many bytes are enough.
const FETCH: &str = r#"curl --config - --silent --show-error --fail --location --globoff --proto '=http,https' --connect-timeout 30 \
  --max-time 60 --max-filesize "$1""#;

/// What the flag says of `image`.
///
/// # Errors
/// A file of sums that cannot be had, or says nothing of the image.
pub fn checksum(host: &Host, said: &Said, image: &ImageSource) -> Result<Checksum> {
    let (shown, text) = match said {
        Said::Here(checksum) => return Ok(checksum.clone()),
        Said::Url(url) => {
            let shown = url::shown(url);
            let cmd = Cmd::script(FETCH, &[MOST]).stdin(url::curl_line(url));
            let text = host.text(&cmd).fault(|| {
                Fault::new(
                    Exit::Failed,
                    format!("the hypervisor cannot fetch the file of sums '{shown}'"),
                )
                .hint("is the URL right, and can the hypervisor reach it? A file of this machine can be named, too")
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
    let name = match image {
        ImageSource::Url(url) => sums::last(url.split(['?', '#']).next().unwrap_or(url)).to_owned(),
        ImageSource::File(file) => file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
    };
    sums::find(&text, &name).map_err(|why| {
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
