use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const NAME: HeaderName = HeaderName::from_static("example");

fn read(lines: &[&str]) -> Result<Vec<(String, Value)>, Malformed> {
    let mut fields = Fields::new();
    for line in lines {
        fields.append(NAME, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    let named = |(key, value): (&[u8], Value)| (String::from_utf8(key.to_vec()).unwrap(), value);
    of(&fields, &NAME).map(|members| members.into_iter().map(named).collect())
}

/// The value of `a=text`.
fn value(text: &str) -> Option<Value> {
    let members = read(&[&format!("a={text}")]).ok()?;
    let [(_, value)] = <[_; 1]>::try_from(members).ok()?;
    Some(value)
}

fn named(members: &[(&str, Value)]) -> Result<Vec<(String, Value)>, Malformed> {
    Ok(members.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

#[test]
fn members_are_keys_with_values_9651_3_2() {
    use Value::{Boolean, Integer};
    for (lines, expected) in [
        (&[][..], &[][..]),
        (&[""], &[]),
        (&["  "], &[]),
        (&["a=1"], &[("a", Integer(1))]),
        (&["  a=1, b=2  "], &[("a", Integer(1)), ("b", Integer(2))]),
        (&["a=1 \t,\t b=2"], &[("a", Integer(1)), ("b", Integer(2))]),
        (&["a=1", "b=2"], &[("a", Integer(1)), ("b", Integer(2))]),
        (&["a=1", "", "b=2"], &[("a", Integer(1)), ("b", Integer(2))]),
        (&["a=1,a=2"], &[("a", Integer(1)), ("a", Integer(2))]),
        (&["a"], &[("a", Boolean(true))]),
        (&["a;x=1;y, b"], &[("a", Boolean(true)), ("b", Boolean(true))]),
        (&["sha-256=1;x;  y=\"z;,\""], &[("sha-256", Integer(1))]),
        (&["*a_b-c.d*9=1"], &[("*a_b-c.d*9", Integer(1))]),
    ] {
        assert_eq!(read(lines), named(expected), "{lines:?}");
    }
}

#[test]
fn one_mistake_and_there_is_no_dictionary_9651_4_2() {
    for line in [
        ",",
        "a=1,",
        "a=1, ",
        ",a=1",
        "a=1,,b=2",
        "a=1 b=2",
        "a=1; ",
        "a=1;",
        "a=1 ;b",
        "a =1",
        "a= 1",
        "a=",
        "A=1",
        "1=1",
        "-a=1",
        "a=1;B",
        "a=1\u{e9}",
        "\ta=1",
    ] {
        assert_eq!(read(&["ok=1", line]), Err(Malformed), "{line:?}");
    }
}

#[test]
fn numbers_have_at_most_15_digits_9651_4_2_4() {
    for (text, number) in [
        ("0", 0),
        ("-0", 0),
        ("007", 7),
        ("-42", -42),
        ("999999999999999", 999_999_999_999_999),
        ("-999999999999999", -999_999_999_999_999),
    ] {
        assert_eq!(value(text), Some(Value::Integer(number)), "{text}");
    }
    for text in ["1.0", "-0.5", "123456789012.123"] {
        assert_eq!(value(text), Some(Value::Other), "{text}");
    }
    for no in [
        "1000000000000000",
        "-",
        "--1",
        "+1",
        "1.",
        ".5",
        "-.5",
        "1.1234",
        "1234567890123.1",
        "1.5.",
        "1e3",
        "0x1",
        "- 1",
    ] {
        assert_eq!(value(no), None, "{no}");
    }
}

#[test]
fn byte_sequences_are_base64_9651_4_2_7() {
    for (text, bytes) in [
        ("::", &b""[..]),
        (":aGVsbG8=:", b"hello"),
        (":aGVsbG8:", b"hello"),  // without padding
        (":aGVsbG9=:", b"hello"), // with bits after the end
        (":+/+/:", &[0xfb, 0xff, 0xbf]),
    ] {
        assert_eq!(value(text), Some(Value::Bytes(bytes.to_vec())), "{text}");
    }
    for no in
        [":", ":aGVsbG8=", "aGVsbG8=:", ":aGVs bG8=:", ":-_-_:", ":a:", ":====:", ":aG=V:", ":aGVsbG8==:"]
    {
        assert!(!matches!(value(no), Some(Value::Bytes(_))), "{no}");
    }
}

#[test]
fn strings_and_booleans_are_read_9651_4_2_5_and_4_2_8() {
    assert_eq!(value(r#""a \"b\" \\""#), Some(Value::String(br#"a "b" \"#.to_vec())));
    assert_eq!(value("\"\""), Some(Value::String(Vec::new())));
    assert_eq!((value("?0"), value("?1")), (Some(Value::Boolean(false)), Some(Value::Boolean(true))));
}

#[test]
fn other_kinds_are_checked_and_not_kept_9651_4_2() {
    for text in [
        "token",
        "*",
        "T:a/b!#$%&'*+-.^_`|~",
        "@1659578233",
        "@-62135596800",
        "%\"\"",
        "%\"f%c3%bc %22\"",
        "()",
        "( )",
        "(1 \"a\" :YQ==:;x)",
        "( a  b );p=?0",
    ] {
        assert_eq!(value(text), Some(Value::Other), "{text}");
    }
    for no in [
        "\"",
        "\"a",
        r#""\a""#,
        "\"\t\"",
        "\"\u{e9}\"",
        "?",
        "?2",
        "?10",
        "@",
        "@1.5",
        "@x",
        "%",
        "%a",
        "%\"%C3%BC\"",
        "%\"%c3\"",
        "%\"%c\"",
        "%\"a",
        "(",
        "(1",
        "(1\"a\")",
        "(1\t2)",
        "((1))",
        ")",
        "(1,2)",
        "{}",
        "=",
    ] {
        assert_eq!(value(no), None, "{no}");
    }
}

proptest! {
    #[test]
    fn anything_can_be_read_without_harm(line in "[a=1,;:\"?@%(). \\\\-]{0,16}") {
        let _ = read(&[&line]);
    }

    #[test]
    fn bytes_are_read_back(bytes in any::<Vec<u8>>(), number in -999_999_999_999_999_i64..=999_999_999_999_999) {
        let line = format!("a=:{}:, b={number}", BASE64.encode(&bytes));
        prop_assert_eq!(read(&[&line]), named(&[("a", Value::Bytes(bytes)), ("b", Value::Integer(number))]));
    }
}
