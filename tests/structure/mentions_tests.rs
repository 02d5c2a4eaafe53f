use super::*;

fn found(text: &str) -> Vec<String> {
    let file = syn::parse_file(text).unwrap();
    mentions(&file).iter().map(|mention| mention.segments.join("::")).collect()
}

#[test]
fn imports_are_taken_apart() {
    assert_eq!(found("use a::{self, b::{C, D as E}, f::*};"), ["a", "a::b::C", "a::b::D", "a::f::*"]);
    assert_eq!(found("use ::a::b;"), ["::a::b"]);
}

#[test]
fn paths_in_code_types_patterns_and_macros_are_found() {
    assert_eq!(found("fn f() { crate::a::go() }"), ["crate::a::go"]);
    assert_eq!(found("fn f(x: Vec<super::B>) {}"), ["super::B"]);
    assert_eq!(found("fn f() { if let self::A::B = x {} }"), ["self::A::B"]);
    assert_eq!(found("fn f() { vec![x, (crate::a::ONE, 2)] }"), ["crate::a::ONE"]);
    assert_eq!(found("macro_rules! m { () => { $crate::a::go() } }"), ["crate::a::go"]);
}

#[test]
fn method_calls_are_found_also_within_macros() {
    assert_eq!(found("fn f() { start.elapsed(); }"), ["_::elapsed"]);
    assert_eq!(found("fn f() { assert!(start.elapsed() > limit.long); }"), ["_::elapsed"]);
}

#[test]
fn an_imported_first_segment_is_written_out_in_its_own_scope() {
    assert_eq!(found("use std::net; fn f() { net::bind() }"), ["std::net", "std::net::bind"]);
    assert_eq!(found("use std::net as n; use n::Tcp;"), ["std::net", "std::net::Tcp"]);
    assert_eq!(found("use a::b; mod m { fn f() { b::c() } }"), ["a::b", "b::c"]);
}

#[test]
fn tests_visibilities_and_attributes_mention_nothing() {
    let silent = [
        "#[cfg(test)] mod tests { use crate::a; }",
        "#[cfg(all(test, unix))] use crate::a;",
        "#[test] fn t() { crate::a::go() }",
        "#[tokio::test(start_paused = true)] async fn t() { crate::a::go() }",
        "#[cfg(test)] impl A { fn f() { crate::a::go() } }",
        "impl A { #[cfg(test)] fn f() { crate::a::go() } }",
        "pub(in crate::a) struct A;",
        "#[rustfmt::skip] struct A;",
    ];
    for text in silent {
        assert_eq!(found(text), Vec::<String>::new(), "{text}");
    }
    assert_eq!(found("#[cfg(not(test))] use crate::a;"), ["crate::a"]);
}

#[test]
fn the_scope_and_the_line_are_those_of_the_mention() {
    let file = syn::parse_file("mod a {\n    mod b {\n        use crate::c;\n    }\n}").unwrap();
    let mentions = mentions(&file);
    assert_eq!(mentions[0].scope, ["a", "b"]);
    assert_eq!(mentions[0].line, 3);
    assert_eq!(mentions[0].imported_as.as_deref(), Some("c"));
}
