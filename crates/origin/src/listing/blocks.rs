//! A list of entries as text, made block by block as it is taken.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use message::body::{Body, Segment, Source};
use message::failure::Failure;
use tokio::sync::OwnedSemaphorePermit;

use crate::listing::entries::{Entries, Entry};

/// A block is full when it holds at least so many bytes.
pub(crate) const BLOCK_BYTES: usize = 32 << 10;

/// A form in which entries are written.
pub(crate) trait Document: Send {
    /// What comes before the entries.
    fn start(&self, entries: &Entries, out: &mut String);

    /// The entry at that place in the list, counted from 0.
    fn entry(&self, index: usize, entry: &Entry, out: &mut String);

    /// What comes after the entries.
    fn end(&self, entries: &Entries, out: &mut String);
}

/// A document that is being written.
#[derive(Debug)]
pub(crate) struct Blocks<D> {
    document: D,
    entries: Entries,
    /// How many entries have been written.
    written: usize,
    ended: bool,
    /// The share of the memory for all lists that this one takes.
    share: Option<OwnedSemaphorePermit>,
}

/// A document of which the first block has been written.
#[derive(Debug)]
pub(crate) enum Begun<D> {
    /// That was all of it.
    Whole(Bytes),
    /// There is more.
    More(Bytes, Blocks<D>),
}

impl<D: Document + Unpin + 'static> Blocks<D> {
    pub(crate) fn begin(document: D, entries: Entries) -> Begun<D> {
        let mut first = String::with_capacity(BLOCK_BYTES);
        document.start(&entries, &mut first);
        let mut blocks = Self { document, entries, written: 0, ended: false, share: None };
        blocks.fill(&mut first);
        let first = Bytes::from(first);
        if blocks.ended { Begun::Whole(first) } else { Begun::More(first, blocks) }
    }

    /// What the entries take in memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.entries.memory_bytes()
    }

    /// All of it as a body, which gives `share` back when it is dropped.
    pub(crate) fn into_body(mut self, first: Bytes, share: OwnedSemaphorePermit) -> Body {
        self.share = Some(share);
        Body::from_source(None, Behind { first: Some(first), rest: self })
    }

    /// Writes entries until the block is full, and the end behind the last one.
    fn fill(&mut self, out: &mut String) {
        let rest = self.entries.list.get(self.written..).unwrap_or_default();
        for entry in rest {
            if out.len() >= BLOCK_BYTES {
                return;
            }
            self.document.entry(self.written, entry, out);
            self.written = self.written.saturating_add(1);
        }
        self.document.end(&self.entries, out);
        self.ended = true;
    }
}

/// The rest of a document behind its first block.
struct Behind<D> {
    first: Option<Bytes>,
    rest: Blocks<D>,
}

impl<D: Document + Unpin + 'static> Source for Behind<D> {
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Segment, Failure>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Segment::Bytes(first))));
        }
        if self.rest.ended {
            return Poll::Ready(None);
        }
        let mut block = String::with_capacity(BLOCK_BYTES);
        self.rest.fill(&mut block);
        Poll::Ready(Some(Ok(Segment::Bytes(Bytes::from(block)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::entries::EntryKind;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    /// Writes a thousand bytes for each entry.
    #[derive(Debug)]
    struct Thousands;

    impl Document for Thousands {
        fn start(&self, _: &Entries, out: &mut String) {
            out.push('(');
        }

        fn entry(&self, index: usize, _: &Entry, out: &mut String) {
            out.push_str(&format!("{index:01000}"));
        }

        fn end(&self, _: &Entries, out: &mut String) {
            out.push(')');
        }
    }

    fn entries(number: usize) -> Entries {
        let mut entries = Entries::default();
        for _ in 0..number {
            let kind = EntryKind::File(0);
            entries.push(Entry { name: Box::default(), kind, modified: 0, is_link: false });
        }
        entries
    }

    fn expected(number: usize) -> String {
        let all: String = (0..number).map(|index| format!("{index:01000}")).collect();
        format!("({all})")
    }

    #[test]
    fn what_fits_in_a_block_is_whole_at_once() {
        for number in [0, 1, 32] {
            match Blocks::begin(Thousands, entries(number)) {
                Begun::Whole(bytes) => assert_eq!(bytes, expected(number)),
                Begun::More(..) => panic!("{number}"),
            }
        }
    }

    #[tokio::test]
    async fn what_is_longer_comes_in_blocks_and_gives_its_share_back() {
        let memory = Arc::new(Semaphore::new(1));
        let share = Arc::clone(&memory).try_acquire_owned().unwrap();
        let Begun::More(first, blocks) = Blocks::begin(Thousands, entries(100)) else { panic!("100 kB") };
        assert!(blocks.memory_bytes() > 0);
        let mut stream = blocks.into_body(first, share).into_stream();
        let mut text = Vec::new();
        while let Some(piece) = stream.next().await {
            let Segment::Bytes(bytes) = piece.unwrap() else { panic!("text") };
            assert!(bytes.len() < BLOCK_BYTES + 1001, "{}", bytes.len());
            text.extend_from_slice(&bytes);
            assert_eq!(memory.available_permits(), 0);
        }
        assert!(text == expected(100).as_bytes());
        drop(stream);
        assert_eq!(memory.available_permits(), 1);
    }
}
