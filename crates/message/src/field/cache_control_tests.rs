use http::HeaderValue;
use http::header::CACHE_CONTROL;
use proptest::prelude::*;

use super::*;

fn read_lines(lines: &[&str]) -> CacheControl {
    let mut fields = Fields::new();
    for line in lines {
        fields.append(CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
    }
    CacheControl::of(&fields, &CACHE_CONTROL)
}

fn read(value: &str) -> CacheControl {
    read_lines(&[value])
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

fn names(names: &[&'static str]) -> Qualified {
    Qualified::Fields(names.iter().map(|name| HeaderName::from_static(name)).collect())
}

#[test]
fn every_directive_is_known_in_whatever_case_9111_5_2() {
    let all = CacheControl {
        max_age: seconds(1),
        s_maxage: seconds(2),
        min_fresh: seconds(3),
        max_stale: Some(MaxStale::Within(Duration::from_secs(4))),
        stale_while_revalidate: seconds(5),
        stale_if_error: seconds(6),
        no_cache: Qualified::Whole,
        private: Qualified::Whole,
        no_store: true,
        no_transform: true,
        must_revalidate: true,
        proxy_revalidate: true,
        must_understand: true,
        public: true,
        only_if_cached: true,
        immutable: true,
    };
    let text = "max-age=1, s-maxage=2, min-fresh=3, max-stale=4, stale-while-revalidate=5, stale-if-error=6, \
                no-cache, private, no-store, no-transform, must-revalidate, proxy-revalidate, \
                must-understand, public, only-if-cached, immutable";
    assert_eq!(read(text), all);
    assert_eq!(read(&text.to_uppercase()), all);
    assert_eq!(read_lines(&text.split(", ").collect::<Vec<_>>()), all);
}

#[test]
fn nothing_is_read_out_of_nothing() {
    let nothing = CacheControl::default();
    assert_eq!(CacheControl::of(&Fields::new(), &CACHE_CONTROL), nothing);
    for value in [
        "",
        ",",
        "x",
        "x=1",
        "x=\"max-age=1, no-store\"",
        "max-age1",
        "=1",
        "=",
        "a-very-long-name-that-nobody-knows=1",
    ] {
        assert_eq!(read(value), nothing, "{value:?}");
    }
}

#[test]
fn seconds_that_can_not_be_read_are_none_left_9111_4_2_1() {
    for (value, expected) in [
        ("0", 0),
        ("3600", 3600),
        ("03600", 3600),
        ("\"3600\"", 3600), // §5.2: both forms
        ("\"36\\00\"", 3600),
        ("2147483648", 1 << 31),
        ("2147483649", 1 << 31), // §1.2.2
        ("99999999999999999999999", 1 << 31),
        ("", 0),
        ("-1", 0),
        ("+1", 0),
        ("1.5", 0),
        ("3600.0", 0),
        ("1s", 0),
        ("a", 0),
        ("'3600'", 0),
        (" 3600", 0),
        ("\"3600\"x", 0),
        ("\" 3600\"", 0),
        ("1 2", 0),
    ] {
        for name in ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"] {
            let read = read(&format!("{name}={value}"));
            let all = [read.max_age, read.s_maxage, read.stale_while_revalidate, read.stale_if_error];
            assert_eq!(
                all.into_iter().flatten().collect::<Vec<_>>(),
                [Duration::from_secs(expected)],
                "{name}={value}"
            );
            assert!(!read.no_store, "{name}={value}");
        }
    }
    assert_eq!(read("max-age").max_age, seconds(0));
    assert_eq!(read("max-age =3600").max_age, seconds(0));
}

#[test]
fn of_several_the_first_counts_9111_4_2_1() {
    assert_eq!(read("max-age=1, max-age=3600").max_age, seconds(1));
    assert_eq!(read_lines(&["max-age=3600", "max-age=1"]).max_age, seconds(3600));
    assert_eq!(read("max-age=x, max-age=3600").max_age, seconds(0));
}

#[test]
fn wishes_of_clients_that_can_not_be_read_are_ignored() {
    assert_eq!(read("max-stale").max_stale, Some(MaxStale::Any));
    assert_eq!(read("max-stale=60").max_stale, Some(MaxStale::Within(Duration::from_secs(60))));
    assert_eq!(read("max-stale=x").max_stale, None);
    assert_eq!(read("max-stale=").max_stale, None);
    assert_eq!(read("min-fresh=60").min_fresh, seconds(60));
    assert_eq!(read("min-fresh").min_fresh, None);
    assert_eq!(read("min-fresh=-1").min_fresh, None);
}

#[test]
fn what_stands_in_a_quoted_string_is_no_directive() {
    let read = read(r#"x="max-age=3600, no-store", max-age=1, y="\", public""#);
    assert_eq!(read, CacheControl { max_age: seconds(1), ..CacheControl::default() });
}

#[test]
fn fields_may_be_named_9111_5_2_2_4_and_5_2_2_7() {
    for (value, expected) in [
        ("no-cache", Qualified::Whole),
        ("no-cache=set-cookie", names(&["set-cookie"])),
        ("no-cache=\"Set-Cookie\"", names(&["set-cookie"])),
        ("no-cache=\"set-cookie,  x-a ,\"", names(&["set-cookie", "x-a"])),
        ("no-cache=a, no-cache=b", names(&["a", "b"])),
        // Whatever else it says, the whole response is meant.
        ("no-cache=a, no-cache", Qualified::Whole),
        ("no-cache, no-cache=a", Qualified::Whole),
        ("no-cache=\"\"", Qualified::Whole),
        ("no-cache=", Qualified::Whole),
        ("no-cache=\"a b\"", Qualified::Whole),
        ("no-cache=\"a\"b", Qualified::Whole),
        ("no-cache =\"a\"", Qualified::Whole),
    ] {
        assert_eq!(read(value).no_cache, expected, "{value:?}");
        assert_eq!(read(&value.replace("no-cache", "private")).private, expected, "{value:?}");
    }
    assert_eq!(names(&["a"]).fields(), [HeaderName::from_static("a")]);
    assert!(names(&["a"]) != Qualified::Whole && !names(&["a"]).is_whole() && Qualified::Whole.is_whole());
}

#[test]
fn restrictions_hold_with_any_argument_and_permissions_with_none() {
    for argument in ["=1", "=\"a\"", "=", " =1", "=a b"] {
        let restricted = read(&format!(
            "no-store{argument}, must-revalidate{argument}, proxy-revalidate{argument}, no-transform{argument}"
        ));
        assert!(restricted.no_store && restricted.must_revalidate, "{argument}");
        assert!(restricted.proxy_revalidate && restricted.no_transform, "{argument}");
        let permitted = read(&format!("public{argument}, immutable{argument}, must-understand{argument}"));
        assert_eq!(permitted, CacheControl::default(), "{argument}");
    }
}

#[test]
fn a_string_that_does_not_end_forbids_storing() {
    for value in ["max-age=3600, x=\"y", "\"", "must-understand, max-age=3600, private=\"x", "max-age=\"3600"]
    {
        let read = read(value);
        assert!(read.no_store && !read.must_understand, "{value:?}");
    }
    assert!(!read_lines(&["x=\"y", "must-understand"]).must_understand);
}

#[test]
fn age_is_read_the_same_way_9111_5_1() {
    assert_eq!(delta_seconds(b"7200"), seconds(7200));
    assert_eq!(delta_seconds(b"18446744073709551616"), seconds(DELTA_SECONDS_MAX));
    assert_eq!(delta_seconds(b"7200.0"), None);
    assert_eq!(delta_seconds(b"-7200"), None);
}

proptest! {
    #[test]
    fn anything_can_be_read_and_never_lasts_too_long(value in "[ -~]{0,40}", prefix in "(max-age|s-maxage|no-cache|private|max-stale)?=?\"?") {
        let read = read(&format!("{prefix}{value}"));
        let longest = Duration::from_secs(DELTA_SECONDS_MAX);
        prop_assert!(read.max_age.into_iter().chain(read.s_maxage).chain(read.min_fresh).all(|time| time <= longest));
    }

    #[test]
    fn a_restriction_is_found_among_anything_that_ends(before in "[a-z=, ]{0,20}", after in "[a-z=, ]{0,20}") {
        let value = format!("{before},no-store,{after}");
        prop_assert!(read(&value).no_store);
    }
}
