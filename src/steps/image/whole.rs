//! Reading a base image as a whole: whether it is what was placed, byte for byte.

use super::cache::{Cache, Cached};
use super::settle::sealing;
use crate::remote::{Cmd, Ended, Host, Job, News};
use anyhow::Result;

/// Whether all of an image is what its name and its seal say.
///
/// # Errors
/// The hypervisor's.
pub fn is_whole(
    host: &Host,
    cache: &Cache,
    base: &Cached,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<bool> {
    let path = cache.path(&base.name);
    let progress = format!("{path}.verify.part");
    let script = sealing(include_str!("whole.sh"));
    let args = [path.as_str(), &progress];
    let job = Job {
        purpose: "",
        script: &script,
        args: &args,
        stdin: "",
        file: &progress,
        kept: false,
    };
    match host.job(&job, hear)? {
        Ended::Done(output) => {
            let said = output.check(&Cmd::script(&script, &args), host.name())?.text();
            Ok(said.trim() == "good")
        }
        Ended::Taken => is_whole(host, cache, base, hear),
    }
}
