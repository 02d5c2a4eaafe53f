//! How welcome a media type is to a client (`Accept`, RFC 9110 §12.5.1).

use http::header::ACCEPT;
use message::field::list;
use message::field::quoted::parameters;
use message::field::weight::Weight;
use message::fields::Fields;

/// How precisely a range names a type: the most precise one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precision {
    /// `*/*`
    Anything,
    /// `text/*`
    Type,
    /// `text/html`
    Subtype,
}

/// What a request says of the type `kind`/`subtype`: its weight, and how precisely it was meant; none
/// if nothing is said of it. A field that is not there accepts anything.
pub(crate) fn acceptance(fields: &Fields, kind: &[u8], subtype: &[u8]) -> Option<(Precision, Weight)> {
    if !fields.contains(&ACCEPT) {
        return Some((Precision::Anything, Weight::FULL));
    }
    let mut best: Option<(Precision, Weight)> = None;
    for member in list::of(fields, &ACCEPT).flatten() {
        let Some((range, weight)) = read(member) else { continue };
        let Some(precision) = precision(range, kind, subtype) else { continue };
        if best.is_none_or(|(so_far, _)| precision > so_far) {
            best = Some((precision, weight));
        }
    }
    best
}

/// What the field says of that type.
pub(crate) fn weight(fields: &Fields, kind: &[u8], subtype: &[u8]) -> Weight {
    acceptance(fields, kind, subtype).map_or(Weight::NONE, |(_, weight)| weight)
}

/// A range and its weight. Other parameters are passed over: we have one form of each type. `None` if
/// it does not follow its grammar.
fn read(member: &[u8]) -> Option<(&[u8], Weight)> {
    let end = member.iter().position(|byte| *byte == b';').unwrap_or(member.len());
    let (range, rest) = member.split_at_checked(end)?;
    let mut weight = Weight::FULL;
    for parameter in parameters(rest) {
        let (name, value) = parameter.ok()?;
        if name.eq_ignore_ascii_case(b"q") {
            weight = Weight::parse(&value)?;
        }
    }
    Some((list::trim(range), weight))
}

fn precision(range: &[u8], kind: &[u8], subtype: &[u8]) -> Option<Precision> {
    let slash = range.iter().position(|byte| *byte == b'/')?;
    let (range_kind, range_subtype) = (range.get(..slash)?, range.get(slash.checked_add(1)?..)?);
    match (range_kind, range_subtype) {
        (b"*", b"*") => Some(Precision::Anything),
        (range_kind, _) if !range_kind.eq_ignore_ascii_case(kind) => None,
        (_, b"*") => Some(Precision::Type),
        (_, range_subtype) => range_subtype.eq_ignore_ascii_case(subtype).then_some(Precision::Subtype),
    }
}
