//! What Firefox and Chromium send, byte for byte, and Chromium itself.

use std::fs;

use lab::noise;

use crate::clients::program;
use crate::support::place::{Site, directory};
use crate::support::process::{HEADLESS, Process};
use crate::support::until;
use crate::support::wire::{Answer, Wire, ask, request};

/// The fields that a browser sends with a visit to a page, with the files that it consists of, and with media.
struct Browser {
    visit: &'static [&'static str],
    script: &'static [&'static str],
    media: &'static [&'static str],
}

const FIREFOX: Browser = Browser {
    visit: &[
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language: en-US,en;q=0.5",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Connection: keep-alive",
        "Upgrade-Insecure-Requests: 1",
        "Sec-Fetch-Dest: document",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: none",
        "Sec-Fetch-User: ?1",
        "Priority: u=0, i",
    ],
    script: &[
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        "Accept: */*",
        "Accept-Language: en-US,en;q=0.5",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Connection: keep-alive",
        "Sec-Fetch-Dest: script",
        "Sec-Fetch-Mode: no-cors",
        "Sec-Fetch-Site: same-origin",
        "Priority: u=2",
    ],
    media: &[
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        "Accept: video/webm,video/ogg,video/*;q=0.9,application/ogg;q=0.7,audio/*;q=0.6,*/*;q=0.5",
        "Accept-Language: en-US,en;q=0.5",
        "Connection: keep-alive",
        "Sec-Fetch-Dest: video",
        "Sec-Fetch-Mode: no-cors",
        "Sec-Fetch-Site: same-origin",
        "Accept-Encoding: identity",
        "Priority: u=4",
    ],
};

const CHROMIUM: Browser = Browser {
    visit: &[
        "Connection: keep-alive",
        "sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"",
        "sec-ch-ua-mobile: ?0",
        "sec-ch-ua-platform: \"Linux\"",
        "Upgrade-Insecure-Requests: 1",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
        "Sec-Fetch-Site: none",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-User: ?1",
        "Sec-Fetch-Dest: document",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-US,en;q=0.9",
    ],
    script: &[
        "Connection: keep-alive",
        "sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "Accept: */*",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: no-cors",
        "Sec-Fetch-Dest: script",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-US,en;q=0.9",
    ],
    media: &[
        "Connection: keep-alive",
        "Accept-Encoding: identity;q=1, *;q=0",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "Accept: */*",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: no-cors",
        "Sec-Fetch-Dest: video",
        "Accept-Language: en-US,en;q=0.9",
    ],
};

impl Browser {
    fn ask(wire: &mut Wire, target: &str, fields: &[&str], more: &[&str]) -> Answer {
        wire.ask(&format!("GET {target} HTTP/1.1"), &[fields, more].concat())
    }

    /// A visit, and another one after a reload, which validates what is kept.
    fn visits(&self, site: &Site) {
        let mut wire = Wire::to(site.role.address);
        let asked = [
            ("/", self.visit, "text/html; charset=utf-8"),
            ("/app.js", self.script, "text/javascript; charset=utf-8"),
        ];
        for (target, fields, media_type) in asked {
            let first = Self::ask(&mut wire, target, fields, &[]);
            assert_eq!((first.status(), first.field("content-type")), ("200 OK", media_type), "{target}");
            let coding = if target == "/" { None } else { Some("br") };
            assert_eq!(first.head.field("content-encoding"), coding, "{target}");
            let known = format!("If-None-Match: {}", first.field("etag"));
            let since = format!("If-Modified-Since: {}", first.field("last-modified"));
            let conditions = [&*known, &since, "Cache-Control: max-age=0"];
            let again = Self::ask(&mut wire, target, fields, &conditions);
            assert_eq!(
                (again.status(), again.field("vary")),
                ("304 Not Modified", "Accept-Encoding"),
                "{target}"
            );
        }
        let icon = Self::ask(&mut wire, "/favicon.ico", self.script, &[]);
        assert_eq!(icon.status(), "404 Not Found");
    }

    /// A film: all of it is asked for, then a place further on, then it is left; and once more from what is kept.
    fn plays(&self, site: &Site, film: &[u8]) {
        let mut wire = Wire::to(site.role.address);
        let all = Self::ask(&mut wire, "/film.webm", self.media, &["Range: bytes=0-"]);
        let range = format!("bytes 0-{}/{}", film.len() - 1, film.len());
        assert_eq!((all.status(), all.field("content-range")), ("206 Partial Content", &*range));
        assert_eq!((all.field("content-type"), all.field("accept-ranges")), ("video/webm", "bytes"));
        assert!(all.body == film && all.head.field("content-encoding").is_none());
        for validator in [all.field("etag"), all.field("last-modified")] {
            let place = film.len() / 2;
            let fields = [&*format!("Range: bytes={place}-"), &format!("If-Range: {validator}")];
            let rest = Self::ask(&mut wire, "/film.webm", self.media, &fields);
            assert_eq!(rest.status(), "206 Partial Content", "{validator}");
            assert!(rest.body == film[place..], "{validator}");
        }
        // Whoever skips leaves in the middle of a transfer: nothing comes of it for others.
        let mut left = Wire::to(site.role.address);
        left.send(request(site.role.address, "GET /film.webm HTTP/1.1", &["Range: bytes=0-"]));
        assert_eq!(left.head().unwrap().status(), "206 Partial Content");
        drop(left);
        let tail = Self::ask(&mut wire, "/film.webm", self.media, &["Range: bytes=-1000"]);
        assert!(tail.body == film[film.len() - 1000..]);
    }
}

#[test]
fn browsers_visit_pages_and_play_films() {
    let film = noise(5_000_000);
    let files: [(&str, &[u8]); 4] = [
        ("index.html", b"<!doctype html><script src=app.js></script>"),
        ("app.js", b"the script"),
        ("app.js.br", b"the script, by brotli"),
        ("film.webm", &film),
    ];
    let site = Site::with(&files, &["--precompressed", "--compress"]);
    until("the film has settled", || {
        let head = ask(site.role.address, "HEAD /film.webm HTTP/1.1", &[]);
        (!head.field("etag").starts_with("W/")).then_some(())
    });
    for browser in [FIREFOX, CHROMIUM] {
        browser.visits(&site);
        browser.plays(&site, &film);
    }
}

/// A minute of silence, 16 bits at 44.1 kHz for one ear: uncompressed, so every browser can play it.
fn silence() -> Vec<u8> {
    const RATE: u32 = 44_100;
    const BYTES: u32 = RATE * 2 * 60;
    let mut wav = Vec::from(*b"RIFF");
    wav.extend((36 + BYTES).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    for (number, long) in [(1, false), (1, false), (RATE, true), (RATE * 2, true), (2, false), (16, false)] {
        wav.extend(&u32::to_le_bytes(number)[..if long { 4 } else { 2 }]);
    }
    wav.extend(b"data");
    wav.extend(BYTES.to_le_bytes());
    wav.resize(wav.len() + BYTES as usize, 0);
    wav
}

/// Fetches a file as scripts do, and goes to a late place in a recording; says what came of it.
const PAGE: &str = r#"<!doctype html><meta charset=utf-8><title>.</title><script>
const digest = async bytes => [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
    .map(byte => byte.toString(16).padStart(2, "0")).join("");
const play = () => new Promise((done, fail) => {
    const audio = new Audio("silence.wav");
    audio.onerror = () => fail(audio.error.message);
    audio.onloadedmetadata = () => audio.currentTime = 50;
    audio.onseeked = () => done(`${Math.round(audio.duration)} ${audio.currentTime}`);
    audio.load();
});
(async () => {
    const whole = await fetch("noise.bin");
    const said = [whole.status, await digest(await whole.arrayBuffer())];
    const part = await fetch("noise.bin", { headers: { Range: "bytes=100-199" } });
    said.push(part.status, (await part.arrayBuffer()).byteLength, await play());
    return said.join(" ");
})().catch(String).then(said => fetch("said?" + encodeURIComponent(said)));
</script>"#;

/// Of `noise(300_001)`, by Python's hashlib.
const NOISE_SHA_256: &str = "f5eba6673da692f99261c7ff8092f412c608082ee144f8b0c6d9f9c74b194969";

#[test]
fn chromium_downloads_a_file_and_goes_to_a_place_in_a_recording() {
    let files: [(&str, &[u8]); 3] =
        [("index.html", PAGE.as_bytes()), ("noise.bin", &noise(300_001)), ("silence.wav", &silence())];
    let home = directory(&[]);
    let log = home.path().join("access.log");
    let site = Site::with(&files, &["--access-log", log.to_str().unwrap()]);
    let profile = format!("--user-data-dir={}", home.path().join("profile").display());
    let url = site.role.url("/");
    let args = ["--mute-audio", "--remote-debugging-port=0", &profile, &url];
    let args = [&HEADLESS[..], &args].concat();
    let Some(mut chromium) = program("chromium", home.path(), &args) else { return };
    let _running = Process::start(&mut chromium);
    let said = until("the page has said how it went", || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        let (_, rest) = log.split_once("GET /said?")?;
        rest.split_once(' ').map(|(said, _)| said.to_owned())
    });
    assert_eq!(said, format!("200%20{NOISE_SHA_256}%20206%20100%2060%2050"));
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("\"GET /silence.wav HTTP/1.1\" 206 "), "{log}");
}
