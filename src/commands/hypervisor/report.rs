//! What `irs hypervisor` says of each server: for people a table or a plan, for programs JSON.

use crate::apply::is_stop;
use crate::commands::connection::Way;
use crate::error::{Exit, Fault, Report as Failure, Told};
use crate::plan::{Change, Plan};
use crate::steps::host::prepare::{Fix, Requirement, State};
use crate::ui::table::{row, table};
use anyhow::Result;
use serde::Serialize;

/// All servers.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Each one.
    pub hosts: Vec<HostReport>,
}

/// One server.
#[derive(Debug, Serialize)]
pub struct HostReport {
    /// As it was typed.
    pub host: String,
    /// Whether nothing is missing.
    pub ready: bool,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
    /// What would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<Vec<Change>>,
    /// What it must have.
    pub requirements: Vec<Row>,
    /// Why nothing else is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    #[serde(skip)]
    plan: Plan,
}

/// One thing that it must have.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What.
    pub what: String,
    /// What is there.
    pub found: String,
    /// What there must be.
    pub needed: String,
    /// Whether that is enough.
    pub state: State,
    /// What mends it.
    pub fix: Option<String>,
    /// Whether `irs hypervisor prepare` does that.
    pub by_irs: bool,
}

impl HostReport {
    /// What is required of a server.
    pub fn new(host: &str, rows: Vec<Requirement>) -> HostReport {
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|row| {
                let (fix, by_irs) = match row.fix {
                    Fix::None => (None, false),
                    Fix::Irs(change) => (Some(change.by_hand), true),
                    Fix::User(fix) => (Some(fix), false),
                };
                Row {
                    what: row.what,
                    found: row.found,
                    needed: row.needed,
                    state: row.state,
                    fix,
                    by_irs,
                }
            })
            .collect();
        HostReport {
            host: host.to_owned(),
            ready: rows.iter().all(|row| row.state != State::Missing),
            changes: None,
            planned: None,
            requirements: rows,
            error: None,
            plan: Plan::default(),
        }
    }

    /// With one thing more that it must have.
    pub fn with(mut self, row: Row) -> HostReport {
        self.ready &= row.state != State::Missing;
        self.requirements.push(row);
        self
    }

    /// One that failed.
    fn failed(host: &str, error: &anyhow::Error) -> HostReport {
        HostReport {
            ready: false,
            error: Some(Failure::of(error)),
            ..HostReport::new(host, Vec::new())
        }
    }

    /// With what was done.
    pub fn changed(self, changes: Vec<Change>) -> HostReport {
        HostReport {
            changes: Some(changes),
            ..self
        }
    }

    /// With what would be done.
    pub fn planned(self, plan: Plan) -> HostReport {
        let changes = plan.actions.iter().map(crate::plan::Action::change);
        HostReport {
            planned: Some(changes.collect()),
            plan,
            ..self
        }
    }

    fn missing(&self) -> impl Iterator<Item = &Row> {
        self.requirements.iter().filter(|row| row.state == State::Missing)
    }
}

impl Report {
    /// All servers. Of several, one that fails is among them.
    ///
    /// # Errors
    /// That of a server that is alone; an interruption.
    pub fn of(ways: &[Way], hosts: Vec<Result<HostReport>>) -> Result<Report> {
        let is_alone = hosts.len() == 1;
        let of = |(way, host): (&Way, Result<HostReport>)| match host {
            Err(error) if is_alone || is_stop(&error) => Err(error),
            Err(error) => Ok(HostReport::failed(&way.host, &error)),
            Ok(host) => Ok(host),
        };
        let hosts = ways.iter().zip(hosts).map(of).collect::<Result<_>>()?;
        Ok(Report { hosts })
    }

    /// The table of all that is required.
    pub fn table(&self) -> String {
        let of = |host: &HostReport| {
            let heading = self.heading(host);
            if let Some(error) = &host.error {
                return format!("{heading}{error}");
            }
            let text = rows(host.requirements.iter());
            format!("{heading}{}", text.trim_end())
        };
        let tables: Vec<String> = self.hosts.iter().map(of).collect();
        tables.join("\n\n")
    }

    /// What was done or would be, and what is left for the user.
    pub fn summary(&self, colours: bool) -> String {
        let of = |host: &HostReport| {
            let mut text = self.heading(host);
            if let Some(error) = &host.error {
                return format!("{text}{error}");
            }
            match &host.changes {
                None if host.plan.is_empty() => text.push_str("nothing to do\n"),
                None if colours => text.push_str(&format!("{:#}", host.plan)),
                None => text.push_str(&host.plan.to_string()),
                Some(changes) => {
                    let count = match changes.len() {
                        0 => "nothing to change".to_owned(),
                        1 => "1 change".to_owned(),
                        count => format!("{count} changes"),
                    };
                    text.push_str(&format!("'{}' as a hypervisor: {count}\n", host.host));
                }
            }
            let left = |row: &&Row| !row.by_irs && row.state != State::Met;
            if host.requirements.iter().any(|row| left(&row)) {
                text.push_str("for you to do:\n");
                text.push_str(&rows(host.requirements.iter().filter(left)));
            }
            text.trim_end().to_owned()
        };
        let texts: Vec<String> = self.hosts.iter().map(of).collect();
        texts.join("\n\n")
    }

    /// Several servers are told apart by their names.
    fn heading(&self, host: &HostReport) -> String {
        match self.hosts.len() {
            1 => String::new(),
            _ => format!("{}\n", host.host),
        }
    }

    /// Nothing, when nothing is missing.
    ///
    /// # Errors
    /// `Resources`; stdout has told it already.
    pub fn judge(&self) -> Result<()> {
        let short: Vec<&HostReport> = self.hosts.iter().filter(|host| !host.ready).collect();
        let Some(first) = short.first() else { return Ok(()) };
        // What failed says more than what is missing.
        if let Some((host, error)) = short.iter().find_map(|host| Some((host, host.error.as_ref()?))) {
            let message = format!("'{}' fails: {}", host.host, error.message);
            return Err(Told(Fault {
                hint: error.hint.clone(),
                ..Fault::new(error.exit(), message)
            })
            .into());
        }
        let of = |host: &&HostReport| {
            let count = host.missing().count();
            let things = if count == 1 { "thing" } else { "things" };
            format!("'{}' lacks {count} {things} of a hypervisor", host.host)
        };
        let message: Vec<String> = short.iter().map(of).collect();
        let by_irs = short.iter().any(|host| host.missing().any(|row| row.by_irs));
        let hint = match by_irs {
            true => format!(
                "irs hypervisor prepare --host-address {} brings what has a * there",
                first.host
            ),
            false => "the last column says what brings them".to_owned(),
        };
        Err(Told(Fault::new(Exit::Resources, message.join(", ")).hint(hint)).into())
    }
}

fn rows<'a>(all: impl Iterator<Item = &'a Row>) -> String {
    let mut lines = vec![row(&["", "what", "found", "needed", "fix"])];
    lines.extend(all.map(|one| {
        let state = match one.state {
            State::Met => "ok",
            State::Advised => "advice",
            State::Missing => "missing",
        };
        let star = if one.by_irs { "* " } else { "" };
        let fix = one.fix.as_deref().unwrap_or_default();
        row(&[state, &one.what, &one.found, &one.needed, &format!("{star}{fix}")])
    }));
    table(&lines)
}
