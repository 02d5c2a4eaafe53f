//! The name that a server gives a file: `Content-Disposition` (RFC 6266).
//!
//! Pure.

use std::borrow::Cow;

use message::field::list::trim;
use message::field::quoted::{parameters, take};
use message::{Fields, HeaderName};
use percent_encoding::percent_decode;

use crate::name::FileName;

const CONTENT_DISPOSITION: HeaderName = HeaderName::from_static("content-disposition");

/// The name in `fields`, made safe: exactly one component, whatever the server says. `None` if there is none.
///
/// `filename*` goes before `filename` (§4.3). Of a path only the last component counts, whichever system it is
/// written for.
pub(crate) fn file_name(fields: &Fields) -> Option<FileName> {
    let line = fields.lines(&CONTENT_DISPOSITION).next()?.as_bytes();
    let start = line.iter().position(|byte| *byte == b';')?;
    let rest = line.get(start..)?;
    let strict: Result<Vec<_>, _> = parameters(rest).collect();
    let (mut plain, mut extended) = (None, None);
    for (name, value) in strict.unwrap_or_else(|_| lenient(rest)) {
        if name.eq_ignore_ascii_case(b"filename*") {
            extended = extended.or_else(|| decoded(&value));
        } else if name.eq_ignore_ascii_case(b"filename") {
            plain = plain.or_else(|| Some(text(&value)));
        }
    }
    let name = extended.or(plain)?;
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    (!last.is_empty()).then(|| FileName::harmless(last))
}

/// Parameters as servers write them that do not know the grammar: `filename=two words.txt`.
fn lenient(mut rest: &[u8]) -> Vec<(&[u8], Cow<'_, [u8]>)> {
    let mut found = Vec::new();
    while let Some(after) = rest.strip_prefix(b";").map(trim) {
        let equals = after.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(after.len());
        let (name, value) = after.split_at_checked(equals).unwrap_or((after, b""));
        let value = trim(value.strip_prefix(b"=").unwrap_or(value));
        let (value, behind) = take(value).unwrap_or_else(|| {
            let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
            let (value, behind) = value.split_at_checked(end).unwrap_or((value, b""));
            (Cow::Borrowed(trim(value)), behind)
        });
        found.push((trim(name), value));
        let next = behind.iter().position(|byte| *byte == b';').unwrap_or(behind.len());
        rest = behind.get(next..).unwrap_or_default();
    }
    found
}

/// What is not UTF-8 is taken for ISO 8859-1, as HTTP once had it.
fn text(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// `charset'language'value` (RFC 8187 §3.2): UTF-8, and ISO 8859-1, which it replaced.
fn decoded(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, value) = (parts.next()?, parts.nth(1)?);
    let bytes: Vec<u8> = percent_decode(value).collect();
    if charset.eq_ignore_ascii_case(b"utf-8") {
        return String::from_utf8(bytes).ok();
    }
    let is_latin = charset.eq_ignore_ascii_case(b"iso-8859-1");
    is_latin.then(|| bytes.iter().map(|byte| char::from(*byte)).collect())
}

#[cfg(test)]
mod tests {
    use message::HeaderValue;

    use super::*;

    fn name(value: &[u8]) -> Option<String> {
        let mut fields = Fields::new();
        fields.set(CONTENT_DISPOSITION, HeaderValue::from_bytes(value).unwrap());
        file_name(&fields).map(|name| name.as_os_str().to_str().unwrap().to_owned())
    }

    #[test]
    fn both_forms_are_read_6266_5() {
        for (value, expected) in [
            (&b"Attachment; filename=example.html"[..], Some("example.html")),
            (b"INLINE; FILENAME= \"an example.html\"", Some("an example.html")),
            (b"attachment; filename=\"an example.html\"", Some("an example.html")),
            (b"attachment; filename*= UTF-8''%e2%82%ac%20rates", Some("\u{20ac} rates")),
            (b"attachment; filename*=UTF-8''%e2%82%ac%20rates", Some("\u{20ac} rates")),
            (
                b"attachment; filename=\"EURO rates\"; filename*=utf-8'en'%e2%82%ac%20rates",
                Some("\u{20ac} rates"),
            ),
            (b"attachment; filename*=utf-8''%e2%82%ac; filename=\"EURO\"", Some("\u{20ac}")),
            (b"attachment; filename*=iso-8859-1'en'%A3%20rates", Some("\u{a3} rates")),
            (b"attachment; filename*=utf-8''%ff; filename=plain", Some("plain")),
            (b"attachment; filename*=koi8-r''x; filename=plain", Some("plain")),
            (b"attachment; filename=\"a\\\"b\\\\c;d=e\"", Some("c;d=e")),
            (b"attachment; filename=two words.txt; size=3", Some("two words.txt")),
            (b"attachment;filename=\"caf\xc3\xa9\"", Some("caf\u{e9}")),
            (b"attachment; filename=caf\xe9", Some("caf\u{e9}")),
            (b"attachment; filename=100%25.txt", Some("100%25.txt")),
            (b"attachment; name=x", None),
            (b"attachment", None),
            (b"attachment; filename=\"\"", None),
            (b"attachment; filename=\" \"", None),
            (b"attachment; filename=\"a/\"", None),
            (b"filename=x", None),
        ] {
            assert_eq!(name(value).as_deref(), expected, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn a_name_is_one_safe_component_whatever_is_said() {
        for (value, expected) in [
            (&b"a; filename=\"../../etc/passwd\""[..], "passwd"),
            (b"a; filename=\"/etc/passwd\"", "passwd"),
            (b"a; filename=\"C:\\\\Windows\\\\evil.exe\"", "evil.exe"),
            (b"a; filename*=utf-8''..%2f..%2fx", "x"),
            (b"a; filename*=utf-8''..%5cx", "x"),
            (b"a; filename=\"..\"", "_."),
            (b"a; filename=.bashrc", "_bashrc"),
            (b"a; filename=nul", "_nul"),
            (b"a; filename*=utf-8''a%00%0d%0ab", "a___b"),
            (b"a; filename*=utf-8''%E2%80%AEgpj.exe", "_gpj.exe"),
        ] {
            assert_eq!(name(value).as_deref(), Some(expected), "{}", String::from_utf8_lossy(value));
        }
        let long = [b"a; filename=".as_slice(), &[b'x'; 5000], b".iso"].concat();
        let long = name(&long).unwrap();
        assert!(long.len() == FileName::URL_NAME_MAX && long.ends_with(".iso"));
    }
}
