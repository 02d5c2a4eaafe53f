//! Whatever a URL or a `Location` says, the name that comes of it is one harmless component of a path.
//!
//! The input is a reference: it is tried as a path, as what a person types, and as a `Location`.

use std::path::{Component, Path};

use download::{FileName, Url};

/// Fails if some bytes lead out of the output directory.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check_name(&FileName::from_url_path(&text));
    if let Ok(url) = Url::parse(&text) {
        check_url(&url);
    }
    let Ok(base) = Url::parse("http://a.example:8000/b/c/d?e") else { return };
    if let Ok(url) = base.join(data) {
        check_url(&url);
    }
}

fn check_url(url: &Url) {
    let text = url.to_string();
    assert!(text.bytes().all(|b| b.is_ascii_graphic() && b != b'#'), "{text:?}");
    assert!(url.path().split('/').all(|segment| segment != "." && segment != ".."), "{text:?}");
    assert_eq!(Url::parse(&text).as_ref(), Ok(url), "{text:?} is read as it was written");
    check_name(&FileName::from_url_path(url.path()));
}

fn check_name(name: &FileName) {
    for name in [name.clone(), name.part()] {
        let mut components = Path::new(name.as_os_str()).components();
        let only = (components.next(), components.next());
        assert_eq!(only, (Some(Component::Normal(name.as_os_str())), None), "{name:?}");
        let joined = Path::new("/out").join(name.as_os_str());
        assert_eq!(joined.parent(), Some(Path::new("/out")), "{name:?}");
    }
    let text = name.as_os_str().to_string_lossy();
    assert!(text.len() <= FileName::URL_NAME_MAX, "{name:?}");
    assert!(!text.starts_with('.') && !text.chars().any(|c| c.is_control() || c == '\\'), "{name:?}");
}
