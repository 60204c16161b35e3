//! The kernel's modules: loaded, loaded again after a boot, and nested virtualization on.

use super::cpu::Virtualization;
use super::{Change, Found, Requirement, Work};
use crate::plan::{Kind, Verb};
use crate::remote::Cmd;

/// Loads the modules of KVM at boot; irs's own.
const LOAD: &str = "/etc/modules-load.d/irs.conf";
/// Switches nested virtualization on, at boot too; irs's own.
const OPTIONS: &str = "/etc/modprobe.d/irs.conf";

/// Whether a module is loaded, whether anything could be, and whether something uses it.
struct Module<'a> {
    found: &'a Found,
    name: &'a str,
}

impl Module<'_> {
    fn is_loaded(&self) -> bool {
        self.listed().is_some()
    }

    /// What lsmod says of it: `NAME SIZE USED …`.
    fn listed(&self) -> Option<&str> {
        let mut lines = self.found.lines("lsmod");
        lines.find(|line| line.split_whitespace().next() == Some(self.name))
    }

    /// Part of the kernel itself, where there is nothing to load.
    fn is_built_in(&self) -> bool {
        !self.is_loaded() && self.found.lines("in-kernel").any(|there| there == self.name)
    }

    fn is_loadable(&self) -> bool {
        self.found.lines("loadable").any(|there| there == self.name)
    }

    fn is_used(&self) -> bool {
        let count = self.listed().and_then(|line| line.split_whitespace().nth(2));
        count.is_some_and(|count| count != "0")
    }

    /// Whether a file says that it is to be loaded at boot.
    fn is_lasting(&self) -> bool {
        let same = |line: &str| line.replace('-', "_") == self.name;
        self.found.lines("modules-load").any(same)
    }

    fn nested(&self) -> Option<&str> {
        let mut lines = self.found.lines("nested").filter_map(|line| line.split_once(' '));
        Some(lines.find(|(name, _)| *name == self.name)?.1)
    }
}

pub(super) fn requirements(found: &Found) -> Vec<Requirement> {
    let cpu = Virtualization::of(found);
    let mut rows = Vec::new();
    if let Some(name) = cpu.module() {
        let module = Module { found, name };
        rows.push(loaded(&module, "guests run by KVM with it", false));
        if cpu != Virtualization::PowerNv || module.nested().is_some() {
            rows.extend(nested(&module));
        }
    }
    let vhost = Module {
        found,
        name: "vhost_net",
    };
    rows.push(loaded(
        &vhost,
        "packets of guests take the short way with it",
        true,
    ));
    rows
}

fn loaded(module: &Module<'_>, why: &str, dispensable: bool) -> Requirement {
    let what = format!("module {}", module.name);
    let needed = "loaded, also after a boot";
    let row = |shown: &str| Requirement::met(what.clone(), shown, needed);
    let load = |verb, reason: String| Change {
        verb,
        kind: Kind::Module,
        name: module.name.to_owned(),
        reason,
        by_hand: format!("modprobe {0}; echo {0} >> {LOAD}", module.name),
        work: Work::Run(Cmd::script(include_str!("load_module.sh"), &[module.name, LOAD])),
    };
    match (module.is_loaded(), module.is_lasting()) {
        _ if module.is_built_in() => row("in the kernel itself"),
        (true, true) => row("loaded"),
        (true, false) => row("loaded, and no file loads it at boot")
            .irs_does(load(Verb::Update, format!("no file loads it at boot; {why}"))),
        (false, _) if module.is_loadable() => {
            let row = row("not loaded").irs_does(load(Verb::Create, format!("it is not loaded; {why}")));
            match dispensable {
                true => row,
                // Without it a run would take emulation.
                false => row.by_every_run(),
            }
        }
        _ if dispensable => {
            row("not in this kernel").advised("a kernel that has it makes guests' networks faster")
        }
        _ => row("not in this kernel").user_does("start the distribution's own kernel, which has KVM"),
    }
}

/// Whether guests may be hypervisors themselves.
fn nested(module: &Module<'_>) -> Option<Requirement> {
    let name = module.name;
    let what = format!("nested virtualization ({name})");
    let needed = "on";
    let said = format!("options {name} nested=1");
    let is_said = module.found.lines("modprobe").any(|line| line == said);
    let row = |shown: &str| Requirement::met(what.clone(), shown, needed);
    match module.nested() {
        Some("1" | "Y" | "y") => Some(row("on")),
        Some(_) if is_said => {
            let fix = format!(
                "it is on after the next boot, or when no guest runs by: modprobe -r {name} && modprobe {name}"
            );
            Some(row("off until the module is loaded anew").advised(fix))
        }
        // A module that is not loaded shows nothing; most kernels have it on unless they are told otherwise.
        None if !module.is_loadable() && !module.is_loaded() => None,
        None if is_said => Some(row("on when the module is loaded")),
        state => {
            let (shown, reason) = match state {
                Some(_) if module.is_used() => (
                    "off",
                    "it is off, and computes run guests themselves; guests run now, so that it is on after the next boot",
                ),
                Some(_) => ("off", "it is off, and computes run guests themselves"),
                None => ("not said", "no file says that it is on"),
            };
            Some(row(shown).irs_does(Change {
                verb: Verb::Update,
                kind: Kind::Module,
                name: format!("{name} nested=1"),
                reason: reason.to_owned(),
                by_hand: format!("echo '{said}' >> {OPTIONS}; modprobe -r {name}; modprobe {name}"),
                work: Work::Run(Cmd::script(include_str!("nested.sh"), &[name, OPTIONS])),
            }))
        }
    }
}
