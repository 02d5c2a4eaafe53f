//! What is said of a file beside what its version alone decides: by the table of types and the
//! operator's rules. Asked once for each version of a file that is prepared, not per request.

use http::{HeaderValue, header};
use message::fields::Fields;

use crate::config::Config;
use crate::media_type::MediaTypes;
use crate::negotiation::{Compression, Offer};
use crate::rules::{self, Rule};

/// How files are presented.
#[derive(Clone, Debug, Default)]
pub struct Presentation {
    media_types: MediaTypes,
    rules: Vec<Rule>,
    siblings: bool,
    compression: Option<Compression>,
}

impl Presentation {
    /// As a configuration says.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            media_types: config.media_types.clone(),
            rules: config.rules.clone(),
            siblings: config.siblings,
            compression: config.compression,
        }
    }

    /// The fields that the file of this name has in each of its versions.
    #[must_use]
    pub fn fields(&self, name: &[u8]) -> Fields {
        let mut fields = Fields::with_capacity(8);
        fields.set(header::CONTENT_TYPE, self.media_types.of_name(name));
        fields.set(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        rules::apply(&self.rules, name, &mut fields);
        fields
    }

    /// Which variants a file with these fields and of that size may have.
    #[must_use]
    pub fn offer(&self, fields: &Fields, size: u64) -> Offer {
        let offer = |media_type| Offer::of(self.siblings, self.compression.as_ref(), media_type, size);
        fields.get(&header::CONTENT_TYPE).map(offer).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "presentation_tests.rs"]
mod tests;
