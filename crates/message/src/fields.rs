//! A header or trailer section (RFC 9110 §5, §6.3, §6.5).

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Fields by name, each name with its lines in order.
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

#[derive(Clone, Debug)]
enum Section {
    Owned(HeaderMap),
    Prepared(Arc<Prepared>),
}

#[derive(Debug)]
struct Prepared {
    map: HeaderMap,
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
        Self { section: Section::Owned(HeaderMap::new()), marks: Marks::default() }
    }

    /// An empty section with room for `lines` field lines.
    #[must_use]
    pub fn with_capacity(lines: usize) -> Self {
        Self { section: Section::Owned(HeaderMap::with_capacity(lines)), marks: Marks::default() }
    }

    /// The first line's value.
    #[must_use]
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        if self.marks.may_hold(name) { self.map().get(name) } else { None }
    }

    /// The value of a field that may stand only once, as visible ASCII text: `None` if it is absent,
    /// repeated, or not such text.
    #[must_use]
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        let mut lines = self.lines(name);
        let first = lines.next()?;
        if lines.next().is_some() { None } else { first.to_str().ok() }
    }

    /// The values of all lines of that name, in order.
    pub fn lines<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a HeaderValue> + use<'a> {
        let values = self.marks.may_hold(name).then(|| self.map().get_all(name).into_iter());
        values.into_iter().flatten()
    }

    /// Whether there is a line of that name.
    #[must_use]
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.marks.may_hold(name) && self.map().contains_key(name)
    }

    /// Every line, those of one name together and in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.map().iter()
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map().len()
    }

    /// Whether there are no lines.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map().is_empty()
    }

    /// Puts one line in the place of all lines of that name.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.marks.add(&name);
        self.map_mut().insert(name, value);
    }

    /// Adds a line after those of that name.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.marks.add(&name);
        self.map_mut().append(name, value);
    }

    /// Takes all lines of that name out.
    pub fn remove(&mut self, name: &HeaderName) {
        if self.contains(name) {
            self.map_mut().remove(name);
        }
    }

    /// The same section, shared, with room for its form on the wire.
    #[must_use]
    pub fn prepare(self) -> Self {
        match self.section {
            Section::Prepared(_) => self,
            Section::Owned(map) => {
                let prepared = Prepared { map, encoded: OnceLock::new() };
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

    /// The lines as the map of the `http` crate, for libraries that speak it.
    #[must_use]
    pub fn into_map(self) -> HeaderMap {
        match self.section {
            Section::Owned(map) => map,
            Section::Prepared(prepared) => prepared.map.clone(),
        }
    }

    fn map(&self) -> &HeaderMap {
        match &self.section {
            Section::Owned(map) => map,
            Section::Prepared(prepared) => &prepared.map,
        }
    }

    fn map_mut(&mut self) -> &mut HeaderMap {
        if let Section::Prepared(prepared) = &self.section {
            self.section = Section::Owned(prepared.map.clone());
        }
        match &mut self.section {
            Section::Owned(map) => map,
            Section::Prepared(_) => unreachable!("the lines above have made it an ordinary one"),
        }
    }
}

impl From<HeaderMap> for Fields {
    fn from(map: HeaderMap) -> Self {
        let mut marks = Marks::default();
        map.keys().for_each(|name| marks.add(name));
        Self { section: Section::Owned(map), marks }
    }
}

impl Marks {
    fn add(&mut self, name: &HeaderName) {
        self.0 |= Self::of(name);
    }

    fn may_hold(self, name: &HeaderName) -> bool {
        self.0 & Self::of(name) != 0
    }

    /// One of 64 bits, by the name's length and its ends: so the names that are common in messages differ.
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
    fn lines_of_one_name_keep_their_order() {
        let fields = section();
        let via: Vec<_> = fields.lines(&header::VIA).collect();
        assert_eq!(via, ["1.1 a", "1.1 b"]);
        assert_eq!(fields.len(), 3);
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
        for fields in [Fields::from(fields.clone().into_map()), fields.clone().prepare(), fields] {
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
