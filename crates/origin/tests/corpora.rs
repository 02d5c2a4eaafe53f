//! What the fuzzer has found worth keeping, and every short path made of awkward pieces.
#![cfg(test)]

#[path = "../../../fuzz/properties/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/properties/path.rs"]
pub mod path;

#[test]
fn no_kept_path_leads_outside() {
    corpus::check_all("path", path::check);
}

#[test]
fn no_short_path_of_awkward_pieces_leads_outside() {
    const PIECES: [&str; 13] =
        ["/", ".", "..", "%2e", "%2F", "\\", "%5c", "%00", "%", "%25", "a", "?", ".well-known"];
    const LONGEST: usize = 4;
    let mut paths = vec![String::from("/")];
    for _ in 0..LONGEST {
        paths = paths.iter().flat_map(|path| PIECES.map(|piece| format!("{path}{piece}"))).collect();
        for path in &paths {
            path::check(path.as_bytes());
        }
    }
}
