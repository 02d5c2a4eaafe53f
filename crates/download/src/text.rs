//! Short texts that are got to be read at once: listings, metalinks, lists of checksums.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use message::service::Service;

use crate::fault::GetFault;
use crate::get::get;
use crate::order::{Order, Output};
use crate::progress::Progress;
use crate::url::Url;

/// A text, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What it says; what is not UTF-8 is U+FFFD.
    pub text: String,
    /// Where it came from in the end.
    pub url: Url,
}

/// Gets what `order` says, whatever its output is, and at most `limit` bytes of it, into memory.
///
/// # Errors
/// As [`get`].
pub async fn get_text<S: Service, P: Progress>(
    upstream: &S,
    order: Order,
    limit: u64,
    now: SystemTime,
    progress: &P,
) -> Result<Text, GetFault> {
    let memory = Memory::default();
    let output = Output::Writer(Box::new(memory.clone()));
    let fetched = get(upstream, Order { size_max: Some(limit), output, ..order }, now, progress).await?;
    let bytes = std::mem::take(&mut *memory.0.lock().unwrap_or_else(PoisonError::into_inner));
    let text = String::from_utf8(bytes);
    let text = text.unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned());
    Ok(Text { text, url: fetched.final_url })
}

/// A place in memory that can be looked at afterwards.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
