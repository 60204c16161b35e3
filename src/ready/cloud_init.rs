//! Asking a node how far cloud-init is, by the files that it writes: its own command takes seconds under emulation.

use super::first_boot;
use crate::remote::Cmd;
use crate::ssh::node::NodeSession;
use crate::ui::harmless::short_line;
use anyhow::{Context, Result};
use serde_json::Value;

/// How far cloud-init is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It works on that stage.
    Working(String),
    /// It is through.
    Finished {
        /// Errors that it got over.
        warnings: Vec<String>,
    },
    /// It failed at something without which the node is not what was asked for.
    Failed(String),
}

impl Progress {
    /// The same, with who says it before its words.
    fn of_cloud_init(self) -> Progress {
        match self {
            Progress::Working(stage) => Progress::Working(format!("cloud-init: {stage}")),
            Progress::Failed(error) => Progress::Failed(format!("cloud-init failed: {error}")),
            Progress::Finished { warnings } => Progress::Finished {
                warnings: warnings
                    .iter()
                    .map(|text| format!("cloud-init: {text}"))
                    .collect(),
            },
        }
    }
}

/// Modules without which a node is not the one that was asked for.
const ESSENTIAL: [&str; 3] = ["users_groups", "users-groups", "ssh"];

/// Modules without which every node is: images without the program for it (`update-locale`) have what they had.
const OPTIONAL: [&str; 1] = ["locale"];

/// How many characters of each text of a node's are shown.
pub(super) const LONGEST: usize = 300;
/// How many errors of a node's are shown.
pub(super) const MOST: usize = 10;

/// Asks a node.
///
/// # Errors
/// When the connection fails.
pub fn ask(session: &mut NodeSession) -> Result<Progress> {
    let script = "if [ -e /run/cloud-init/disabled ] || ! command -v cloud-init >/dev/null 2>&1; then echo none; \
                  elif [ -e /run/cloud-init/result.json ]; then echo done; cat /run/cloud-init/status.json; \
                  else echo working; cat /run/cloud-init/status.json 2>/dev/null; fi";
    let script = format!("{}{script}", first_boot::ASK);
    let output = session.run(&Cmd::script(&script, &[]))?.text();
    let (word, rest) = output.split_once('\n').unwrap_or((&output, ""));
    match first_boot::read(word.trim(), rest) {
        Some(progress) => Ok(progress),
        None => Ok(read(&output)?.of_cloud_init()),
    }
}

/// What an answer says. It is the node's: whoever is root there may have written it.
fn read(output: &str) -> Result<Progress> {
    let (word, json) = output.split_once('\n').unwrap_or((output, ""));
    match word.trim() {
        "none" => Ok(Progress::Finished {
            warnings: vec!["the image has none, or it is disabled".into()],
        }),
        "working" => Ok(Progress::Working(stage(json))),
        "done" => judge(json),
        other => anyhow::bail!("an unexpected answer: '{}'", short_line(other, LONGEST)),
    }
}

/// The stage that runs, in cloud-init's words.
fn stage(json: &str) -> String {
    let status: Value = serde_json::from_str(json).unwrap_or_default();
    short_line(status["v1"]["stage"].as_str().unwrap_or("starting"), LONGEST)
}

/// Tells errors that cloud-init got over from real ones. From 23.4 on it does so itself, as `recoverable_errors`;
/// before, a failed module is one that the node can do without unless it makes users or keys.
fn judge(json: &str) -> Result<Progress> {
    let status: Value = serde_json::from_str(json).context("reading cloud-init's status.json")?;
    let stages = status["v1"]
        .as_object()
        .context("cloud-init's status.json has no 'v1'")?;
    let mut warnings = Vec::new();
    for (name, stage) in stages.iter().filter(|(_, stage)| stage.is_object()) {
        let knows_recoverable = stage.get("recoverable_errors").is_some();
        for error in stage["errors"].as_array().into_iter().flatten() {
            let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            let text = short_line(&text, LONGEST);
            let essential = name == "init-local"
                || ESSENTIAL
                    .iter()
                    .any(|module| text.starts_with(&format!("('{module}'")));
            let optional = OPTIONAL
                .iter()
                .any(|module| text.starts_with(&format!("('{module}'")));
            if essential || (knows_recoverable && !optional) {
                return Ok(Progress::Failed(format!("{}: {text}", short_line(name, LONGEST))));
            }
            warnings.push(format!("{}: {text}", short_line(name, LONGEST)));
        }
        for (level, list) in stage["recoverable_errors"].as_object().into_iter().flatten() {
            let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
            warnings.extend(
                texts
                    .filter(|_| level != "DEPRECATED")
                    .map(|text| format!("{}: {}", short_line(name, LONGEST), short_line(text, LONGEST))),
            );
        }
    }
    warnings.truncate(MOST);
    Ok(Progress::Finished { warnings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_the_node_can_do_without_is_a_warning() {
        let json = r#"{"v1": {"stage": null, "init": {"errors": [], "finished": 1.0},
            "modules-config": {"errors": ["('locale', ProcessExecutionError(\"update-locale\"))"]}}}"#;
        let Progress::Finished { warnings } = judge(json).unwrap() else {
            panic!("not finished")
        };
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("modules-config: ('locale'"));
    }

    #[test]
    fn failing_users_and_unrecoverable_errors_are_real() {
        let users = r#"{"v1": {"init": {"errors": ["('users_groups', ValueError())"]}}}"#;
        assert!(matches!(judge(users).unwrap(), Progress::Failed(_)));
        let locale = r#"{"v1": {"modules-config": {"errors": ["('locale', ProcessExecutionError())"], "recoverable_errors": {}}}}"#;
        assert!(matches!(judge(locale).unwrap(), Progress::Finished { warnings } if warnings.len() == 1));
        let newer = r#"{"v1": {"init": {"errors": ["x"], "recoverable_errors": {}}}}"#;
        assert!(matches!(judge(newer).unwrap(), Progress::Failed(_)));
        let recovered = r#"{"v1": {"init": {"errors": [], "recoverable_errors": {"WARNING": ["w"]}}}}"#;
        assert_eq!(
            judge(recovered).unwrap(),
            Progress::Finished {
                warnings: vec!["init: w".into()]
            }
        );
    }

    #[test]
    fn a_nodes_own_words_are_few_and_steer_nothing() {
        let evil = "\u{1b}[2J\nerror: the hypervisor is gone\nhint: run this";
        let json = serde_json::json!({"v1": {"init": {"errors": vec![evil.repeat(1000); 1000]}}});
        let Progress::Finished { warnings } = read(&format!("done\n{json}")).unwrap() else {
            panic!("not finished")
        };
        assert_eq!(warnings.len(), MOST);
        let harmless =
            |text: &String| !text.contains(char::is_control) && text.chars().count() < LONGEST + 20;
        assert!(warnings.iter().all(harmless), "{warnings:?}");
        for answer in [
            format!("working\n{{\"v1\": {{\"stage\": {}}}}}", serde_json::json!(evil)),
            format!("{evil}\n"),
        ] {
            let said =
                read(&answer).map_or_else(|error| error.to_string(), |progress| format!("{progress:?}"));
            assert!(!said.contains(char::is_control), "{said}");
        }
    }
}
