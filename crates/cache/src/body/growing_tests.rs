use std::future::poll_fn;

use bytes::Bytes;

use super::*;

/// Who joined before the file could not be written any more, and looks only afterwards.
#[tokio::test(start_paused = true)]
async fn what_waits_in_the_window_is_there_for_who_has_not_begun_to_read() {
    let file = Arc::new(tempfile::tempfile().unwrap());
    let growing = Growing::new(Some(&file), Some(100), Spans::default());
    let course = growing.begin(None, 0, Some(100));
    let id = growing.enter(Want { at: 0, until: 100 }).unwrap();
    growing.spill(course.id, 0, vec![Segment::Bytes(Bytes::from_static(&[7; 60]))]).await;
    let ready = timeout(SPILL_WAIT, poll_fn(|cx| growing.poll_ready(id, cx))).await;
    assert!(matches!(ready, Ok(Ok(()))), "each waits for the other: {ready:?}");
    let piece = poll_fn(|cx| growing.poll_read(id, cx)).await;
    assert!(matches!(piece, Some(Ok(Segment::Bytes(bytes))) if bytes.len() == 60));
}

/// What a reader of all is given without waiting: how many bytes from memory, and how many of the file.
fn given(growing: &Growing, id: u64) -> Vec<(&'static str, u64)> {
    let mut given = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(Ok(segment))) = growing.poll_read(id, &mut cx) {
        let from = if matches!(segment, Segment::Bytes(_)) { "memory" } else { "file" };
        given.push((from, segment.len()));
    }
    given
}

fn pieces(lengths: &[usize]) -> Vec<Segment> {
    lengths.iter().map(|length| Segment::Bytes(Bytes::from(vec![7; *length]))).collect()
}

#[test]
fn the_first_bytes_are_read_before_there_is_a_file() {
    let growing = Growing::new(None, Some(100), Spans::default());
    let course = growing.begin(None, 0, Some(100));
    let join = || growing.enter(Want { at: 0, until: 100 }).unwrap();
    let (first, follower) = (join(), join());
    growing.show(course, &pieces(&[20, 40]));
    assert_eq!(given(&growing, first), [("memory", 20), ("memory", 40)]);
    let file = Arc::new(tempfile::tempfile().unwrap());
    growing.set_file(&file);
    assert_eq!(growing.advance(course.id, 0, 60), Announced::Yes);
    assert_eq!(growing.advance(course.id, 60, 90), Announced::Yes);
    assert_eq!(given(&growing, first), [("file", 30)]);
    assert_eq!(given(&growing, follower), [("file", 90)]);
    assert!(growing.state().window.read(0, 100).is_none(), "memory keeps nothing of it");
}

#[tokio::test]
async fn what_was_shown_is_not_given_twice_where_there_can_be_no_file() {
    let growing = Growing::new(None, Some(100), Spans::default());
    let course = growing.begin(None, 0, Some(100));
    let id = growing.enter(Want { at: 0, until: 100 }).unwrap();
    growing.show(course, &pieces(&[20, 40]));
    let Poll::Ready(Some(Ok(piece))) = growing.poll_read(id, &mut Context::from_waker(Waker::noop())) else {
        panic!("nothing was shown")
    };
    assert_eq!(piece.len(), 20);
    growing.spill(course.id, 0, pieces(&[20, 40])).await;
    assert_eq!(given(&growing, id), [("memory", 40)]);
}

#[test]
fn the_last_bytes_are_not_shown_before_they_are_stored() {
    for (brings, length) in [(60, Some(60)), (60, Some(100)), (59, None)] {
        let growing = Growing::new(None, length, Spans::default());
        let id = growing.enter(Want { at: 0, until: 100 }).unwrap();
        growing.show(growing.begin(None, 0, Some(brings)), &pieces(&[60]));
        assert_eq!(given(&growing, id), [], "{brings} of {length:?}");
    }
}
