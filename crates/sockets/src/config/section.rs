//! One table of the file, read as the arguments that its keys name.

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, Command, Error};
use std::error::Error as _;
use std::marker::PhantomData;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeValue};

use crate::config::fault::Fault;

/// How alike two names must be for one to be taken for a misspelt other.
const ALIKE_MIN: f64 = 0.7;

/// A key and its value.
pub(super) type Setting<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// What a table can hold.
pub(super) struct Section<A> {
    /// As people write it, without brackets.
    name: String,
    command: Command,
    arguments: PhantomData<A>,
}

impl<A: Args> Section<A> {
    /// The arguments of `A`, in a table of that name.
    pub(super) fn of(name: &str) -> Self {
        let command = Command::new("sockets").no_binary_name(true).disable_help_flag(true);
        // What is in the file is in the file: a variable that is meant for one role would set it for each.
        let command = A::augment_args(command).mut_args(|arg| arg.env(Resettable::Reset));
        Self { name: name.to_owned(), command, arguments: PhantomData }
    }

    /// Whether it has a setting of that name.
    pub(super) fn has(&self, key: &str) -> bool {
        self.argument(key).is_some()
    }

    /// Reads the settings of a table that begins `at` there.
    ///
    /// # Errors
    /// Each setting that is wrong; or, if none is, why they don't go together.
    pub(super) fn read<'a, 'i: 'a>(
        &self,
        at: usize,
        settings: impl IntoIterator<Item = Setting<'a, 'i>>,
    ) -> Result<A, Vec<Fault>> {
        let (mut flags, mut positional, mut faults) = (Vec::new(), vec!["--".to_owned()], Vec::new());
        for (key, value) in settings {
            match self.setting(key, value) {
                Ok((arg, words)) if arg.is_positional() => positional.extend(words),
                Ok((_, words)) => flags.extend(words),
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        flags.append(&mut positional);
        let whole = self.command.clone().try_get_matches_from(flags);
        let read = whole.and_then(|matches| A::from_arg_matches(&matches));
        read.map_err(|error| vec![Fault::new(at, format!("[{}] {}", self.name, reason(&error)))])
    }

    /// One setting as what would be typed for it, tried alone.
    fn setting(
        &self,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(&Arg, Vec<String>), Fault> {
        let name = key.get_ref();
        let Some(arg) = self.argument(name) else {
            return Err(Fault::new(key.span().start, self.unknown(name)));
        };
        let at = value.span().start;
        let words = words(arg, value.get_ref()).map_err(|told| Fault::new(at, format!("{name} {told}")))?;
        let separator = arg.is_positional().then(|| "--".to_owned());
        match self.command.clone().try_get_matches_from(separator.into_iter().chain(words.iter().cloned())) {
            Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
                Err(Fault::new(at, format!("{name}: {}", reason(&error))))
            }
            _ => Ok((arg, words)),
        }
    }

    fn argument(&self, key: &str) -> Option<&Arg> {
        self.command.get_arguments().find(|arg| key_of(arg) == key)
    }

    fn unknown(&self, key: &str) -> String {
        let meant = closest(key, self.command.get_arguments().map(key_of));
        let meant = meant.map(|key| format!("; did you mean {key}?")).unwrap_or_default();
        format!("{key} is no setting of [{}]{meant}", self.name)
    }
}

/// The name that is most like `name`, if there is one like it.
pub(super) fn closest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = names.into_iter().map(|other| (strsim::jaro_winkler(name, other), other));
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(alike, _)| *alike >= ALIKE_MIN).map(|(_, name)| name)
}

fn key_of(arg: &Arg) -> &str {
    arg.get_long().unwrap_or(arg.get_id().as_str())
}

/// What would be typed to say that.
fn words(arg: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, &'static str> {
    let key = key_of(arg);
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        let is_on = value.as_bool().ok_or("is on or off: write true or false")?;
        return Ok(is_on.then(|| format!("--{key}")).into_iter().collect());
    }
    let typed = |text: String| if arg.is_positional() { text } else { format!("--{key}={text}") };
    match value {
        DeValue::Array(_) if !matches!(arg.get_action(), ArgAction::Append) => {
            Err("takes one value, not a list")
        }
        DeValue::Array(list) => list.iter().map(|value| text(value.get_ref()).map(typed)).collect(),
        value => Ok(vec![typed(text(value)?)]),
    }
}

/// A value as it would be typed.
fn text(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => integer(number).ok_or("is too large a number"),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(_) => Err("takes a value, not true or false"),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => Err("takes text or a number"),
    }
}

fn integer(number: &DeInteger<'_>) -> Option<String> {
    i128::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
}

/// Why arguments were refused, without the words about flags.
fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ValueValidation => error.source().map_or_else(|| error.to_string(), ToString::to_string),
        ErrorKind::InvalidValue => {
            match (error.get(ContextKind::InvalidValue), error.get(ContextKind::ValidValue)) {
                (Some(ContextValue::String(value)), Some(ContextValue::Strings(valid)))
                    if value.is_empty() =>
                {
                    format!("it is one of {}", valid.join(", "))
                }
                (Some(ContextValue::String(value)), Some(ContextValue::Strings(valid))) => {
                    format!("{value:?} is none of {}", valid.join(", "))
                }
                _ => "it takes a value".to_owned(),
            }
        }
        ErrorKind::MissingRequiredArgument => match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::Strings(missing)) => {
                let names = missing.iter().map(|name| name.trim_start_matches("--"));
                let names: Vec<&str> = names.filter_map(|name| name.split(' ').next()).collect();
                format!("lacks {}", names.join(", "))
            }
            _ => error.to_string(),
        },
        _ => error.to_string().trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned(),
    }
}
