//! The server as its users' programs see it: wget, aria2, Python's own client, and browsers. curl has a file of its
//! own.

mod browsers;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use lab::noise;
use rustix::process::Signal;

use crate::support::place::{Site, directory, tree};
use crate::support::process::{Ended, run};
use crate::support::until;
use crate::support::wire::ask;

/// A program that is to run in `home`, or `None` where it is not installed; CI has all of them.
fn program(name: &str, home: &Path, args: &[&str]) -> Option<Command> {
    let installed = Command::new(name).arg("--version").output().is_ok();
    assert!(installed || std::env::var_os("CI").is_none(), "CI has to have {name}");
    if !installed {
        println!("not tried: {name} is not installed");
        return None;
    }
    let mut command = Command::new(name);
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(variable);
    }
    // Whatever this user has set for these programs does not count.
    command.args(args).current_dir(home).env("HOME", home).env("XDG_CONFIG_HOME", home);
    Some(command)
}

/// The same, run to its end.
fn ended(name: &str, home: &Path, args: &[&str]) -> Option<Ended> {
    program(name, home, args).map(|mut command| run(&mut command))
}

/// Gives a file that date, in seconds since 1970.
fn date(path: &Path, seconds: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

fn wget(home: &Path, args: &[&str]) -> Option<Ended> {
    ended("wget", home, &[&["--no-config", "--no-verbose", "--tries=1", "--timeout=15"], args].concat())
}

fn aria2(home: &Path, args: &[&str]) -> Option<Ended> {
    let terms = ["--no-conf", "--quiet", "--max-tries=1", "--timeout=15", "--file-allocation=none"];
    ended("aria2c", home, &[&terms, args].concat())
}

#[test]
fn wget_gets_a_file_and_goes_on_where_it_was_cut() {
    let content = noise(1_000_003);
    let (site, home) = (Site::of(&[("x.bin", &content)]), directory(&[]));
    let url = site.role.url("/x.bin");
    let Some(whole) = wget(home.path(), &[&url]) else { return };
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);

    fs::write(home.path().join("x.bin"), &content[..400_001]).unwrap();
    let resumed = wget(home.path(), &["-c", "-S", &url]).unwrap();
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    assert!(resumed.stderr.contains("206 Partial Content"), "{}", resumed.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);
    // It has all of it, asks for the rest, and takes the 416 for what it is.
    let again = wget(home.path(), &["-c", "-S", &url]).unwrap();
    assert!(again.stderr.contains("416 Range Not Satisfiable"), "{}", again.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);

    let missing = wget(home.path(), &[&site.role.url("/none")]).unwrap();
    assert_eq!(missing.status, 8, "{}", missing.stderr);
}

#[test]
fn wget_gets_a_file_only_if_it_is_newer() {
    let (site, home) = (Site::of(&[("x.txt", b"first")]), directory(&[]));
    let url = site.role.url("/x.txt");
    let path = site.files.path().join("x.txt");
    date(&path, 1_000_000_000);
    let Some(first) = wget(home.path(), &["-N", &url]) else { return };
    assert_eq!(first.status, 0, "{}", first.stderr);
    let saved = fs::metadata(home.path().join("x.txt")).unwrap().modified().unwrap();
    assert_eq!(saved, UNIX_EPOCH + Duration::from_secs(1_000_000_000), "from Last-Modified");
    let same = wget(home.path(), &["-N", "-S", &url]).unwrap();
    assert!(same.stderr.contains("304 Not Modified"), "{}", same.stderr);
    fs::write(&path, "other").unwrap();
    date(&path, 1_000_000_001);
    let newer = wget(home.path(), &["-N", &url]).unwrap();
    assert_eq!(newer.status, 0, "{}", newer.stderr);
    assert_eq!(fs::read(home.path().join("x.txt")).unwrap(), b"other");
}

#[test]
fn wget_mirrors_a_directory_by_its_listing() {
    let large = noise(300_000);
    let files: [(&str, &[u8]); 6] = [
        ("pub/a.txt", b"a"),
        ("pub/two words & more.txt", b"words"),
        ("pub/100 %.txt", b"percent"),
        ("pub/na\u{ef}ve.txt", b"naive"),
        ("pub/deep/er/x.bin", &large),
        ("private/secret", b"not below"),
    ];
    let (site, home) = (Site::with(&files, &["--list"]), directory(&[]));
    let args = ["-r", "-np", "-nH", "--restrict-file-names=nocontrol", &site.role.url("/pub/")];
    let Some(ended) = wget(home.path(), &args) else { return };
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let is_listing = |name: &String| name.contains("/index.html");
    let (listings, saved): (Vec<String>, Vec<String>) =
        tree(home.path()).into_iter().filter(|name| home.path().join(name).is_file()).partition(is_listing);
    assert!(listings.iter().any(|name| name == "pub/deep/index.html"), "{listings:?}");
    assert!(!listings.iter().any(|name| name.contains("archive")), "all of it once more: {listings:?}");
    let mut expected: Vec<&str> =
        files.iter().map(|(name, _)| *name).filter(|name| name.starts_with("pub/")).collect();
    expected.sort_unstable();
    assert_eq!(saved, expected);
    for (name, content) in files.iter().filter(|(name, _)| name.starts_with("pub/")) {
        assert!(fs::read(home.path().join(name)).unwrap() == *content, "{name}");
    }
}

#[test]
fn aria2_puts_a_file_together_from_parts_over_several_connections() {
    let content = noise(9_000_001);
    let (site, home) = (Site::with(&[("x.bin", &content)], &["--access-log", "-"]), directory(&[]));
    let args = ["-x4", "-s4", "-k1M", &site.role.url("/x.bin")];
    let Some(ended) = aria2(home.path(), &args) else { return };
    assert_eq!(ended.status, 0, "{}{}", ended.stdout_text(), ended.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);
    let parts = statuses(site).iter().filter(|status| *status == "206").count();
    assert!(parts >= 3, "{parts} parts were asked for");
}

#[test]
fn aria2_goes_on_where_it_was_cut_and_asks_whether_there_is_something_new() {
    let content = noise(3_000_000);
    let home = directory(&[("x.bin", &content[..1_200_000])]);
    let site = Site::with(&[("x.bin", &content)], &["--access-log", "-"]);
    let (url, path) = (site.role.url("/x.bin"), site.files.path().join("x.bin"));
    date(&path, 1_000_000_000);
    let Some(resumed) = aria2(home.path(), &["-c", "--remote-time", &url]) else { return };
    assert_eq!(resumed.status, 0, "{}{}", resumed.stdout_text(), resumed.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);

    let conditional = ["--conditional-get", "--allow-overwrite", "--remote-time", &url];
    let same = aria2(home.path(), &conditional).unwrap();
    assert_eq!(same.status, 0, "{}{}", same.stdout_text(), same.stderr);
    assert!(fs::read(home.path().join("x.bin")).unwrap() == content);
    fs::write(&path, "new").unwrap();
    let newer = aria2(home.path(), &conditional).unwrap();
    assert_eq!(newer.status, 0, "{}{}", newer.stdout_text(), newer.stderr);
    assert_eq!(fs::read(home.path().join("x.bin")).unwrap(), b"new");
    // It looks at the whole first; the log is in no order where several threads write it.
    let given = BTreeSet::from_iter(statuses(site));
    assert_eq!(given, ["200", "206", "304"].map(str::to_owned).into());
}

/// The status of each answer that a server has given, by its log on standard output.
fn statuses(site: Site) -> Vec<String> {
    site.role.process.signal(Signal::TERM);
    let log = site.role.process.end().stdout;
    let status = |line: &str| line.split_once("HTTP/1.1\" ").map(|(_, rest)| rest[..3].to_owned());
    String::from_utf8(log).unwrap().lines().filter_map(status).collect()
}

/// What a script does with the standard library: one connection, a part, a condition, a compressed page.
const PYTHON: &str = r#"
import gzip, http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=15)
def ask(target, **fields):
    connection.request("GET", target, headers={name.replace("_", "-"): value for name, value in fields.items()})
    answer = connection.getresponse()
    return answer, answer.read()
whole, content = ask("/x.txt")
socket = connection.sock
assert whole.status == 200 and len(content) == 60000, whole.status
part, end = ask("/x.txt", Range="bytes=-6")
assert part.status == 206 and content.endswith(end) and len(end) == 6
assert part.headers["Content-Range"] == "bytes 59994-59999/60000"
same, nothing = ask("/x.txt", If_None_Match=whole.headers["ETag"])
assert same.status == 304 and nothing == b""
lost, _ = ask("/none")
assert lost.status == 404
coded, packed = ask("/x.txt", Accept_Encoding="gzip")
assert coded.headers["Content-Encoding"] == "gzip", coded.headers.items()
assert gzip.decompress(packed) == content and len(packed) < 30000
print("one connection" if connection.sock is socket else "several")
"#;

#[test]
fn python_s_client_asks_for_parts_conditions_and_codings() {
    let text: String = (0..10_000).map(|line| format!("{line:05}\n")).collect();
    let (site, home) = (Site::with(&[("x.txt", text.as_bytes())], &["--compress"]), directory(&[]));
    // By then it is known, whatever it takes to be compressed.
    until("the file comes compressed", || {
        let answer = ask(site.role.address, "GET /x.txt HTTP/1.1", &["Accept-Encoding: gzip"]);
        answer.head.field("content-encoding").map(drop)
    });
    let address = site.role.address.to_string();
    let Some(asked) = ended("python3", home.path(), &["-c", PYTHON, &address]) else { return };
    assert_eq!((asked.status, asked.stdout_text()), (0, "one connection\n"), "{}", asked.stderr);
}

#[test]
fn curl_decodes_what_it_asked_for() {
    let text: String = (0..10_000).map(|line| format!("{line:05}\n")).collect();
    let (site, home) = (Site::with(&[("x.txt", text.as_bytes())], &["--compress"]), directory(&[]));
    let url = site.role.url("/x.txt");
    let args = [
        "-q",
        "-sS",
        "--compressed",
        "--max-time",
        "15",
        "-D",
        "head",
        "-o",
        "x",
        "-w",
        "%{size_download}",
        &url,
    ];
    let Some(first) = ended("curl", home.path(), &args) else { return };
    assert_eq!(first.status, 0, "{}", first.stderr);
    let length = until("it comes compressed", || {
        let again = ended("curl", home.path(), &args).unwrap();
        assert!(fs::read_to_string(home.path().join("x")).unwrap() == text);
        let head = fs::read_to_string(home.path().join("head")).unwrap().to_lowercase();
        head.contains("content-encoding: ").then(|| again.stdout_text().parse::<usize>().unwrap())
    });
    assert!(length < text.len() / 2, "{length} bytes came over the wire");
}
