//! Which requests get the page of an application that has its own addresses (a "single page
//! application"): there are no files behind those, and its script shows what each is of.

use message::field::weight::Weight;
use message::fields::Fields;

use crate::accept::{Precision, acceptance};
use crate::path::CheckedPath;

/// Whether a request for `path`, behind which there is no file, is for a page.
///
/// So it is if it names `text/html` as acceptable: browsers do when a person goes somewhere, and not
/// when a page fetches its parts. Who takes anything gets the page only for a name without a dot in
/// it, and if it doesn't name JSON: `/users/7` is an address, `/assets/app.4f1c.js` a file that is gone,
/// and a script that gets a page in the place of what it asked for fails in stranger ways than by a 404.
pub(crate) fn wants_page(request: &Fields, path: &CheckedPath<'_>) -> bool {
    match acceptance(request, b"text", b"html") {
        None | Some((_, Weight::NONE)) => false,
        Some((Precision::Subtype, _)) => true,
        Some(_) => !path.names().last().unwrap_or_default().contains(&b'.') && !names_json(request),
    }
}

fn names_json(request: &Fields) -> bool {
    matches!(acceptance(request, b"application", b"json"), Some((Precision::Subtype, _)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::ACCEPT;

    /// What Firefox and Chromium send when somebody follows a link.
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

    #[test]
    fn an_address_gets_the_page_and_a_missing_file_does_not() {
        for (path, accept, expected) in [
            ("/users/7", Some(BROWSER), true),
            ("/users/jane.doe", Some(BROWSER), true),
            ("/deep/", Some(BROWSER), true),
            ("/", Some(BROWSER), true),
            ("/users/7", None, true),
            ("/users/7", Some("*/*"), true),
            ("/v1.2/users", Some("*/*"), true),
            ("/users/7", Some("text/*;q=0.1"), true),
            ("/users/7", Some("application/json"), false),
            ("/users/7", Some("application/json, text/plain, */*"), false),
            ("/users/7", Some("application/json, text/html"), true),
            ("/users/7", Some("text/html;q=0, */*"), false),
            ("/users/7", Some("*/*;q=0"), false),
            ("/users/7", Some(""), false),
            ("/users/7", Some("text/html;q=2"), false),
            ("/users/7", Some("nonsense"), false),
            ("/app.js", None, false),
            ("/app.js", Some("*/*"), false),
            ("/logo.png", Some("image/avif,image/webp,*/*;q=0.8"), false),
            ("/style.css", Some("text/css,*/*;q=0.1"), false),
        ] {
            let mut fields = Fields::new();
            if let Some(accept) = accept {
                fields.set(ACCEPT, HeaderValue::from_static(accept));
            }
            let path = CheckedPath::parse(path.as_bytes()).unwrap();
            assert_eq!(wants_page(&fields, &path), expected, "{path:?} {accept:?}");
        }
    }
}
