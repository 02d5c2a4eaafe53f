//! What is answered when there is a file: its conditions, its parts, the whole of it; or a page that
//! says that there is none.

use http::{HeaderName, StatusCode, header};
use message::body::Body;
use message::partial;
use message::precondition::{self, Verdict};
use message::request::Request;
use message::response::Response;

use crate::refusal::text;
use crate::representation::Representation;

/// What is said of a file and not of an error: which version it is of, that it can be had in parts,
/// for how long it may be kept and for what it may be taken.
///
/// A rule that lets every page be kept for a year would otherwise keep the error that long.
const OF_FILES: [HeaderName; 9] = [
    header::ACCEPT_RANGES,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::VARY,
];

/// The answer to a GET or HEAD of a file that is there.
#[must_use]
pub fn found(request: &Request, representation: &Representation) -> Response {
    let (method, fields) = (&request.method, &request.fields);
    let validators = representation.validators();
    // RFC 9110 §13.2.1: preconditions come after the checks that make a 2xx certain, before all else.
    match precondition::evaluate(method, fields, Some(validators)) {
        Verdict::Perform => {}
        Verdict::NotModified => {
            let mut response = Response::new(StatusCode::NOT_MODIFIED);
            response.fields = representation.not_modified().clone();
            return response;
        }
        Verdict::Failed => {
            return text(StatusCode::PRECONDITION_FAILED, "the file is not the version that was asked for");
        }
    }
    let mut whole = Response::new(StatusCode::OK);
    whole.fields = representation.fields().clone();
    whole.body = Body::from_segment(representation.content().clone());
    // RFC 9110 §14.2: ranges are considered last.
    let selection = partial::partial(fields, method, validators, representation.length());
    partial::respond(selection, whole)
}

/// The same answer with the content of an error page. Its status stays, and so do its own fields.
#[must_use]
pub fn with_page(mut response: Response, page: &Representation) -> Response {
    for (name, value) in page.fields().iter() {
        if !OF_FILES.contains(name) {
            response.fields.set(name.clone(), value.clone());
        }
    }
    response.body = Body::from_segment(page.content().clone());
    response
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, RANGE};

    use crate::testing::Fixture;

    #[tokio::test]
    async fn several_ranges_are_sent_in_parts_9110_14_6() {
        let site = Fixture::new();
        let content: String = (0..2000).map(|number| format!("{number:05}")).collect();
        site.write("a.txt", &content);
        let answer = site.get_with("/a.txt", RANGE, "bytes=0-4,5000-5004").await;
        assert_eq!(answer.status, 206);
        assert!(answer.field(&CONTENT_TYPE).unwrap().starts_with("multipart/byteranges; boundary="));
        for line in [
            "Content-Range: bytes 0-4/10000\r\n",
            "Content-Range: bytes 5000-5004/10000\r\n",
            "\r\n01000\r\n",
        ] {
            assert!(answer.text().contains(line), "{line:?} in {:?}", answer.text());
        }
    }
}
