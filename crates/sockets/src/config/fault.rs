//! What is wrong with a configuration file, and where.

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where it begins, in bytes from the beginning of the file.
    pub(super) at: usize,
    message: String,
}

impl Fault {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    /// What is no TOML.
    pub(super) fn of_toml(error: &toml::de::Error) -> Self {
        Self::new(error.span().map_or(0, |span| span.start), error.message())
    }

    /// `LINE:COLUMN: MESSAGE`, both counted from 1, columns in characters.
    pub(super) fn told(&self, text: &str) -> String {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.split('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{line}:{column}: {}", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_column_as_editors_count_them() {
        let text = "a = 1\nä = \"ö\" x\n";
        for (at, place) in [(0, "1:1"), (4, "1:5"), (6, "2:1"), (16, "2:9"), (99, "3:1")] {
            assert_eq!(Fault::new(at, "x").told(text), format!("{place}: x"), "{at}");
        }
    }
}
