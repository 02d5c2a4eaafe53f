//! Redirects (RFC 9110 §15.4): where they lead, and when they have led too far.
//!
//! Pure.

use message::{Fields, StatusCode, header};

use crate::fault::GetFault;
use crate::url::Url;

/// A redirect that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// Who said it.
    pub from: Url,
    /// Where it led.
    pub to: Url,
}

/// The way from the first URL to the present one.
#[derive(Debug)]
pub(crate) struct Trail {
    start: Url,
    redirects: Vec<Redirect>,
    redirects_max: usize,
}

/// Whether the status asks for another GET at its `Location`. 300 (RFC 9110 §15.4.1) offers a choice
/// that is not ours to make, 304 and 305 are no redirects any more.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

impl Trail {
    pub(crate) fn new(start: Url, redirects_max: usize) -> Self {
        Self { start, redirects: Vec::new(), redirects_max }
    }

    /// The URL to ask for now.
    pub(crate) fn here(&self) -> &Url {
        self.redirects.last().map_or(&self.start, |redirect| &redirect.to)
    }

    /// Takes the redirect that `status` and `fields` are.
    ///
    /// # Errors
    /// No single usable `Location`, a loop, or more redirects than are followed.
    pub(crate) fn follow(&mut self, status: StatusCode, fields: &Fields) -> Result<&Redirect, GetFault> {
        let from = self.here().clone();
        let mut lines = fields.lines(&header::LOCATION);
        let (Some(location), None) = (lines.next(), lines.next()) else {
            return Err(GetFault::NoLocation { url: from, status });
        };
        let to = match from.join(location.as_bytes()) {
            Ok(to) => to,
            Err(fault) => return Err(GetFault::bad_location(from, location, fault)),
        };
        if let Some(trail) = self.loop_to(&to) {
            return Err(GetFault::RedirectLoop { trail });
        }
        if self.redirects.len() >= self.redirects_max {
            return Err(GetFault::RedirectLimit { limit: self.redirects_max, last: to });
        }
        Ok(self.redirects.push_mut(Redirect { status, from, to }))
    }

    /// The redirects that were followed, in order.
    pub(crate) fn into_redirects(self) -> Vec<Redirect> {
        self.redirects
    }

    /// The way from `to` back to `to`, if it has been visited. A GET without cookies will be answered
    /// in the same way as before, so once is enough to know.
    fn loop_to(&self, to: &Url) -> Option<Vec<Url>> {
        let visited = std::iter::once(&self.start).chain(self.redirects.iter().map(|redirect| &redirect.to));
        let mut trail: Vec<Url> = visited.skip_while(|url| *url != to).cloned().collect();
        if trail.is_empty() {
            return None;
        }
        trail.push(to.clone());
        Some(trail)
    }
}

#[cfg(test)]
mod tests {
    use message::HeaderValue;

    use super::*;

    fn trail(redirects_max: usize) -> Trail {
        Trail::new(Url::parse("http://a/x").unwrap(), redirects_max)
    }

    fn to(location: &'static str) -> Fields {
        let mut fields = Fields::new();
        fields.set(header::LOCATION, HeaderValue::from_static(location));
        fields
    }

    fn follow(trail: &mut Trail, location: &'static str) -> Result<String, String> {
        match trail.follow(StatusCode::FOUND, &to(location)) {
            Ok(redirect) => Ok(redirect.to.to_string()),
            Err(fault) => Err(fault.to_string()),
        }
    }

    #[test]
    fn each_location_is_relative_to_the_url_that_said_it() {
        let mut trail = trail(10);
        assert_eq!(follow(&mut trail, "/d/y").unwrap(), "http://a/d/y");
        assert_eq!(follow(&mut trail, "//b:8000/e/").unwrap(), "http://b:8000/e/");
        assert_eq!(follow(&mut trail, "z?q").unwrap(), "http://b:8000/e/z?q");
        assert_eq!(trail.here().to_string(), "http://b:8000/e/z?q");
        assert_eq!(trail.into_redirects().len(), 3);
    }

    #[test]
    fn a_loop_is_named_from_where_it_begins() {
        let mut trail = trail(10);
        follow(&mut trail, "http://b/").unwrap();
        follow(&mut trail, "http://c/").unwrap();
        assert_eq!(
            follow(&mut trail, "http://B:80/#again").unwrap_err(),
            "redirect loop: http://b/ -> http://c/ -> http://b/"
        );
    }

    #[test]
    fn a_redirect_to_itself_is_a_loop() {
        assert_eq!(follow(&mut trail(10), "").unwrap_err(), "redirect loop: http://a/x -> http://a/x");
    }

    #[test]
    fn as_many_redirects_as_the_limit_are_followed_and_no_more() {
        let mut trail = trail(1);
        follow(&mut trail, "/1").unwrap();
        assert_eq!(
            follow(&mut trail, "/2").unwrap_err(),
            "more than 1 redirects; the last one leads to http://a/2"
        );
    }

    #[test]
    fn a_redirect_needs_one_location() {
        let mut twice = to("/1");
        twice.append(header::LOCATION, HeaderValue::from_static("/2"));
        for fields in [Fields::new(), twice] {
            let fault = trail(10).follow(StatusCode::FOUND, &fields).unwrap_err();
            assert!(matches!(fault, GetFault::NoLocation { .. }), "{fault}");
        }
    }

    #[test]
    fn redirects_are_the_five_that_repeat_a_get() {
        let is: Vec<u16> =
            (300..400).filter(|code| is_redirect(StatusCode::from_u16(*code).unwrap())).collect();
        assert_eq!(is, [301, 302, 303, 307, 308]);
    }
}
