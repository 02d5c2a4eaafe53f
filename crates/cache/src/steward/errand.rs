//! Errands as values, and as the fields of a request.

use message::field::list;
use message::{Fields, HeaderName, HeaderValue, Method};

use crate::key::CacheKey;
use crate::policy::tags::tags;
use crate::store::selection::{Fate, Selection};

/// The token that shows that a request is the owner's.
pub(crate) static TOKEN: HeaderName = HeaderName::from_static("sockets-steward");

static ERRAND: HeaderName = HeaderName::from_static("sockets-errand");
static KEY: HeaderName = HeaderName::from_static("sockets-key");
static PREFIX: HeaderName = HeaderName::from_static("sockets-prefix");
static TAG: HeaderName = HeaderName::from_static("sockets-tag");

/// Asks for stale instead of gone: as other caches have it.
static SOFT: [HeaderName; 2] =
    [HeaderName::from_static("soft-purge"), HeaderName::from_static("fastly-soft-purge")];

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Tell what is stored whose key begins so.
    List(String),
    /// Look at every body whose key begins so, and throw out what is not as it was written.
    Verify(String),
    /// Tell how the store is.
    Statistics,
    /// Have all of these gone, or stale.
    Purge(Vec<Selection>, Fate),
}

impl Errand {
    /// Writes it, and the owner's `token`, into the fields of a request. Whatever can't be written there is
    /// nothing that is stored.
    #[must_use]
    pub fn fields(&self, token: &str) -> Fields {
        let mut fields = Fields::new();
        let mut add = |name: &HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                fields.append(name.clone(), value);
            }
        };
        add(&TOKEN, token);
        let name = match self {
            Self::List(_) => "list",
            Self::Verify(_) => "verify",
            Self::Statistics => "statistics",
            Self::Purge(_, Fate::Gone) => "purge",
            Self::Purge(_, Fate::Stale) => "soft-purge",
        };
        add(&ERRAND, name);
        match self {
            Self::List(prefix) | Self::Verify(prefix) => add(&PREFIX, prefix),
            Self::Statistics => {}
            Self::Purge(selections, _) => selections.iter().for_each(|selection| match selection {
                Selection::Key(key) => add(&KEY, key.as_str()),
                Selection::Prefix(prefix) => add(&PREFIX, prefix),
                Selection::Tag(tag) => add(&TAG, tag),
            }),
        }
        fields
    }

    /// Reads what [`Errand::fields`] wrote; `None` if it is none.
    pub(crate) fn read(fields: &Fields) -> Option<Self> {
        let prefix = || fields.text(&PREFIX).unwrap_or_default().to_owned();
        match fields.text(&ERRAND)? {
            "list" => Some(Self::List(prefix())),
            "verify" => Some(Self::Verify(prefix())),
            "statistics" => Some(Self::Statistics),
            "purge" => Some(Self::Purge(selections(fields), Fate::Gone)),
            "soft-purge" => Some(Self::Purge(selections(fields), Fate::Stale)),
            _ => None,
        }
    }

    /// What a `PURGE` of the response under `key` asks for: if it names tags, all that have one of them; if the
    /// key ends in `*`, all whose key begins as that does; else that one.
    pub(crate) fn of_purge(key: Option<CacheKey>, fields: &Fields) -> Option<Self> {
        let fate =
            if SOFT.iter().any(|name| list::contains(fields, name, "1")) { Fate::Stale } else { Fate::Gone };
        let tags = tags(fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        if !tags.is_empty() {
            return Some(Self::Purge(tags.into_iter().map(Selection::Tag).collect(), fate));
        }
        let key = key?;
        let selection = match key.as_str().strip_suffix('*') {
            Some(prefix) => Selection::Prefix(prefix.to_owned()),
            None => Selection::Key(key),
        };
        Some(Self::Purge(vec![selection], fate))
    }
}

/// Whether that is the method by which other caches are purged.
pub(crate) fn is_purge(method: &Method) -> bool {
    method.as_str() == "PURGE"
}

fn selections(fields: &Fields) -> Vec<Selection> {
    let all = |name| fields.lines(name).filter_map(|line| String::from_utf8(line.as_bytes().to_vec()).ok());
    let keys = all(&KEY).filter_map(|text| CacheKey::parse(&text)).map(Selection::Key);
    keys.chain(all(&PREFIX).map(Selection::Prefix)).chain(all(&TAG).map(Selection::Tag)).collect()
}
