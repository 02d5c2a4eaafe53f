//! How long a response is fresh (RFC 9111 §4.2): the strictness of numbers and dates.

use super::Comes::New;
use super::{get, hit, ok, play_each};

/// Plays responses whose second use needs no origin, or does.
fn fresh(is_fresh: bool, cases: &[&'static [&'static str]]) {
    play_each(&[], cases, |fields| if is_fresh { hit(0) } else { get(ok(fields), New) });
}

#[test]
fn section_5_2_max_age_and_s_maxage_are_read_strictly() {
    fresh(
        true,
        &[
            &["Cache-Control: max-age=3600"],
            &["Cache-Control: max-age=003600"],
            &["Cache-Control: max-age=\"3600\""],
            &["Cache-Control: MaX-aGe=3600"],
            &["Cache-Control: max-age=2147483648"],
            &["Cache-Control: max-age=99999999999"],
            &["Cache-Control: max-age=99999999999999999999999"],
            &["Cache-Control: foobar, max-age=3600"],
            &["Cache-Control: foobar=1, max-age=3600"],
            &["Cache-Control: s-maxage=3600"],
            &["Cache-Control: max-age=0, s-maxage=3600"],
            &["Cache-Control: max-age=3600, max-age=0"],
            &["Cache-Control: max-age=3600", "Cache-Control: max-age=0"],
            &["Cache-Control: max-age=3600", "Expires: {-10000}", "Date: {0}"],
            &["Cache-Control: max-age=3600", "Expires: 0"],
        ],
    );
    fresh(
        false,
        &[
            &[],
            &["Cache-Control: max-age=0"],
            &["Cache-Control: max-age=-100"],
            &["Cache-Control: max-age='3600'"],
            &["Cache-Control: max-age=a3600"],
            &["Cache-Control: max-age=3600a"],
            &["Cache-Control: max-age=3600.0"],
            &["Cache-Control: max-age=3600.5"],
            &["Cache-Control: max-age =3600"],
            &["Cache-Control: max-age= 3600"],
            &["Cache-Control: max-age=0, max-age=3600"],
            &["Cache-Control: x=\"max-age=3600\", max-age=0"],
            &["Cache-Control: max-age=0, x=\"max-age=3600\""],
            &["Cache-Control: s-maxage=0, max-age=3600"],
            &["Cache-Control: max-age=3600", "Cache-Control: s-maxage=0"],
            &["Cache-Control: max-age=0", "Expires: {10000}", "Date: {0}"],
        ],
    );
}

#[test]
fn section_5_1_age_is_read_strictly() {
    fresh(
        true,
        &[
            &["Cache-Control: max-age=3600", "Age: abc"],
            &["Cache-Control: max-age=3600", "Age: -7200"],
            &["Cache-Control: max-age=3600", "Age: 7200.0"],
            &["Cache-Control: max-age=3600", "Age: 7200;foo=bar"],
            &["Cache-Control: max-age=3600", "Age: 0,7200"],
            &["Cache-Control: max-age=3600", "Age: 0", "Age: 7200"],
            &["Cache-Control: max-age=3600", "Age: 0, 0"],
            &["Cache-Control: max-age=3600", "Age:"],
        ],
    );
    fresh(
        false,
        &[
            &["Cache-Control: max-age=3600", "Age: 7200"],
            &["Cache-Control: max-age=3600", "Age: 7200,0"],
            &["Cache-Control: max-age=3600", "Age: 7200", "Age: 0"],
            &["Cache-Control: max-age=3600", "Age: 7200, 7200"],
            &["Cache-Control: max-age=3600", "Age: 2147483648"],
            &["Cache-Control: max-age=3600", "Age: 99999999999999999999999"],
            // §4.2.3: a date of the past is age, too.
            &["Cache-Control: max-age=3600", "Date: {-7200}"],
        ],
    );
}

#[test]
fn section_5_3_expires_is_read_strictly() {
    fresh(
        true,
        &[
            &["Expires: {3600}", "Date: {0}"],
            &["Expires: {3600}"],
            &["Expires: {3600}", "Date: foo"],
            &["Expires: Thursday, 18-Aug-50 02:01:18 GMT"],
            &["Expires: Thu Aug 18 02:01:18 2050"],
            &["Expires: THU, 18 Aug 2050 02:01:18 GMT"],
            &["Expires: Thu, 18 AUG 2050 02:01:18 GMT"],
            &["Expires: Thu, 18 Aug 2050 02:01:18 gMT"],
            &["Expires: Fri, 31 Dec 9999 23:59:59 GMT"],
            &["Expires: Thu, 18 Aug 2107 02:01:18 GMT"],
        ],
    );
    fresh(
        false,
        &[
            &["Expires: {-3600}", "Date: {0}"],
            &["Expires: {0}", "Date: {0}"],
            &["Expires: {300}", "Date: {400}"],
            &["Expires: 0"],
            &["Expires: 3600"],
            &["Expires: Thu, 18 Aug 2050 02:01:18 UTC"],
            &["Expires: Thu, 18 Aug 2050 02:01:18 AEST"],
            &["Expires: Thu, 18 Aug 50 02:01:18 GMT"],
            &["Expires: Thu 18 Aug 2050 02:01:18 GMT"],
            &["Expires: Thu, 18  Aug  2050 02:01:18 GMT"],
            &["Expires: Thu, 18-Aug-2050 02:01:18 GMT"],
            &["Expires: Thu, 18 Aug 2050 02.01.18 GMT"],
            &["Expires: Thu, 18 Aug 2050 2:01:18 GMT"],
            &["Expires: {3600}", "Expires: {3600}"],
            // By the origin's clock, not by ours.
            &["Date: {-10}", "Expires: {10}", "Age: 25"],
            &["Date: {10}", "Expires: {20}", "Age: 15"],
        ],
    );
}
