//! Whether a client would rather have JSON than HTML (`Accept`, RFC 9110 §12.5.1).

use message::fields::Fields;

use crate::accept::weight;
use crate::listing::query::Format;

/// The better of the two forms: HTML unless JSON weighs more, so that browsers and tools that take
/// anything get the page. Where neither is acceptable it is HTML, too: §12.4.1 lets a server disregard
/// the field rather than answer 406.
pub(crate) fn choose(fields: &Fields) -> Format {
    let json = weight(fields, b"application", b"json");
    let html = weight(fields, b"text", b"html");
    if json > html { Format::Json } else { Format::Html }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::ACCEPT;

    #[test]
    fn json_is_for_who_would_rather_have_it_9110_12_5_1() {
        for (accept, expected) in [
            ("", Format::Html),
            ("*/*", Format::Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Html),
            ("image/png", Format::Html),
            ("application/json", Format::Json),
            ("Application/JSON", Format::Json),
            ("application/json; charset=utf-8", Format::Json),
            ("application/*", Format::Json),
            ("application/json, text/plain, */*", Format::Html),
            ("application/json, */*;q=0.5", Format::Json),
            ("text/html;q=0.5, application/json;q=0.6", Format::Json),
            ("text/html;q=0.6, application/json;q=0.5", Format::Html),
            ("text/html;q=0, */*", Format::Json),
            ("application/json;q=0, */*;q=0.1", Format::Html),
            ("application/json;q=2", Format::Html),
            ("application/json;a=\"b,c\";q=0.5, text/html;q=0.4", Format::Json),
            ("json", Format::Html),
        ] {
            let mut fields = Fields::new();
            fields.set(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(choose(&fields), expected, "{accept}");
        }
        assert_eq!(choose(&Fields::new()), Format::Html);
    }
}
