//! Metalink documents (RFC 5854) and lists of mirrors. Pure.

use message::StatusCode;

use crate::holdings::Facts;
use crate::markup::{escape, hex, json, reference};
use crate::replica::Country;

/// The largest priority that there is (RFC 5854 §4.1.8).
const PRIORITY_MAX: usize = 999_999;

/// The name of a file that has none that could be used.
const NAMELESS: &str = "file";

/// Where a file can be had, the best first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mirror {
    /// `scheme://authority`
    pub(crate) server: String,
    pub(crate) country: Option<Country>,
    /// The part of the clients that is sent there: 0 to 1.
    pub(crate) share: f64,
}

/// A file and where it can be had.
#[derive(Clone, Debug)]
pub(crate) struct Mirrored {
    /// As it was asked for, without a query.
    pub(crate) path: String,
    pub(crate) facts: Facts,
    pub(crate) mirrors: Vec<Mirror>,
}

impl Mirrored {
    /// A Metalink document (RFC 5854 §4).
    pub(crate) fn to_metalink(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.push_str("<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n");
        xml.push_str(concat!("  <generator>Sockets/", env!("CARGO_PKG_VERSION"), "</generator>\n"));
        xml.push_str("  <file name=\"");
        escape(&mut xml, &name(&self.path));
        xml.push_str("\">\n");
        if let Some(length) = self.facts.length {
            xml.push_str(&format!("    <size>{length}</size>\n"));
        }
        if let Some(digest) = self.facts.digest {
            xml.push_str(&format!("    <hash type=\"sha-256\">{}</hash>\n", hex(&digest)));
        }
        for (priority, mirror) in (1..=PRIORITY_MAX).zip(&self.mirrors) {
            xml.push_str(&format!("    <url priority=\"{priority}\""));
            if let Some(country) = mirror.country {
                xml.push_str(&format!(" location=\"{country}\""));
            }
            xml.push('>');
            escape(&mut xml, &self.url(mirror));
            xml.push_str("</url>\n");
        }
        xml.push_str("  </file>\n</metalink>\n");
        xml
    }

    /// A list for people.
    pub(crate) fn to_html(&self) -> String {
        let mut html = String::from("<!doctype html>\n<meta charset=\"utf-8\">\n<title>Mirrors of ");
        escape(&mut html, &self.path);
        html.push_str("</title>\n<h1>Mirrors of ");
        escape(&mut html, &self.path);
        html.push_str("</h1>\n");
        if let Some(length) = self.facts.length {
            html.push_str(&format!("<p>{length} bytes</p>\n"));
        }
        if let Some(digest) = self.facts.digest {
            html.push_str(&format!("<p>SHA-256: <code>{}</code></p>\n", hex(&digest)));
        }
        html.push_str("<ol>\n");
        for mirror in &self.mirrors {
            let url = self.url(mirror);
            html.push_str("<li><a href=\"");
            escape(&mut html, &url);
            html.push_str("\">");
            escape(&mut html, &url);
            html.push_str("</a>");
            if let Some(country) = mirror.country {
                html.push_str(&format!(" ({})", country.as_str().to_ascii_uppercase()));
            }
            html.push_str(&format!(", {:.1} % of the clients</li>\n", 100.0 * mirror.share));
        }
        html.push_str("</ol>\n");
        html
    }

    /// A list for programs.
    pub(crate) fn to_json(&self) -> String {
        let text = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
        let mirror = |(pri, mirror): (usize, &Mirror)| {
            let country = text(mirror.country.map(|country| json(country.as_str())));
            let (url, share) = (json(&self.url(mirror)), mirror.share);
            format!("{{\"url\":{url},\"pri\":{pri},\"country\":{country},\"share\":{share:.6}}}")
        };
        let mirrors: Vec<_> = (1..).zip(&self.mirrors).map(mirror).collect();
        format!(
            "{{\"path\":{},\"size\":{},\"sha256\":{},\"mirrors\":[{}]}}\n",
            json(&self.path),
            text(self.facts.length.map(|length| length.to_string())),
            text(self.facts.digest.map(|digest| json(&hex(&digest)))),
            mirrors.join(",")
        )
    }

    fn url(&self, mirror: &Mirror) -> String {
        let mut url = mirror.server.clone();
        reference(&mut url, &self.path);
        url
    }
}

/// What is said where nobody has the file, or nobody is there.
pub(crate) fn nobody(status: StatusCode) -> &'static str {
    if status == StatusCode::NOT_FOUND { "No server has this file.\n" } else { "No server is there.\n" }
}

/// The last part of `path`, decoded: a name that leads out of no directory (RFC 5854 §4.1.2.1).
fn name(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let name = String::from_utf8_lossy(&decoded(last)).into_owned();
    let harmless = |c: &char| !c.is_control() && !matches!(c, '/' | '\\');
    let name: String = name.chars().filter(harmless).collect();
    if matches!(&*name, "" | "." | "..") { NAMELESS.to_owned() } else { name }
}

/// Percent-encoding undone (RFC 3986 §2.1); what is none stays.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().and_then(|two| str::from_utf8(two).ok());
        let digits = digits.filter(|two| *first == b'%' && !two.starts_with('+'));
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrored(path: &str) -> Mirrored {
        let mirror = |server: &str, country| Mirror {
            server: server.to_owned(),
            country: Country::parse(country),
            share: 0.25,
        };
        Mirrored {
            path: path.to_owned(),
            facts: Facts { length: Some(5), digest: Some([0xab; 32]) },
            mirrors: vec![mirror("http://a.test", "DE"), mirror("http://b.test:81", "")],
        }
    }

    #[test]
    fn a_document_has_name_size_hash_and_urls_by_priority_5854_4() {
        let xml = mirrored("/d/a%20b.iso").to_metalink();
        for part in [
            "<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">",
            "<file name=\"a b.iso\">",
            "<size>5</size>",
            &format!("<hash type=\"sha-256\">{}</hash>", "ab".repeat(32)),
            "<url priority=\"1\" location=\"de\">http://a.test/d/a%20b.iso</url>",
            "<url priority=\"2\">http://b.test:81/d/a%20b.iso</url>",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
    }

    #[test]
    fn no_path_gets_out_of_a_document() {
        let path = "/<&\"'>";
        for text in [mirrored(path).to_metalink(), mirrored(path).to_html()] {
            assert!(!text.contains("<&") && !text.contains("\"'>"), "{text}");
        }
        let parsed: serde_json::Value = serde_json::from_str(&mirrored("/a\"b\\").to_json()).unwrap();
        assert_eq!(parsed["path"], "/a\"b\\");
        assert_eq!(parsed["mirrors"][0]["url"], "http://a.test/a%22b%5C");
        assert_eq!(parsed["mirrors"][1]["country"], serde_json::Value::Null);
    }

    #[test]
    fn a_name_leads_nowhere_5854_4_1_2_1() {
        for (path, expected) in [
            ("/a/b.iso", "b.iso"),
            ("/", "file"),
            ("/..", "file"),
            ("/%2e%2e", "file"),
            ("/x%2f..%5cy", "x..y"),
            ("/100%", "100%"),
            ("/%zz%00%", "%zz%"),
            ("/%+1", "%+1"),
        ] {
            assert_eq!(name(path), expected, "{path}");
        }
    }
}
