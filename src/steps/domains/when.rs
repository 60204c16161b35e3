//! When a change of a definition shows in the machine that runs.

use super::read::ActualDomain;
use crate::xml::edit::child;
use roxmltree::Document;

/// A change that libvirt may make in a running machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// So many MiB.
    Memory(u64),
    /// So many virtual CPUs.
    Cpus(u32),
    /// From one VNC password to another.
    Password,
}

/// When a change shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// The machine is so.
    Already,
    /// As soon as it is made.
    Now,
    /// When the guest lets go of it, else after a restart.
    Guest,
    /// After a restart.
    Restart,
}

impl When {
    fn words(self) -> Option<&'static str> {
        match self {
            When::Already => None,
            When::Now => Some("at once"),
            When::Guest => Some("at once if the guest gives it back, else after the next restart"),
            When::Restart => Some("after the next restart"),
        }
    }
}

/// A machine starts with all of its memory; its balloon takes some of it, and gives it back.
pub fn when_memory(live: &ActualDomain, mib: u64) -> When {
    match () {
        () if mib > live.memory_mib => When::Restart,
        () if mib >= live.memory_now_mib => When::Now,
        () => When::Guest,
    }
}

/// CPUs that were there at the start stay; there is room for more only where somebody made it.
pub fn when_cpus(live: &ActualDomain, count: u32) -> When {
    match count >= live.cpu_now && count <= live.cpu {
        true => When::Now,
        false => When::Restart,
    }
}

/// A screen that started with a password takes another one.
fn when_password(live: &ActualDomain) -> When {
    let has = || {
        let document = Document::parse(live.definition.reveal()).ok()?;
        let graphics = child(child(document.root_element(), "devices")?, "graphics")?;
        graphics.attribute("passwd").map(|_| ())
    };
    match has() {
        Some(()) => When::Now,
        None => When::Restart,
    }
}

/// The reasons of a change with the times when they show; a machine that is off shows all of them when it starts, and one
/// that `lacks` nothing of it runs so already: somebody edited its definition alone.
pub fn told(reasons: &[String], kinds: &[(usize, Kind)], live: Option<&ActualDomain>, lacks: bool) -> String {
    let Some(live) = live else {
        return reasons.join("; ");
    };
    let when = |at: usize| {
        let kind = kinds.iter().find(|(of, _)| *of == at).map(|(_, kind)| *kind);
        match kind {
            Some(Kind::Memory(mib)) if mib == live.memory_now_mib => When::Already,
            Some(Kind::Memory(mib)) => when_memory(live, mib),
            Some(Kind::Cpus(count)) if count == live.cpu_now => When::Already,
            Some(Kind::Cpus(count)) => when_cpus(live, count),
            Some(Kind::Password) => when_password(live),
            None if !lacks => When::Already,
            None => When::Restart,
        }
    };
    let mut groups: Vec<String> = Vec::new();
    for time in [When::Already, When::Now, When::Guest, When::Restart] {
        let of = reasons.iter().enumerate().filter(|(at, _)| when(*at) == time);
        let texts: Vec<&str> = of.map(|(_, text)| text.as_str()).collect();
        if !texts.is_empty() {
            let words = time.words().map(|words| format!(", {words}"));
            groups.push(texts.join("; ") + &words.unwrap_or_default());
        }
    }
    groups.join("; ")
}
