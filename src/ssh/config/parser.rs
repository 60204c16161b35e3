//! ssh's configuration files, read by ourselves: for machines without OpenSSH, which is asked where it is there.
//!
//! It knows `Host`, `Match` (`all`, `host`, `originalhost`, `user`, `localuser`, `exec`, `final`, `canonical`), `Include` with patterns
//! and `=`, quotes and comments. As in ssh the first value of a keyword counts. What of `Match` it does not know is refused:
//! to guess could mean another host.

use super::{Settings, expand_tokens};
use crate::error::{Exit, Fault};
use crate::ssh::known_hosts::glob;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How deep files may include others, as in ssh.
const DEEP: usize = 16;

/// What may be said several times.
const LISTS: [&str; 2] = ["identityfile", "certificatefile"];

/// What is asked for.
pub(super) struct Query<'a> {
    /// The host as it was typed.
    pub(super) host: &'a str,
    /// The user and port that were said.
    pub(super) user: Option<&'a str>,
    pub(super) port: Option<u16>,
    pub(super) home: &'a Path,
    /// The user of this machine.
    pub(super) local_user: &'a str,
}

/// The settings of `files` (each with the folder that its relative `Include` start from) for a host.
pub(super) fn settings(query: &Query<'_>, files: &[(PathBuf, PathBuf)]) -> Result<Settings> {
    let mut reader = Reader {
        query,
        found: Settings::new(),
        last: false,
        wants_last: false,
    };
    if let Some(user) = query.user {
        reader.set("user", user.to_owned());
    }
    if let Some(port) = query.port {
        reader.set("port", port.to_string());
    }
    for pass in [false, true] {
        reader.last = pass;
        for (file, folder) in files {
            reader.file(file, folder, &mut true, 0)?;
        }
        if !reader.wants_last {
            break;
        }
    }
    let hostname = reader.hostname();
    reader.found.insert("hostname".into(), vec![hostname]);
    reader.set("user", "root".to_owned());
    Ok(reader.found)
}

struct Reader<'a> {
    query: &'a Query<'a>,
    found: Settings,
    /// Whether it is the second time, for `Match final`.
    last: bool,
    wants_last: bool,
}

impl Reader<'_> {
    /// Reads a file; one that is not there is an empty one.
    fn file(&mut self, file: &Path, folder: &Path, active: &mut bool, depth: usize) -> Result<()> {
        if depth > DEEP {
            bail!(Fault::new(
                Exit::Usage,
                format!(
                    "'{}' is included too deep: does it include itself?",
                    file.display()
                )
            ));
        }
        let Ok(bytes) = std::fs::read(file) else {
            return Ok(());
        };
        for (number, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            let place = format!("{}:{}", file.display(), number + 1);
            let wrong = |what: String| Fault::new(Exit::Usage, format!("{place}: {what}"));
            let Some(words) = words(line) else {
                bail!(wrong("a quote is not closed".to_owned()));
            };
            let Some((keyword, values)) = words.split_first() else {
                continue;
            };
            let keyword = keyword.to_lowercase();
            if values.is_empty() {
                bail!(wrong(format!("'{keyword}' has no value")));
            }
            match keyword.as_str() {
                "host" => *active = self.is_host(values),
                "match" => {
                    *active = self.is_match(values).map_err(|what| {
                        wrong(what).hint("install OpenSSH's client, which irs asks where it is there")
                    })?;
                }
                _ if !*active => {}
                "include" => {
                    for pattern in values {
                        for path in self.included(pattern, folder) {
                            self.file(&path, folder, &mut true, depth + 1)?;
                        }
                    }
                }
                "identityfile" | "certificatefile" | "user" | "hostname" | "port" | "identityagent" => {
                    self.set(&keyword, values[0].clone());
                }
                // The rest of the line, as it stands.
                "proxycommand" => self.set(&keyword, rest(line)),
                _ => self.set(&keyword, values.join(" ")),
            }
        }
        Ok(())
    }

    fn set(&mut self, keyword: &str, value: String) {
        let other = match keyword {
            "proxyjump" => "proxycommand",
            "proxycommand" => "proxyjump",
            _ => "",
        };
        if self.found.contains_key(other) {
            return;
        }
        let values = self.found.entry(keyword.to_owned()).or_default();
        if values.is_empty() || LISTS.contains(&keyword) && !values.contains(&value) {
            values.push(value);
        }
    }

    fn hostname(&self) -> String {
        let host = self.query.host;
        match self.found.get("hostname") {
            Some(names) => expand_tokens(&names[0], |token| (token == 'h').then(|| host.to_owned())),
            None => host.to_owned(),
        }
    }

    fn is_host(&self, patterns: &[String]) -> bool {
        let host = match self.last {
            true => self.hostname(),
            false => self.query.host.to_owned(),
        };
        listed(patterns.iter().map(String::as_str), &host)
    }

    fn is_match(&mut self, criteria: &[String]) -> Result<bool, String> {
        let mut all = true;
        let mut rest = criteria.iter();
        while let Some(word) = rest.next() {
            let (word, wanted) = match word.strip_prefix('!') {
                Some(word) => (word, false),
                None => (word.as_str(), true),
            };
            let (name, given) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word, None),
            };
            let name = name.to_lowercase();
            let met = match name.as_str() {
                "all" => true,
                // A name is canonical only where ssh looks it up, which this does not.
                "canonical" => false,
                "final" => {
                    self.wants_last = true;
                    self.last
                }
                "host" | "originalhost" | "user" | "localuser" | "exec" => {
                    let value = given.or_else(|| rest.next().cloned());
                    let value = value.ok_or_else(|| format!("'Match {name}' has no value"))?;
                    // What is not met already decides: nothing is run for it.
                    all && match name.as_str() {
                        "host" => listed(value.split(','), &self.hostname()),
                        "originalhost" => listed(value.split(','), self.query.host),
                        "user" => listed(value.split(','), &self.user()),
                        "localuser" => listed(value.split(','), self.query.local_user),
                        _ => self.succeeds(&value),
                    }
                }
                _ => return Err(format!("'Match {name}' is not known to irs itself")),
            };
            all &= met == wanted;
        }
        Ok(all)
    }

    fn user(&self) -> String {
        let said = self.found.get("user").map(|users| users[0].as_str());
        said.unwrap_or(self.query.local_user).to_owned()
    }

    /// Runs the command of a `Match exec`, as ssh does.
    fn succeeds(&self, command: &str) -> bool {
        let query = self.query;
        let command = expand_tokens(command, |token| match token {
            'h' => Some(self.hostname()),
            'n' => Some(query.host.to_owned()),
            'p' => Some(
                self.found
                    .get("port")
                    .map_or_else(|| "22".to_owned(), |port| port[0].clone()),
            ),
            'r' => Some(self.user()),
            'u' => Some(query.local_user.to_owned()),
            'd' => Some(query.home.display().to_string()),
            _ => None,
        });
        let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
        let status = Command::new(shell)
            .arg("-c")
            .arg(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }

    /// The files that a pattern of `Include` means, in order.
    fn included(&self, pattern: &str, folder: &Path) -> Vec<PathBuf> {
        let pattern = match pattern.strip_prefix("~/") {
            Some(rest) => self.query.home.join(rest),
            None => folder.join(pattern),
        };
        let mut found = vec![PathBuf::new()];
        for part in pattern.components() {
            let name = part.as_os_str();
            let pattern = name.to_string_lossy();
            if !pattern.contains(['*', '?']) {
                found.iter_mut().for_each(|path| path.push(name));
                continue;
            }
            let entries = found
                .iter()
                .filter_map(|path| std::fs::read_dir(path).ok())
                .flatten()
                .flatten();
            let hit =
                |name: &str| glob(&pattern, name) && (pattern.starts_with('.') || !name.starts_with('.'));
            found = entries
                .filter(|entry| hit(&entry.file_name().to_string_lossy()))
                .map(|entry| entry.path())
                .collect();
        }
        found.sort();
        found
    }
}

/// Whether patterns, of which those with `!` forbid, list a name.
fn listed<'a>(patterns: impl Iterator<Item = &'a str>, name: &str) -> bool {
    let mut listed = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(not) if glob(not, name) => return false,
            Some(_) => {}
            None => listed |= glob(pattern, name),
        }
    }
    listed
}

/// The words of a line, of which the first is the keyword; `None` when a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => {
                let ends = |c: char| c.is_whitespace() || words.is_empty() && c == '=';
                rest.split_at(rest.find(ends).unwrap_or(rest.len()))
            }
        };
        words.push(word.to_owned());
        rest = after.trim_start();
        if words.len() == 1 {
            rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
        }
    }
    Some(words)
}

/// What follows the keyword.
fn rest(line: &str) -> String {
    let line = line.trim();
    let from = line
        .find(|c: char| c.is_whitespace() || c == '=')
        .unwrap_or(line.len());
    let rest = line[from..].trim_start();
    rest.strip_prefix('=').unwrap_or(rest).trim().to_owned()
}

#[cfg(test)]
mod tests;
