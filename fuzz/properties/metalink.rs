//! Whatever comes as a metalink (RFC 5854), what is read of it can be downloaded.

use download::{Url, parse_metalink};

/// Fails if something is read that no download can be made of.
pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let base = Url::parse("http://a.example/b/c.meta4").ok();
    let Ok(files) = parse_metalink(&text, base.as_ref()) else { return };
    for file in files {
        for url in &file.urls {
            assert_eq!(Url::parse(&url.to_string()).as_ref(), Ok(url), "{url} is read as it was written");
        }
        if let Some(pieces) = &file.pieces {
            assert!(pieces.length > 0, "pieces without bytes");
            if let Some(size) = file.size {
                let count = u64::try_from(pieces.digests.len()).unwrap_or(u64::MAX);
                assert_eq!(count, size.div_ceil(pieces.length), "as many digests as pieces");
            }
        }
    }
}
