//! Metalinks (RFC 5854): where a file is, and what it must hash to, as a whole and piece by piece.
//!
//! Pure. What is not known is passed over, as §4 asks for; what can't be used is left out.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::digest::{Algorithm, Digest};
use crate::url::Url;

/// The longest metalink that is read, in bytes.
pub const METALINK_MAX: u64 = 16 * 1024 * 1024;

/// The priority of a URL that does not say one: after all that do (§4.2.16.1).
const PRIORITY_LEAST: u32 = 999_999;

/// One file of a metalink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetalinkFile {
    /// Its name: what the metalink says, which may be a path, and must not be trusted to be one component.
    pub name: String,
    /// Its length in bytes.
    pub size: Option<u64>,
    /// What all of it hashes to.
    pub digests: Vec<Digest>,
    /// What its pieces hash to.
    pub pieces: Option<Pieces>,
    /// Where it is, best first.
    pub urls: Vec<Url>,
}

/// What the pieces of a file hash to, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Length of each piece but the last one, in bytes; at least 1.
    pub length: u64,
    /// One digest for each piece, all by one algorithm.
    pub digests: Vec<Digest>,
}

/// Why a text is no metalink.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetalinkFault {
    /// It is not well-formed XML.
    #[error("it is no XML: {0}")]
    Xml(String),
    /// It is XML of another kind.
    #[error("it is no metalink of version 4 (RFC 5854)")]
    Kind,
    /// There is nothing in it that could be got.
    #[error("no file in it has a URL that can be asked for")]
    Empty,
}

/// What stands between a start tag and its end.
#[derive(Default)]
struct Text {
    of: Option<Element>,
    text: String,
}

/// Elements whose text counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Size,
    Hash(Option<Algorithm>),
    PieceHash,
    Url(u32),
}

/// A file on its way.
#[derive(Default)]
struct Building {
    file: MetalinkFile,
    urls: Vec<(u32, Url)>,
    /// Algorithm, length and hashes of the pieces.
    pieces: Option<(Option<Algorithm>, u64, Vec<String>)>,
    in_pieces: bool,
}

/// The files of a metalink that can be got. Relative URLs are resolved against `base`.
///
/// # Errors
/// It is none, or there is no such file.
pub fn parse_metalink(text: &str, base: Option<&Url>) -> Result<Vec<MetalinkFile>, MetalinkFault> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().trim_text(true);
    let (mut files, mut building, mut inside) = (Vec::new(), None::<Building>, Text::default());
    let mut is_metalink = false;
    loop {
        let event = reader.read_event().map_err(|fault| MetalinkFault::Xml(fault.to_string()))?;
        match event {
            Event::Eof => break,
            Event::Start(tag) if !is_metalink => {
                is_metalink = tag.local_name().as_ref() == "metalink";
                if !is_metalink {
                    return Err(MetalinkFault::Kind);
                }
            }
            Event::Start(tag) => inside = Text { of: start(&tag, &mut building), text: String::new() },
            Event::Text(piece) if inside.of.is_some() => {
                inside.text.push_str(&piece);
            }
            Event::GeneralRef(entity) if inside.of.is_some() => {
                inside.text.push_str(resolved(&entity));
            }
            Event::CData(piece) if inside.of.is_some() => {
                inside.text.push_str(&piece);
            }
            Event::End(tag) => {
                let text = std::mem::take(&mut inside);
                if let (Some(element), Some(building)) = (text.of, &mut building) {
                    building.take(element, text.text.trim(), base);
                }
                match tag.local_name().as_ref() {
                    "pieces" => building.iter_mut().for_each(|building| building.in_pieces = false),
                    "file" => files.extend(building.take().and_then(Building::finish)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    match (is_metalink, files.is_empty()) {
        (false, _) => Err(MetalinkFault::Kind),
        (true, true) => Err(MetalinkFault::Empty),
        (true, false) => Ok(files),
    }
}

/// What XML itself names.
fn resolved(entity: &str) -> &'static str {
    match entity {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    }
}

fn start(tag: &BytesStart<'_>, building: &mut Option<Building>) -> Option<Element> {
    let attribute = |name: &str| {
        let found = tag.try_get_attribute(name).ok().flatten()?;
        Some(found.value.replace("&amp;", "&"))
    };
    let algorithm = || attribute("type").and_then(|name| Algorithm::parse(&name));
    match tag.local_name().as_ref() {
        "file" => {
            let name = attribute("name").unwrap_or_default();
            *building = Some(Building {
                file: MetalinkFile { name, ..MetalinkFile::default() },
                ..Building::default()
            });
            None
        }
        "size" => Some(Element::Size),
        "pieces" => {
            let length = attribute("length").and_then(|text| text.parse().ok()).unwrap_or_default();
            if let Some(building) = building {
                building.in_pieces = true;
                building.pieces = Some((algorithm(), length, Vec::new()));
            }
            None
        }
        "hash" if building.as_ref().is_some_and(|building| building.in_pieces) => Some(Element::PieceHash),
        "hash" => Some(Element::Hash(algorithm())),
        "url" => {
            let priority = attribute("priority").and_then(|text| text.parse().ok());
            Some(Element::Url(priority.unwrap_or(PRIORITY_LEAST)))
        }
        _ => None,
    }
}

impl Building {
    fn take(&mut self, element: Element, text: &str, base: Option<&Url>) {
        match element {
            Element::Size => self.file.size = text.parse().ok(),
            Element::Hash(algorithm) => {
                self.file.digests.extend(algorithm.and_then(|algorithm| Digest::from_hex(algorithm, text)));
            }
            Element::PieceHash => {
                if let Some((_, _, hashes)) = &mut self.pieces {
                    hashes.push(text.to_owned());
                }
            }
            Element::Url(priority) => {
                let url = match base {
                    Some(base) => base.join(text.as_bytes()),
                    None => Url::parse(text),
                };
                self.urls.extend(url.ok().map(|url| (priority, url)));
            }
        }
    }

    fn finish(mut self) -> Option<MetalinkFile> {
        self.urls.sort_by_key(|(priority, _)| *priority);
        self.file.urls = self.urls.into_iter().map(|(_, url)| url).collect();
        self.file.pieces = self.pieces.and_then(|(algorithm, length, hashes)| {
            let digests: Option<Vec<Digest>> =
                hashes.iter().map(|hash| Digest::from_hex(algorithm?, hash)).collect();
            let fits = self.file.size.is_none_or(|size| size.div_ceil(length.max(1)) == hashes.len() as u64);
            digests
                .filter(|digests| length > 0 && fits && !digests.is_empty())
                .map(|digests| Pieces { length, digests })
        });
        (!self.file.urls.is_empty()).then_some(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_metalink_names_places_and_digests_5854_1_1() {
        let text = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <published>2009-05-15T12:23:23Z</published>
  <file name="example.ext">
    <size>5</size>
    <description>A &amp; B</description>
    <hash type="sha-256">{OF_ABC}</hash>
    <hash type="crc">00</hash>
    <pieces length="3" type="sha-256"><hash>{OF_ABC}</hash><hash>{OF_ABC}</hash></pieces>
    <url location="de" priority="2">http://b.test/example.ext?a=1&amp;b=2</url>
    <url priority="1">http://a.test/example.ext</url>
    <url>relative.ext</url>
    <url>ftp://c.test/example.ext</url>
    <metaurl mediatype="torrent">http://t.test/x.torrent</metaurl>
  </file>
  <file name="nowhere"><url>ftp://d.test/x</url></file>
</metalink>"#
        );
        let base = Url::parse("http://m.test/dir/x.meta4").unwrap();
        let files = parse_metalink(&text, Some(&base)).unwrap();
        let [file] = &*files else { panic!("{files:?}") };
        assert_eq!((file.name.as_str(), file.size), ("example.ext", Some(5)));
        assert_eq!(file.digests, [Digest::parse(OF_ABC).unwrap()]);
        assert_eq!(file.pieces.as_ref().map(|pieces| (pieces.length, pieces.digests.len())), Some((3, 2)));
        let urls: Vec<String> = file.urls.iter().map(Url::to_string).collect();
        assert_eq!(
            urls,
            [
                "http://a.test/example.ext",
                "http://b.test/example.ext?a=1&b=2",
                "http://m.test/dir/relative.ext"
            ]
        );
    }

    #[test]
    fn what_is_none_is_told() {
        for (text, fault) in [
            ("<html><file/></html>", MetalinkFault::Kind),
            ("", MetalinkFault::Kind),
            ("<metalink><file name='x'/></metalink>", MetalinkFault::Empty),
        ] {
            assert_eq!(parse_metalink(text, None), Err(fault), "{text}");
        }
        assert!(matches!(parse_metalink("<metalink><file></metalink>", None), Err(MetalinkFault::Xml(_))));
    }

    #[test]
    fn pieces_that_do_not_fit_the_file_are_none() {
        for (size, length) in [("7", "3"), ("5", "0"), ("5", "")] {
            let text = format!(
                "<metalink><file name='x'><size>{size}</size><url>http://a/x</url>\
                 <pieces length='{length}' type='sha-256'><hash>{OF_ABC}</hash><hash>{OF_ABC}</hash></pieces></file></metalink>"
            );
            assert_eq!(parse_metalink(&text, None).unwrap()[0].pieces, None, "{size} {length}");
        }
    }
}
