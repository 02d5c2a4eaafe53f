//! A response as it is kept: its head, and when it came. The content is the store's matter.

use std::time::SystemTime;

use message::field::date::HttpDate;
use message::header::{CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use message::precondition::Validators;
use message::{Fields, Method, StatusCode};

use crate::policy::freshness::Freshness;
use crate::policy::rules::Rules;
use crate::policy::storing::{Exchange, Refusal, storing};
use crate::policy::terms::Terms;
use crate::policy::update::updated;
use crate::policy::vary::Selecting;

/// The head of a stored response, with what follows from it.
#[derive(Clone, Debug)]
pub struct StoredResponse {
    /// The status.
    pub status: StatusCode,
    /// The header section, without what was for one hop or for the framing only.
    pub fields: Fields,
    /// The requests that it answers.
    pub selecting: Selecting,
    /// When it was asked for.
    pub requested_at: SystemTime,
    /// When its head came, or when it was last validated.
    pub received_at: SystemTime,
    /// Since when it is stale whatever its fields say: a HEAD told that there is another version
    /// (RFC 9111 §4.3.5), or somebody wants it validated.
    pub outdated_at: Option<SystemTime>,
    /// What its fields say about its age.
    pub freshness: Freshness,
    /// What its fields say about its version.
    pub validators: Validators,
    /// When the origin made it: its `Date`, else when it came.
    pub made_at: HttpDate,
}

impl StoredResponse {
    /// Reads `fields`, and prepares them to be sent many times.
    #[must_use]
    pub fn new(
        status: StatusCode,
        fields: Fields,
        selecting: Selecting,
        requested_at: SystemTime,
        received_at: SystemTime,
        rules: &Rules,
    ) -> Self {
        Self {
            status,
            freshness: Freshness::of(status, &fields, requested_at, received_at, rules),
            validators: Validators::of(&fields),
            made_at: HttpDate::of(&fields, &DATE).unwrap_or_else(|| HttpDate::from(received_at)),
            fields: fields.prepare(),
            selecting,
            requested_at,
            received_at,
            outdated_at: None,
        }
    }

    /// What is stored of a response, and the fields of it that are not: those are for the one alone who
    /// asked (RFC 9111 §3, §3.1).
    ///
    /// # Errors
    /// Why it may not be stored.
    pub fn of(exchange: &Exchange<'_>, rules: &Rules) -> Result<(Self, Fields), Refusal> {
        let selecting = storing(exchange, rules)?;
        let Exchange { status, requested_at, received_at, .. } = *exchange;
        let mut fields = exchange.response.clone();
        let withheld = Terms::of(&fields, &rules.targets).withhold(&mut fields);
        // Made by the wire, from the content (RFC 9112 §6).
        for name in [CONTENT_LENGTH, TRANSFER_ENCODING] {
            fields.remove(&name);
        }
        Ok((Self::new(status, fields, selecting, requested_at, received_at, rules), withheld))
    }

    /// The same after a 304 or a 200 to HEAD said that it is current still: with `told`, the fields of
    /// that, in the place of its own (RFC 9111 §3.2), right for the request of `told`, too.
    ///
    /// # Errors
    /// Why it may not be stored any more.
    pub fn freshened(&self, told: &Exchange<'_>, rules: &Rules) -> Result<(Self, Fields), Refusal> {
        let fields = updated(&self.fields, told.response, &rules.targets);
        let exchange = Exchange { method: &Method::GET, status: self.status, response: &fields, ..*told };
        let (fresh, withheld) = Self::of(&exchange, rules)?;
        let selecting = self.selecting.joined(fresh.selecting.clone());
        Ok((Self { selecting, ..fresh }, withheld))
    }

    /// The same, but stale from `now` on.
    #[must_use]
    pub fn outdated(self, now: SystemTime) -> Self {
        Self { freshness: self.freshness.ended(now), outdated_at: Some(now), ..self }
    }

    /// Whether an origin can be asked about it: conditions go with what would be a 2xx (RFC 9110
    /// §13.2.1), and with validators.
    #[must_use]
    pub fn can_be_validated(&self) -> bool {
        self.status.is_success() && self.has_validator()
    }

    /// By what the most recent of several is found (RFC 9111 §4): when it was made, and of one second, when
    /// it came.
    #[must_use]
    pub fn recency(&self) -> (HttpDate, SystemTime) {
        (self.made_at, self.received_at)
    }

    fn has_validator(&self) -> bool {
        self.validators.etag.is_some() || self.validators.last_modified.is_some()
    }
}

/// The one of `variants` that answers a request with those fields: the most recent that matches
/// (RFC 9111 §4, §4.1).
pub fn select<'a, V>(
    variants: &'a [V],
    request: &Fields,
    head: impl Fn(&V) -> &StoredResponse,
) -> Option<&'a V> {
    variants
        .iter()
        .filter(|variant| head(variant).selecting.matches(request))
        .max_by_key(|variant| head(variant).recency())
}
