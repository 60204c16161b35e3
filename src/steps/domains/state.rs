//! Whether a domain runs.

use anyhow::Result;
use virt::domain::{Domain, DomainPausedReason, DomainState, DomainStateReason};
use virt::enumutil::Enum;

/// A domain's state, in libvirt's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It is paused by an error of the emulator.
    Broken,
    /// It is paused by somebody.
    Paused,
    /// It is off.
    ShutOff,
    /// It crashed.
    Crashed,
    /// Its guest sleeps.
    Asleep,
    /// Anything else.
    Other,
}

impl State {
    /// libvirt's word.
    pub fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Broken => "paused (internal error)",
            State::Paused => "paused",
            State::ShutOff => "shut off",
            State::Crashed => "crashed",
            State::Asleep => "pmsuspended",
            State::Other => "in transition",
        }
    }

    /// Whether it runs.
    pub fn is_running(self) -> bool {
        self == State::Running
    }

    /// The state of a domain now.
    ///
    /// # Errors
    /// When the call fails.
    pub fn of(domain: &Domain) -> Result<State> {
        let (state, reason) = domain.state()?;
        Ok(match state {
            Enum::Known(DomainState::Running | DomainState::Blocked) => State::Running,
            Enum::Known(DomainState::Paused) => match reason {
                Enum::Known(DomainStateReason::Paused(Enum::Known(
                    DomainPausedReason::IOError | DomainPausedReason::Unknown | DomainPausedReason::Crashed,
                ))) => State::Broken,
                _ => State::Paused,
            },
            Enum::Known(DomainState::Shutoff) => State::ShutOff,
            Enum::Known(DomainState::Crashed) => State::Crashed,
            Enum::Known(DomainState::PMSuspended) => State::Asleep,
            _ => State::Other,
        })
    }
}
