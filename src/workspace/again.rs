//! How to say again which workspace is meant: the flags that a later command of the same shell needs.

use super::{Workspace, choice};
use anyhow::Result;

/// The flags that lead to a workspace, each after a blank; nothing where it is meant anyway.
pub fn flags(workspace: &Workspace) -> String {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|value: &String| !value.is_empty())
    };
    let (prefix, named) = (variable("IRS_PREFIX"), variable("IRS_WORKSPACE"));
    let own = workspace.record().ok().flatten().and_then(|record| record.prefix);
    shortest(
        workspace.name(),
        own.as_deref(),
        [prefix.as_deref(), named.as_deref()],
        |prefix, name| Ok(choice::choose(prefix, name)?.workspace.path() == workspace.path()),
    )
}

/// The fewest flags with which `leads` comes to the workspace `name` of the environment `own`, where the variables say
/// that prefix and that workspace already.
fn shortest(
    name: &str,
    own: Option<&str>,
    [prefix, named]: [Option<&str>; 2],
    leads: impl Fn(Option<&str>, Option<&str>) -> Result<bool>,
) -> String {
    let there = |prefix, name| leads(prefix, name).unwrap_or(false);
    match own {
        _ if there(prefix, named) => String::new(),
        Some(own) if there(Some(own), named) => format!(" --prefix {own}"),
        Some(own) if !there(prefix, Some(name)) => format!(" --prefix {own} --workspace {name}"),
        _ => format!(" --workspace {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    /// What is chosen where `active` is active and each prefix's own workspace has its name; 'other' is lab1's, too.
    fn chosen(active: &str, prefix: Option<&str>, workspace: Option<&str>) -> Result<String> {
        if let (Some("lab2"), Some("lab1" | "other")) = (prefix, workspace) {
            bail!("another environment's");
        }
        Ok(workspace.or(prefix).unwrap_or(active).to_owned())
    }

    #[test]
    fn only_the_flags_that_are_needed_are_said() {
        let said = |name: &str, own: Option<&str>, active: &str, variables| {
            shortest(name, own, variables, |prefix, workspace| {
                Ok(chosen(active, prefix, workspace)? == name)
            })
        };
        let none = [None, None];
        assert_eq!(said("default", None, "default", none), "");
        assert_eq!(said("default", None, "lab1", none), " --workspace default");
        assert_eq!(said("lab1", Some("lab1"), "lab1", none), "");
        assert_eq!(said("lab1", Some("lab1"), "default", none), " --prefix lab1");
        assert_eq!(said("other", Some("lab1"), "default", none), " --workspace other");
        assert_eq!(said("lab1", Some("lab1"), "default", [Some("lab1"), None]), "");
        assert_eq!(
            said("lab1", Some("lab1"), "default", [None, Some("other")]),
            " --workspace lab1"
        );
        assert_eq!(
            said("lab1", Some("lab1"), "default", [Some("lab2"), Some("default")]),
            " --prefix lab1 --workspace lab1"
        );
    }
}
