//! Lists of what to download: a URL per line, and behind it what is special about it.

use std::path::PathBuf;

use clap::Parser;
use download::{Digest, FileName, Pieces, Url};

use crate::args::units;

/// The longest list that is read, in bytes.
pub(super) const LIST_MAX: u64 = 256 * 1024 * 1024;

/// One line.
#[derive(Parser, Debug, Clone)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub(super) struct Line {
    #[arg(value_parser = units::url)]
    pub(super) url: Url,
    #[arg(short = 'o', long)]
    pub(super) output: Option<PathBuf>,
    #[arg(long)]
    pub(super) dir: Option<PathBuf>,
    #[arg(long, value_parser = units::url)]
    pub(super) mirror: Vec<Url>,
    #[arg(long, value_parser = units::checksum)]
    pub(super) checksum: Vec<Digest>,
    /// Of a metalink only.
    #[arg(skip)]
    pub(super) pieces: Option<Pieces>,
    /// Of a tree only: where it is saved beneath the directory.
    #[arg(skip)]
    pub(super) place: Vec<FileName>,
}

impl Line {
    /// A URL, and nothing special about it.
    pub(super) fn of(url: Url) -> Self {
        let (mirror, checksum, place) = (Vec::new(), Vec::new(), Vec::new());
        Self { url, output: None, dir: None, mirror, checksum, pieces: None, place }
    }
}

/// The lines of a list; empty ones and those that begin with `#` are passed over.
///
/// # Errors
/// Which line is wrong, and how.
pub(super) fn read(text: &str) -> Result<Vec<Line>, String> {
    let lines = (1..).zip(text.lines()).map(|(number, line): (usize, _)| (number, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(number, line)| parse(line).map_err(|fault| format!("line {number}: {fault}"))).collect()
}

fn parse(line: &str) -> Result<Line, String> {
    // Nearly all lines of long lists are nothing but a URL.
    if !line.contains(char::is_whitespace) {
        return Ok(Line::of(units::url(line)?));
    }
    let words = words(line).ok_or("a quotation mark is not closed")?;
    Line::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

/// The words of a line, parted by white space; `"` and `'` hold together what they enclose.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_url_and_what_is_special_about_it() {
        let list = "# list\n\nhttp://a/x\n  b/y -o 'a b' --mirror c/y --mirror d/y\nc/z --dir \"d e\"\n";
        let lines = read(list).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].url.to_string(), "http://a/x");
        assert_eq!((lines[1].output.clone(), lines[1].mirror.len()), (Some("a b".into()), 2));
        assert_eq!(lines[2].dir, Some("d e".into()));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (list, part) in [
            ("a/x\nftp://b", "line 2"),
            ("a/x -o 'y", "quotation mark"),
            ("a/x --what", "--what"),
            ("a/x b/y", "b/y"),
            ("a/x --checksum sha256=1", "checksum"),
        ] {
            let fault = read(list).unwrap_err();
            assert!(fault.contains(part), "{fault}");
        }
    }
}
