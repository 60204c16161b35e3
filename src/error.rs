//! What a failure is to the user: a message, its causes, a hint, and an exit code.

use std::fmt;

/// The documented exit codes of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The work was begun and failed.
    Failed = 1,
    /// The command line or an input file is wrong; nothing was touched.
    Usage = 2,
    /// The hypervisor could not be reached, or refused us.
    Unreachable = 3,
    /// The hypervisor lacks memory, disk or software.
    Resources = 4,
    /// Another run holds the deployment.
    Busy = 5,
    /// Stopped by a signal.
    Interrupted = 130,
}

/// An error that knows its exit code and what the user can do about it.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The exit code that this fault asks for.
    pub exit: Exit,
    /// What failed, on what: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it may be over in a moment: a connection that is lost.
    pub passing: bool,
    /// What the message tells of wrong input, one by one, for programs.
    pub problems: Vec<Listed>,
}

/// Something wrong with the input, as JSON has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// The file, or the flag that carried the text, when there is one.
    pub file: Option<String>,
    /// The line in a file, from 1.
    pub line: Option<usize>,
    /// The column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong, without its place.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault with the exit code `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Fault {
            exit,
            message: message.into(),
            hint: None,
            passing: false,
            problems: Vec::new(),
        }
    }

    /// The same fault, which may be over in a moment.
    pub fn passing(self) -> Self {
        Fault {
            passing: true,
            ..self
        }
    }

    /// The same fault with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A fault that the result on stdout has told already: it is an exit code, and words on stderr.
#[derive(Debug)]
pub struct Told(pub Fault);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Told {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// Adds a fault on top of an error, as `anyhow::Context` adds a message.
pub trait FaultContext<T> {
    /// Puts `fault()` on top of the error's chain.
    fn fault(self, fault: impl FnOnce() -> Fault) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> FaultContext<T> for Result<T, E> {
    fn fault(self, fault: impl FnOnce() -> Fault) -> anyhow::Result<T> {
        self.map_err(|e| e.into().context(fault()))
    }
}

/// An error as it is shown: on stderr, or as JSON.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Report {
    /// The outermost message.
    pub message: String,
    /// The messages below it, outermost first.
    pub causes: Vec<String>,
    /// The outermost hint of the chain.
    pub hint: Option<String>,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The single problems of wrong input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Listed>,
}

impl Report {
    /// The exit code, as one of those that are documented.
    pub fn exit(&self) -> Exit {
        let all = [
            Exit::Usage,
            Exit::Unreachable,
            Exit::Resources,
            Exit::Busy,
            Exit::Interrupted,
        ];
        let is_it = |exit: &Exit| *exit as u8 == self.exit_code;
        all.into_iter().find(is_it).unwrap_or(Exit::Failed)
    }

    /// Reads an error chain; the outermost fault decides the exit code, the outermost hint is shown.
    pub fn of(error: &anyhow::Error) -> Self {
        let mut causes: Vec<String> = Vec::new();
        for cause in error.chain().map(text) {
            if causes.last() != Some(&cause) {
                causes.push(cause);
            }
        }
        let message = causes.remove(0);
        let faults = || chain_faults(error);
        Report {
            message,
            causes,
            hint: faults().find_map(|f| f.hint.clone()),
            exit_code: faults().next().map_or(Exit::Failed, |f| f.exit) as u8,
            problems: faults().next().map(|f| f.problems.clone()).unwrap_or_default(),
        }
    }
}

/// One error's own words; those of libvirt come without the level, code and domain that its type shows.
fn text(error: &(dyn std::error::Error + 'static)) -> String {
    match error.downcast_ref::<virt::error::Error>() {
        Some(error) => error.message().trim_end().to_owned(),
        None => error.to_string(),
    }
}

/// The faults in an error's chain, the outermost first.
pub fn chain_faults(error: &anyhow::Error) -> impl Iterator<Item = &Fault> {
    // `downcast_ref` of anyhow sees a context's type, the chain's sees the others.
    let outermost = error.downcast_ref::<Fault>();
    let inner = error
        .chain()
        .filter_map(|e| e.downcast_ref::<Fault>())
        .filter(move |f| !outermost.is_some_and(|o| std::ptr::eq(o, *f)));
    outermost.into_iter().chain(inner)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        for cause in &self.causes {
            write!(f, "\ncaused by: {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn the_chain_is_shown_with_the_first_hint_and_exit_code() {
        let inner: anyhow::Result<()> = Err(anyhow::anyhow!("connection refused"))
            .fault(|| Fault::new(Exit::Unreachable, "cannot reach 'hv1'").hint("is sshd running?"));
        let report = Report::of(&inner.context("starting").unwrap_err());
        assert_eq!(report.exit_code, 3);
        assert_eq!(
            report.to_string(),
            "error: starting\ncaused by: cannot reach 'hv1'\ncaused by: connection refused\nhint: is sshd running?"
        );
    }

    #[test]
    fn libvirt_speaks_plainly() {
        crate::libvirt::quiet();
        let connect = virt::connect::Connect::open(Some("test:///default")).unwrap();
        let error = connect.lookup_network_by_name("nosuch").unwrap_err();
        let report = Report::of(&anyhow::Error::new(error).context("looking up"));
        assert_eq!(
            report.causes,
            ["Network not found: no network with matching name 'nosuch'"]
        );
    }

    #[test]
    fn a_plain_error_exits_with_one() {
        assert_eq!(Report::of(&anyhow::anyhow!("x")).exit_code, 1);
    }
}
