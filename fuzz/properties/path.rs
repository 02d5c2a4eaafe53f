//! Whatever bytes are asked for as a path, the names that come out of it lead down.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use origin::path::{CheckedPath, DotFiles, FileName};

/// Asks for those bytes as a path.
///
/// # Panics
/// If a name that comes out is outside the root, hidden, or on another host.
pub fn check(data: &[u8]) {
    check_with_dot_files(data);
    let Ok(path) = CheckedPath::parse(data) else { return };
    check_names(&path);
    check_reference(&path, str::from_utf8(data).ok());
    let asks_for_directory = path.asks_for_directory();
    let before = path.names().count();
    let path = path.or_index(&FileName::default());
    check_names(&path);
    assert!(!path.asks_for_directory() && !path.as_bytes().is_empty());
    assert_eq!(path.names().count(), before + usize::from(asks_for_directory));
}

/// Where dot files are served, and names are made from others, they lead down all the same.
fn check_with_dot_files(data: &[u8]) {
    let Ok(path) = CheckedPath::parse_with(data, DotFiles::Served) else { return };
    let others = [
        path.with_ending(".html"),
        path.without_ending(".html"),
        path.directory_of(&FileName::default()),
        CheckedPath::of_names("a").ok().and_then(|above| path.beneath(&above)).map(CheckedPath::into_owned),
        str::from_utf8(path.as_bytes()).ok().and_then(|names| CheckedPath::of_names(names).ok()),
    ];
    for path in others.iter().flatten().chain([&path]) {
        let seen = Path::new(OsStr::from_bytes(path.as_bytes()));
        assert!(seen.components().all(|component| matches!(component, Component::Normal(_))), "{path:?}");
        assert_eq!(seen.components().count(), path.names().count(), "{path:?}");
        let reference = path.as_reference(None);
        assert!(reference.starts_with('/') && !reference.starts_with("//"), "{reference}");
    }
}

fn check_names(path: &CheckedPath<'_>) {
    let names: Vec<&[u8]> = path.names().collect();
    assert_eq!(names.join(&b'/'), path.as_bytes());
    for (depth, name) in names.iter().enumerate() {
        let well_known = depth == 0 && *name == b".well-known";
        assert!(!name.is_empty() && (name[0] != b'.' || well_known), "{path:?}");
        assert!(!name.iter().any(|byte| matches!(byte, 0 | b'/' | b'\\')), "{path:?}");
    }
    // The library that opens files sees the same names, and none that leads up or elsewhere.
    let seen = Path::new(OsStr::from_bytes(path.as_bytes()));
    assert!(seen.components().all(|component| matches!(component, Component::Normal(_))), "{path:?}");
    assert_eq!(seen.components().count(), names.len(), "{path:?}");
}

fn check_reference(path: &CheckedPath<'_>, query: Option<&str>) {
    let reference = path.as_directory(query);
    assert!(reference.bytes().all(|byte| byte.is_ascii_graphic()), "{reference}");
    assert!(!reference.contains(['\\', '#']) && !reference.starts_with("//"), "{reference}");
    let (place, rest) = reference.split_once('?').unwrap_or((&reference, ""));
    assert_eq!(query.is_none(), rest.is_empty() && !reference.contains('?'));
    let again = CheckedPath::parse(place.as_bytes()).map(|again| again.as_bytes().to_vec());
    assert_eq!(again.as_deref(), Ok(path.as_bytes()), "{reference}");
    assert!(place.ends_with('/'), "{reference}");
}
