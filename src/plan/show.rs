//! A plan as people read it: the dry run.

use super::{Action, Kind, Plan, Verb, later, title};
use std::fmt;

/// The signs and colours of a dry run.
fn sign(verb: Verb) -> (char, &'static str) {
    match verb {
        Verb::Create => ('+', "\x1b[32m"),
        Verb::Update | Verb::Restart => ('~', "\x1b[33m"),
        Verb::Remove => ('-', "\x1b[31m"),
    }
}

/// `{:#}` colours the signs.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coloured = f.alternate();
        let line = |verb, kind, name: &str, host: &str, reason: &str| {
            let (sign, colour) = sign(verb);
            let sign = match coloured {
                true => format!("{colour}{sign}\x1b[0m"),
                false => sign.to_string(),
            };
            let host = match self.of_several {
                true => format!(" on {host}"),
                false => String::new(),
            };
            format!("  {sign} {kind} {name}{host}: {reason}")
        };
        for stretch in self.stretches() {
            writeln!(f, "{}", title(stretch))?;
            for Action {
                verb,
                kind,
                name,
                host,
                reason,
                ..
            } in stretch
            {
                writeln!(f, "{}", line(*verb, *kind, name, host, reason))?;
            }
        }
        if !self.later.is_empty() {
            writeln!(f, "{}", later::TITLE)?;
        }
        for one in &self.later {
            let text = line(Verb::Update, Kind::File, &one.name(), &one.host, &one.reason);
            writeln!(f, "{text}")?;
        }
        Ok(())
    }
}
