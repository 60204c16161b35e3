//! What the code tells by `tracing`: into the log, and on the screen as far as `-v` asks for it.

use super::{Level, line};
use crate::ui::Ui;
use std::fmt::{Debug, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// A subscriber's layer.
pub struct Events {
    ui: Ui,
    /// The least that the screen shows.
    least: tracing::Level,
}

impl Events {
    /// Shows what is told from `-v` so often on.
    pub fn new(ui: &Ui, verbose: u8) -> Events {
        let least = match verbose {
            0 => tracing::Level::WARN,
            1 => tracing::Level::INFO,
            _ => tracing::Level::DEBUG,
        };
        Events {
            ui: ui.clone(),
            least,
        }
    }
}

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        // Not what libraries tell.
        if !about.target().starts_with(env!("CARGO_PKG_NAME")) {
            return;
        }
        let mut told = Told::default();
        event.record(&mut told);
        let text = told.text();
        let level = match *about.level() {
            tracing::Level::ERROR | tracing::Level::WARN => return self.ui.warn(&text),
            tracing::Level::INFO => Level::Info,
            _ => Level::Debug,
        };
        line(level, &text);
        if *about.level() <= self.least {
            self.ui.tell(level, &text);
        }
    }
}

/// An event's words.
#[derive(Default)]
struct Told {
    message: String,
    host: String,
    others: String,
}

impl Told {
    /// `hv1: virsh list (status 0)`.
    fn text(&self) -> String {
        let host = match self.host.is_empty() {
            true => String::new(),
            false => format!("{}: ", self.host),
        };
        let others = match self.others.is_empty() {
            true => String::new(),
            false => format!(" ({})", self.others.trim()),
        };
        format!("{host}{}{others}", self.message)
    }
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "host" => value.clone_into(&mut self.host),
            _ => self.record_debug(field, &format_args!("{value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, "{name} {value:?} "),
        };
    }
}
