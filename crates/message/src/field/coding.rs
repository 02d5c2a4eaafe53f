//! Content codings (RFC 9110 §8.4.1) and which of them a client accepts (`Accept-Encoding`, §12.5.3).

use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, header};

use crate::field::list;
use crate::field::weight::Weight;
use crate::fields::Fields;

/// How a representation's bytes are coded, as far as we can code them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentCoding {
    /// Not at all. It is named in `Accept-Encoding` only, never in `Content-Encoding` (§8.4.1).
    Identity,
    /// `gzip` (§8.4.1.3).
    Gzip,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878). Who codes must not use a window of more than 8 MiB (RFC 9659 §3).
    Zstd,
}

/// What a client says of the codings that it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptEncoding {
    identity: Rank,
    gzip: Rank,
    brotli: Rank,
    zstd: Rank,
}

/// How welcome a coding is; the order is that of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Not acceptable.
    Refused,
    /// Acceptable, but anything that was asked for is better.
    Unasked,
    /// Asked for, with a weight over 0.
    Asked(Weight),
}

impl ContentCoding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Gzip, Self::Brotli, Self::Zstd];

    /// The name as it is registered.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The coding of that name, which is case-insensitive (§8.4.1); `None` for one that we don't know.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        // §8.4.1.3: x-gzip is the same as gzip.
        if name.eq_ignore_ascii_case(b"x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| name.eq_ignore_ascii_case(coding.name().as_bytes()))
    }

    /// Says in `fields` that the content is so coded: sets `Content-Encoding`, or removes it where
    /// there is no coding (§8.4).
    pub fn describe(self, fields: &mut Fields) {
        match self {
            Self::Identity => fields.remove(&header::CONTENT_ENCODING),
            Self::Gzip | Self::Brotli | Self::Zstd => {
                fields.set(header::CONTENT_ENCODING, HeaderValue::from_static(self.name()));
            }
        }
    }
}

impl AcceptEncoding {
    /// What all lines of `Accept-Encoding` say together. Nothing is allocated.
    ///
    /// A member whose weight does not follow its grammar is a refusal of its coding, and a coding that
    /// stands twice has the lesser weight: §12.5.3 leaves both open, and less coding is never wrong.
    #[must_use]
    pub fn of(fields: &Fields) -> Self {
        // §12.5.3: without the field any coding is acceptable. But whoever can decode says so; the
        // others (old scripts, health checkers) are sent none as long as that is on offer.
        if !fields.contains(&ACCEPT_ENCODING) {
            let asked = Rank::Asked(Weight::FULL);
            return Self { identity: asked, gzip: Rank::Unasked, brotli: Rank::Unasked, zstd: Rank::Unasked };
        }
        let mut named = Named::default();
        for member in list::tokens(fields, &ACCEPT_ENCODING) {
            named.read(member);
        }
        named.resolve()
    }

    /// The most welcome of the codings `offered`; of equally welcome ones the first.
    ///
    /// A server that can send the file as it is offers [`ContentCoding::Identity`], too: last, if it
    /// would rather send another that is as welcome. `None` means that nothing offered is acceptable;
    /// an answer without any coding is then still right (§12.5.3: the server "SHOULD" send one, unless
    /// that was refused, and §12.1 lets it disregard even this rather than answer 406).
    #[must_use]
    pub fn choose(&self, offered: &[ContentCoding]) -> Option<ContentCoding> {
        let mut best = (Rank::Refused, None);
        for coding in offered {
            let rank = self.rank(*coding);
            if rank > best.0 {
                best = (rank, Some(*coding));
            }
        }
        best.1
    }

    /// Whether that coding may be sent.
    #[must_use]
    pub fn accepts(&self, coding: ContentCoding) -> bool {
        self.rank(coding) != Rank::Refused
    }

    fn rank(&self, coding: ContentCoding) -> Rank {
        match coding {
            ContentCoding::Identity => self.identity,
            ContentCoding::Gzip => self.gzip,
            ContentCoding::Brotli => self.brotli,
            ContentCoding::Zstd => self.zstd,
        }
    }
}

impl Rank {
    /// §12.4.2: a weight of 0 means "not acceptable".
    fn of(weight: Option<Weight>) -> Self {
        weight.filter(|weight| *weight > Weight::NONE).map_or(Self::Refused, Self::Asked)
    }
}

/// What the members of the list name, while it is being read.
#[derive(Default)]
struct Named {
    identity: Option<Rank>,
    gzip: Option<Rank>,
    brotli: Option<Rank>,
    zstd: Option<Rank>,
    /// `*`
    others: Option<Rank>,
}

impl Named {
    fn read(&mut self, member: &[u8]) {
        let (name, weight) = Weight::of_member(member);
        let named = match ContentCoding::parse(name) {
            Some(ContentCoding::Identity) => &mut self.identity,
            Some(ContentCoding::Gzip) => &mut self.gzip,
            Some(ContentCoding::Brotli) => &mut self.brotli,
            Some(ContentCoding::Zstd) => &mut self.zstd,
            None if name == b"*" => &mut self.others,
            // A coding that we can't make is not missed.
            None => return,
        };
        let rank = Rank::of(weight);
        *named = Some(named.map_or(rank, |before| before.min(rank)));
    }

    fn resolve(&self) -> AcceptEncoding {
        // §12.5.3: "*" stands for every coding that is not named; one that is neither is refused,
        // except for identity, which has to be refused by name or by "*;q=0".
        let coded = |named: Option<Rank>| named.or(self.others).unwrap_or(Rank::Refused);
        AcceptEncoding {
            identity: self.identity.or(self.others).unwrap_or(Rank::Unasked),
            gzip: coded(self.gzip),
            brotli: coded(self.brotli),
            zstd: coded(self.zstd),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_ENCODING;
    use proptest::prelude::*;

    use super::ContentCoding::{Brotli, Gzip, Identity, Zstd};
    use super::*;

    /// What a server offers that would rather send a coded form.
    const OFFERED: [ContentCoding; 4] = [Brotli, Zstd, Gzip, Identity];

    fn accept(lines: &[&str]) -> AcceptEncoding {
        let mut fields = Fields::new();
        for line in lines {
            fields.append(ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap());
        }
        AcceptEncoding::of(&fields)
    }

    #[test]
    fn names_are_case_insensitive_9110_8_4_1() {
        for (name, coding) in [
            ("identity", Some(Identity)),
            ("gzip", Some(Gzip)),
            ("GZip", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("X-GZIP", Some(Gzip)),
            ("br", Some(Brotli)),
            ("zstd", Some(Zstd)),
            ("deflate", None),
            ("compress", None),
            ("brotli", None),
            ("gzip ", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(ContentCoding::parse(name.as_bytes()), coding, "{name:?}");
        }
        for coding in ContentCoding::ALL {
            assert_eq!(ContentCoding::parse(coding.name().as_bytes()), Some(coding));
        }
    }

    #[test]
    fn content_encoding_never_says_identity_9110_8_4_1() {
        let mut fields = Fields::new();
        Zstd.describe(&mut fields);
        assert_eq!(fields.text(&CONTENT_ENCODING), Some("zstd"));
        Brotli.describe(&mut fields);
        assert_eq!(fields.lines(&CONTENT_ENCODING).collect::<Vec<_>>(), ["br"]);
        Identity.describe(&mut fields);
        assert!(!fields.contains(&CONTENT_ENCODING));
    }

    #[test]
    fn the_most_welcome_coding_is_chosen_9110_12_5_3() {
        for (line, expected) in [
            // The examples of §12.5.3.
            ("compress, gzip", Some(Gzip)),
            ("", Some(Identity)),
            ("*", Some(Brotli)),
            ("compress;q=0.5, gzip;q=1.0", Some(Gzip)),
            ("gzip;q=1.0, identity; q=0.5, *;q=0", Some(Gzip)),
            // Browsers and tools.
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("gzip, deflate", Some(Gzip)),
            ("deflate", Some(Identity)),
            ("identity", Some(Identity)),
            // Weights first, then the server's order.
            ("br;q=0.5, gzip", Some(Gzip)),
            ("br;q=0.998, zstd;q=0.999", Some(Zstd)),
            ("gzip;q=0.5, zstd;q=0.5", Some(Zstd)),
            ("gzip, identity", Some(Gzip)),
            ("gzip;q=0.5, identity", Some(Identity)),
            ("gzip;q=0.001", Some(Gzip)),
            ("x-gzip;q=0.1, br;q=0", Some(Gzip)),
            // "*" is for what is not named, whatever the order.
            ("*;q=0.1, gzip", Some(Gzip)),
            ("br;q=0, *", Some(Zstd)),
            ("*, br;q=0, zstd;q=0, gzip;q=0", Some(Identity)),
            ("gzip;q=0.1, *;q=0.5", Some(Brotli)),
            // Refusals.
            ("br;q=0, zstd;q=0, gzip;q=0", Some(Identity)),
            ("identity;q=0, gzip;q=0.1", Some(Gzip)),
            ("identity;q=0", None),
            ("*;q=0", None),
            ("*;q=0, identity", Some(Identity)),
            ("*;q=0, identity;q=0.1", Some(Identity)),
            ("identity;q=0, deflate", None),
        ] {
            assert_eq!(accept(&[line]).choose(&OFFERED), expected, "{line:?}");
        }
    }

    #[test]
    fn what_is_malformed_is_less_and_never_more() {
        for (line, expected) in [
            ("br;q=high, gzip", Some(Gzip)),
            ("br;q=0.0001, *;q=0.5", Some(Zstd)),
            ("br;q=2", Some(Identity)),
            ("br;level=5, gzip;q=0.1", Some(Gzip)),
            ("br gzip", Some(Identity)),
            ("\"br, gzip\"", Some(Identity)),
            (",, ,gzip ,", Some(Gzip)),
            ("br, br;q=0", Some(Identity)),
            ("br;q=0, br", Some(Identity)),
            ("gzip;q=0.2, br;q=0.3, x-gzip", Some(Brotli)),
        ] {
            assert_eq!(accept(&[line]).choose(&OFFERED), expected, "{line:?}");
        }
    }

    #[test]
    fn lines_are_one_list_9110_5_3() {
        assert_eq!(accept(&["gzip;q=0.5", "br;q=0.4"]).choose(&OFFERED), Some(Gzip));
        assert_eq!(accept(&["gzip", "gzip;q=0"]).choose(&OFFERED), Some(Identity));
        assert_eq!(accept(&["", "zstd"]).choose(&OFFERED), Some(Zstd));
    }

    #[test]
    fn without_the_field_anything_is_right_and_identity_is_sent_9110_12_5_3() {
        let silent = accept(&[]);
        assert_eq!(silent.choose(&OFFERED), Some(Identity));
        assert_eq!(silent.choose(&[Zstd, Gzip]), Some(Zstd), "only coded forms are there");
        // An empty field is another matter: no coding is wanted.
        assert_eq!(accept(&[""]).choose(&[Zstd, Gzip]), None);
        assert!(silent.accepts(Gzip) && !accept(&[""]).accepts(Gzip) && accept(&[""]).accepts(Identity));
    }

    #[test]
    fn only_what_is_offered_is_chosen() {
        let any = accept(&["br, zstd, gzip;q=0.5, *;q=0.1"]);
        assert_eq!(any.choose(&[]), None);
        assert_eq!(any.choose(&[Identity]), Some(Identity));
        assert_eq!(any.choose(&[Identity, Gzip]), Some(Gzip));
        assert_eq!(any.choose(&[Zstd, Brotli]), Some(Zstd));
        assert_eq!(any.choose(&[Brotli, Zstd]), Some(Brotli));
    }

    proptest! {
        #[test]
        fn the_order_of_members_does_not_matter(
            mut members in prop::collection::vec("(gzip|x-gzip|br|zstd|identity|deflate|\\*)(;q=(0|0\\.[0-9]{1,3}|1|x))?", 0..6),
            turn in 0_usize..6,
        ) {
            let before = accept(&[&members.join(", ")]);
            let middle = turn.min(members.len());
            members.rotate_left(middle);
            prop_assert_eq!(accept(&[&members.join(",")]), before);
        }

        #[test]
        fn nothing_that_is_refused_is_chosen(line in "[gzipbrstd*;=q01., ]{0,30}") {
            let accept = accept(&[&line]);
            match accept.choose(&OFFERED) {
                Some(coding) => prop_assert!(accept.accepts(coding)),
                None => prop_assert!(!OFFERED.iter().any(|coding| accept.accepts(*coding))),
            }
        }
    }
}
