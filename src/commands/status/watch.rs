//! `irs status --watch`: the environment again and again, also while a hypervisor is away or the environment is gone.

use super::{View, shown};
use crate::error::{Exit, Report};
use crate::ui::Ui;
use crate::units::format_duration;
use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::IsTerminal;
use std::pin::pin;
use std::time::{Duration, Instant};

/// How often one looks.
const EVERY: Duration = Duration::from_secs(2);
/// After how long without an answer that is said.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shows what each look gives, until nobody reads it any more.
///
/// # Errors
/// When it cannot be written as JSON.
pub async fn watch(first: View, ui: &Ui, mut look: impl AsyncFnMut() -> Result<View>) -> Result<()> {
    let in_place = std::io::stdout().is_terminal();
    let mut looked = Ok(first);
    let mut last = None;
    loop {
        match &looked {
            Ok(view) => {
                let text = shown(view);
                ui.refresh(&text);
                ui.json(view)?;
                last = Some((text, Instant::now()));
            }
            Err(error) => {
                let report = Report::of(error);
                let last = last.as_ref().filter(|_| in_place);
                ui.refresh(&trouble(
                    &report,
                    last.map(|(text, at)| (text.as_str(), at.elapsed())),
                ));
                ui.report(&report)?;
            }
        }
        tokio::time::sleep(EVERY).await;
        if reader_is_gone() {
            return Ok(());
        }
        let mut answer = pin!(look());
        looked = loop {
            match tokio::time::timeout(PATIENCE, &mut answer).await {
                Ok(looked) => break looked,
                Err(_) => {
                    if let Some((text, at)) = last.as_ref().filter(|_| in_place) {
                        ui.refresh(&before("no answer yet", text, at.elapsed()));
                    }
                }
            }
        };
    }
}

/// What was seen last, under what is to be said of now.
fn before(said: &str, text: &str, ago: Duration) -> String {
    let ago = format_duration(ago.as_secs());
    format!("{said}; this is how it was {ago} ago:\n\n{text}")
}

/// What is shown when a look failed: why, and how it was when one could look last.
fn trouble(report: &Report, last: Option<(&str, Duration)>) -> String {
    let said = std::iter::once(&report.message).chain(&report.causes);
    let said: Vec<&str> = said.map(String::as_str).collect();
    let said = said.join("\ncaused by: ");
    match last {
        // It is gone, and all that was shown of it with it.
        _ if report.exit_code == Exit::Usage as u8 => format!("{said}\n"),
        None => format!("{said}\n"),
        Some((text, ago)) => before(&format!("{said}\nlooking again"), text, ago),
    }
}

/// Whether nobody reads what is printed any more, as after `| head -1`.
fn reader_is_gone() -> bool {
    let stdout = std::io::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec::default();
    poll(&mut fds, Some(&at_once)).is_ok() && fds[0].revents().contains(PollFlags::ERR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_last_stays_while_the_hypervisor_is_away_but_not_when_it_is_gone() {
        let report = |exit: Exit| Report {
            message: "no answer from 'hv1'".into(),
            causes: vec!["timed out".into()],
            hint: Some("no".into()),
            exit_code: exit as u8,
            problems: Vec::new(),
        };
        let last = Some(("all is well\n", Duration::from_secs(75)));
        assert_eq!(
            trouble(&report(Exit::Unreachable), last),
            "no answer from 'hv1'\ncaused by: timed out\nlooking again; this is how it was 1m 15s ago:\n\nall is well\n"
        );
        let alone = "no answer from 'hv1'\ncaused by: timed out\n";
        assert_eq!(trouble(&report(Exit::Unreachable), None), alone);
        assert_eq!(trouble(&report(Exit::Usage), last), alone);
    }
}
