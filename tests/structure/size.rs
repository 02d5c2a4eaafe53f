//! Rule: a function has at most 70 lines, a file at most 700, tests included.

use std::fmt;

use proc_macro2::{Delimiter, TokenTree};

use crate::offence::Offence;
use crate::source::{Source, is_mark, word};

/// From the line of `fn` to that of the closing brace.
const MAX_FUNCTION_LINES: usize = 70;
const MAX_FILE_LINES: usize = 700;

/// A function with a body, wherever it is: in an `impl`, in a test, in a macro call.
struct Function {
    name: String,
    first_line: usize,
    lines: usize,
}

/// The functions and the file that are too long.
pub(crate) fn offences(source: &Source) -> Vec<Offence> {
    let long = functions(source).into_iter().filter(|function| function.lines > MAX_FUNCTION_LINES);
    let mut offences: Vec<Offence> = long
        .map(|Function { name, first_line, lines }| {
            let what = format!("`{name}` has {lines} lines, over {MAX_FUNCTION_LINES}");
            Offence::at(&source.path, first_line, what)
        })
        .collect();
    let lines = source.text.lines().count();
    if lines > MAX_FILE_LINES {
        offences.push(Offence::of(&source.path, format!("has {lines} lines, over {MAX_FILE_LINES}")));
    }
    offences
}

fn functions(source: &Source) -> Vec<Function> {
    let starts = source.runs.iter().flat_map(|run| (0..run.len()).filter_map(|at| run.get(at..)));
    starts.filter_map(function).collect()
}

/// The function that these tokens begin with. `fn(u8) -> u8`, a type, has no name; a signature ends with `;`.
fn function(tokens: &[TokenTree]) -> Option<Function> {
    let [keyword, name, rest @ ..] = tokens else { return None };
    if word(keyword)? != "fn" {
        return None;
    }
    let name = word(name)?;
    let end = rest.iter().find_map(|token| match token {
        TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
            Some(Some(body.span_close().end().line))
        }
        token if is_mark(token, ';') => Some(None),
        _ => None,
    });
    let first_line = keyword.span().start().line;
    Some(Function { name, first_line, lines: end.flatten()? + 1 - first_line })
}

/// How long functions and files are, for people who watch it.
pub(crate) struct Summary {
    functions: Lengths,
    files: Lengths,
}

struct Lengths {
    count: usize,
    ninetieth_percentile: usize,
    longest: usize,
}

impl Summary {
    pub(crate) fn of<'a>(sources: impl Iterator<Item = &'a Source>) -> Summary {
        let (mut of_functions, mut of_files) = (Vec::new(), Vec::new());
        for source in sources {
            of_functions.extend(functions(source).iter().map(|function| function.lines));
            of_files.push(source.text.lines().count());
        }
        Summary { functions: Lengths::of(of_functions), files: Lengths::of(of_files) }
    }
}

impl Lengths {
    fn of(mut lines: Vec<usize>) -> Lengths {
        lines.sort_unstable();
        // Nearest rank: the smallest length that at least nine in ten do not exceed.
        let rank = (lines.len() * 9).div_ceil(10);
        let ninetieth_percentile = lines.get(rank.saturating_sub(1)).copied().unwrap_or(0);
        Lengths { count: lines.len(), ninetieth_percentile, longest: lines.last().copied().unwrap_or(0) }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "functions: {}", self.functions)?;
        write!(f, "files: {}", self.files)
    }
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lengths { count, ninetieth_percentile, longest } = self;
        write!(f, "{count}, p90 {ninetieth_percentile} lines, longest {longest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let source = Source::new("a.rs", text).unwrap();
        offences(&source).iter().map(ToString::to_string).collect()
    }

    /// A function of so many lines, the braces' included.
    fn function_of(lines: usize) -> String {
        format!("fn long() {{\n{}}}", "    go();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_of_70_lines_fits_and_one_of_71_does_not() {
        assert!(found(&function_of(70)).is_empty());
        assert_eq!(found(&function_of(71)), ["a.rs:1: `long` has 71 lines, over 70"]);
    }

    #[test]
    fn methods_tests_and_functions_in_macros_are_measured() {
        for around in
            ["impl A {\n@\n}", "#[cfg(test)]\nmod tests {\n@\n}", "proptest! {\n@\n}", "trait T {\n@\n}"]
        {
            assert_eq!(found(&around.replace('@', &function_of(71))).len(), 1, "{around}");
        }
    }

    #[test]
    fn signatures_and_function_types_are_no_functions() {
        let gap = "\n".repeat(80);
        assert!(found(&format!("trait T {{ fn short(&self); {gap} }}")).is_empty());
        assert!(found(&format!("type Call = fn(u8) -> u8; {gap} struct A {{}}")).is_empty());
    }

    #[test]
    fn a_file_of_700_lines_fits_and_one_of_701_does_not() {
        assert!(found(&"//\n".repeat(700)).is_empty());
        assert_eq!(found(&"//\n".repeat(701)), ["a.rs: has 701 lines, over 700"]);
    }

    #[test]
    fn the_ninetieth_percentile_is_the_nearest_rank() {
        assert_eq!(Lengths::of((1..=10).collect()).ninetieth_percentile, 9);
        assert_eq!(Lengths::of(vec![7]).ninetieth_percentile, 7);
        assert_eq!(Lengths::of(Vec::new()).ninetieth_percentile, 0);
    }
}
