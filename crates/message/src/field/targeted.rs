//! Targeted cache control (RFC 9213): `CDN-Cache-Control` and fields of other names that are written alike.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderName;

use crate::field::cache_control::{CacheControl, DELTA_SECONDS_MAX, Qualified};
use crate::field::dictionary::{self, Value};
use crate::field::list;
use crate::fields::Fields;

/// For all caches of content delivery networks (§3).
pub const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The directives in the targeted field `name`; `None` if it is to be ignored.
///
/// It is to be ignored (§2.2) if it is absent or empty, if it is no dictionary (RFC 9651 §3.2), or if a
/// known directive has a value of another type than it is defined with (§2.1): a number for a time, a
/// boolean for what stands alone. Names are in lower case (RFC 9651 §3.1.2), parameters say nothing.
#[must_use]
pub fn targeted(fields: &Fields, name: &HeaderName) -> Option<CacheControl> {
    // RFC 9651 §4.2.2: of one key the last value counts.
    let members: BTreeMap<_, _> = dictionary::of(fields, name).ok()?.into_iter().collect();
    if members.is_empty() {
        return None;
    }
    let mut directives = CacheControl::default();
    for (key, value) in &members {
        read(&mut directives, key, value)?;
    }
    Some(directives)
}

/// Takes one directive over; `None` if its value is not of its type.
fn read(directives: &mut CacheControl, key: &[u8], value: &Value) -> Option<()> {
    match key {
        b"max-age" => directives.max_age = Some(seconds(value)?),
        b"s-maxage" => directives.s_maxage = Some(seconds(value)?),
        b"stale-while-revalidate" => directives.stale_while_revalidate = Some(seconds(value)?),
        b"stale-if-error" => directives.stale_if_error = Some(seconds(value)?),
        b"no-cache" => directives.no_cache = qualified(value)?,
        b"private" => directives.private = qualified(value)?,
        b"no-store" => directives.no_store = boolean(value)?,
        b"no-transform" => directives.no_transform = boolean(value)?,
        b"must-revalidate" => directives.must_revalidate = boolean(value)?,
        b"proxy-revalidate" => directives.proxy_revalidate = boolean(value)?,
        b"must-understand" => directives.must_understand = boolean(value)?,
        b"public" => directives.public = boolean(value)?,
        b"immutable" => directives.immutable = boolean(value)?,
        _ => {} // RFC 9111 §5.2.3: what is not known is ignored
    }
    Some(())
}

fn seconds(value: &Value) -> Option<Duration> {
    let Value::Integer(number) = value else { return None };
    let seconds = u64::try_from(*number).ok()?;
    Some(Duration::from_secs(seconds.min(DELTA_SECONDS_MAX)))
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(stands) => Some(*stands),
        _ => None,
    }
}

/// Alone, or with the names of fields in a string.
fn qualified(value: &Value) -> Option<Qualified> {
    match value {
        Value::Boolean(false) => Some(Qualified::No),
        Value::Boolean(true) => Some(Qualified::Whole),
        Value::String(names) => {
            let names = list::members(names).map(|name| HeaderName::from_bytes(name.ok()?).ok());
            let names = names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty());
            Some(names.map_or(Qualified::Whole, Qualified::Fields))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(lines: &[&str]) -> Option<CacheControl> {
        let mut fields = Fields::new();
        for line in lines {
            fields.append(CDN_CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
        }
        targeted(&fields, &CDN_CACHE_CONTROL)
    }

    fn max_age(seconds: u64) -> Option<CacheControl> {
        Some(CacheControl { max_age: Some(Duration::from_secs(seconds)), ..CacheControl::default() })
    }

    #[test]
    fn directives_are_members_of_a_dictionary_9213_2_1() {
        for (lines, expected) in [
            (&["max-age=60"][..], max_age(60)),
            (&["  max-age=60  "], max_age(60)),
            (&["foobar, max-age=60"], max_age(60)),
            (&["max-age=60;a=1, x=\"max-age=3600, no-store\""], max_age(60)),
            (&["max-age=1, max-age=60"], max_age(60)),
            (&["x", "max-age=60"], max_age(60)),
            (&["max-age=2147483648"], max_age(1 << 31)),
            (&["max-age=99999999999"], max_age(1 << 31)),
            (&["max-age=0"], max_age(0)),
            (&["max-age=60, no-store=?0, private=?0"], max_age(60)),
            // §3.1: unlike nothing, this overrules what other fields say.
            (&["none"], Some(CacheControl::default())),
        ] {
            assert_eq!(read(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn every_directive_of_a_response_is_known() {
        let all = "max-age=1, s-maxage=2, stale-while-revalidate=3, stale-if-error=4, no-cache, private=\"x-a\", \
                   no-store, no-transform, must-revalidate, proxy-revalidate, must-understand, public, immutable";
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let expected = CacheControl {
            max_age: seconds(1),
            s_maxage: seconds(2),
            stale_while_revalidate: seconds(3),
            stale_if_error: seconds(4),
            no_cache: Qualified::Whole,
            private: Qualified::Fields(vec![HeaderName::from_static("x-a")]),
            no_store: true,
            no_transform: true,
            must_revalidate: true,
            proxy_revalidate: true,
            must_understand: true,
            public: true,
            immutable: true,
            ..CacheControl::default()
        };
        assert_eq!(read(&[all]), Some(expected));
    }

    #[test]
    fn a_field_that_is_empty_or_invalid_is_ignored_9213_2_2() {
        for lines in [
            &[][..],
            &[""],
            &["max-age=60, &&&&&"],
            &["max-age=60,"],
            &["max-age =60"],
            &["max-age= 60"],
            &["MaX-aGe=60"],
            &["max-age=\"60\""],
            &["max-age=60.5"],
            &["max-age=-1"],
            &["max-age"],
            &["max-age=60", "no-store=1"],
            &["private=a"],
            &["no-cache=(\"a\")"],
        ] {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }
}
