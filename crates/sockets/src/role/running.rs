//! A role at work, until it is stopped.

use std::pin::Pin;
use std::time::Duration;

use crate::role::stand::Stand;

/// What is done behind the last exchange.
type Farewell = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A role at work.
pub(crate) struct Running {
    /// Where it stands.
    pub(crate) stand: Stand,
    /// What it does, for people.
    pub(crate) what: String,
    /// Whether its address is shown as a QR code.
    pub(crate) qr: bool,
    /// Where else it stands, and what for.
    pub(crate) also: Option<(Stand, String)>,
    drain: Duration,
    farewell: Option<Farewell>,
}

impl Running {
    /// A role that does `what`, and gives exchanges `drain` to finish when it is stopped.
    pub(crate) fn new(stand: Stand, what: String, drain: Duration) -> Self {
        Self { stand, what, qr: false, also: None, drain, farewell: None }
    }

    /// The same, with its address as a QR code if that is wanted.
    pub(crate) fn with_qr(self, qr: bool) -> Self {
        Self { qr, ..self }
    }

    /// The same, which stands somewhere else, too.
    pub(crate) fn with_also(self, stand: Stand, what: String) -> Self {
        Self { also: Some((stand, what)), ..self }
    }

    /// The same, with something to do behind the last exchange.
    pub(crate) fn with_farewell(self, farewell: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { farewell: Some(Box::pin(farewell)), ..self }
    }

    /// Lets running exchanges finish within their time, and ends.
    pub(crate) async fn close(self) {
        let running = self.stand.running();
        if running > 0 {
            tracing::info!("stopping: {running} connections finish, for at most {:?}", self.drain);
        }
        self.stand.close(self.drain).await;
        if let Some((stand, _)) = self.also {
            stand.close(Duration::ZERO).await;
        }
        if let Some(farewell) = self.farewell {
            farewell.await;
        }
    }
}
