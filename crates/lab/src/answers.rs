//! A service made of a closure.

use std::fmt;

use message::{Failure, Request, Response, Service};

type Script = Box<dyn Fn(Request) -> Result<Response, Failure> + Send + Sync>;

/// Answers as a closure says, at once.
pub struct Answers(Script);

impl Answers {
    /// Answers each request with what `script` makes of it.
    pub fn new(script: impl Fn(Request) -> Response + Send + Sync + 'static) -> Self {
        Self(Box::new(move |request| Ok(script(request))))
    }

    /// Answers, or fails to, as `script` says.
    pub fn or_fails(script: impl Fn(Request) -> Result<Response, Failure> + Send + Sync + 'static) -> Self {
        Self(Box::new(script))
    }
}

impl Service for Answers {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        (self.0)(request)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}
