//! A header or trailer section (RFC 9110 §5, §6.3, §6.5).

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};

/// Field lines in the order in which they came, to be found by name.
///
/// They stand in one row and are found by looking along it: a message has a dozen of them, and a table for
/// those costs more to make, to move and to take down than it ever saves. Their number has a limit on the wire.
///
/// Names are tokens and values hold no CR, LF or NUL: the `http` crate's types can't be made
/// otherwise. A section that is sent many times is [prepared](Fields::prepare) once: it is then
/// shared, carries its HTTP/1.1 form, and costs a reference and a copy per message. Changing a
/// prepared section makes it an ordinary one again.
#[derive(Clone, Debug)]
pub struct Fields {
    section: Section,
    /// The marks of all names that are there, and perhaps of more: most names that are asked for are not
    /// there, and so are not looked for.
    marks: Marks,
}

/// A set of names that may say of a few too many that they are in it.
#[derive(Clone, Copy, Debug, Default)]
struct Marks(u64);

/// A field line (RFC 9110 §5.2): a name and one value.
type Line = (HeaderName, HeaderValue);

#[derive(Debug)]
enum Section {
    Owned(Vec<Line>),
    Prepared(Arc<Prepared>),
}

/// Lines for which there is room in a section that was read or copied: who forwards a message adds a few.
const SPARE_LINES: usize = 4;

#[derive(Debug)]
struct Prepared {
    lines: Vec<Line>,
    encoded: OnceLock<Bytes>,
}

impl Default for Fields {
    fn default() -> Self {
        Self::new()
    }
}

impl Fields {
    /// An empty section.
    #[must_use]
    pub fn new() -> Self {
        Self { section: Section::Owned(Vec::new()), marks: Marks::default() }
    }

    /// An empty section with room for `lines` field lines, and a few more.
    #[must_use]
    pub fn with_capacity(lines: usize) -> Self {
        Self { section: Section::Owned(with_room(&[], lines)), marks: Marks::default() }
    }

    /// The first line's value.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.since_first(name).first().map(|(_, value)| value)
    }

    /// The value of a field that may stand only once, as visible ASCII text: `None` if it is absent,
    /// repeated, or not such text.
    #[must_use]
    #[inline]
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        match self.since_first(name) {
            [] => None,
            [(name, value), others @ ..] => {
                let is_only = !others.iter().any(|(other, _)| other == name);
                value.to_str().ok().filter(|_| is_only)
            }
        }
    }

    /// The values of all lines of that name, in order.
    #[inline]
    pub fn lines<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a HeaderValue> + use<'a> {
        // They borrow nothing of `name`: from the first on it is its own that is compared.
        let found = self.since_first(name);
        let is_one = |line: &&'a Line| found.first().is_some_and(|(first, _)| line.0 == *first);
        found.iter().filter(is_one).map(|(_, value)| value)
    }

    /// Whether there is a line of that name.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: &HeaderName) -> bool {
        !self.since_first(name).is_empty()
    }

    /// Every line, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.row().iter().map(|(name, value)| (name, value))
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.row().len()
    }

    /// Whether there are no lines.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.row().is_empty()
    }

    /// Puts one line in the place of all lines of that name: where the first of them was.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        let Some(first) = self.position(&name) else { return self.append(name, value) };
        let row = self.row_mut();
        if let Some(line) = row.get_mut(first) {
            line.1 = value;
        }
        let mut seen = 0_usize;
        row.retain(|(other, _)| {
            seen = seen.saturating_add(usize::from(*other == name));
            seen <= 1 || *other != name
        });
    }

    /// Adds a line behind all others.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.marks.add(&name);
        self.row_mut().push((name, value));
    }

    /// Takes all lines of that name out.
    #[inline]
    pub fn remove(&mut self, name: &HeaderName) {
        if self.contains(name) {
            self.row_mut().retain(|(other, _)| other != name);
        }
    }

    /// The same section, shared, with room for its form on the wire.
    #[must_use]
    pub fn prepare(self) -> Self {
        match self.section {
            Section::Prepared(_) => self,
            Section::Owned(lines) => {
                let prepared = Prepared { lines, encoded: OnceLock::new() };
                Self { section: Section::Prepared(Arc::new(prepared)), marks: self.marks }
            }
        }
    }

    /// The form on the wire of a section that was [prepared](Fields::prepare): what `encode` made of
    /// it when it was first asked for. `None` for an ordinary section.
    ///
    /// There is one such form, HTTP/1.1's, so `encode` must be the same function each time.
    pub fn encoded(&self, encode: impl FnOnce(&Self) -> Bytes) -> Option<&Bytes> {
        match &self.section {
            Section::Prepared(prepared) => Some(prepared.encoded.get_or_init(|| encode(self))),
            Section::Owned(_) => None,
        }
    }

    /// The lines from the first of that name on. Inlined, as all that asks by it, so that where the name is a
    /// constant its mark is one too: that a name isn't there is then told by one instruction.
    #[inline]
    fn since_first(&self, name: &HeaderName) -> &[Line] {
        if self.marks.may_hold(name) { self.found(name) } else { &[] }
    }

    fn found(&self, name: &HeaderName) -> &[Line] {
        self.position(name).and_then(|first| self.row().get(first..)).unwrap_or_default()
    }

    /// Where the first line of that name is.
    fn position(&self, name: &HeaderName) -> Option<usize> {
        self.row().iter().position(|(other, _)| other == name)
    }

    fn row(&self) -> &[Line] {
        match &self.section {
            Section::Owned(lines) => lines,
            Section::Prepared(prepared) => &prepared.lines,
        }
    }

    fn row_mut(&mut self) -> &mut Vec<Line> {
        if let Section::Prepared(prepared) = &self.section {
            self.section = Section::Owned(with_room(&prepared.lines, prepared.lines.len()));
        }
        match &mut self.section {
            Section::Owned(lines) => lines,
            Section::Prepared(_) => unreachable!("the lines above have made it an ordinary one"),
        }
    }
}

impl Clone for Section {
    fn clone(&self) -> Self {
        match self {
            Self::Owned(lines) => Self::Owned(with_room(lines, lines.len())),
            Self::Prepared(prepared) => Self::Prepared(Arc::clone(prepared)),
        }
    }
}

/// A copy of `lines` with room for so many and a few more.
fn with_room(lines: &[Line], count: usize) -> Vec<Line> {
    let mut copy = Vec::with_capacity(count.saturating_add(SPARE_LINES));
    copy.extend_from_slice(lines);
    copy
}

impl Marks {
    fn add(&mut self, name: &HeaderName) {
        self.0 |= Self::of(name);
    }

    #[inline]
    fn may_hold(self, name: &HeaderName) -> bool {
        self.0 & Self::of(name) != 0
    }

    /// One of 64 bits, by the name's length and its ends: so the names that are common in messages differ.
    #[inline]
    fn of(name: &HeaderName) -> u64 {
        let bytes = name.as_str().as_bytes();
        let end = |byte: Option<&u8>| byte.map_or(0, |byte| u64::from(*byte));
        let length = u64::try_from(bytes.len()).unwrap_or(0);
        let number = length.wrapping_mul(5) ^ end(bytes.first()).wrapping_mul(3) ^ end(bytes.last());
        1_u64.rotate_left(u32::try_from(number % 64).unwrap_or(0))
    }
}

/// Whether a field is made by the wire itself, so that a role's own value for it is not sent.
#[must_use]
pub fn is_framing(name: &HeaderName) -> bool {
    *name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Fields {
        let mut fields = Fields::new();
        fields.append(header::VIA, HeaderValue::from_static("1.1 a"));
        fields.append(header::VIA, HeaderValue::from_static("1.1 b"));
        fields.set(header::ETAG, HeaderValue::from_static("\"v1\""));
        fields
    }

    #[test]
    fn lines_keep_their_order_9110_5_3() {
        let mut fields = section();
        fields.append(header::VIA, HeaderValue::from_static("1.1 c"));
        let via: Vec<_> = fields.lines(&header::VIA).collect();
        assert_eq!(via, ["1.1 a", "1.1 b", "1.1 c"]);
        let values: Vec<_> = fields.iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["1.1 a", "1.1 b", "\"v1\"", "1.1 c"]);
        assert_eq!(fields.len(), 4);
    }

    #[test]
    fn what_is_set_stands_once_where_its_first_line_was() {
        let mut fields = section();
        fields.append(header::VIA, HeaderValue::from_static("1.1 c"));
        fields.set(header::VIA, HeaderValue::from_static("1.1 d"));
        fields.set(header::AGE, HeaderValue::from_static("7"));
        let lines: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let expected = [(header::VIA, "1.1 d"), (header::ETAG, "\"v1\""), (header::AGE, "7")];
        assert_eq!(lines, expected.map(|(name, value)| (name, HeaderValue::from_static(value))));
        fields.remove(&header::VIA);
        assert!(!fields.contains(&header::VIA) && fields.get(&header::VIA).is_none());
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn a_field_that_may_stand_once_has_no_text_when_it_stands_twice() {
        let fields = section();
        assert_eq!(fields.text(&header::ETAG), Some("\"v1\""));
        assert_eq!(fields.text(&header::VIA), None);
        assert_eq!(fields.text(&header::AGE), None);
    }

    #[test]
    fn a_prepared_section_is_encoded_once_and_shared() {
        let fields = section().prepare();
        let other = fields.clone();
        assert_eq!(fields.encoded(|_| Bytes::from_static(b"once")).unwrap(), "once");
        assert_eq!(other.encoded(|_| Bytes::from_static(b"twice")).unwrap(), "once");
        assert!(section().encoded(|_| Bytes::new()).is_none());
    }

    #[test]
    fn changing_a_prepared_section_leaves_the_shared_one_alone() {
        let shared = section().prepare();
        let mut own = shared.clone();
        own.set(header::AGE, HeaderValue::from_static("7"));
        assert!(own.contains(&header::AGE) && !shared.contains(&header::AGE));
        assert!(own.encoded(|_| Bytes::new()).is_none());
        own.remove(&header::VIA);
        assert_eq!(shared.lines(&header::VIA).count(), 2);
    }

    #[test]
    fn names_with_the_same_mark_are_told_apart() {
        let names: Vec<_> = (0..200).map(|n| HeaderName::try_from(format!("x-{n}")).unwrap()).collect();
        let (there, absent) = names.split_at(100);
        let mut fields = Fields::new();
        there.iter().for_each(|name| fields.append(name.clone(), HeaderValue::from_static("1")));
        for fields in [fields.clone().prepare(), fields] {
            assert!(there.iter().all(|name| fields.contains(name) && fields.text(name) == Some("1")));
            assert!(!absent.iter().any(|name| fields.contains(name) || fields.get(name).is_some()));
        }
    }

    #[test]
    fn what_is_in_few_requests_is_seldom_looked_for() {
        let mut request = Fields::new();
        for name in [header::HOST, header::USER_AGENT, header::ACCEPT, header::ACCEPT_ENCODING] {
            request.set(name, HeaderValue::from_static("1"));
        }
        let rare = [
            header::TRANSFER_ENCODING,
            header::CONTENT_LENGTH,
            header::EXPECT,
            header::CONNECTION,
            header::IF_MATCH,
            header::IF_UNMODIFIED_SINCE,
            header::IF_NONE_MATCH,
            header::IF_MODIFIED_SINCE,
            header::IF_RANGE,
            header::RANGE,
        ];
        let looked_for = rare.iter().filter(|name| request.marks.may_hold(name)).count();
        assert!(looked_for <= 1, "{looked_for}");
    }
}
