//! Targeted fields (RFC 9213).

use super::Comes::{New, Validated};
use super::Says::NotModified;
use super::{get, hit, ok, play, play_each};

#[test]
fn rfc_9213_cdn_cache_control_speaks_before_all_others() {
    let fresh: &[&[&str]] = &[
        &["CDN-Cache-Control: max-age=3600"],
        &["CDN-Cache-Control: max-age=2147483648"],
        &["CDN-Cache-Control: max-age=99999999999"],
        &["CDN-Cache-Control: foobar, max-age=3600"],
        &["CDN-Cache-Control: max-age=3600", "Expires: {-10000}", "Date: {0}"],
        &["CDN-Cache-Control: max-age=3600", "Expires: 0", "Date: {0}"],
        &["CDN-Cache-Control: max-age=3600", "Cache-Control: max-age=0"],
        &["CDN-Cache-Control: max-age=10000", "Cache-Control: no-store"],
        &["CDN-Cache-Control: max-age=10000", "Cache-Control: private"],
    ];
    play_each(&[], fresh, |_| hit(0));
    let stale: &[&[&str]] = &[
        &["CDN-Cache-Control: max-age=3600", "Age: 7200", "Date: {0}"],
        &["CDN-Cache-Control: max-age=0"],
        &["CDN-Cache-Control: none", "Expires: {10000}", "Date: {0}"],
        &["CDN-Cache-Control: max-age=0", "Expires: {10000}", "Date: {0}"],
        &["CDN-Cache-Control: max-age=0", "Cache-Control: max-age=3600"],
        &["CDN-Cache-Control: private", "Cache-Control: max-age=10000"],
        &["CDN-Cache-Control: no-cache", "Cache-Control: max-age=10000"],
        &["CDN-Cache-Control: no-store", "Cache-Control: max-age=10000", "Expires: {10000}"],
        &["CDN-Cache-Control: max-age=10000, &&&&&", "Cache-Control: no-store"],
        &["CDN-Cache-Control: max-age=\"10000\"", "Cache-Control: no-store"],
        &["CDN-Cache-Control: max-age =100", "Cache-Control: max-age=0"],
        &["CDN-Cache-Control: MaX-aGe=3600", "Cache-Control: max-age=0"],
    ];
    play_each(&[], stale, |fields| get(ok(fields), New));
}

#[test]
fn rfc_9213_an_own_name_speaks_before_it() {
    const ALL: &[&str] = &["Own-CC: max-age=3600", "CDN-Cache-Control: no-store", "ETag: \"a\""];
    const BAD: &[&str] = &["Own-CC: x,", "CDN-Cache-Control: max-age=0", "ETag: \"a\""];
    play(
        &["--targeted-field", "own-cc"],
        &[
            ("valid", &[get(ok(ALL), New), hit(0)]),
            ("invalid", &[get(ok(BAD), New), get(NotModified(&[]), Validated(0))]),
        ],
    );
}
