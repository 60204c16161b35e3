//! Which workspace a command means.
//!
//! `--workspace`, else that of `--prefix`, else the active one, else `default`. Who has checked an empty workspace out and
//! says `--prefix` fills that one: infrared's users name both.

use super::{Record, Workspace, active, base};
use crate::error::{Exit, Fault};
use crate::names::DEFAULT_DEPLOYMENT;
use anyhow::Result;
use std::path::Path;

/// Why a workspace is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// `--workspace` names it.
    Named,
    /// `--prefix` names its environment.
    Prefix,
    /// It is the active one.
    Active,
    /// Nothing is said.
    Default,
}

/// The workspace that is meant.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The folder; it need not exist, unless it is the active one.
    pub workspace: Workspace,
    /// What the last run noted there.
    pub record: Option<Record>,
    /// Why it is this one.
    pub why: Why,
    /// The name of the active workspace, this one or another.
    pub active: Option<String>,
    /// `--prefix`.
    said: Option<String>,
}

/// A workspace with an environment.
#[derive(Clone, Debug)]
pub struct Known {
    /// The folder.
    pub workspace: Workspace,
    /// What the last run noted there.
    pub record: Record,
}

/// Chooses by `--prefix` and `--workspace`.
///
/// # Errors
/// `Usage` for a bad name, a record that cannot be understood, a workspace of another environment than `prefix`, and an
/// active workspace that is gone.
pub fn choose(prefix: Option<&str>, workspace: Option<&str>) -> Result<Choice> {
    let mut choice = choose_below(&base()?, prefix, workspace)?;
    choice.active = active::in_environment().or(choice.active);
    Ok(choice)
}

/// Like [`choose`], and it must have an environment: for commands that work with its files.
///
/// # Errors
/// Those of [`choose`]; `Usage` when nothing was made there yet.
pub fn known(prefix: Option<&str>, workspace: Option<&str>) -> Result<Known> {
    choose(prefix, workspace)?.known()
}

fn choose_below(base: &Path, prefix: Option<&str>, workspace: Option<&str>) -> Result<Choice> {
    let active = match workspace {
        // Whoever names one is not kept from it by a broken file.
        Some(_) => active::name_below(base).unwrap_or_default(),
        None => active::name_below(base)?,
    };
    let at = |name: &str| Workspace::below(base, name);
    let (found, why) = match (workspace, prefix, active.as_deref()) {
        (Some(name), ..) => (at(name)?, Why::Named),
        (None, Some(prefix), Some(active)) => by_prefix(at(prefix)?, prefix, at(active)?)?,
        (None, Some(prefix), None) => (at(prefix)?, Why::Prefix),
        (None, None, Some(active)) => (at(active)?, Why::Active),
        (None, None, None) => (at(DEFAULT_DEPLOYMENT)?, Why::Default),
    };
    if why == Why::Active && !found.exists() {
        return Err(gone(&found).into());
    }
    let record = found.record()?;
    let choice = Choice {
        workspace: found,
        record,
        why,
        active,
        said: prefix.map(str::to_owned),
    };
    choice.check()?;
    Ok(choice)
}

/// The active one when the environment is its own, or when nobody's files are in either; else the one of that name.
fn by_prefix(own: Workspace, prefix: &str, active: Workspace) -> Result<(Workspace, Why)> {
    let there = active.exists();
    let takes = match active.record() {
        Ok(Some(record)) => record.deployment == prefix,
        Ok(None) => there && own.record().ok().flatten().is_none(),
        Err(_) => false,
    };
    Ok(match takes {
        true => (active, Why::Active),
        false => (own, Why::Prefix),
    })
}

fn gone(workspace: &Workspace) -> Fault {
    let (name, path) = (workspace.name(), workspace.path().display());
    let message = format!("the active workspace '{name}' is gone: there is no '{path}'");
    Fault::new(Exit::Usage, message).hint(format!(
        "'irs workspace checkout NAME' takes another one ('irs workspace list'), 'irs workspace checkout -c {name}' makes it anew, \
         'irs inventory --workspace {name} --host-address …' writes it anew from the hypervisor"
    ))
}

impl Choice {
    /// The prefix of the environment: what `--prefix` says, else what the workspace remembers.
    pub fn prefix(&self) -> Option<String> {
        let remembered = || self.record.as_ref().and_then(|record| record.prefix.clone());
        self.said.clone().or_else(remembered)
    }

    /// The name of the environment.
    pub fn deployment(&self) -> String {
        self.prefix().unwrap_or_else(|| DEFAULT_DEPLOYMENT.to_owned())
    }

    /// Whether it is the active one.
    pub fn is_active(&self) -> bool {
        self.active.as_deref() == Some(self.workspace.name())
    }

    /// It in words, to be shown.
    pub fn shown(&self) -> String {
        let active = if self.is_active() { " (active)" } else { "" };
        format!("'{}'{active}", self.workspace.name())
    }

    /// The workspace with its record.
    ///
    /// # Errors
    /// `Usage` when nothing was made there yet, with what to do.
    pub fn known(self) -> Result<Known> {
        let Some(record) = self.record else {
            return Err(self.unknown().into());
        };
        Ok(Known {
            workspace: self.workspace,
            record,
        })
    }

    fn unknown(&self) -> Fault {
        let name = self.workspace.name();
        let (message, which) = match self.workspace.exists() {
            true => (
                format!("the workspace '{name}' has no environment yet"),
                self.which(),
            ),
            false => (format!("there is no workspace '{name}'"), self.which()),
        };
        let near = match self.workspace.exists() {
            true => None,
            false => self.workspace.near(),
        };
        let meant = near.map_or_else(String::new, |near| format!("did you mean '{near}'? "));
        Fault::new(Exit::Usage, message).hint(format!(
            "{meant}'irs virsh' makes an environment; one that is there is taken up by 'irs inventory --host-address HOST{which}'; \
             'irs workspace list' shows the workspaces"
        ))
    }

    /// Refuses a workspace that is named and not there, where its hypervisor was meant: this machine is not what was asked for.
    ///
    /// # Errors
    /// `Usage`, with the name that was perhaps meant.
    pub fn must_be_there(&self) -> Result<()> {
        if self.why != Why::Named || self.workspace.exists() {
            return Ok(());
        }
        let name = self.workspace.name();
        let hint = match self.workspace.near() {
            Some(near) => format!("did you mean '{near}'?"),
            None => "'irs workspace list' shows the workspaces; --host-address names a hypervisor, 'local' this machine".to_owned(),
        };
        Err(Fault::new(Exit::Usage, format!("there is no workspace '{name}'"))
            .hint(hint)
            .into())
    }

    /// The flags that lead here again.
    fn which(&self) -> String {
        match (&self.said, self.why) {
            (Some(prefix), Why::Named) => format!(" --prefix {prefix} --workspace {}", self.workspace.name()),
            (Some(prefix), _) => format!(" --prefix {prefix}"),
            (None, Why::Named) => format!(" --prefix NAME --workspace {}", self.workspace.name()),
            (None, _) => " --prefix NAME".to_owned(),
        }
    }

    /// Refuses a workspace of another environment.
    fn check(&self) -> Result<()> {
        let deployment = self.deployment();
        let Some(other) = self
            .record
            .as_ref()
            .filter(|record| record.deployment != deployment)
        else {
            return Ok(());
        };
        let message = format!(
            "the workspace '{}' belongs to deployment '{}', not to '{deployment}'",
            self.workspace.name(),
            other.deployment
        );
        Err(Fault::new(Exit::Usage, message)
            .hint("leave --workspace away, or name another one")
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Record;

    struct Base(tempfile::TempDir);

    impl Base {
        fn with(names: &[(&str, Option<&str>)], active: Option<&str>) -> Base {
            let dir = tempfile::tempdir().unwrap();
            for (name, prefix) in names {
                let workspace = Workspace::below(dir.path(), name).unwrap();
                workspace.create().unwrap();
                if let Some(prefix) = prefix {
                    let record = Record {
                        deployment: (*prefix).into(),
                        prefix: (*prefix != "default").then(|| (*prefix).into()),
                        ..Record::default()
                    };
                    workspace.write_record(&record).unwrap();
                }
            }
            if let Some(active) = active {
                active::set(&Workspace::below(dir.path(), active).unwrap()).unwrap();
            }
            Base(dir)
        }

        fn choose(&self, prefix: Option<&str>, workspace: Option<&str>) -> Result<Choice> {
            choose_below(self.0.path(), prefix, workspace)
        }

        fn chosen(&self, prefix: Option<&str>, workspace: Option<&str>) -> (String, Why, String) {
            let choice = self.choose(prefix, workspace).unwrap();
            (
                choice.workspace.name().to_owned(),
                choice.why,
                choice.deployment(),
            )
        }
    }

    fn is(name: &str, why: Why, deployment: &str) -> (String, Why, String) {
        (name.to_owned(), why, deployment.to_owned())
    }

    #[test]
    fn what_is_said_comes_before_the_active_one_and_that_before_the_default() {
        let base = Base::with(
            &[("a", Some("a")), ("b", Some("lab")), ("c", Some("default"))],
            Some("b"),
        );
        assert_eq!(base.chosen(None, Some("a")), is("a", Why::Named, "a"));
        assert_eq!(base.chosen(Some("a"), None), is("a", Why::Prefix, "a"));
        assert_eq!(base.chosen(None, None), is("b", Why::Active, "lab"));
        assert_eq!(base.chosen(Some("lab"), None), is("b", Why::Active, "lab"));
        assert_eq!(base.chosen(None, Some("c")), is("c", Why::Named, "default"));
        let base = Base::with(&[], None);
        assert_eq!(base.chosen(None, None), is("default", Why::Default, "default"));
        assert_eq!(base.chosen(Some("x"), None), is("x", Why::Prefix, "x"));
        assert_eq!(base.chosen(Some("x"), Some("y")), is("y", Why::Named, "x"));
    }

    #[test]
    fn an_empty_active_one_takes_what_a_prefix_names_unless_that_has_its_own() {
        let base = Base::with(&[("empty", None), ("a", Some("a")), ("b", None)], Some("empty"));
        assert_eq!(base.chosen(Some("x"), None), is("empty", Why::Active, "x"));
        assert_eq!(base.chosen(Some("b"), None), is("empty", Why::Active, "b"));
        assert_eq!(base.chosen(Some("a"), None), is("a", Why::Prefix, "a"));
        assert_eq!(base.chosen(None, None), is("empty", Why::Active, "default"));
    }

    #[test]
    fn an_active_one_that_is_gone_is_told_and_what_is_named_still_works() {
        let base = Base::with(&[("a", Some("a"))], Some("lost"));
        let error = base.choose(None, None).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the active workspace 'lost' is gone: there is no '/"),
            "{error}"
        );
        assert_eq!(base.chosen(Some("a"), None), is("a", Why::Prefix, "a"));
        assert_eq!(base.chosen(Some("x"), None), is("x", Why::Prefix, "x"));
        assert_eq!(base.chosen(None, Some("y")), is("y", Why::Named, "default"));
        std::fs::write(base.0.path().join(".active"), "../a\n").unwrap();
        assert!(
            base.choose(None, None)
                .unwrap_err()
                .to_string()
                .ends_with("names no workspace")
        );
        assert_eq!(base.chosen(None, Some("a")), is("a", Why::Named, "a"));
    }

    #[test]
    fn a_workspace_of_another_environment_is_refused() {
        let base = Base::with(&[("a", Some("a"))], None);
        let error = base.choose(Some("b"), Some("a")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the workspace 'a' belongs to deployment 'a', not to 'b'"
        );
    }

    #[test]
    fn one_that_is_named_for_its_hypervisor_must_be_there() {
        let base = Base::with(&[("empty", None), ("a", Some("a"))], None);
        let refused = |workspace| {
            let error = base.choose(None, workspace).unwrap().must_be_there().err()?;
            let fault: &Fault = error.downcast_ref().unwrap();
            Some((fault.message.clone(), fault.hint.clone().unwrap()))
        };
        for there in [None, Some("empty"), Some("a")] {
            assert_eq!(refused(there), None, "{there:?}");
        }
        let (message, hint) = refused(Some("emty")).unwrap();
        assert_eq!(message, "there is no workspace 'emty'");
        assert_eq!(hint, "did you mean 'empty'?");
        assert!(refused(Some("zzz")).unwrap().1.contains("'irs workspace list'"));
    }

    #[test]
    fn who_needs_an_environment_is_told_how_to_come_to_one() {
        let base = Base::with(&[("empty", None), ("a", Some("a"))], None);
        let fault = |prefix, workspace| {
            let error = base.choose(prefix, workspace).unwrap().known().unwrap_err();
            let fault: &Fault = error.downcast_ref().unwrap();
            (fault.message.clone(), fault.hint.clone().unwrap())
        };
        let (message, hint) = fault(None, Some("empty"));
        assert_eq!(message, "the workspace 'empty' has no environment yet");
        assert!(
            hint.contains("irs inventory --host-address HOST --prefix NAME --workspace empty'"),
            "{hint}"
        );
        let (message, hint) = fault(None, Some("emty"));
        assert_eq!(message, "there is no workspace 'emty'");
        assert!(hint.starts_with("did you mean 'empty'? 'irs virsh'"), "{hint}");
        let (message, hint) = fault(Some("x"), None);
        assert_eq!(message, "there is no workspace 'x'");
        assert!(hint.contains("--host-address HOST --prefix x'"), "{hint}");
        assert_eq!(
            base.choose(Some("a"), None)
                .unwrap()
                .known()
                .unwrap()
                .record
                .deployment,
            "a"
        );
    }
}
