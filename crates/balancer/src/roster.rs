//! Which replicas there are: what is named from several sides, and what the administrator changed of it. Pure.

use std::collections::BTreeMap;
use std::fmt;

use crate::replica::{Place, Replica, ReplicaFault, weight};

/// How many replicas one balancer can have.
pub const REPLICAS_MAX: usize = 4096;

/// Who names replicas. Where several name the same place the first one's word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Flags or the configuration.
    Given,
    /// A file that is watched.
    File,
    /// Names that are looked up.
    Dns,
    /// The administrator, while the balancer runs.
    Admin,
}

/// What the administrator changes. Written as `add LINE`, `remove URL`, `drain URL`, `undrain URL`, `weight URL N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// One more.
    Add(Replica),
    /// One less, also if it is named elsewhere.
    Remove(Replica),
    /// It gets nobody new.
    Drain(Replica),
    /// It gets its share again.
    Undrain(Replica),
    /// Another weight.
    Weight(Replica, u32),
}

/// Why a change can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeFault {
    /// Not one of those that there are.
    #[error("{0:?} is no change: write add URL, remove URL, drain URL, undrain URL or weight URL N")]
    Unknown(String),
    /// What it is about is no replica.
    #[error(transparent)]
    Replica(#[from] ReplicaFault),
    /// There is no such replica.
    #[error("there is no server {0}")]
    NoSuch(String),
    /// There are [`REPLICAS_MAX`] already.
    #[error("there are {REPLICAS_MAX} servers already")]
    Full,
}

/// What was changed of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Override {
    /// How the place is written.
    url: String,
    removed: bool,
    drained: Option<bool>,
    weight: Option<u32>,
}

/// What is named, and what was changed of it.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    named: BTreeMap<Source, Vec<Replica>>,
    overrides: BTreeMap<Place, Override>,
}

impl Change {
    /// Reads a change.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &str) -> Result<Self, ChangeFault> {
        let line = line.trim();
        let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let replica = |text| Replica::parse(text).map_err(ChangeFault::from);
        match verb {
            "add" => Ok(Self::Add(replica(rest)?)),
            "remove" => Ok(Self::Remove(replica(rest)?)),
            "drain" => Ok(Self::Drain(replica(rest)?)),
            "undrain" => Ok(Self::Undrain(replica(rest)?)),
            "weight" => {
                let (url, number) = rest.trim().rsplit_once(char::is_whitespace).unwrap_or((rest, ""));
                Ok(Self::Weight(replica(url)?, weight(number)?))
            }
            _ => Err(ChangeFault::Unknown(line.to_owned())),
        }
    }
}

impl Roster {
    /// Hears from `source` which replicas there are by its account, in place of what it said before.
    pub fn name(&mut self, source: Source, replicas: Vec<Replica>) {
        self.named.insert(source, replicas);
    }

    /// Makes a change.
    ///
    /// # Errors
    /// If it is about a replica that is not there, or one more would be too many.
    pub fn apply(&mut self, change: Change) -> Result<(), ChangeFault> {
        match change {
            Change::Add(replica) => {
                let is_new = self.find(&replica).is_none();
                if is_new && self.replicas().len() >= REPLICAS_MAX {
                    return Err(ChangeFault::Full);
                }
                let place = replica.place();
                self.overrides.remove(&place);
                let added = self.named.entry(Source::Admin).or_default();
                added.retain(|other| other.place() != place);
                added.push(replica);
            }
            Change::Remove(replica) => {
                let place = self.must_find(&replica)?;
                self.named.entry(Source::Admin).or_default().retain(|other| other.place() != place);
                self.overrides.remove(&place);
                if self.find(&replica).is_some() {
                    self.change(&replica, |change| change.removed = true);
                }
            }
            Change::Drain(replica) => {
                self.must_find(&replica)?;
                self.change(&replica, |change| change.drained = Some(true));
            }
            Change::Undrain(replica) => {
                self.must_find(&replica)?;
                self.change(&replica, |change| change.drained = Some(false));
            }
            Change::Weight(replica, weight) => {
                self.must_find(&replica)?;
                self.change(&replica, |change| change.weight = Some(weight));
            }
        }
        Ok(())
    }

    /// The replicas that there are, each once, at most [`REPLICAS_MAX`].
    #[must_use]
    pub fn replicas(&self) -> Vec<Replica> {
        let mut seen = BTreeMap::new();
        let mut all = Vec::new();
        // What the administrator says in so many words counts more than what stands somewhere else.
        for replica in self.named.get(&Source::Admin).into_iter().flatten() {
            seen.insert(replica.place(), replica);
        }
        for (source, replicas) in &self.named {
            for replica in replicas {
                let place = replica.place();
                let counts = *source == Source::Admin || !seen.contains_key(&place);
                let change = self.overrides.get(&place);
                if counts && !change.is_some_and(|change| change.removed) && all.len() < REPLICAS_MAX {
                    all.push(change.map_or_else(|| replica.clone(), |change| change.on(replica)));
                }
                seen.entry(place).or_insert(replica);
            }
        }
        all
    }

    /// Everything that the administrator has changed, as changes that lead there again, line by line.
    #[must_use]
    pub fn to_lines(&self) -> String {
        let mut lines = String::new();
        for replica in self.named.get(&Source::Admin).into_iter().flatten() {
            lines.push_str(&format!("add {}\n", replica.to_line()));
        }
        for change in self.overrides.values() {
            lines.push_str(&change.to_string());
        }
        lines
    }

    /// Makes the changes that `lines` tell, whether what they are about is there by now or not. Empty lines and
    /// such with a `#` before them say nothing.
    ///
    /// # Errors
    /// The first line that is no change, with its number.
    pub fn recall(&mut self, lines: &str) -> Result<(), (usize, ChangeFault)> {
        for (number, line) in (1..).zip(lines.lines()) {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            match Change::parse(line).map_err(|fault| (number, fault))? {
                Change::Remove(replica) => self.change(&replica, |change| change.removed = true),
                Change::Drain(replica) => self.change(&replica, |change| change.drained = Some(true)),
                Change::Undrain(replica) => self.change(&replica, |change| change.drained = Some(false)),
                Change::Weight(replica, weight) => {
                    self.change(&replica, |change| change.weight = Some(weight));
                }
                change @ Change::Add(_) => self.apply(change).map_err(|fault| (number, fault))?,
            }
        }
        Ok(())
    }

    fn find(&self, replica: &Replica) -> Option<Place> {
        let place = replica.place();
        self.replicas().iter().any(|other| other.place() == place).then_some(place)
    }

    fn must_find(&self, replica: &Replica) -> Result<Place, ChangeFault> {
        self.find(replica).ok_or_else(|| ChangeFault::NoSuch(replica.url().to_owned()))
    }

    fn change(&mut self, replica: &Replica, change: impl FnOnce(&mut Override)) {
        let new = || Override { url: replica.url().to_owned(), removed: false, drained: None, weight: None };
        change(self.overrides.entry(replica.place()).or_insert_with(new));
    }
}

impl Override {
    fn on(&self, replica: &Replica) -> Replica {
        let weight = self.weight.unwrap_or(replica.weight());
        let drained = self.drained.unwrap_or(replica.is_drained());
        replica.clone().with_weight(weight).with_drain(drained)
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.url;
        if self.removed {
            return writeln!(f, "remove {url}");
        }
        if let Some(drained) = self.drained {
            writeln!(f, "{} {url}", if drained { "drain" } else { "undrain" })?;
        }
        self.weight.map_or(Ok(()), |weight| writeln!(f, "weight {url} {weight}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(lines: &[&str]) -> Vec<Replica> {
        lines.iter().map(|line| Replica::parse(line).unwrap()).collect()
    }

    fn lines(roster: &Roster) -> Vec<String> {
        roster.replicas().iter().map(Replica::to_line).collect()
    }

    fn roster() -> Roster {
        let mut roster = Roster::default();
        roster.name(Source::Given, replicas(&["a.test", "b.test weight=2"]));
        roster.name(Source::File, replicas(&["b.test weight=9", "c.test"]));
        roster
    }

    fn apply(roster: &mut Roster, line: &str) -> Result<(), ChangeFault> {
        roster.apply(Change::parse(line)?)
    }

    #[test]
    fn each_place_is_there_once_by_the_word_that_counts() {
        let mut roster = roster();
        assert_eq!(lines(&roster), ["http://a.test", "http://b.test weight=2", "http://c.test"]);
        roster.name(Source::File, replicas(&["d.test"]));
        assert_eq!(lines(&roster), ["http://a.test", "http://b.test weight=2", "http://d.test"]);
        apply(&mut roster, "add b.test weight=5").unwrap();
        assert_eq!(lines(&roster), ["http://a.test", "http://d.test", "http://b.test weight=5"]);
    }

    #[test]
    fn changes_hold_whatever_is_named_later_and_lead_there_again() {
        let mut changed = roster();
        for line in ["remove a.test", "weight b.test:80 7", "drain c.test", "add e.test country=de"] {
            apply(&mut changed, line).unwrap();
        }
        let expected = ["http://b.test weight=7", "http://c.test drain", "http://e.test country=de"];
        assert_eq!(lines(&changed), expected);
        let mut again = Roster::default();
        again.recall(&format!("# a note\n\n{}", changed.to_lines())).unwrap();
        again.name(Source::Given, replicas(&["a.test", "b.test weight=2"]));
        again.name(Source::File, replicas(&["c.test"]));
        assert_eq!(lines(&again), expected);
        apply(&mut changed, "undrain c.test").unwrap();
        apply(&mut changed, "add a.test").unwrap();
        apply(&mut changed, "remove e.test").unwrap();
        assert_eq!(lines(&changed), ["http://b.test weight=7", "http://c.test", "http://a.test"]);
        assert!(!changed.to_lines().contains("e.test"), "{}", changed.to_lines());
    }

    #[test]
    fn what_is_no_change_is_refused_by_name() {
        let mut roster = roster();
        for (line, part) in [
            ("", "add URL"),
            ("destroy a.test", "add URL"),
            ("remove x.test", "no server http://x.test"),
            ("weight a.test 0", "1 to 10000"),
            ("weight a.test", "1 to 10000"),
            ("add", "URL"),
        ] {
            let fault = apply(&mut roster, line).unwrap_err().to_string();
            assert!(fault.contains(part), "{line}: {fault}");
        }
        assert_eq!(Roster::default().recall("drain a.test\nnonsense").unwrap_err().0, 2);
    }
}
