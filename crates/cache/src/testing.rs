//! What the tests of several files make their messages of.

use std::time::{Duration, SystemTime};

use message::{Fields, HeaderName, HeaderValue};

/// The `Date` of second 0 of [`at`].
pub(crate) const DATE_0: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

/// That many seconds after [`DATE_0`].
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + seconds)
}

/// A section with those lines.
pub(crate) fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    fields
}

fn lines(fields: &Fields) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let mut lines: Vec<_> = fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    lines.sort();
    lines
}

/// Holds a section against those lines, in whatever order.
pub(crate) fn same(fields: &Fields, expected: &[(&str, &str)]) {
    let mut expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    expected.sort();
    assert_eq!(lines(fields), expected);
}
