//! From a directory to the answer that shows it, in this order:
//!
//! 1. *query*: what form of it is wanted, sorted and filtered how;
//! 2. *archive*: if one is asked for, that is the answer;
//! 3. *read*: the directory, off the threads that serve, and sorted there;
//! 4. *validator*: a tag of all that is shown, and so maybe a 304 (RFC 9110 §13);
//! 5. *text*: a page or JSON, whole if it is short, else in blocks.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};
use message::body::Body;
use message::field::etag::EntityTag;
use message::fields::Fields;
use message::precondition::{self, Validators, Verdict};
use message::request::Request;
use message::response::Response;
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::listing::accept;
use crate::listing::archive::descent::ArchiveLimits;
use crate::listing::archive::pack;
use crate::listing::blocks::{Begun, Blocks, Document};
use crate::listing::entries::{Entries, Entry, EntryKind};
use crate::listing::json::JsonList;
use crate::listing::page::{Page, content_security_policy};
use crate::listing::query::{Format, Packing, Query};
use crate::listing::read::read;
use crate::path::CheckedPath;
use crate::root::{FileFault, Root};

/// Most entries of one directory that are listed, if nothing else is said. A filter counts before that.
pub const LISTING_ENTRIES_MAX: usize = 200_000;

/// Most directories that are read at the same time, if nothing else is said.
pub const READINGS_MAX: usize = 4;

/// How long a request waits for its turn to read.
pub const READING_WAIT: Duration = Duration::from_secs(5);

/// Most bytes of memory for the entries of all lists that are being sent, if nothing else is said.
pub const LISTS_BYTES: usize = 64 << 20;

/// Most archives that are sent at the same time, if nothing else is said.
pub const ARCHIVES_MAX: usize = 16;

/// How directories are shown that have no index file, and how much that may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Most entries of one directory that are listed. A filter counts before that.
    pub entries: usize,
    /// Most directories that are read at the same time, at least 1; who waits longer than
    /// [`READING_WAIT`] gets 503.
    pub readings: usize,
    /// Most bytes of memory for the entries of all lists that are being sent; who would need more gets
    /// 503. A list of one block takes none, since it is text at once.
    pub memory_bytes: usize,
    /// Most archives (`?archive=tar`, `?archive=zip`) that are sent at the same time; more get 503. 0
    /// offers none.
    pub archives: usize,
    /// How large an archive may become.
    pub archive: ArchiveLimits,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            entries: LISTING_ENTRIES_MAX,
            readings: READINGS_MAX,
            memory_bytes: LISTS_BYTES,
            archives: ARCHIVES_MAX,
            archive: ArchiveLimits::default(),
        }
    }
}

impl Listing {
    fn offers_archives(self) -> bool {
        self.archives > 0
    }
}

/// What shows directories, within its limits.
#[derive(Debug)]
pub(crate) struct Lister {
    settings: Listing,
    readings: Arc<Semaphore>,
    lists_kib: Arc<Semaphore>,
    archives: Arc<Semaphore>,
}

/// What of a request decides about the answer.
struct Asked {
    method: Method,
    fields: Fields,
    query: Query,
    format: Format,
    /// The host that was asked, for people to read.
    host: String,
}

impl Lister {
    pub(crate) fn new(settings: Listing) -> Self {
        Self {
            settings,
            readings: Arc::new(Semaphore::new(settings.readings.min(Semaphore::MAX_PERMITS))),
            lists_kib: Arc::new(Semaphore::new((settings.memory_bytes >> 10).min(Semaphore::MAX_PERMITS))),
            archives: Arc::new(Semaphore::new(settings.archives.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Shows a directory to who asked for it by a path that ends in `/`.
    ///
    /// # Errors
    /// Why it can't be shown: [`FileFault::Absent`] if there is no such directory.
    pub(crate) fn show(
        &self,
        root: Arc<Root>,
        directory: CheckedPath<'static>,
        request: &Request,
    ) -> impl Future<Output = Result<Response, FileFault>> + Send + use<'_> {
        let asked = Asked::of(request);
        async move {
            match asked.query.archive {
                Some(packing) if self.settings.offers_archives() => {
                    self.archive(root, directory, packing).await
                }
                _ => self.list(root, directory, asked).await,
            }
        }
    }

    async fn archive(
        &self,
        root: Arc<Root>,
        directory: CheckedPath<'static>,
        packing: Packing,
    ) -> Result<Response, FileFault> {
        let place = Arc::clone(&self.archives).try_acquire_owned().map_err(|_| busy())?;
        let checked = {
            let (root, directory) = (Arc::clone(&root), directory.clone());
            self.off_thread(move || root.open_directory(&directory).map(drop)).await
        };
        checked?;
        Ok(pack::response(root, directory, packing, self.settings.archive, place))
    }

    async fn list(
        &self,
        root: Arc<Root>,
        directory: CheckedPath<'static>,
        asked: Asked,
    ) -> Result<Response, FileFault> {
        let (name, query, most) = (directory.clone(), asked.query.clone(), self.settings.entries);
        let read = move || {
            let mut entries = read(&root, &name, most, filter(&query.filter))?;
            entries.sort(query.key, query.order);
            let digest = digest(&entries);
            Ok((entries, digest))
        };
        let (entries, digest) = self.off_thread(read).await?;
        let etag = asked.tag(&digest, &directory, self.settings);
        let fields = asked.fields_of_answer(etag.as_ref());
        let validators = Validators { etag, last_modified: None, last_modified_is_strong: false };
        match precondition::evaluate(&asked.method, &asked.fields, Some(&validators)) {
            Verdict::Perform => {}
            Verdict::NotModified => {
                let mut response = Response::new(StatusCode::NOT_MODIFIED);
                response.fields = precondition::not_modified(&fields);
                return Ok(response);
            }
            Verdict::Failed => {
                let told = "412 the directory is not as it was when it was asked for\n";
                return Ok(Response::text(StatusCode::PRECONDITION_FAILED, told));
            }
        }
        let mut response = Response::new(StatusCode::OK);
        response.fields = fields;
        response.body = self.write(entries, directory, asked)?;
        Ok(response)
    }

    fn write(
        &self,
        entries: Entries,
        directory: CheckedPath<'static>,
        asked: Asked,
    ) -> Result<Body, FileFault> {
        match asked.format {
            Format::Json => self.body(JsonList { path: shown_path(&directory) }, entries),
            Format::Html => {
                let (Asked { query, host, .. }, archives) = (asked, self.settings.offers_archives());
                self.body(Page { directory, query, host, archives }, entries)
            }
        }
    }

    fn body<D: Document + Unpin + 'static>(&self, document: D, entries: Entries) -> Result<Body, FileFault> {
        match Blocks::begin(document, entries) {
            Begun::Whole(bytes) => Ok(Body::from(bytes)),
            Begun::More(first, rest) => {
                let kib = u32::try_from(rest.memory_bytes().div_ceil(1 << 10)).map_err(|_| busy())?;
                let share = Arc::clone(&self.lists_kib).try_acquire_many_owned(kib).map_err(|_| busy())?;
                Ok(rest.into_body(first, share))
            }
        }
    }

    /// Does what waits for the disk, when it is its turn.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, FileFault> + Send + 'static,
    ) -> Result<T, FileFault> {
        let turn = timeout(READING_WAIT, Arc::clone(&self.readings).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(busy()) };
        let done = spawn_blocking(move || {
            let done = work();
            drop(turn); // kept until here even if nobody waits for the result any more
            done
        });
        done.await.unwrap_or(Err(FileFault::Unreadable(Errno::CANCELED)))
    }
}

/// Too much is being listed or packed at the moment: 503, and asked again soon.
fn busy() -> FileFault {
    FileFault::Short(Errno::BUSY)
}

impl Asked {
    fn of(request: &Request) -> Self {
        let query = request.target.path_and_query().and_then(|target| target.query()).unwrap_or_default();
        let query = Query::parse(query);
        Self {
            method: request.method.clone(),
            fields: request.fields.clone(),
            format: query.format.unwrap_or_else(|| accept::choose(&request.fields)),
            query,
            host: request.authority().map(|authority| authority.to_string()).unwrap_or_default(),
        }
    }
}

impl Asked {
    /// The tag of an answer: it changes with all that the answer is made of, this program included.
    ///
    /// A weak one (RFC 9110 §8.8.1): it is of what the disk said, not of the bytes that are sent.
    fn tag(
        &self,
        entries: &EntriesDigest,
        directory: &CheckedPath<'_>,
        settings: Listing,
    ) -> Option<EntityTag> {
        let Self { query, format, host, .. } = self;
        let made_by = (env!("CARGO_PKG_VERSION"), content_security_policy());
        let made_of = (directory.as_bytes(), query, format, host, settings, made_by);
        let digest = Sha256::new().chain_update(entries).chain_update(format!("{made_of:?}")).finalize();
        let opaque: String = digest.iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
        EntityTag::weak(opaque)
    }

    fn fields_of_answer(&self, etag: Option<&EntityTag>) -> Fields {
        let mut fields = Fields::with_capacity(8);
        fields.set(
            header::CONTENT_TYPE,
            HeaderValue::from_static(match self.format {
                Format::Html => "text/html; charset=utf-8",
                Format::Json => "application/json",
            }),
        );
        fields.set(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // RFC 9111 §5.2.2.4: nothing tells how long it stays as it is, so it is asked for each time.
        fields.set(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(etag) = etag {
            fields.set(header::ETAG, etag.to_value());
        }
        // RFC 9110 §12.5.5
        if self.query.format.is_none() {
            fields.set(header::VARY, HeaderValue::from_static("Accept"));
        }
        if self.format == Format::Html {
            fields.set(header::CONTENT_SECURITY_POLICY, content_security_policy().clone());
        }
        fields
    }
}

/// A digest of all that is shown of a directory.
type EntriesDigest = [u8; 32];

/// How many bytes of a digest make a tag.
const TAG_BYTES: usize = 12;

fn digest(entries: &Entries) -> EntriesDigest {
    let mut digest = Sha256::new();
    digest.update([u8::from(entries.truncated)]);
    for Entry { name, kind, modified, .. } in &entries.list {
        let size = match kind {
            EntryKind::Directory => u64::MAX, // no file is that large
            EntryKind::File(size) => *size,
        };
        digest.update(name);
        // A NUL ends the name, so that no two lists are the same bytes.
        digest.update([0]);
        digest.update(size.to_be_bytes());
        digest.update(modified.to_be_bytes());
    }
    digest.finalize().into()
}

/// Whether a name contains the text, in whatever case.
fn filter(text: &str) -> impl Fn(&[u8]) -> bool + use<> {
    let text = text.to_lowercase();
    move |name| text.is_empty() || String::from_utf8_lossy(name).to_lowercase().contains(&text)
}

/// The path of a directory as text, with `/` at both ends.
fn shown_path(directory: &CheckedPath<'_>) -> String {
    let mut path = String::from("/");
    for name in directory.names() {
        path.push_str(&String::from_utf8_lossy(name));
        path.push('/');
    }
    path
}

#[cfg(test)]
#[path = "lister_tests.rs"]
mod tests;
