//! Booleans as infrared's users write them.

use clap::builder::{PossibleValue, TypedValueParser};
use std::ffi::OsStr;

/// Parses `yes|no|true|false|on|off|1|0` in any case.
#[derive(Clone, Debug)]
pub struct Boolean;

impl TypedValueParser for Boolean {
    type Value = bool;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<bool, clap::Error> {
        match value.to_string_lossy().to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" | "1" | "y" => Ok(true),
            "no" | "false" | "off" | "0" | "n" => Ok(false),
            _ => {
                let mut error = clap::Error::new(clap::error::ErrorKind::InvalidValue).with_cmd(command);
                if let Some(arg) = arg {
                    error.insert(
                        clap::error::ContextKind::InvalidArg,
                        clap::error::ContextValue::String(arg.to_string()),
                    );
                }
                error.insert(
                    clap::error::ContextKind::InvalidValue,
                    clap::error::ContextValue::String(value.to_string_lossy().into_owned()),
                );
                error.insert(
                    clap::error::ContextKind::ValidValue,
                    clap::error::ContextValue::Strings(vec!["yes".into(), "no".into()]),
                );
                Err(error)
            }
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(["yes", "no"].into_iter().map(PossibleValue::new)))
    }
}
