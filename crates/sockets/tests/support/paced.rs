//! A server that does all as it should be done, at a pace.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::origin::{Origin, Reply, response};
use crate::support::wire::Head;

/// The entity tag of everything that is served here.
pub(crate) const TAG: &str = "ETag: \"1\"";

/// Serves `content` under every path, by ranges if asked: `block` bytes, a pause, and so on.
pub(crate) fn paced(content: &Arc<Vec<u8>>, block: usize, pause: Duration) -> Origin {
    let content = Arc::clone(content);
    Origin::start(move |head| {
        let bytes = match asked_range(head) {
            Some(range) if head.field("if-range").is_none_or(|tag| TAG.ends_with(tag)) => {
                part(&content, range, TAG)
            }
            _ => response("200 OK", &[TAG, "Accept-Ranges: bytes"], &content),
        };
        Reply::Talk(Box::new(move |wire| {
            for block in bytes.chunks(block) {
                wire.send_if_there(block);
                thread::sleep(pause);
            }
            true
        }))
    })
}

/// A part as it should be.
pub(crate) fn part(content: &[u8], (first, last): (usize, usize), etag: &str) -> Vec<u8> {
    let range = format!("Content-Range: bytes {first}-{last}/{}", content.len());
    response("206 Partial Content", &[&range, etag], &content[first..=last])
}

/// The first and the last byte that are asked for.
pub(crate) fn asked_range(head: &Head) -> Option<(usize, usize)> {
    let (first, last) = head.field("range")?.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
