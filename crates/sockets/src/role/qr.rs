//! A QR code drawn with half blocks: two rows of its dots in a row of text.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// Black on white, whatever the colours of the terminal: a code with its colours changed round is read by few.
const BLACK_ON_WHITE: &str = "\x1b[30;107m";
const AS_BEFORE: &str = "\x1b[0m";

/// The code of `text` and the empty margin that it needs, in lines; coloured for a terminal. `None` if it is too
/// long for one.
pub(super) fn code(text: &str, is_terminal: bool) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let drawing = code.render::<Dense1x2>().quiet_zone(true).build();
    let (before, after) = if is_terminal { (BLACK_ON_WHITE, AS_BEFORE) } else { ("", "") };
    Some(drawing.lines().map(|line| format!("{before}{line}{after}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dots per dot of the picture that is looked at, as from a camera.
    const SCALE: usize = 4;

    /// What a reader of another make sees.
    fn read(drawing: &str) -> String {
        let rows: Vec<Vec<char>> = drawing.lines().map(|line| line.chars().collect()).collect();
        let is_dark = |x: usize, y: usize| match rows[y / 2][x] {
            '█' => true,
            '▀' => y.is_multiple_of(2),
            '▄' => !y.is_multiple_of(2),
            _ => false,
        };
        let (width, height) = (rows[0].len() * SCALE, rows.len() * 2 * SCALE);
        let grey = |x: usize, y: usize| if is_dark(x / SCALE, y / SCALE) { 0 } else { 255 };
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
        let codes = picture.detect_grids();
        assert_eq!(codes.len(), 1, "one code in\n{drawing}");
        codes[0].decode().unwrap().1
    }

    #[test]
    fn it_is_read_as_what_was_drawn() {
        for url in ["http://192.0.2.7:8000/", "http://[2001:db8:1234:5678:9abc:def0:1234:5678]:65535/"] {
            assert_eq!(read(&code(url, false).unwrap()), url);
        }
    }

    #[test]
    fn on_a_terminal_each_line_has_its_colours_and_gives_them_back() {
        let plain = code("http://192.0.2.7:8000/", false).unwrap();
        let coloured = code("http://192.0.2.7:8000/", true).unwrap();
        assert!(coloured.lines().all(|line| line.starts_with(BLACK_ON_WHITE) && line.ends_with(AS_BEFORE)));
        assert_eq!(coloured.replace(BLACK_ON_WHITE, "").replace(AS_BEFORE, ""), plain);
    }
}
