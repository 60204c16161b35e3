//! The last words of a node's serial console, for the message when it does not get ready.

use super::{Target, tail};
use crate::apply::Tools;
use crate::error::{Exit, Fault};
use std::sync::{Arc, Mutex};

/// How many lines of the console stand in a message.
const LINES: usize = 12;
/// How many bytes are kept while watching.
const KEPT: usize = 8 * 1024;

/// What was heard of a node's serial console.
pub enum Console {
    /// irs listens itself.
    Heard(Arc<Mutex<Vec<u8>>>),
    /// The console is logged into that file on the hypervisor.
    Logged(String),
}

impl Console {
    /// Listens to a node, or, when its console is logged, knows where to read.
    pub fn open(target: &Target, tools: &Tools) -> Console {
        match &target.serial_file {
            Some(file) => Console::Logged(file.clone()),
            None => Console::Heard(listen(target, tools)),
        }
    }

    /// Puts the end of the console below an error.
    pub fn beside(&self, tools: &Tools, error: anyhow::Error) -> anyhow::Error {
        let text = match self {
            Console::Heard(heard) => heard
                .lock()
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .unwrap_or_default(),
            Console::Logged(file) => tail(tools, file).unwrap_or_default(),
        };
        let lines = last_lines(&text);
        let cause = match lines.is_empty() {
            true => "its serial console said nothing while irs watched".to_owned(),
            false => format!("the end of its serial console:\n  {}", lines.join("\n  ")),
        };
        let (exit, hint, passing) = match error.downcast_ref::<Fault>() {
            Some(fault) => (fault.exit, fault.hint.clone(), fault.passing),
            None => (Exit::Failed, None, false),
        };
        anyhow::anyhow!(cause).context(Fault {
            hint,
            passing,
            ..Fault::new(exit, format!("{error:#}"))
        })
    }
}

/// The last lines that say something, without the control sequences of a terminal.
fn last_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(plain).filter(|line| !line.is_empty()).collect();
    lines.split_off(lines.len().saturating_sub(LINES))
}

fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                // CSI sequences end with a letter.
                if chars.next() == Some('[') {
                    chars.by_ref().find(|c| c.is_ascii_alphabetic());
                }
            }
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain.trim().to_owned()
}

/// Reads the console in a thread of its own, which ends with the domain, the connection or the program.
fn listen(target: &Target, tools: &Tools) -> Arc<Mutex<Vec<u8>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let Ok(Some(domain)) = tools.libvirt.domain(&target.name) else {
        return heard;
    };
    let Ok(stream) = tools.libvirt.console(&domain, false) else {
        return heard;
    };
    let listener = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream
            .recv(&mut buffer)
            .map(|count| usize::try_from(count).unwrap_or(0))
        {
            let Ok(mut heard) = listener.lock() else { break };
            heard.extend_from_slice(&buffer[..count]);
            let surplus = heard.len().saturating_sub(KEPT);
            heard.drain(..surplus);
        }
    });
    heard
}

#[cfg(test)]
mod tests {
    #[test]
    fn control_sequences_and_empty_lines_are_left_out() {
        let text = "\x1b[0;32mOK\x1b[0m started\r\n\r\n\x1b[2J\nlogin: ";
        assert_eq!(super::last_lines(text), ["OK started", "login:"]);
        let many = "x\n".repeat(50);
        assert_eq!(super::last_lines(&many).len(), super::LINES);
    }
}
