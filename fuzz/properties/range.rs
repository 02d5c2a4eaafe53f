//! Whatever bytes come as a `Range` or a `Content-Range`.

use message::field::range::{ContentRange, RANGES_MAX, Ranges};
use message::partial::{partial, respond};
use message::precondition::Validators;
use message::{Fields, HeaderValue, Method, Response, StatusCode, header};

/// Length in bytes of what is asked for in parts.
const LENGTH: u64 = 4096;

/// What is read is written and read again as the same; what it selects lies within the representation;
/// no request selects more ranges than the limit, or costs more than twice the representation.
pub(crate) fn check(data: &[u8]) {
    if let Some(content_range) = ContentRange::parse(data) {
        let written = content_range.to_value();
        assert_eq!(ContentRange::parse(written.as_bytes()), Some(content_range));
    }
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut request = Fields::new();
    request.set(header::RANGE, value.clone());
    let selection = partial(&request, &Method::GET, &Validators::default(), LENGTH);
    let whole = Response::text(StatusCode::OK, "x".repeat(LENGTH.try_into().unwrap()));
    assert!(respond(selection, whole).body.length().unwrap() <= 2 * LENGTH);

    let Some(ranges) = parse(value) else { return };
    let written = HeaderValue::try_from(ranges.to_string()).unwrap();
    assert_eq!(parse(written), Some(ranges.clone()));
    for length in [0, 1, 10, 4096, u64::MAX] {
        let selected = ranges.resolve(length);
        assert!(selected.len() <= RANGES_MAX);
        for range in selected {
            assert!(range.first() <= range.last() && range.last() < length, "{range:?} of {length}");
        }
    }
}

fn parse(value: HeaderValue) -> Option<Ranges> {
    let mut fields = Fields::new();
    fields.set(header::RANGE, value);
    Ranges::parse(&fields)
}
