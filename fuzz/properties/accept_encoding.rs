//! Whatever bytes come as an `Accept-Encoding`.

use message::field::coding::{AcceptEncoding, ContentCoding};
use message::field::list;
use message::{Fields, HeaderValue, header};

/// What is chosen was offered and is accepted; one line says what the same members say on several; a
/// refusal does not go away when more is said.
pub(crate) fn check(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let said = of(std::slice::from_ref(&value));
    let chosen = said.choose(&ContentCoding::ALL);
    assert_eq!(chosen.is_some(), ContentCoding::ALL.iter().any(|coding| said.accepts(*coding)));
    if let Some(chosen) = chosen {
        assert!(said.accepts(chosen));
        let others: Vec<_> = ContentCoding::ALL.into_iter().filter(|coding| *coding != chosen).collect();
        assert_ne!(said.choose(&others), Some(chosen), "not offered");
    }
    for coding in ContentCoding::ALL {
        let refusal = HeaderValue::try_from(format!("{};q=0", coding.name())).unwrap();
        assert!(!of(&[refusal.clone(), value.clone()]).accepts(coding), "{coding:?}");
        assert!(!of(&[value.clone(), refusal]).accepts(coding), "{coding:?}");
    }

    let mut whole = Fields::new();
    whole.set(header::ACCEPT_ENCODING, value);
    let members = list::tokens(&whole, &header::ACCEPT_ENCODING);
    let mut lines: Vec<_> = members.map(|member| HeaderValue::from_bytes(member).unwrap()).collect();
    if !lines.is_empty() {
        assert_eq!(of(&lines), said, "on {} lines", lines.len());
        lines.reverse();
        assert_eq!(of(&lines), said, "in the other order");
    }
}

fn of(lines: &[HeaderValue]) -> AcceptEncoding {
    let mut fields = Fields::new();
    for line in lines {
        fields.append(header::ACCEPT_ENCODING, line.clone());
    }
    AcceptEncoding::of(&fields)
}
