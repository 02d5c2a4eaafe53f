//! Rule: a crate depends on those of ours that the table gives it, and on no other.

use crate::offence::Offence;

/// What each crate may depend on. A crate that is not here may not be in the workspace.
const ARROWS: &[(&str, &[&str])] = &[
    ("sockets", &["engine", "origin", "cache", "balancer", "download", "access", "net", "message"]),
    ("engine", &["http1", "net", "message"]),
    ("origin", &["access", "watch", "workshop", "message"]),
    ("cache", &["access", "watch", "message"]),
    ("balancer", &["access", "message"]),
    ("download", &["message"]),
    ("http1", &["message"]),
    ("access", &["workshop", "message"]),
    ("watch", &[]),
    ("workshop", &[]),
    ("message", &[]),
    ("net", &[]),
    ("lab", &["message"]),
    ("house", &[]),
];

/// Who may test itself in the laboratory. Nobody depends on `lab` otherwise.
const TESTED_IN_LAB: &[&str] = &["engine", "origin", "cache", "balancer", "download", "sockets"];

/// A dependency of one of our packages on another.
pub(crate) struct Arrow {
    pub(crate) from: String,
    pub(crate) to: String,
    /// From `[dev-dependencies]`.
    pub(crate) dev: bool,
}

/// The packages and the arrows that the table does not have.
pub(crate) fn offences(packages: &[String], arrows: &[Arrow]) -> Vec<Offence> {
    let unknown = packages.iter().filter(|package| targets_of(package).is_none());
    let what = "is not in the table of arrows (tests/structure/arrows.rs)";
    let unknown = unknown.map(|package| Offence::of(package, what));
    unknown.chain(arrows.iter().filter_map(offence)).collect()
}

fn targets_of(package: &str) -> Option<&'static [&'static str]> {
    ARROWS.iter().find(|(name, _)| *name == package).map(|(_, targets)| *targets)
}

fn offence(arrow: &Arrow) -> Option<Offence> {
    let Arrow { from, to, dev } = arrow;
    let as_tested = *dev && to == "lab" && TESTED_IN_LAB.contains(&from.as_str());
    let allowed = as_tested || targets_of(from).is_some_and(|targets| targets.contains(&to.as_str()));
    let section = if *dev { "dev-dependencies" } else { "dependencies" };
    (!allowed).then(|| Offence::of(from, format!("forbidden arrow {from} -> {to} in [{section}]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(from: &str, to: &str, dev: bool) -> Vec<String> {
        let arrow = Arrow { from: from.to_owned(), to: to.to_owned(), dev };
        offences(&[], &[arrow]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_of_the_table_is_allowed() {
        assert!(found("engine", "http1", false).is_empty());
        assert!(found("sockets", "net", false).is_empty());
    }

    #[test]
    fn an_arrow_between_roles_is_named() {
        assert_eq!(
            found("cache", "origin", false),
            ["cache: forbidden arrow cache -> origin in [dependencies]"]
        );
    }

    #[test]
    fn an_arrow_up_is_found_among_dev_dependencies_too() {
        assert_eq!(
            found("origin", "engine", true),
            ["origin: forbidden arrow origin -> engine in [dev-dependencies]"]
        );
    }

    #[test]
    fn lab_is_for_tests_of_the_six_only() {
        assert!(found("download", "lab", true).is_empty());
        assert_eq!(found("download", "lab", false).len(), 1);
        assert_eq!(found("http1", "lab", true).len(), 1);
    }

    #[test]
    fn a_package_that_is_not_in_the_table_is_an_offence_even_without_arrows() {
        let packages = ["shared".to_owned(), "message".to_owned()];
        assert_eq!(offences(&packages, &[]).len(), 1);
        assert_eq!(found("shared", "message", false).len(), 1);
    }
}
