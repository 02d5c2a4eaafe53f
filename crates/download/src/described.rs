//! The metalink of a file that is being got, where an answer points to it (RFC 6249 §2).

use message::StatusCode;
use message::body::Segment;
use message::service::Service;
use tokio::time::timeout;

use crate::digest::{Algorithm, Digest};
use crate::metalink::{METALINK_MAX, MetalinkFile, parse_metalink};
use crate::mosaic::Mosaic;
use crate::name::FileName;
use crate::progress::{Event, Progress};
use crate::transfer::Transfer;
use crate::url::Url;
use crate::work::Work;

/// Takes up what the metalink at `url` says of the file. It is read beside the download, which does without it
/// if need be.
pub(crate) async fn describe<S: Service, P: Progress>(work: &Work<'_, S, P>, url: Url) {
    let Some(text) = read(work, &url).await else { return };
    let mut files = parse_metalink(&text, Some(&url)).unwrap_or_default();
    let mut transfer = work.lock();
    if files.len() > 1 {
        let wanted = FileName::from_url_path(transfer.url.path());
        files.retain(|file| wanted.as_os_str().to_str() == Some(&*file.name));
    }
    if let Some(file) = files.pop() {
        transfer.enlighten(file, work.fetch.progress);
    }
}

async fn read<S: Service, P: Progress>(work: &Work<'_, S, P>, url: &Url) -> Option<String> {
    let found = work.fetch.find(url, None).await.ok()?;
    if found.response.status != StatusCode::OK {
        return None;
    }
    let mut content = found.response.body.into_stream();
    let (mut bytes, mut length) = (Vec::new(), 0_u64);
    while let Some(segment) = timeout(work.stall, content.next()).await.ok()? {
        let segment = segment.ok()?;
        length = length.saturating_add(segment.len());
        if length > METALINK_MAX {
            return None;
        }
        match segment {
            Segment::Bytes(block) => bytes.extend_from_slice(&block),
            Segment::File(slice) => {
                bytes.extend_from_slice(&slice.read_at(0, usize::try_from(slice.len()).ok()?).ok()?);
            }
        }
    }
    String::from_utf8(bytes).ok()
}

impl Transfer {
    /// Takes up what a metalink says of the file, unless it is of another one: places, and digests by which
    /// what these bring can be checked.
    fn enlighten(&mut self, file: MetalinkFile, progress: &impl Progress) {
        let (length, digest) = (self.length(), strongest(&file.digests));
        let is_other = |ours: &Digest| digest.is_some_and(|d| d.algorithm() == ours.algorithm() && d != ours);
        if file.size.is_some_and(|size| size != length) || self.expected.iter().any(is_other) {
            tracing::debug!(url = %self.url, "the metalink is of another version");
            return;
        }
        if self.sink.is_in_order() || !self.plan.is_divisible() {
            return;
        }
        if let (true, Some(digest)) = (self.checksums.is_empty(), digest) {
            self.checksums.push(digest.clone());
            self.expected.insert(0, digest.clone());
        }
        if self.mosaic.is_none() {
            self.mosaic = file.pieces.and_then(|pieces| Mosaic::new(pieces, length));
        }
        for (rank, url) in (1..).zip(file.urls) {
            if self.places.add(url.clone()) {
                self.plan.add_source(rank);
                progress.on(Event::Found { source: &url });
            }
        }
    }
}

/// The digest that tells most, of those that tell anything.
fn strongest(digests: &[Digest]) -> Option<&Digest> {
    let secure = |digest: &&Digest| matches!(digest.algorithm(), Algorithm::Sha256 | Algorithm::Sha512);
    digests.iter().filter(secure).max_by_key(|digest| digest.algorithm())
}
