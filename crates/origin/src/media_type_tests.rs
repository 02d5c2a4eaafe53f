use super::*;

fn of(name: &str) -> HeaderValue {
    MediaTypes::default().of_name(name.as_bytes())
}

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
        ("a.vtt", "text/vtt; charset=utf-8"),
        ("a.rs", "text/plain; charset=utf-8"),
        ("a.py", "text/plain; charset=utf-8"),
        ("SHA512SUMS.asc", "text/plain; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.js.map", "application/json"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.xml", "application/xml"),
        ("a.yaml", "application/yaml"),
        ("a.toml", "application/toml"),
        ("a.wasm", "application/wasm"),
        ("a.svg", "image/svg+xml"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.jxl", "image/jxl"),
        ("a.heic", "image/heic"),
        ("a.png", "image/png"),
        ("a.jpeg", "image/jpeg"),
        ("a.woff", "font/woff"),
        ("a.woff2", "font/woff2"),
        ("a.mp4", "video/mp4"),
        ("a.mkv", "video/matroska"),
        ("a.webm", "video/webm"),
        ("a.ts", "video/mp2t"),
        ("a.m3u8", "application/vnd.apple.mpegurl"),
        ("a.mp3", "audio/mpeg"),
        ("a.m4a", "audio/mp4"),
        ("a.flac", "audio/flac"),
        ("a.opus", "audio/ogg"),
        ("a.pdf", "application/pdf"),
        ("a.epub", "application/epub+zip"),
        ("a.zip", "application/zip"),
        ("a.7z", "application/x-7z-compressed"),
        ("a.jar", "application/java-archive"),
        ("a.apk", "application/vnd.android.package-archive"),
        ("linux-6.18.tar.gz", "application/gzip"),
        ("linux-6.18.tar.xz", "application/x-xz"),
        ("linux-6.18.tar.zst", "application/zstd"),
        ("a.tar", "application/x-tar"),
        ("debian-13.iso", "application/x-iso9660-image"),
        ("a.deb", "application/vnd.debian.binary-package"),
        ("a.rpm", "application/x-rpm"),
        ("a.metalink", "application/metalink+xml"),
        ("a.meta4", "application/metalink4+xml"),
        ("a.torrent", "application/x-bittorrent"),
        ("README", "text/plain; charset=utf-8"),
        ("debian/SHA256SUMS", "text/plain; charset=utf-8"),
        ("dir.html/file", "application/octet-stream"),
        ("README/file", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        (".well-known/.html", "application/octet-stream"),
    ] {
        assert_eq!(of(name), expected, "{name}");
    }
    assert_eq!(MediaTypes::default().of_name(b"a.\xff"), UNKNOWN);
}

#[test]
fn what_is_said_goes_before_the_table() {
    let mut types = MediaTypes::default();
    for text in ["ts=text/typescript", ".FOO=application/x-foo", "log=text/plain; charset=iso-8859-1"] {
        types.say(text).unwrap();
    }
    for (name, expected) in [
        ("a.ts", "text/typescript; charset=utf-8"),
        ("a.Foo", "application/x-foo"),
        ("a.log", "text/plain; charset=iso-8859-1"),
        ("a.txt", "text/plain; charset=utf-8"),
    ] {
        assert_eq!(types.of_name(name.as_bytes()), expected, "{name}");
    }
    types.say("ts=video/mp2t").unwrap();
    assert_eq!(types.of_name(b"a.ts"), "video/mp2t", "the last word counts");
}

#[test]
fn what_says_no_type_is_told() {
    for (text, fault) in [
        ("md", MediaTypeFault::Form),
        ("=text/plain", MediaTypeFault::Extension),
        ("tar.gz=application/gzip", MediaTypeFault::Extension),
        ("a/b=text/plain", MediaTypeFault::Extension),
        ("md=", MediaTypeFault::Type),
        ("md=text", MediaTypeFault::Type),
        ("md=text/", MediaTypeFault::Type),
        ("md=text/a b", MediaTypeFault::Type),
        ("md=text/plain\r\nX: y", MediaTypeFault::Type),
        ("md=text/plain;\r\nX: y", MediaTypeFault::Type),
    ] {
        assert_eq!(MediaTypes::default().say(text), Err(fault), "{text:?}");
    }
}

#[test]
fn types_are_told_by_what_compression_gains() {
    for (media_type, expected) in [
        ("text/html; charset=utf-8", Gain::Much),
        ("TEXT/CSS", Gain::Much),
        ("application/json", Gain::Much),
        ("application/manifest+json", Gain::Much),
        ("application/wasm", Gain::Much),
        ("application/xml", Gain::Much),
        ("image/svg+xml", Gain::Much),
        ("image/x-icon", Gain::Much),
        ("font/ttf", Gain::Much),
        ("application/octet-stream", Gain::Unknown),
        ("application/x-tar", Gain::Unknown),
        ("audio/wav", Gain::Unknown),
        ("image/png", Gain::None),
        ("video/mp4", Gain::None),
        ("audio/mpeg", Gain::None),
        ("font/woff2", Gain::None),
        ("application/gzip", Gain::None),
        ("application/epub+zip", Gain::None),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", Gain::None),
        ("nonsense", Gain::Unknown),
    ] {
        assert_eq!(gain(&HeaderValue::from_static(media_type)), expected, "{media_type}");
    }
}
