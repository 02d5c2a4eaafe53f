//! What stands beside an unfinished file, so that another run goes on where one was killed.
//!
//! Pure: text in, text out. The text is for people too:
//!
//! ```text
//! sockets journal 1
//! url http://a.test/big.iso
//! final http://b.test/big.iso
//! etag 22356632632d3122
//! modified 1767225600
//! strong
//! length 1000000
//! boot 6b1c0d5e-…
//! in 0-400000 500000-600000
//! synced 0-262144
//! end
//! ```
//!
//! The entity tag is in hexadecimal, `modified` in seconds since 1970, and ranges are without their end.
//! `in` is what has been written; after the machine itself went down only what was `synced` to its disk
//! counts. A journal without its `end`, or with a line that is not known, is no journal.

use std::fmt::{self, Write as _};

use message::Spans;
use message::field::date::HttpDate;
use message::field::digest::ReprDigest;
use message::field::etag::EntityTag;
use message::precondition::Validators;

use crate::url::Url;
use message::version::Version;

const FIRST_LINE: &str = "sockets journal 1";
const LAST_LINE: &str = "end";

/// The longest journal that is read, in bytes: ours have some hundred, and a few for each gap.
pub(crate) const JOURNAL_MAX: u64 = 1024 * 1024;

/// What is known of an unfinished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journal {
    /// What was to be got.
    pub(crate) url: Url,
    /// Where it came from in the end.
    pub(crate) final_url: Url,
    /// What it is a version of; its length is known.
    pub(crate) version: Version,
    /// Which run of the system wrote this.
    pub(crate) boot: String,
    /// Which bytes have been written.
    pub(crate) spans: Spans,
    /// Which of them the disk certainly has.
    pub(crate) synced: Spans,
}

impl Journal {
    /// Reads a journal; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut read = Read::default();
        loop {
            let line = lines.next()?;
            if line == LAST_LINE {
                break;
            }
            read.line(line)?;
        }
        let journal = read.into_journal()?;
        let length = journal.version.length?;
        let holds =
            journal.spans.end() <= length && journal.synced.iter().all(|span| journal.spans.contains(span));
        holds.then_some(journal)
    }

    /// What can be relied on in the run of the system that is named `boot`.
    pub(crate) fn certain(self, boot: &str) -> Spans {
        if self.boot == boot && !boot.is_empty() { self.spans } else { self.synced }
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}\nurl {}\nfinal {}", self.url, self.final_url)?;
        let Validators { etag, last_modified, last_modified_is_strong } = &self.version.validators;
        if let Some(etag) = etag {
            let value = etag.to_value();
            // It may hold bytes that are no text.
            let mut text = String::new();
            for byte in value.as_bytes() {
                write!(text, "{byte:02x}")?;
            }
            writeln!(f, "etag {text}")?;
        }
        if let Some(date) = last_modified {
            writeln!(f, "modified {}", date.seconds())?;
        }
        if *last_modified_is_strong {
            writeln!(f, "strong")?;
        }
        writeln!(f, "length {}", self.version.length.unwrap_or_default())?;
        writeln!(f, "boot {}\nin {}\nsynced {}\n{LAST_LINE}", self.boot, self.spans, self.synced)
    }
}

/// What the lines so far have said.
#[derive(Default)]
struct Read {
    url: Option<Url>,
    final_url: Option<Url>,
    validators: Validators,
    length: Option<u64>,
    boot: Option<String>,
    spans: Option<Spans>,
    synced: Option<Spans>,
}

impl Read {
    fn line(&mut self, line: &str) -> Option<()> {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "url" => self.url = Some(Url::parse(value).ok()?),
            "final" => self.final_url = Some(Url::parse(value).ok()?),
            "etag" => self.validators.etag = Some(EntityTag::parse(&from_hex(value)?)?),
            "modified" => {
                self.validators.last_modified = Some(HttpDate::from_seconds(value.parse().ok()?));
            }
            "strong" => self.validators.last_modified_is_strong = true,
            "length" => self.length = Some(value.parse().ok()?),
            "boot" => self.boot = Some(value.to_owned()),
            "in" => self.spans = Some(Spans::parse(value)?),
            "synced" => self.synced = Some(Spans::parse(value)?),
            _ => return None,
        }
        Some(())
    }

    fn into_journal(self) -> Option<Journal> {
        let digest = ReprDigest::default();
        Some(Journal {
            url: self.url?,
            final_url: self.final_url?,
            version: Version { length: Some(self.length?), validators: self.validators, digest },
            boot: self.boot?,
            spans: self.spans?,
            synced: self.synced?,
        })
    }
}

/// The bytes that pairs of hexadecimal digits stand for.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() || !text.is_ascii() {
        return None;
    }
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let validators = Validators {
            etag: EntityTag::strong("a b\u{e9}"),
            last_modified: Some(HttpDate::from_seconds(1_700_000_000)),
            last_modified_is_strong: true,
        };
        Journal {
            url: Url::parse("http://a/x?y=z").unwrap(),
            final_url: Url::parse("http://b:81/x").unwrap(),
            version: Version { length: Some(1000), validators, digest: ReprDigest::default() },
            boot: "b-1".to_owned(),
            spans: Spans::parse("0-10 20-1000").unwrap(),
            synced: Spans::parse("20-30").unwrap(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for journal in [
            journal(),
            Journal { spans: Spans::default(), synced: Spans::default(), ..journal() },
            Journal {
                version: Version { validators: Validators::default(), ..journal().version },
                ..journal()
            },
        ] {
            assert_eq!(Journal::parse(&journal.to_string()), Some(journal.clone()), "{journal}");
        }
    }

    #[test]
    fn a_journal_that_is_cut_anywhere_or_claims_too_much_is_none() {
        let text = journal().to_string();
        for end in 0..text.len() - 1 {
            assert_eq!(Journal::parse(&text[..end]), None, "cut at {end}");
        }
        for (from, to) in [
            ("sockets journal 1", "sockets journal 2"),
            ("length 1000", "length 999"),
            ("synced 20-30", "synced 5-15"),
            ("strong", "srong"),
            ("in 0-10", "in 10-0"),
        ] {
            assert_eq!(Journal::parse(&text.replace(from, to)), None, "{to}");
        }
    }

    #[test]
    fn after_the_machine_went_down_only_what_its_disk_has_counts() {
        assert_eq!(journal().certain("b-1").total(), 990);
        assert_eq!(journal().certain("b-2").total(), 10);
        assert_eq!(Journal { boot: String::new(), ..journal() }.certain("").total(), 10);
    }
}
