//! Pages that a site shows in the place of our line of text when something goes wrong: which file goes
//! with which status.

use http::StatusCode;

use crate::path::{CheckedPath, PathFault};

/// A file beneath the root that is sent with the answers of one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    status: StatusCode,
    file: CheckedPath<'static>,
}

/// Text that is no error page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorPageFault {
    /// It is not of the form `404=FILE`.
    #[error("{0:?} names no error page: write STATUS=FILE, such as 404=404.html")]
    Form(String),
    /// The status is none of an error.
    #[error("{0:?} is not the status of an error: those are 400 to 599")]
    Status(String),
    /// The name is none of a file beneath the root.
    #[error("{name:?} is not the name of a file beneath the directory that is served: {fault}")]
    File {
        /// As it was written.
        name: String,
        /// What is wrong with it.
        fault: PathFault,
    },
}

impl ErrorPage {
    /// Takes `404=FILE`. The file's name counts from the root, whether it begins with a `/` or not, and
    /// may begin with a dot so that it is not served by itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ErrorPageFault> {
        let (status, name) = text.split_once('=').ok_or_else(|| ErrorPageFault::Form(text.to_owned()))?;
        let is_error = |status: &StatusCode| status.is_client_error() || status.is_server_error();
        let parsed = StatusCode::from_bytes(status.as_bytes()).ok().filter(is_error);
        let status = parsed.ok_or_else(|| ErrorPageFault::Status(status.to_owned()))?;
        let fault = |fault| ErrorPageFault::File { name: name.to_owned(), fault };
        let file = CheckedPath::of_names(name).map_err(fault)?;
        if file.asks_for_directory() {
            return Err(fault(PathFault::Empty));
        }
        Ok(Self { status, file })
    }

    /// The status it goes with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Where it lies.
    #[must_use]
    pub fn file(&self) -> &CheckedPath<'static> {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_page_has_a_status_and_a_file() {
        for (text, status, file) in [
            ("404=404.html", 404, "404.html"),
            ("404=/errors/404.html", 404, "errors/404.html"),
            ("503=.errors/a=b 5.html", 503, ".errors/a=b 5.html"),
        ] {
            let page = ErrorPage::parse(text).unwrap();
            assert_eq!((page.status().as_u16(), page.file().as_bytes()), (status, file.as_bytes()));
        }
    }

    #[test]
    fn a_page_that_can_not_be_is_refused_with_the_reason() {
        for (text, told) in [
            ("404.html", "STATUS=FILE"),
            ("=404.html", "400 to 599"),
            ("200=ok.html", "400 to 599"),
            ("304=x", "400 to 599"),
            ("600=x", "400 to 599"),
            ("4O4=x", "400 to 599"),
            ("404=", "beneath the directory"),
            ("404=/", "beneath the directory"),
            ("404=errors/", "beneath the directory"),
            ("404=../404.html", "beneath the directory"),
            ("404=/a/../../404.html", "beneath the directory"),
            ("404=//evil", "beneath the directory"),
        ] {
            let fault = ErrorPage::parse(text).unwrap_err().to_string();
            assert!(fault.contains(told), "{text}: {fault}");
        }
    }
}
