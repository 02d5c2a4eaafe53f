use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn key(uri: &str) -> CacheKey {
    CacheKey::parse(uri).unwrap_or_else(|| panic!("{uri:?} is a URI"))
}

fn joined(path: &BodyPath) -> String {
    format!("{}/{}", path.directories.join("/"), path.leaf)
}

fn path(uri: &str) -> String {
    joined(&BodyPath::of(&key(uri), 0, Case::Told))
}

#[test]
fn bodies_lie_where_people_look_for_them() {
    for (uri, expected) in [
        ("http://localhost:8000/index.html", "localhost:8000/index.html"),
        ("http://localhost:80/a/b.iso", "localhost/a/b.iso"),
        ("http://a.example/", "a.example/^index"),
        ("http://a.example/dir/", "a.example/dir/^index"),
        ("http://a.example/x?a=1&b=/", "a.example/x^qa=1&b=^2f"),
        ("http://a.example/x?", "a.example/x^q"),
        ("http://a.example/?q", "a.example/^index^qq"),
        ("http://a.example//x", "a.example/^none/x"),
        ("http://a.example/../x/./..", "a.example/^2e./x/^2e/^2e."),
        ("http://a.example/%2e%2e/%00", "a.example/%2e%2e/%00"),
        ("http://a.example/a^b\\c*", "a.example/a^5eb^5cc^2a"),
        ("http://a.example/é", "a.example/^c3^a9"),
        ("http://a.example/.sockets", "a.example/.sockets"),
        ("http://.sockets/index.redb", "^2esockets/index.redb"),
        ("http://../x", "^2e./x"),
        ("http://[::1]:8000/x", "[::1]:8000/x"),
        ("https://a.example/x", "a.example^https/x"),
        ("http://a.example/README", "a.example/README"),
    ] {
        assert_eq!(path(uri), expected, "{uri}");
    }
}

#[test]
fn a_file_system_that_folds_case_gets_no_capitals() {
    let path = joined(&BodyPath::of(&key("http://a.example/README?A"), 2, Case::Folded));
    assert_eq!(path, "a.example/^52^45^41^44^4d^45^q^41^v2");
}

#[test]
fn long_names_and_deep_paths_stay_within_what_systems_allow() {
    let long = "x".repeat(5000);
    let deep = "d/".repeat(400);
    let wide = format!("{}/", "w".repeat(199)).repeat(6);
    let mut seen = HashMap::new();
    for rest in [&long, &format!("{long}y"), &format!("{long}/z"), &deep, &wide, &format!("{long}?{long}")] {
        let uri = format!("http://{}/{rest}", "h".repeat(255));
        let path = BodyPath::of(&key(&uri), 255, Case::Told);
        assert!(path.directories.len() <= DEPTH_MAX, "{uri}");
        for name in path.directories.iter().chain([&path.leaf]) {
            assert!(name.len() + LEAF.len() <= 255, "{name}");
        }
        assert!(joined(&path).len() < 2048, "{uri}");
        assert_eq!(seen.insert(joined(&path), uri), None);
    }
}

#[test]
fn marks_are_read_over() {
    let at_a_b = (key("http://a/b/c"), 3);
    assert_eq!(read("a/b^tree/c^v3^leaf"), Some(at_a_b));
    assert_eq!(read("a/b^long00"), None);
    assert_eq!(read("index.html"), None);
}

/// Paths that are as awkward as they can be.
fn awkward() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-cA-C.^%?/=&\\\\*]{0,4}",
        Just(String::from("^index")),
        Just(String::from("^v1")),
        Just(String::from("^q")),
        Just(String::from("..")),
        Just(String::from("é")),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| format!("/{}", pieces.join("/")))
}

fn hosts() -> impl Strategy<Value = String> {
    "(http|https)://(a|b|\\.|\\.\\.|a:8000|\\[::1\\])"
}

proptest! {
    #[test]
    fn what_is_mapped_is_read_back(host in hosts(), rest in awkward(), slot in 0_u8..4, folds in any::<bool>()) {
        let key = key(&format!("{host}{rest}"));
        let case = if folds { Case::Folded } else { Case::Told };
        let path = BodyPath::of(&key, slot, case);
        prop_assert_eq!(read(&joined(&path)), Some((key.clone(), slot)));
        // The marks that clashes add change nothing about that.
        let marked: Vec<String> = path.directories.iter().skip(1).map(|name| format!("{name}{TREE}/")).collect();
        let marked = format!("{}/{}{}{LEAF}", path.directories[0], marked.concat(), path.leaf);
        prop_assert_eq!(read(&marked), Some((key, slot)));
    }

    #[test]
    fn two_keys_never_share_a_file(
        hosts in [hosts(), hosts()], rests in [awkward(), awkward()], slots in [0_u8..3, 0_u8..3], folds in any::<bool>()
    ) {
        let case = if folds { Case::Folded } else { Case::Told };
        let keys: Vec<CacheKey> = hosts.iter().zip(&rests).map(|(host, rest)| key(&format!("{host}{rest}"))).collect();
        let mut paths: Vec<String> =
            keys.iter().zip(slots).map(|(key, slot)| joined(&BodyPath::of(key, slot, case))).collect();
        if folds {
            paths.iter_mut().for_each(|path| path.make_ascii_lowercase());
        }
        prop_assert_eq!(paths[0] == paths[1], keys[0] == keys[1] && slots[0] == slots[1]);
    }

    #[test]
    fn every_name_is_one_component_below_the_directory(host in hosts(), rest in "/[ -~&&[^# ]]{0,300}") {
        let path = BodyPath::of(&key(&format!("{host}{rest}")), 0, Case::Told);
        for name in path.directories.iter().chain([&path.leaf]) {
            prop_assert!(!name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']));
        }
        prop_assert!(!path.directories[0].starts_with('.'));
    }
}
