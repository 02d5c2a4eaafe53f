//! Names for several files in one directory, no two alike.
//!
//! Pure.

use std::collections::HashSet;

use crate::name::FileName;

/// The names that are taken in one directory: also those that unfinished files have meanwhile, so that one
/// download never writes into, or removes, what another has made.
#[derive(Clone, Debug, Default)]
pub struct Names(HashSet<FileName>);

impl Names {
    /// Takes `name`, or if that is taken the first of it with a number that is free: `x.1.gz`.
    pub fn claim(&mut self, name: &FileName) -> FileName {
        let mut free = name.clone();
        for number in 1_u32.. {
            if self.is_free(&free) {
                break;
            }
            free = name.numbered(number);
        }
        self.0.insert(free.clone());
        free
    }

    /// Whether a file that was claimed has the name, or has it while it is unfinished.
    pub(crate) fn has(&self, name: &FileName) -> bool {
        self.0.contains(name) || name.finished().any(|name| self.0.contains(&name))
    }

    fn is_free(&self, name: &FileName) -> bool {
        !self.has(name) && !name.unfinished().iter().any(|name| self.0.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_are_alike_nor_that_of_anothers_part() {
        let mut names = Names::default();
        let claimed: Vec<_> = [
            "x.gz",
            "x.gz",
            "x.gz",
            "x.1.gz",
            "y.part",
            "y",
            "z",
            "z.part",
            "z.part.sockets",
            "z.part.socket~",
        ]
        .into_iter()
        .map(|name| names.claim(&FileName::from_url_path(name)).as_os_str().to_str().unwrap().to_owned())
        .collect();
        assert_eq!(
            claimed,
            [
                "x.gz",
                "x.1.gz",
                "x.2.gz",
                "x.1.1.gz",
                "y.part",
                "y.1",
                "z",
                "z.1.part",
                "z.part.1.sockets",
                "z.part.1.socket~"
            ]
        );
    }
}
