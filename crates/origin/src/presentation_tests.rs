//! What the operator says of files, over the whole pipeline and without a port.

use http::HeaderName;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, IF_NONE_MATCH, RANGE, VARY,
};

use super::*;
use crate::testing::Fixture;

#[tokio::test]
async fn rules_say_more_of_a_file_by_its_name() {
    let site = Fixture::with(|config| {
        config.siblings = true;
        config.media_types.say("note=text/plain").unwrap();
        config.rules = vec![
            Rule::cache_control("no-cache").unwrap(),
            Rule::cache_control("assets/**=max-age=31536000, immutable").unwrap(),
            Rule::field("X-Robots-Tag: noindex").unwrap(),
            Rule::field("apple-app-site-association=Content-Type: application/json").unwrap(),
            Rule::field("*.note=Vary: Cookie").unwrap(),
            Rule::attachment("*.pdf").unwrap(),
        ];
    });
    let robots = HeaderName::from_static("x-robots-tag");
    for name in
        ["index.html", "assets/app.js", "assets/app.js.gz", "a.pdf", "a.note", "apple-app-site-association"]
    {
        site.write(name, "0123456789");
    }
    for (target, cache_control, media_type) in [
        ("/", "no-cache", "text/html; charset=utf-8"),
        ("/assets/app.js", "max-age=31536000, immutable", "text/javascript; charset=utf-8"),
        ("/apple-app-site-association", "no-cache", "application/json"),
        ("/a.note", "no-cache", "text/plain; charset=utf-8"),
    ] {
        let answer = site.accept(target, "gzip").await;
        assert_eq!(answer.field(&CACHE_CONTROL), Some(cache_control), "{target}");
        assert_eq!(answer.field(&CONTENT_TYPE), Some(media_type), "{target}");
        assert_eq!(answer.field(&robots), Some("noindex"));
        let again = site.ask(target, &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, answer.etag())]).await;
        assert_eq!((again.status, again.field(&CACHE_CONTROL)), (304, Some(cache_control)));
    }
    let varies = site.accept("/a.note", "gzip").await;
    let lines: Vec<_> = varies.fields.lines(&VARY).collect();
    assert_eq!(lines, ["Cookie", "Accept-Encoding"]);
    let part = site.get_with("/a.pdf", RANGE, "bytes=0-1").await;
    assert_eq!(
        (part.status, part.field(&CONTENT_DISPOSITION)),
        (206, Some("attachment; filename=\"a.pdf\""))
    );
}

#[tokio::test]
async fn a_value_for_all_files_gives_way_to_a_later_one_for_some() {
    let adjust = |config: &mut Config| {
        config.rules =
            ["max-age=60", "*.html=no-cache"].map(|rule| Rule::cache_control(rule).unwrap()).into();
    };
    let site = Fixture::with(adjust);
    site.write("a.html", "a");
    site.write("a.css", "a");
    for (target, expected) in [("/a.html", "no-cache"), ("/a.css", "max-age=60")] {
        assert_eq!(site.get(target).await.field(&CACHE_CONTROL), Some(expected));
    }
}
