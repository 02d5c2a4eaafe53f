use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, IF_RANGE, RANGE, VARY};
use proptest::prelude::*;

use super::*;
use crate::body::FileSlice;
use crate::field::digest::REPR_DIGEST;
use crate::field::etag::EntityTag;

fn select(range: &'static str, length: u64) -> Selection {
    let mut request = Fields::new();
    request.set(RANGE, HeaderValue::from_static(range));
    partial(&request, &Method::GET, &Validators::default(), length)
}

fn between(first: u64, last: u64) -> Selection {
    Selection::Part(ByteRange::new(first, last).unwrap())
}

fn several(ranges: &[(u64, u64)]) -> Selection {
    Selection::Parts(ranges.iter().map(|(first, last)| ByteRange::new(*first, *last).unwrap()).collect())
}

#[test]
fn one_range_is_a_part_9110_14_2() {
    for (range, length, expected) in [
        ("bytes=2-4", 10, between(2, 4)),
        ("bytes=0-", 10, between(0, 9)),
        ("bytes=-3", 10, between(7, 9)),
        ("bytes=10-,2-4", 10, between(2, 4)),
        ("bytes=4-2", 10, Selection::Whole),
        ("items=0-1", 10, Selection::Whole),
        ("bytes=10-", 10, Selection::Unsatisfiable),
        ("bytes=10-,20-30", 10, Selection::Unsatisfiable),
        ("bytes=-0", 10, Selection::Unsatisfiable),
        ("bytes=0-", 0, Selection::Unsatisfiable),
        // Satisfiable by §14.1.2, but no Content-Range could tell of it.
        ("bytes=-5", 0, Selection::Whole),
    ] {
        assert_eq!(select(range, length), expected, "{range} of {length}");
    }
}

#[test]
fn ranges_apart_are_parts_in_the_order_asked_for_9110_15_3_7_2() {
    for (range, expected) in [
        ("bytes=0-9,500-509", several(&[(0, 9), (500, 509)])),
        ("bytes=500-509,0-9", several(&[(500, 509), (0, 9)])),
        ("bytes=0-0,-1", several(&[(0, 0), (9999, 9999)])),
        ("bytes=-1,300-,0-0", several(&[(300, 9999), (0, 0)])),
        ("bytes=500-509,20000-,0-9", several(&[(500, 509), (0, 9)])),
        ("bytes=0-9, 90-99", several(&[(0, 9), (90, 99)])),
    ] {
        assert_eq!(select(range, 10_000), expected, "{range}");
    }
}

#[test]
fn ranges_that_overlap_or_almost_touch_are_joined_9110_15_3_7_2() {
    for (range, expected) in [
        ("bytes=0-9,5-20", between(0, 20)),
        ("bytes=0-9,0-9,0-9", between(0, 9)),
        ("bytes=0-99,10-20", between(0, 99)),
        ("bytes=0-9,10-19", between(0, 19)),
        // 79 bytes between them are fewer than a part's head, 80 are not.
        ("bytes=0-9,89-99", between(0, 99)),
        ("bytes=89-99,0-9", between(0, 99)),
        ("bytes=0-9,90-99", several(&[(0, 9), (90, 99)])),
        ("bytes=-10,-20,-10", between(9980, 9999)),
        ("bytes=0-,0-,0-", between(0, 9999)),
        // The joined one has the place of the first of those it is made of, and bridges gaps.
        ("bytes=5000-5009,0-9,5005-5020", several(&[(5000, 5020), (0, 9)])),
        ("bytes=0-9,5000-5009,20-29", several(&[(0, 29), (5000, 5009)])),
        ("bytes=200-209,0-9,100-109", several(&[(200, 209), (0, 9), (100, 109)])),
        ("bytes=160-169,0-9,80-89", between(0, 169)),
    ] {
        assert_eq!(select(range, 10_000), expected, "{range}");
    }
}

#[test]
fn range_is_for_get_only_9110_14_2() {
    let mut request = Fields::new();
    request.set(RANGE, HeaderValue::from_static("bytes=0-1"));
    for method in [Method::HEAD, Method::POST, Method::PUT] {
        assert_eq!(partial(&request, &method, &Validators::default(), 10), Selection::Whole, "{method}");
    }
    assert_eq!(partial(&Fields::new(), &Method::GET, &Validators::default(), 10), Selection::Whole);
}

#[test]
fn if_range_of_another_version_selects_the_whole_9110_13_1_5() {
    let current = Validators { etag: EntityTag::strong("v1"), ..Validators::default() };
    for (range, if_range, expected) in [
        ("bytes=2-4", "\"v1\"", between(2, 4)),
        ("bytes=2-4", "\"v0\"", Selection::Whole),
        ("bytes=10-", "\"v0\"", Selection::Whole),
        ("bytes=10-", "\"v1\"", Selection::Unsatisfiable),
    ] {
        let mut request = Fields::new();
        request.set(RANGE, HeaderValue::from_static(range));
        request.set(IF_RANGE, HeaderValue::from_static(if_range));
        assert_eq!(partial(&request, &Method::GET, &current, 10), expected, "{range} {if_range}");
    }
}

fn whole() -> Response {
    let mut whole = Response::text(StatusCode::OK, "");
    whole.fields.set(ETAG, HeaderValue::from_static("\"v1\""));
    whole.fields.set(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
    whole.fields.set(VARY, HeaderValue::from_static("accept"));
    whole.fields.set(CONTENT_LENGTH, HeaderValue::from_static("9"));
    let bytes = [&b"012"[..], b"345", b"678"].map(|bytes| Segment::Bytes(Bytes::from_static(bytes)));
    whole.body = Body::Segments(bytes.into());
    whole
}

fn content(body: &Body) -> Vec<u8> {
    let Body::Segments(segments) = body else { return Vec::new() };
    let bytes = |segment: &Segment| match segment {
        Segment::Bytes(bytes) => bytes.clone(),
        Segment::File(file) => file.read_at(0, 100).unwrap(),
    };
    segments.iter().map(bytes).collect::<Vec<_>>().concat()
}

#[test]
fn a_206_has_just_the_bytes_and_says_which_9110_15_3_7() {
    for first in 0..9 {
        for last in first..9 {
            let response = respond(between(first, last), whole());
            assert_eq!(response.status, StatusCode::PARTIAL_CONTENT);
            let expected: Vec<u8> = (b'0'..=b'8')
                .skip(first.try_into().unwrap())
                .take((last - first + 1).try_into().unwrap())
                .collect();
            assert_eq!(content(&response.body), expected);
            assert!(matches!(&response.body, Body::Segments(pieces) if pieces.iter().all(|p| !p.is_empty())));
            let content_range = ContentRange::of(&response.fields).unwrap();
            assert_eq!(content_range.to_string(), format!("bytes {first}-{last}/9"));
            assert!(response.fields.contains(&ETAG) && response.fields.contains(&CACHE_CONTROL));
            assert!(!response.fields.contains(&CONTENT_LENGTH));
        }
    }
}

#[test]
fn a_206_keeps_what_is_of_the_representation_and_not_what_is_of_the_content_9530_2() {
    let mut whole = whole();
    for (name, value) in [
        (CONTENT_DIGEST, "sha-256=:AAAA:"),
        (REPR_DIGEST, "sha-256=:AAAA:"),
        (CONTENT_ENCODING, "gzip"),
        (CONTENT_RANGE, "bytes 0-0/1"),
    ] {
        whole.fields.set(name, HeaderValue::from_static(value));
    }
    let response = respond(between(2, 3), whole);
    assert!(response.fields.contains(&REPR_DIGEST) && response.fields.contains(&CONTENT_ENCODING));
    assert!(!response.fields.contains(&CONTENT_DIGEST));
    assert_eq!(response.fields.text(&CONTENT_RANGE), Some("bytes 2-3/9"));
}

#[test]
fn a_part_of_a_file_is_a_slice_of_it() {
    let mut whole = whole();
    let slice = FileSlice::new(Arc::new(File::open("/dev/zero").unwrap()), 1 << 40, 100, 1 << 39).unwrap();
    whole.body = Body::from(slice);
    let response = respond(between(1 << 38, (1 << 38) + 4), whole);
    let Body::Segments(segments) = &response.body else { panic!("{:?}", response.body) };
    let [Segment::File(file)] = &**segments else { panic!("{segments:?}") };
    assert_eq!((file.start(), file.len()), ((1 << 38) + 100, 5));
    assert_eq!(content(&response.body), [0; 5]);
}

#[test]
fn a_416_says_how_long_it_is_and_is_not_to_be_stored_9110_15_5_17() {
    let response = respond(Selection::Unsatisfiable, whole());
    assert_eq!(response.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(response.fields.get(&CONTENT_RANGE).unwrap(), "bytes */9");
    assert!(response.fields.contains(&VARY));
    for name in [ETAG, CACHE_CONTROL, CONTENT_LENGTH] {
        assert!(!response.fields.contains(&name), "{name}");
    }
    let mut empty = whole();
    empty.body = Body::Empty;
    let response = respond(Selection::Unsatisfiable, empty);
    assert_eq!(response.fields.get(&CONTENT_RANGE).unwrap(), "bytes */0");
}

#[test]
fn what_can_not_be_cut_comes_whole() {
    let status = |selection, whole| respond(selection, whole).status;
    assert_eq!(status(Selection::Whole, whole()), StatusCode::OK);
    assert_eq!(status(between(0, 9), whole()), StatusCode::OK, "past the end");
    assert_eq!(status(between(9, u64::MAX), whole()), StatusCode::OK);
    let arriving = Response { body: Body::Stream(whole().body.into_stream()), ..whole() };
    assert_eq!(status(between(0, 1), arriving), StatusCode::OK);
    let missing = Response { status: StatusCode::NOT_FOUND, ..whole() };
    assert_eq!(status(between(0, 1), missing), StatusCode::NOT_FOUND);
}

/// `length` bytes that tell where they are, in pieces of `piece` bytes; some look like delimiters.
fn representation(length: usize, piece: usize) -> (Vec<u8>, Response) {
    let bytes: Vec<u8> = b"\r\n--0123456789abcdef--\r\n".iter().copied().cycle().take(length).collect();
    let mut whole = whole();
    let segment = |piece: &[u8]| Segment::Bytes(Bytes::copy_from_slice(piece));
    whole.body = Body::Segments(bytes.chunks(piece).map(segment).collect());
    (bytes, whole)
}

/// A part as a client reads it: what it says it is, and its bytes.
type ReadPart = (Option<String>, ContentRange, Vec<u8>);

/// Reads a multipart/byteranges content by its delimiters alone (RFC 2046 §5.1.1), not by lengths.
fn read_parts(response: &Response) -> Vec<ReadPart> {
    let content_type = response.fields.text(&CONTENT_TYPE).unwrap();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    // As if it began with a line break: each delimiter then is one line break and one line.
    let content = [b"\r\n".to_vec(), content(&response.body)].concat();
    let pieces = split(&content, format!("\r\n--{boundary}").as_bytes());
    let [preamble, parts @ .., end] = &*pieces else { panic!("no delimiter in {pieces:?}") };
    assert_eq!((preamble.len(), *end), (0, &b"--\r\n"[..]));
    parts.iter().map(|part| read_part(part)).collect()
}

fn read_part(part: &[u8]) -> ReadPart {
    let (head, bytes) = part.split_at(part.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4);
    let mut fields = Fields::new();
    for line in str::from_utf8(head).unwrap().lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        fields.append(name.parse().unwrap(), value.parse().unwrap());
    }
    let content_type = fields.text(&CONTENT_TYPE).map(ToOwned::to_owned);
    (content_type, ContentRange::of(&fields).unwrap(), bytes.to_vec())
}

fn split<'a>(mut bytes: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = bytes.windows(delimiter.len()).position(|window| window == delimiter) {
        pieces.push(&bytes[..at]);
        bytes = &bytes[at + delimiter.len()..];
    }
    pieces.push(bytes);
    pieces
}

#[test]
fn a_206_in_parts_says_in_each_which_one_it_is_9110_15_3_7_2() {
    let (bytes, whole) = representation(1000, 300);
    let response = respond(several(&[(800, 999), (250, 650)]), whole);
    assert_eq!(response.status, StatusCode::PARTIAL_CONTENT);
    assert!(!response.fields.contains(&CONTENT_RANGE), "MUST NOT: it is in the parts");
    assert!(!response.fields.contains(&CONTENT_LENGTH) && response.fields.contains(&ETAG));
    let parts = read_parts(&response);
    let text = Some("text/plain; charset=utf-8".to_owned());
    let range = |first, last| ContentRange::Bytes {
        range: ByteRange::new(first, last).unwrap(),
        complete: Some(1000),
    };
    assert_eq!(
        parts,
        [
            (text.clone(), range(800, 999), bytes[800..].to_vec()),
            (text, range(250, 650), bytes[250..651].to_vec())
        ]
    );
}

#[test]
fn parts_have_no_type_where_the_whole_has_none_9110_15_3_7_2() {
    let (_, mut whole) = representation(1000, 1000);
    whole.fields.remove(&CONTENT_TYPE);
    let response = respond(several(&[(0, 9), (500, 509)]), whole);
    assert!(read_parts(&response).iter().all(|(content_type, ..)| content_type.is_none()));
}

#[test]
fn parts_of_a_file_stay_in_the_file() {
    let size = 1 << 40;
    let mut whole = whole();
    let file = Arc::new(File::open("/dev/zero").unwrap());
    whole.body = Body::from(FileSlice::new(file, size, 0, size).unwrap());
    let response = respond(several(&[(0, (1 << 39) - 1), ((1 << 40) - 5, (1 << 40) - 1)]), whole);
    let Body::Segments(segments) = &response.body else { panic!("{:?}", response.body) };
    let [Segment::Bytes(_), Segment::File(one), Segment::Bytes(_), Segment::File(other), Segment::Bytes(_)] =
        &**segments
    else {
        panic!("{segments:?}")
    };
    assert_eq!((one.start(), one.len(), other.start(), other.len()), (0, 1 << 39, (1 << 40) - 5, 5));
}

#[test]
fn parts_that_cost_more_than_twice_the_whole_are_the_whole_9110_17_15() {
    // Two parts of a byte each, their heads and the end are 218 bytes.
    for (length, last, status) in
        [(100, 99, StatusCode::OK), (108, 107, StatusCode::OK), (109, 108, StatusCode::PARTIAL_CONTENT)]
    {
        let (bytes, whole) = representation(length, length);
        let response = respond(several(&[(0, 0), (last, last)]), whole);
        assert_eq!(response.status, status, "{length}");
        if status == StatusCode::OK {
            assert_eq!(content(&response.body), bytes);
            assert_eq!(response.fields.text(&CONTENT_TYPE), Some("text/plain; charset=utf-8"));
        }
    }
}

#[test]
fn parts_that_are_not_all_there_are_the_whole() {
    let (_, whole) = representation(1000, 1000);
    assert_eq!(respond(several(&[(0, 9), (500, 1000)]), whole).status, StatusCode::OK);
    let (_, whole) = representation(1000, 1000);
    let arriving = Response { body: Body::Stream(whole.body.into_stream()), ..whole };
    assert_eq!(respond(several(&[(0, 9), (500, 509)]), arriving).status, StatusCode::OK);
}

/// A range as a client may ask for it.
fn asked() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u64..6000, 0_u64..300).prop_map(|(first, more)| format!("{first}-{}", first + more)),
        (0_u64..6000).prop_map(|first| format!("{first}-")),
        (0_u64..300).prop_map(|count| format!("-{count}")),
    ]
}

/// The bytes of the content at each place of the representation that the response tells of.
fn bytes_by_place(response: &Response, length: usize) -> Vec<Option<u8>> {
    let parts = match ContentRange::of(&response.fields) {
        _ if response.status == StatusCode::OK => {
            return content(&response.body).into_iter().map(Some).collect();
        }
        Some(range) => vec![(None, range, content(&response.body))],
        None => read_parts(response),
    };
    let mut places = vec![None; length];
    for (_, range, bytes) in parts {
        let ContentRange::Bytes { range, complete } = range else { panic!("{range}") };
        assert_eq!(complete, Some(length.try_into().unwrap()));
        let (first, last) = (range.first().try_into().unwrap(), range.last().try_into().unwrap());
        let places: &mut [Option<u8>] = &mut places[first..=last];
        assert_eq!(places.len(), bytes.len());
        for (place, byte) in places.iter_mut().zip(bytes) {
            assert_eq!(place.replace(byte), None, "sent twice");
        }
    }
    places
}

proptest! {
    /// Whatever is asked for comes, is what is there, comes once, and costs at most twice the whole.
    #[test]
    fn every_byte_asked_for_is_sent_once(
        asked in prop::collection::vec(asked(), 1..40),
        length in 1_usize..6000,
        piece in 1_usize..2000,
    ) {
        let complete = u64::try_from(length).unwrap();
        let mut request = Fields::new();
        request.set(RANGE, HeaderValue::from_str(&format!("bytes={}", asked.join(", "))).unwrap());
        let (bytes, whole) = representation(length, piece);
        let selection = partial(&request, &Method::GET, &Validators::default(), complete);
        let response = respond(selection, whole);
        let wanted = Ranges::parse(&request).unwrap().resolve(complete);
        prop_assert_eq!(wanted.is_empty(), response.status == StatusCode::RANGE_NOT_SATISFIABLE);
        if wanted.is_empty() {
            return Ok(());
        }
        prop_assert!(response.body.length().unwrap() <= 2 * complete);
        let sent = bytes_by_place(&response, length);
        for (place, byte) in sent.iter().enumerate() {
            prop_assert!(byte.is_none_or(|byte| byte == bytes[place]));
        }
        for range in wanted {
            let (first, last) = (usize::try_from(range.first()).unwrap(), usize::try_from(range.last()).unwrap());
            prop_assert!(sent[first..=last].iter().all(Option::is_some), "{range} is missing");
        }
    }

    #[test]
    fn nothing_that_is_asked_for_does_harm(value in "bytes=[0-9,-]{0,30}", length in any::<u64>()) {
        let mut request = Fields::new();
        request.set(RANGE, HeaderValue::from_str(&value).unwrap());
        if let Selection::Parts(parts) = partial(&request, &Method::GET, &Validators::default(), length) {
            prop_assert!(parts.len() > 1);
            let sum: u128 = parts.iter().map(|part| u128::from(part.length())).sum();
            prop_assert!(sum <= u128::from(length), "disjoint");
        }
    }
}
