//! Sends one file to a host by irs's own transport, for `tests/bench upload`: `upload HOST USER KEY KNOWN_HOSTS FILE PATH`.

use irs::remote::Host;
use irs::ssh::config::ClientOptions;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [host, user, key, known_hosts, file, path] = &words[..] else {
        anyhow::bail!("usage: upload HOST USER KEY KNOWN_HOSTS FILE PATH")
    };
    let options = ClientOptions {
        user: Some(user.clone()),
        key: Some(key.into()),
        known_hosts: Some(known_hosts.into()),
        ..ClientOptions::default()
    };
    let mut source = std::fs::File::open(file)?;
    let size = source.metadata()?.len();
    Host::connect(host, &options)?.send(&mut source, size, path, &|_| ())?;
    Ok(())
}
