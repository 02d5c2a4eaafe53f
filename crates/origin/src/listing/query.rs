//! What the query of a directory's address asks for. Whatever is unknown in it is passed over: the
//! answer is then the plain page, which is of more use than an error.

use std::fmt::Write as _;

use percent_encoding::percent_decode_str;

use crate::listing::escape::query_value;

/// `?sort=size&order=desc&q=debian`, `?format=json`, `?archive=tar`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// By what the entries are sorted.
    pub(crate) key: Key,
    /// In which direction.
    pub(crate) order: Order,
    /// What a name must contain, in whatever case; empty for all names.
    pub(crate) filter: String,
    /// In what form the entries are wanted, if that is not left to `Accept`.
    pub(crate) format: Option<Format>,
    /// As what archive the whole directory is wanted, if it is.
    pub(crate) archive: Option<Packing>,
}

/// By what entries are sorted; directories come first in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Key {
    #[default]
    Name,
    Size,
    Time,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Ascending,
    Descending,
}

/// The forms of a list of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Html,
    Json,
}

/// The kinds of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Tar,
    Zip,
}

impl Query {
    /// Reads `name=value` pairs as a form sends them. The first pair of a name counts.
    pub(crate) fn parse(query: &str) -> Self {
        let mut read = Read::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = || percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned();
            match name {
                "sort" => drop(read.key.get_or_insert_with(|| Key::parse(&value()))),
                "order" => drop(read.order.get_or_insert_with(|| Order::parse(&value()))),
                "q" => drop(read.filter.get_or_insert_with(|| value().trim().to_owned())),
                "format" => drop(read.format.get_or_insert_with(|| Format::parse(&value()))),
                "archive" => drop(read.archive.get_or_insert_with(|| Packing::parse(&value()))),
                _ => {}
            }
        }
        let key = read.key.unwrap_or_default();
        Self {
            key,
            order: read.order.flatten().unwrap_or(key.usual_order()),
            filter: read.filter.unwrap_or_default(),
            format: read.format.flatten(),
            archive: read.archive.flatten(),
        }
    }

    /// The reference to the same directory and filter, sorted by `key` in `order`.
    pub(crate) fn sorted(&self, key: Key, order: Order) -> String {
        let mut reference = String::from("./");
        let mut separator = '?';
        let mut add = |name: &str, value: &dyn std::fmt::Display| {
            // A String takes whatever it is given.
            let _ = write!(reference, "{separator}{name}={value}");
            separator = '&';
        };
        if (key, order) != (Key::default(), Order::default()) {
            add("sort", &key.name());
        }
        if order != key.usual_order() {
            add("order", &order.name());
        }
        if !self.filter.is_empty() {
            add("q", &query_value(&self.filter));
        }
        reference
    }
}

/// What was said so far; the inner `None` is an unknown value, which also keeps later ones from counting.
#[derive(Default)]
struct Read {
    key: Option<Key>,
    order: Option<Option<Order>>,
    filter: Option<String>,
    format: Option<Option<Format>>,
    archive: Option<Option<Packing>>,
}

impl Key {
    pub(crate) const ALL: [Self; 3] = [Self::Name, Self::Size, Self::Time];

    fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|key| key.name() == text).unwrap_or_default()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Time => "time",
        }
    }

    /// The direction that is meant if none is said: the largest and the newest are what people look for.
    pub(crate) fn usual_order(self) -> Order {
        match self {
            Self::Name => Order::Ascending,
            Self::Size | Self::Time => Order::Descending,
        }
    }
}

impl Order {
    fn parse(text: &str) -> Option<Self> {
        [Self::Ascending, Self::Descending].into_iter().find(|order| order.name() == text)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

impl Format {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "html" => Some(Self::Html),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl Packing {
    fn parse(text: &str) -> Option<Self> {
        [Self::Tar, Self::Zip].into_iter().find(|packing| packing.name() == text)
    }

    /// What follows `archive=`, and what the archive's name ends in.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::Zip => "zip",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_forms_send_it() {
        let by_name = Query::default();
        let by_size = Query { key: Key::Size, order: Order::Descending, ..Query::default() };
        let filtered = |filter: &str| Query { filter: filter.into(), ..Query::default() };
        for (query, expected) in [
            ("", by_name.clone()),
            ("sort=name", by_name.clone()),
            ("sort=name&order=desc", Query { order: Order::Descending, ..by_name.clone() }),
            ("sort=size", by_size.clone()),
            ("sort=size&order=asc", Query { order: Order::Ascending, ..by_size.clone() }),
            ("order=asc&sort=time", Query { key: Key::Time, ..by_name.clone() }),
            ("sort=size&sort=time", by_size.clone()),
            ("sort=s%69ze", by_size),
            ("q=a+b%2Bc", filtered("a b+c")),
            ("q=+", by_name.clone()),
            ("q=a%26b=c", filtered("a&b=c")),
            ("q=%C3%A9%ff", filtered("é\u{fffd}")),
            ("format=json", Query { format: Some(Format::Json), ..by_name.clone() }),
            ("archive=zip", Query { archive: Some(Packing::Zip), ..by_name.clone() }),
            ("sort=&order=&q&format=xml&archive=rar&&=&x=y", by_name),
        ] {
            assert_eq!(Query::parse(query), expected, "{query}");
        }
    }

    #[test]
    fn a_link_to_another_order_keeps_the_filter_and_reads_back() {
        for (key, order, filter, reference) in [
            (Key::Name, Order::Ascending, "", "./"),
            (Key::Name, Order::Descending, "", "./?sort=name&order=desc"),
            (Key::Size, Order::Descending, "", "./?sort=size"),
            (Key::Time, Order::Ascending, "a&b \"<", "./?sort=time&order=asc&q=a%26b%20%22%3C"),
        ] {
            let query = Query { filter: filter.into(), ..Query::default() };
            assert_eq!(query.sorted(key, order), reference);
            let read = Query::parse(reference.strip_prefix("./").unwrap().trim_start_matches('?'));
            assert_eq!((read.key, read.order, read.filter.as_str()), (key, order, filter));
        }
    }
}
