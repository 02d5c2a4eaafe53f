//! Media types (RFC 9110 §8.3.1) by the names of files, and what compression gains on each.

use std::collections::HashMap;

use http::HeaderValue;

/// What bytes are of which nothing is known (RFC 2046 §4.5.1).
const UNKNOWN: &str = "application/octet-stream";

/// The table of types: the built-in one, and what was said over it.
#[derive(Clone, Debug, Default)]
pub struct MediaTypes {
    /// By extension, in lower case.
    overrides: HashMap<String, HeaderValue>,
}

/// Text that says no media type for an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaTypeFault {
    /// There is no `=` in it.
    #[error("write it as EXTENSION=TYPE, such as md=text/plain")]
    Form,
    /// What stands before the `=` is not what follows the last dot of a name.
    #[error("the extension is what follows the last dot of a name, such as md: without dots or slashes")]
    Extension,
    /// What stands after the `=` is not a media type (RFC 9110 §8.3.1).
    #[error("the media type is two words with a slash between them, such as text/plain")]
    Type,
}

/// How much smaller files of a type become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gain {
    /// Text in some form, or numbers in rows.
    Much,
    /// That depends on the file.
    Unknown,
    /// They are compressed already.
    None,
}

impl MediaTypes {
    /// Says `text`, as `EXTENSION=TYPE`, over what the table has.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn say(&mut self, text: &str) -> Result<(), MediaTypeFault> {
        let (extension, media_type) = text.split_once('=').ok_or(MediaTypeFault::Form)?;
        let extension = extension.strip_prefix('.').unwrap_or(extension);
        if extension.is_empty() || extension.contains(['.', '/', ' ']) {
            return Err(MediaTypeFault::Extension);
        }
        if !is_media_type(media_type) {
            return Err(MediaTypeFault::Type);
        }
        let value = with_charset(media_type).ok_or(MediaTypeFault::Type)?;
        self.overrides.insert(extension.to_ascii_lowercase(), value);
        Ok(())
    }

    /// The media type of a file of this name; text comes with `charset=utf-8`.
    #[must_use]
    pub fn of_name(&self, path: &[u8]) -> HeaderValue {
        let name = last_name(path);
        let extension = extension(name);
        let said = extension.as_ref().and_then(|extension| self.overrides.get(extension));
        if let Some(said) = said {
            return said.clone();
        }
        let essence = match &extension {
            Some(extension) => of_extension(extension),
            None => of_whole_name(name),
        };
        let essence = essence.unwrap_or(UNKNOWN);
        with_charset(essence).unwrap_or(HeaderValue::from_static(UNKNOWN))
    }
}

/// How much smaller content of this type becomes.
#[must_use]
pub fn gain(media_type: &HeaderValue) -> Gain {
    let essence = media_type.to_str().unwrap_or(UNKNOWN);
    let essence = essence.split(';').next().unwrap_or(UNKNOWN).trim().to_ascii_lowercase();
    let (top, sub) = essence.split_once('/').unwrap_or((essence.as_str(), ""));
    let has = |types: &[&str]| types.contains(&essence.as_str());
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| sub.ends_with(suffix));
    if has(MUCH) || ends(&["+json", "+xml", "+yaml"]) || matches!(top, "text" | "message") {
        Gain::Much
    } else if has(UNKNOWN_GAIN) {
        Gain::Unknown
    } else if has(NO_GAIN)
        || ends(&["+zip", "+gzip", "+zstd"])
        || matches!(top, "image" | "audio" | "video")
        || sub.starts_with("vnd.openxmlformats")
        || sub.starts_with("vnd.oasis.opendocument")
    {
        Gain::None
    } else {
        Gain::Unknown
    }
}

/// Beside text: what is text in all but name, and numbers in rows.
const MUCH: &[&str] = &[
    "application/cbor",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/mbox",
    "application/postscript",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/vnd.apple.mpegurl",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-subrip",
    "application/x-tex",
    "application/x-x509-ca-cert",
    "application/xml",
    "application/yaml",
    "audio/scpls",
    "audio/x-mpegurl",
    "font/collection",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "image/x-icon",
];

/// Beside what is not known at all: sound and pictures that may or may not be compressed.
const UNKNOWN_GAIN: &[&str] = &["audio/aiff", "audio/mid", "audio/midi", "audio/wav", "image/tiff"];

/// Beside sound and pictures.
const NO_GAIN: &[&str] = &[
    "application/gzip",
    "application/java-archive",
    "application/pdf",
    "application/pgp-signature",
    "application/vnd.android.package-archive",
    "application/vnd.debian.binary-package",
    "application/vnd.rar",
    "application/x-7z-compressed",
    "application/x-bittorrent",
    "application/x-brotli",
    "application/x-bzip2",
    "application/x-lz4",
    "application/x-lzip",
    "application/x-rpm",
    "application/x-xz",
    "application/zip",
    "application/zstd",
    "font/woff",
    "font/woff2",
];

/// The charset is said because browsers otherwise guess one, and guess an old one. XML says its own
/// (RFC 7303 §3), so it is given as `application/xml` and without.
fn with_charset(media_type: &str) -> Option<HeaderValue> {
    if media_type.starts_with("text/") && !media_type.contains(';') {
        HeaderValue::try_from(format!("{media_type}; charset=utf-8")).ok()
    } else {
        HeaderValue::from_str(media_type).ok()
    }
}

/// type "/" subtype, both tokens, and parameters that are taken as they are (RFC 9110 §8.3.1).
fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or("").trim_end();
    let is_token = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    essence.split_once('/').is_some_and(|(top, sub)| is_token(top) && is_token(sub))
}

fn last_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// What follows the last dot of a name, in lower case; none if the name begins with that dot.
fn extension(name: &[u8]) -> Option<String> {
    let dot = name.iter().rposition(|b| *b == b'.').filter(|dot| *dot > 0)?;
    let after = name.get(dot.checked_add(1)?..)?;
    str::from_utf8(after).ok().map(str::to_ascii_lowercase)
}

/// Names without an extension that people read.
fn of_whole_name(name: &[u8]) -> Option<&'static str> {
    let name = str::from_utf8(name).ok()?;
    TEXT_NAMES.contains(&name).then_some("text/plain")
}

const TEXT_NAMES: &[&str] = &[
    "README",
    "LICENSE",
    "LICENCE",
    "COPYING",
    "COPYRIGHT",
    "NOTICE",
    "AUTHORS",
    "CHANGES",
    "CHANGELOG",
    "NEWS",
    "INSTALL",
    "Makefile",
    "Dockerfile",
    "MD5SUMS",
    "SHA1SUMS",
    "SHA256SUMS",
    "SHA512SUMS",
    "B2SUMS",
];

fn of_extension(extension: &str) -> Option<&'static str> {
    page(extension)
        .or_else(|| medium(extension))
        .or_else(|| archive(extension))
        .or_else(|| source(extension))
        .or_else(|| mime_guess::from_ext(extension).first_raw())
}

// Below: where the table of the `mime_guess` crate is missing a type, or has one that the IANA registry
// or browsers no longer go by.

/// What web pages are made of, and what programs exchange.
fn page(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "js" | "mjs" | "cjs" => "text/javascript", // RFC 9239 §6
        "jsonl" | "ndjson" => "application/x-ndjson",
        "map" | "topojson" | "ipynb" => "application/json",
        "xml" | "xsl" | "xsd" => "application/xml",
        "md" | "markdown" => "text/markdown", // RFC 7763
        "yaml" | "yml" => "application/yaml", // RFC 9512
        "toml" => "application/toml",         // registered 2024
        "cbor" => "application/cbor",         // RFC 8949 §9.5
        "wasm" => "application/wasm",         // W3C, WebAssembly Web API
        "webmanifest" => "application/manifest+json",
        "woff" => "font/woff", // RFC 8081
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "vcf" => "text/vcard", // RFC 6350
        "graphql" | "gql" => "application/graphql",
        "parquet" => "application/vnd.apache.parquet",
        "sqlite" | "sqlite3" => "application/vnd.sqlite3",
        "azw3" => "application/vnd.amazon.mobi8-ebook",
        _ => return None,
    })
}

fn medium(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "webp" => "image/webp",
        "avif" => "image/avif",
        "jxl" => "image/jxl",
        "opus" => "audio/ogg",
        "m4a" => "audio/mp4",
        "mkv" => "video/matroska", // RFC 9559
        "mka" => "audio/matroska",
        "m4v" => "video/mp4",
        "ts" | "mts" | "m2ts" => "video/mp2t",
        "m3u8" => "application/vnd.apple.mpegurl", // RFC 8216 §4
        "stl" => "model/stl",
        "obj" => "model/obj",
        "usdz" => "model/vnd.usdz+zip",
        "psd" => "image/vnd.adobe.photoshop",
        _ => return None,
    })
}

fn archive(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "gz" | "tgz" | "crate" => "application/gzip", // RFC 6713
        "zst" | "tzst" => "application/zstd",         // RFC 8878
        "xz" | "txz" => "application/x-xz",
        "bz2" | "tbz2" => "application/x-bzip2",
        "lz4" => "application/x-lz4",
        "lz" => "application/x-lzip",
        "br" => "application/x-brotli",
        "7z" => "application/x-7z-compressed",
        "rar" => "application/vnd.rar",
        "jar" => "application/java-archive",
        "apk" => "application/vnd.android.package-archive",
        "whl" | "nupkg" => "application/zip",
        "gem" => "application/x-tar",
        "iso" => "application/x-iso9660-image",
        "dmg" => "application/x-apple-diskimage",
        "deb" => "application/vnd.debian.binary-package",
        "rpm" => "application/x-rpm",
        "flatpak" => "application/vnd.flatpak",
        _ => return None,
    })
}

/// Source text and lists, which browsers then show.
fn source(extension: &str) -> Option<&'static str> {
    TEXT_EXTENSIONS.contains(&extension).then_some("text/plain")
}

const TEXT_EXTENSIONS: &[&str] = &[
    "adoc",
    "asc",
    "b2",
    "bash",
    "bat",
    "bib",
    "dart",
    "diff",
    "fish",
    "go",
    "java",
    "jl",
    "jsx",
    "kt",
    "list",
    "lock",
    "lua",
    "md5",
    "mod",
    "nix",
    "org",
    "patch",
    "php",
    "pl",
    "properties",
    "proto",
    "ps1",
    "py",
    "r",
    "rb",
    "rs",
    "rst",
    "scala",
    "sh",
    "sha1",
    "sha256",
    "sha512",
    "sources",
    "sql",
    "srt",
    "sum",
    "svelte",
    "swift",
    "tex",
    "tsx",
    "vue",
    "wat",
    "zig",
    "zsh",
];

#[cfg(test)]
#[path = "media_type_tests.rs"]
mod tests;
