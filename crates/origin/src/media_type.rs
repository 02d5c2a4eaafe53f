//! Media types (RFC 9110 §8.3.1) by the end of a file's name.

use http::HeaderValue;

/// What bytes are of which nothing is known (RFC 2046 §4.5.1).
const UNKNOWN: &str = "application/octet-stream";

/// The media type of a file of this name; text comes with `charset=utf-8`.
///
/// The charset is said because browsers otherwise guess one, and guess an old one. XML says its own
/// (RFC 7303 §3), so it is given as `application/xml` and without.
#[must_use]
pub fn of_name(name: &[u8]) -> HeaderValue {
    let essence = extension(name).as_deref().and_then(of_extension).unwrap_or(UNKNOWN);
    if essence.starts_with("text/") {
        HeaderValue::try_from(format!("{essence}; charset=utf-8"))
            .unwrap_or(HeaderValue::from_static("text/plain; charset=utf-8"))
    } else {
        HeaderValue::from_static(essence)
    }
}

/// What follows the last dot of the last name, in lower case; none if the name begins with that dot.
fn extension(path: &[u8]) -> Option<String> {
    let name = path.rsplit(|b| *b == b'/').next()?;
    let dot = name.iter().rposition(|b| *b == b'.').filter(|dot| *dot > 0)?;
    let after = name.get(dot.checked_add(1)?..)?;
    str::from_utf8(after).ok().map(str::to_ascii_lowercase)
}

fn of_extension(extension: &str) -> Option<&'static str> {
    override_of(extension).or_else(|| mime_guess::from_ext(extension).first_raw())
}

/// Where the table of the `mime_guess` crate is missing a type, or has one that the IANA registry or
/// browsers no longer go by.
fn override_of(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "js" | "mjs" | "cjs" => "text/javascript", // RFC 9239 §6
        "jsonl" | "ndjson" => "application/x-ndjson",
        "map" => "application/json", // source maps
        "xml" | "xsl" | "xsd" => "application/xml",
        "yaml" | "yml" => "application/yaml", // RFC 9512
        "toml" => "application/toml",
        "cbor" => "application/cbor",
        "wasm" => "application/wasm",
        "woff" => "font/woff", // RFC 8081
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "opus" => "audio/ogg",
        "ts" | "m2ts" => "video/mp2t",
        "gz" | "tgz" => "application/gzip",
        "zst" | "tzst" => "application/zstd", // RFC 8878
        "xz" | "txz" => "application/x-xz",
        "bz2" | "tbz2" => "application/x-bzip2",
        "lz4" => "application/x-lz4",
        "iso" => "application/x-iso9660-image",
        "deb" => "application/vnd.debian.binary-package",
        "rpm" => "application/x-rpm",
        "asc" | "md5" | "sha1" | "sha256" | "sha512" | "diff" | "patch" | "go" | "rs" | "sql" | "sh" => {
            "text/plain"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_types_that_browsers_and_the_registry_go_by() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a.HTM", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.rs", "text/plain; charset=utf-8"),
            ("SHA512SUMS.asc", "text/plain; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.js.map", "application/json"),
            ("a.xml", "application/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.webp", "image/webp"),
            ("a.avif", "image/avif"),
            ("a.png", "image/png"),
            ("a.jpeg", "image/jpeg"),
            ("a.woff", "font/woff"),
            ("a.woff2", "font/woff2"),
            ("a.mp4", "video/mp4"),
            ("a.ts", "video/mp2t"),
            ("a.pdf", "application/pdf"),
            ("a.zip", "application/zip"),
            ("linux-6.18.tar.gz", "application/gzip"),
            ("linux-6.18.tar.xz", "application/x-xz"),
            ("linux-6.18.tar.zst", "application/zstd"),
            ("a.tar", "application/x-tar"),
            ("debian-13.iso", "application/x-iso9660-image"),
            ("a.rpm", "application/x-rpm"),
            ("a.metalink", "application/metalink+xml"),
            ("dir.html/file", "application/octet-stream"),
            ("README", "application/octet-stream"),
            ("a.unheard-of", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            (".well-known/.html", "application/octet-stream"),
        ] {
            assert_eq!(of_name(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(of_name(b"a.\xff"), UNKNOWN);
    }
}
