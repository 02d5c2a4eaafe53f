//! The access log of a role: a line for each request that was answered, in one of two forms.

use std::sync::Arc;

use clap::ValueEnum;
use engine::{ExchangeRecord, Observer};

use crate::log::sink::Sink;
use crate::log::{combined, json};

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // As Apache and nginx write it.
    #[default]
    Combined,
    // A JSON object per line, with Caddy's names.
    Json,
}

/// Writes a line for each exchange; or does nothing, and costs nothing.
pub(crate) struct AccessLog {
    sink: Option<Arc<Sink>>,
    format: Format,
    /// Whose exchanges they are.
    role: &'static str,
}

impl AccessLog {
    /// Lines of that form for the role of that name.
    pub(crate) fn new(sink: Option<Arc<Sink>>, format: Format, role: &'static str) -> Self {
        Self { sink, format, role }
    }
}

impl Observer for AccessLog {
    fn hears_exchanges(&self) -> bool {
        self.sink.is_some()
    }

    fn wants_fields(&self) -> bool {
        self.sink.is_some()
    }

    fn exchange(&self, record: &ExchangeRecord) {
        if let Some(sink) = &self.sink {
            sink.put(|line| match self.format {
                Format::Combined => combined::write(record, line),
                Format::Json => json::write(record, self.role, line),
            });
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use engine::{Asked, AskedFields, Ending};
    use http::Version;
    use message::{HeaderValue, Method, StatusCode, Target};

    use super::*;

    /// When everything happens: a quarter of a second after 6 November 1994, 08:49:37.
    const RECEIVED: Duration = Duration::from_millis(784_111_777_250);

    pub(crate) fn refused() -> ExchangeRecord {
        ExchangeRecord {
            peer: "[2001:db8::7]:4711".parse().unwrap(),
            asked: None,
            received_at: UNIX_EPOCH + RECEIVED,
            status: StatusCode::BAD_REQUEST,
            sent: 100,
            content: 0,
            elapsed: Duration::from_micros(1500),
            ending: Ending::Whole,
        }
    }

    pub(crate) fn of_user(name: &str) -> ExchangeRecord {
        let mut record = record("/", None, None);
        let fields = record.asked.as_mut().and_then(|asked| asked.fields.as_mut()).unwrap();
        fields.user = Some(name.as_bytes().into());
        record
    }

    pub(crate) fn record(target: &str, referer: Option<&str>, user_agent: Option<&str>) -> ExchangeRecord {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
        let fields = AskedFields {
            host: Some(value("a.test")),
            referer: referer.map(value),
            user_agent: user_agent.map(value),
            user: None,
        };
        let asked = Asked {
            method: Method::GET,
            target: Target::parse(target).unwrap(),
            version: Version::HTTP_11,
            fields: Some(Box::new(fields)),
        };
        ExchangeRecord {
            peer: "192.0.2.7:4711".parse().unwrap(),
            asked: Some(asked),
            status: StatusCode::OK,
            content: 1234,
            ..refused()
        }
    }
}
