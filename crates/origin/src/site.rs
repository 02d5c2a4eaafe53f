//! One site: what its files are, who may have them, and where a path leads. The pipeline is that of
//! [`origin`](crate::origin); the numbers are its steps.

use std::sync::Arc;

use access::gate::{Gate, Side};
use access::network::Networks;
use http::{HeaderValue, Method, StatusCode, header};
use message::request::Request;
use message::response::Response;

use crate::base::{Base, Within};
use crate::config::Config;
use crate::cors::Cors;
use crate::error_page::ErrorPage;
use crate::fallback::wants_page;
use crate::files::{Files, Found};
use crate::identity::Kind;
use crate::listing::lister::Lister;
use crate::path::{CheckedPath, DotFiles, FileName};
use crate::refusal::Refusal;
use crate::reply;
use crate::representation::Representation;
use crate::root::{FileFault, OpenFault};

/// What ends the name of a file that is served at an address without it.
const PAGE: &str = ".html";

/// The files beneath one directory, with all that is set for them.
#[derive(Debug)]
pub struct Site {
    files: Files,
    base: Base,
    networks: Networks,
    gate: Option<Gate>,
    cors: Option<Cors>,
    dot_files: DotFiles,
    index: FileName,
    lister: Option<Lister>,
    clean_urls: bool,
    fallback: bool,
    error_pages: Vec<ErrorPage>,
}

/// Where a path leads.
enum Lead<'a> {
    /// To the file of that name.
    File(CheckedPath<'a>, Arc<Representation>),
    /// To that file in the place of one that isn't there.
    Fallback(CheckedPath<'a>, Arc<Representation>),
    /// To a directory that is to be shown.
    Directory(CheckedPath<'a>),
}

impl Site {
    /// Opens the directory.
    ///
    /// # Errors
    /// Why it can't be served, and what to type about it.
    pub fn open(config: Config) -> Result<Self, OpenFault> {
        Ok(Self {
            files: Files::open(&config)?,
            base: config.base,
            networks: config.networks,
            gate: config.accounts.as_ref().map(|accounts| Gate::new(accounts, Side::Server)),
            cors: config.cors,
            dot_files: config.dot_files,
            index: config.index,
            lister: config.listing.map(Lister::new),
            clean_urls: config.clean_urls,
            fallback: config.fallback,
            error_pages: config.error_pages,
        })
    }

    /// Answers a GET, HEAD or OPTIONS for this site.
    pub async fn answer(&self, request: &Request) -> Response {
        // 3. Network.
        let answer = if !self.networks.admit(request.peer.map(|peer| peer.ip())) {
            Err(Refusal::Network)
        } else if request.method == Method::OPTIONS {
            // 4. Preflight.
            self.preflight(request)
        } else {
            self.let_in(request).await
        };
        let response = answer.unwrap_or_else(|refusal| refusal.answer(request));
        let mut response = self.with_error_page(request, response);
        // 9. Fields.
        self.describe(request, &mut response);
        response
    }

    fn preflight(&self, request: &Request) -> Result<Response, Refusal> {
        let not_ours = || Refusal::Method(request.method.clone());
        self.cors.as_ref().ok_or_else(not_ours)?.preflight(request)
    }

    async fn let_in(&self, request: &Request) -> Result<Response, Refusal> {
        // 5. Credentials.
        if let Some(gate) = &self.gate {
            // On the heap, so that answers that need none carry no room for it.
            Box::pin(gate.admit(&request.fields, request.received_at)).await?;
        }
        // 6. and 7. Path and file.
        match self.lead(request)? {
            // 8. Reply. What must be waited for is on the heap, as above.
            Lead::File(_, file) if Files::is_all_there(&file, &request.fields) => {
                Ok(reply::found(request, &file))
            }
            Lead::File(path, file) => Ok(Box::pin(self.reply(request, &path, file)).await),
            Lead::Fallback(path, file) => {
                let mut response = Box::pin(self.reply(request, &path, file)).await;
                varies_by_accept(&mut response);
                Ok(response)
            }
            Lead::Directory(path) => Box::pin(self.list(request, path)).await,
        }
    }

    async fn reply(&self, request: &Request, path: &CheckedPath<'_>, file: Arc<Representation>) -> Response {
        let chosen = self.files.select(path, file, &request.fields, request.received_at).await;
        let mut response = reply::found(request, &chosen);
        self.files.tell_digest(&request.fields, &chosen, &mut response).await;
        response
    }

    async fn list(&self, request: &Request, path: CheckedPath<'_>) -> Result<Response, Refusal> {
        let lister = self.lister.as_ref().ok_or(Refusal::File(FileFault::Absent))?;
        let shown = lister.show(self.files.root().keep(), path.into_owned(), request);
        shown.await.map_err(Refusal::File)
    }

    fn lead<'a>(&self, request: &'a Request) -> Result<Lead<'a>, Refusal> {
        // RFC 9112 §3.2.2: absolute-form is taken from everybody, not only as a proxy.
        let target = request.target.path_and_query().ok_or(Refusal::Target)?;
        let path =
            CheckedPath::parse_with(target.path().as_bytes(), self.dot_files).map_err(Refusal::Path)?;
        let path = match self.base.within(path) {
            Within::Path(path) => path,
            Within::Itself => return Err(self.moved(&CheckedPath::root(), target.query())),
            Within::Outside => return Err(Refusal::File(FileFault::Absent)),
        };
        let file = path.or_index(&self.index);
        match self.files.find(&file, request.received_at) {
            Ok(Found::File(found)) => match self.clean_address(&path, request) {
                Some(address) => Err(self.moved(&address, target.query())),
                None => Ok(Lead::File(file, found)),
            },
            Ok(Found::Directory) => self.lead_without_file(path, true, request),
            Err(FileFault::Absent) => self.lead_without_file(path, false, request),
            Err(fault) => Err(Refusal::File(fault)),
        }
    }

    /// Where a path leads that names no file: but perhaps a directory, or the address of a page.
    fn lead_without_file<'a>(
        &self,
        path: CheckedPath<'a>,
        is_directory: bool,
        request: &'a Request,
    ) -> Result<Lead<'a>, Refusal> {
        let query = request.target.path_and_query().and_then(|target| target.query());
        if path.asks_for_directory() {
            if self.lister.is_some() && self.is(Kind::Directory, &path, request) {
                return Ok(Lead::Directory(path));
            }
        } else if let Some((page, found)) = self.page_at(&path, request)? {
            // The index file's address is that of its directory.
            return match page.directory_of(&self.index) {
                Some(directory) => Err(self.moved(&directory, query)),
                None => Ok(Lead::File(page, found)),
            };
        } else if is_directory {
            return Err(Refusal::Moved(self.base.reference(&path.as_directory(query))));
        }
        self.fall_back(&path, request)
    }

    fn fall_back<'a>(&self, path: &CheckedPath<'_>, request: &Request) -> Result<Lead<'a>, Refusal> {
        if self.fallback && wants_page(&request.fields, path) {
            let index = CheckedPath::root().or_index(&self.index);
            if let Ok(Found::File(found)) = self.files.find(&index, request.received_at) {
                return Ok(Lead::Fallback(index, found));
            }
        }
        Err(Refusal::File(FileFault::Absent))
    }

    /// The page whose clean address a path is, where there are such.
    fn page_at<'a>(
        &self,
        path: &CheckedPath<'_>,
        request: &Request,
    ) -> Result<Option<(CheckedPath<'a>, Arc<Representation>)>, Refusal> {
        let page = if self.clean_urls { path.with_ending(PAGE) } else { None };
        let Some(page) = page else { return Ok(None) };
        match self.files.find(&page, request.received_at) {
            Ok(Found::File(found)) => Ok(Some((page, found))),
            Ok(Found::Directory) | Err(FileFault::Absent) => Ok(None),
            Err(fault) => Err(Refusal::File(fault)),
        }
    }

    /// The clean address of a file that was asked for by its own name, if it has one.
    fn clean_address(&self, path: &CheckedPath<'_>, request: &Request) -> Option<CheckedPath<'static>> {
        if !self.clean_urls || path.asks_for_directory() {
            return None;
        }
        let address = path.directory_of(&self.index).or_else(|| path.without_ending(PAGE))?;
        // Where a file has that very name, that is what one gets there.
        (address.asks_for_directory() || !self.is(Kind::File, &address, request)).then_some(address)
    }

    /// Whether a name is of that kind, as far as a look can tell.
    fn is(&self, kind: Kind, path: &CheckedPath<'_>, request: &Request) -> bool {
        if path.as_bytes().is_empty() {
            return kind == Kind::Directory;
        }
        self.files.root().at(request.received_at).look(path).is_ok_and(|seen| seen.kind == kind)
    }

    fn moved(&self, to: &CheckedPath<'_>, query: Option<&str>) -> Refusal {
        Refusal::Moved(self.base.reference(&to.as_reference(query)))
    }

    fn with_error_page(&self, request: &Request, response: Response) -> Response {
        let of_status = |page: &&ErrorPage| page.status() == response.status;
        let Some(page) = self.error_pages.iter().rfind(of_status) else { return response };
        match self.files.find(page.file(), request.received_at) {
            Ok(Found::File(page)) => reply::with_page(response, &page),
            Ok(Found::Directory) | Err(_) => response,
        }
    }

    /// Says what holds for every answer of this site.
    fn describe(&self, request: &Request, response: &mut Response) {
        if self.fallback && response.status == StatusCode::NOT_FOUND {
            varies_by_accept(response); // who wants a page gets one
        }
        // RFC 9111 §3.5 keeps shared caches from storing what needed credentials; this says so to those
        // that don't look at the request.
        if self.gate.is_some() && !response.fields.contains(&header::CACHE_CONTROL) {
            response.fields.set(header::CACHE_CONTROL, HeaderValue::from_static("private"));
        }
        if let Some(cors) = &self.cors {
            cors.describe(&request.fields, &mut response.fields);
        }
    }

    /// The files, for the tests.
    #[cfg(test)]
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// What lets users in, for the tests.
    #[cfg(test)]
    pub(crate) fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// The same site with another walk: to try the one that this kernel doesn't need.
    #[cfg(test)]
    pub(crate) fn walking(self, walk: crate::root::Walk) -> Self {
        Self { files: self.files.walking(walk), ..self }
    }
}

/// RFC 9110 §12.5.5.
fn varies_by_accept(response: &mut Response) {
    response.fields.append(header::VARY, HeaderValue::from_static("Accept"));
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "access_tests.rs"]
mod access_tests;
