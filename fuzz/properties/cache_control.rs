//! Whatever bytes come as a `Cache-Control`, and as the lists that it is one of.

use message::field::cache_control::{CacheControl, DELTA_SECONDS_MAX};
use message::field::list;
use message::{Fields, HeaderValue, header};

/// One line says what the same members say on several lines; restrictions do not go away when more is
/// said; no time is greater than the greatest there is.
pub(crate) fn check(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let said = of(std::slice::from_ref(&value));
    for time in [said.max_age, said.s_maxage, said.min_fresh, said.stale_if_error].into_iter().flatten() {
        assert!(time.as_secs() <= DELTA_SECONDS_MAX);
    }
    let more = of(&[value.clone(), HeaderValue::from_static("public, max-age=60")]);
    assert!(more.no_store >= said.no_store);
    assert!(more.must_revalidate >= said.must_revalidate);
    assert!(more.no_cache.is_whole() >= said.no_cache.is_whole());
    assert!(more.private.is_whole() >= said.private.is_whole());

    let Ok(members) = list::members(data).collect::<Result<Vec<_>, _>>() else { return };
    let lines: Vec<_> = members.iter().filter_map(|member| HeaderValue::from_bytes(member).ok()).collect();
    if lines.len() == members.len() {
        assert_eq!(of(&lines), said, "on {} lines", lines.len());
    }
}

fn of(lines: &[HeaderValue]) -> CacheControl {
    let mut fields = Fields::new();
    for line in lines {
        fields.append(header::CACHE_CONTROL, line.clone());
    }
    CacheControl::of(&fields, &header::CACHE_CONTROL)
}
