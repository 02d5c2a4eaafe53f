use std::os::unix::fs::symlink;

use http::header;

use super::*;
use crate::listing::testing::{Shelf, request};

/// The elements of a page that a name could have made.
fn tags(text: &str) -> Vec<&str> {
    let after_style = text.split("</style>").nth(1).unwrap();
    let page = after_style.split("<script>").next().unwrap();
    page.split('<').skip(1).map(|tag| tag.split(['>', ' ']).next().unwrap()).collect()
}

#[tokio::test]
async fn no_name_makes_markup_or_leads_elsewhere() {
    let plain = Shelf::new();
    plain.write("d/plain", "");
    let nasty = Shelf::new();
    for name in [
        &b"<script>alert(1)<"[..],
        b"<img src=x onerror=alert(1)>",
        b"\" onmouseover=\"alert(1)",
        b"' x='",
        b"javascript:alert(1)",
        b"&lt;b&gt;",
        b"a\nb\r\nSet-Cookie: x",
        b"%2e%2e%2f",
        b"?q#f",
        b"\xff\xfe\"<",
        "\u{202e}gpj.exe".as_bytes(),
        b"-->",
        b"<!--",
    ] {
        nasty.write([b"d/", name].concat(), "");
    }
    let shown = nasty.get("/d/").await;
    let rows = 13;
    // Each row is the same elements as that of a plain name.
    let (of_plain, of_nasty) = (plain.get("/d/").await, tags(shown.text()));
    for element in ["tr", "th", "a", "bdi", "td", "data", "time"] {
        let count = |tags: &[&str]| tags.iter().filter(|tag| **tag == element).count();
        let per_row = match element {
            "td" => 2,
            _ => 1,
        };
        assert_eq!(count(&of_nasty), count(&tags(of_plain.text())) + (rows - 1) * per_row, "{element}");
    }
    for element in &of_nasty {
        let known = ["img", "script", "b", "title", "!--"].contains(element);
        assert!(!known, "{element}");
    }
    for link in shown.links() {
        assert!(link.starts_with("./") || link.starts_with("../"), "{link}");
        assert!(!link.contains(['"', '<', '\n', ' ']), "{link}");
    }
    assert!(shown.links().contains(&"./%FF%FE%22%3C"));
    assert!(shown.links().contains(&"./javascript%3Aalert%281%29"));
    assert!(!shown.text().contains('\u{202e}') && !shown.text().contains("\r"));
}

#[tokio::test]
async fn the_directory_and_the_search_are_escaped_too() {
    let shelf = Shelf::new();
    shelf.write("<i>/\"&/x", "");
    let shown = shelf.get("/%3Ci%3E/%22&/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(shown.text().contains("<title>&quot;&amp; – Files</title>"), "{}", shown.text());
    assert!(shown.text().contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""));
    assert!(shown.text().contains("<li><a href=\"../\"><bdi>&lt;i&gt;</bdi></a>"));
    assert!(!tags(shown.text()).contains(&"script") && !tags(shown.text()).contains(&"i"));
}

#[tokio::test]
async fn each_place_above_is_one_link_away() {
    let shelf = Shelf::new();
    shelf.make_directory("a/b/c");
    let way = async |target: &str| {
        let host = [(header::HOST, "mirror.example.org:8000")];
        let response = shelf.show(&request(target, &host)).await.unwrap();
        let shown = crate::listing::testing::Shown::read(response).await;
        let nav =
            shown.text().split("<nav").nth(1).unwrap_or_default().split("</nav>").next().unwrap().to_owned();
        let links: Vec<_> =
            nav.split("href=\"").skip(1).map(|rest| rest.split("</bdi>").next().unwrap()).collect();
        links.join("|")
    };
    assert_eq!(way("/").await, "");
    assert_eq!(way("/a/").await, "../\"><bdi>mirror.example.org:8000");
    assert_eq!(way("/a/b/c/").await, "../../../\"><bdi>mirror.example.org:8000|../../\"><bdi>a|../\"><bdi>b");
    assert!(shelf.get("/a/").await.links().contains(&"../"));
    assert!(!shelf.get("/").await.links().contains(&"../"), "nothing is above the top");
}

#[tokio::test]
async fn a_row_says_name_size_and_time() {
    let shelf = Shelf::new();
    shelf.write("debian 13.iso", vec![0; 1_234_567]);
    symlink("debian 13.iso", shelf.path("latest.iso")).unwrap();
    shelf.make_directory("pool");
    let shown = shelf.get("/").await;
    let row = "<tr role=row class=dsk><th role=rowheader scope=row><a href=\"./debian%2013.iso\"><bdi>debian 13.iso\
               </bdi></a><td role=cell><data value=1234567 title=\"1,234,567 bytes\">1.2 MiB</data><td role=cell>\
               <time datetime=1994-11-06T08:49:37Z>1994-11-06 08:49</time>\n";
    assert!(shown.text().contains(row), "{}", shown.text());
    assert!(
        shown.text().contains("<a href=\"./pool/\"><bdi>pool/</bdi></a><td role=cell><td role=cell><time")
    );
    assert!(
        shown
            .text()
            .contains("<p role=status>1 folder, 2 files, <span title=\"2,469,134 bytes\">2.4 MiB</span></p>")
    );
    assert!(shown.text().contains("<button name=archive value=tar>"));
}

#[tokio::test]
async fn column_heads_sort_and_turn_round_without_a_script() {
    let shelf = Shelf::new();
    shelf.write("a", "");
    for (target, sorted, links) in [
        ("/", "ascending", ["./?sort=name&amp;order=desc", "./?sort=size", "./?sort=time"]),
        ("/?sort=name&order=desc", "descending", ["./", "./?sort=size", "./?sort=time"]),
        ("/?sort=size", "descending", ["./", "./?sort=size&amp;order=asc", "./?sort=time"]),
        (
            "/?sort=time&order=asc&q=a",
            "ascending",
            ["./?q=a", "./?sort=size&amp;q=a", "./?sort=time&amp;q=a"],
        ),
    ] {
        let shown = shelf.get(target).await;
        let head = shown.text().split("<thead").nth(1).unwrap().split("</thead>").next().unwrap();
        for link in links {
            assert!(head.contains(&format!("href=\"{link}\"")), "{target}: {head}");
        }
        assert_eq!(head.matches("aria-sort=").count(), 1);
        assert!(head.contains(&format!("aria-sort={sorted}")), "{target}: {head}");
    }
    // The search keeps the order.
    let shown = shelf.get("/?sort=size&order=asc").await;
    assert!(
        shown
            .text()
            .contains("<input type=hidden name=sort value=size>\n<input type=hidden name=order value=asc>")
    );
}

#[tokio::test]
async fn an_empty_list_says_why() {
    let shelf = Shelf::new();
    assert!(shelf.get("/").await.text().contains("<p class=none>There is nothing in here.</p>"));
    shelf.write("a", "");
    assert!(shelf.get("/?q=b").await.text().contains("<p class=none>No name matches.</p>"));
    assert!(shelf.get("/").await.text().contains("<p class=none hidden>"));
}

#[test]
fn more_entries_than_are_listed_are_told() {
    let directory = CheckedPath::parse(b"/").unwrap().into_owned();
    let page = Page { directory, query: Query::default(), host: String::new(), archives: true };
    let mut text = String::new();
    let mut entries = Entries::default();
    entries.truncated = true;
    page.start(&entries, &mut text);
    assert!(text.contains("<p class=note>There are more entries than the 0 that are listed."));
}

#[tokio::test]
async fn the_page_runs_and_loads_nothing_but_its_own() {
    let shelf = Shelf::new();
    let shown = shelf.get("/").await;
    let policy = shown.field(&header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let inline = |tag: &str| {
        let rest = shown.text().split(&format!("<{tag}>")).nth(1).unwrap();
        rest.split(&format!("</{tag}>")).next().unwrap().to_owned()
    };
    for tag in ["style", "script"] {
        let named = format!("{tag}-src '{}'", source(&inline(tag)));
        assert!(policy.contains(&named), "{policy}: {named}");
        assert_eq!(shown.text().matches(&format!("<{tag}")).count(), 1);
    }
    assert!(!inline("style").contains('<'), "not even in a picture: {}", inline("style"));
    let outside = shown.text().replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("://"), "{outside}");
    assert!(!outside.contains("style="));
}
