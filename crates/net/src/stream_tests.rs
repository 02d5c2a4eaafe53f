use super::*;
use crate::listen::bind;
use std::os::unix::fs::FileExt;
use std::task::Waker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::advance;

const MIB: usize = 1024 * 1024;

/// A connection with our end and a plain client's.
async fn pair() -> (Stream, TcpStream) {
    let mut acceptor = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0).start().unwrap();
    let client = TcpStream::connect(acceptor.local_addr()).await.unwrap();
    (acceptor.accept().await.0, client)
}

/// Everything up to the end, read by another task.
fn drink(mut client: TcpStream) -> JoinHandle<io::Result<Vec<u8>>> {
    tokio::spawn(async move {
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.map(|_| all)
    })
}

/// `len` bytes that are different wherever one looks.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[5]).collect()
}

fn file_of(bytes: &[u8]) -> File {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file
}

#[tokio::test]
async fn a_read_appends_what_came_whatever_capacity_there_is() {
    for capacity in [0, 1, DIRECT_READ_MIN - 1, DIRECT_READ_MIN, 64 * 1024] {
        let (stream, mut client) = pair().await;
        let (mut read, _write) = stream.split();
        let mut inbox = BytesMut::with_capacity(capacity);
        client.write_all(b"one ").await.unwrap();
        assert_eq!(read.read(&mut inbox).await.unwrap(), 4);
        client.write_all(b"two").await.unwrap();
        assert_eq!(read.read(&mut inbox).await.unwrap(), 3);
        assert_eq!(&inbox[..], b"one two", "capacity {capacity}");
        drop(client);
        assert_eq!(read.read(&mut inbox).await.unwrap(), 0, "capacity {capacity}");
    }
}

#[tokio::test]
async fn a_connection_is_watched_only_once_it_has_to_wait() {
    let (stream, mut client) = pair().await;
    let (mut read, mut write) = stream.split();
    client.write_all(b"request").await.unwrap();
    while read.is_quiet() {
        yield_now().await; // until the system has delivered it
    }
    let mut inbox = BytesMut::new();
    assert_eq!(read.read(&mut inbox).await.unwrap(), 7);
    write.write_all(b"answer", false).await.unwrap();
    let is_watched = |read: &ReadHalf| {
        let Wire::Tcp(tcp) = &read.wire;
        tcp.is_watched()
    };
    assert!(!is_watched(&read));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(read.poll_read(&mut cx, &mut inbox).is_pending());
    assert!(is_watched(&read));
}

/// A peer that sends without a pause could keep a read that never waits busy for ever.
#[tokio::test]
async fn only_the_first_read_is_tried_without_the_runtime() {
    let (stream, mut client) = pair().await;
    let (mut read, _write) = stream.split();
    client.write_all(&pattern(3 * SCRATCH_LEN)).await.unwrap();
    while read.is_quiet() {
        yield_now().await;
    }
    let mut cx = Context::from_waker(Waker::noop());
    assert!(read.poll_read(&mut cx, &mut BytesMut::new()).is_ready());
    assert!(read.poll_read(&mut cx, &mut BytesMut::new()).is_pending(), "the runtime hears of it next");
    assert!(read.read(&mut BytesMut::new()).await.unwrap() > 0);
}

#[tokio::test]
async fn a_read_into_spare_capacity_takes_no_more_than_fits_and_does_not_grow() {
    let (stream, mut client) = pair().await;
    let (mut read, _write) = stream.split();
    let sent = pattern(3 * DIRECT_READ_MIN);
    client.write_all(&sent).await.unwrap();
    let mut inbox = BytesMut::with_capacity(DIRECT_READ_MIN);
    let mut came = Vec::new();
    while came.len() < sent.len() {
        assert!(read.read(&mut inbox).await.unwrap() <= DIRECT_READ_MIN);
        assert_eq!(inbox.capacity(), DIRECT_READ_MIN);
        came.extend_from_slice(&inbox);
        inbox.clear();
    }
    assert_eq!(came, sent);
}

#[tokio::test]
async fn a_read_that_waits_holds_no_capacity() {
    let (stream, mut client) = pair().await;
    let (mut read, _write) = stream.split();
    let mut inbox = BytesMut::new();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(read.poll_read(&mut cx, &mut inbox).is_pending());
    assert_eq!(inbox.capacity(), 0);
    client.write_all(b"x").await.unwrap();
    assert_eq!(read.read(&mut inbox).await.unwrap(), 1);
}

#[tokio::test]
async fn bulk_arrives_whole_through_either_way_of_reading() {
    for capacity in [0, 64 * 1024] {
        let (stream, mut client) = pair().await;
        let (mut read, _write) = stream.split();
        let sent = pattern(3 * MIB + 7);
        let writer = tokio::spawn({
            let sent = sent.clone();
            async move { client.write_all(&sent).await }
        });
        let mut came = Vec::new();
        loop {
            let mut inbox = BytesMut::with_capacity(capacity);
            if read.read(&mut inbox).await.unwrap() == 0 {
                break;
            }
            came.extend_from_slice(&inbox);
        }
        writer.await.unwrap().unwrap();
        assert!(came == sent, "capacity {capacity}");
    }
}

#[tokio::test]
async fn quiet_means_open_and_nothing_unread() {
    let (stream, mut client) = pair().await;
    let (mut read, _write) = stream.split();
    assert!(read.is_quiet());
    client.write_all(b"?").await.unwrap();
    let mut inbox = BytesMut::new();
    read.read(&mut inbox).await.unwrap();
    assert!(read.is_quiet(), "it was read");
    client.write_all(b"?").await.unwrap();
    assert!(!read.is_quiet(), "something came");
    read.read(&mut inbox).await.unwrap();
    client.set_zero_linger().unwrap();
    drop(client);
    assert!(!read.is_quiet(), "the peer has broken off");

    let (stream, client) = pair().await;
    let (read, _write) = stream.split();
    drop(client);
    assert!(!read.is_quiet(), "the peer has closed");
}

#[tokio::test]
async fn small_parts_written_together_come_together() {
    let (stream, mut client) = pair().await;
    let (_read, mut write) = stream.split();
    write.write_two(b"head ", b"body", false).await.unwrap();
    let mut block = [0; 64];
    assert_eq!(client.read(&mut block).await.unwrap(), 9);
    write.write_all(b"held back, ", true).await.unwrap();
    write.write_two(b"", b"then sent", false).await.unwrap();
    let mut block = [0; 20];
    client.read_exact(&mut block).await.unwrap();
    assert_eq!(&block, b"held back, then sent");
    assert_eq!(write.sent(), 29);
}

#[tokio::test]
async fn what_has_more_to_follow_is_held_back_for_it() {
    for more in [true, false] {
        let mut as_told = false;
        // Once is enough: a busy machine may sleep through the fifth of a second that the system holds
        // something back for, or may be late to deliver what it doesn't.
        for _ in 0..20 {
            let (stream, client) = pair().await;
            let (_read, mut write) = stream.split();
            write.write_all(b"head", more).await.unwrap();
            let came = socket2::SockRef::from(&client).peek(&mut [MaybeUninit::uninit()]);
            as_told |= came.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) == more;
        }
        assert!(as_told, "more: {more}");
    }
}

#[tokio::test]
async fn large_parts_arrive_whole_and_in_order() {
    let (stream, client) = pair().await;
    let (_read, mut write) = stream.split();
    let drunk = drink(client);
    let (first, second) = (pattern(9 * MIB + 1), pattern(5 * MIB + 3));
    write.write_two(&first, &second, true).await.unwrap();
    write.write_all(b"end", false).await.unwrap();
    write.shutdown().await.unwrap();
    assert!(drunk.await.unwrap().unwrap() == [&first[..], &second, b"end"].concat());
    assert_eq!(write.sent(), 14 * 1024 * 1024 + 7);
}

#[tokio::test]
async fn a_file_arrives_whole_after_its_head_by_sendfile_and_by_copying() {
    let bytes = pattern(5 * MIB + 11);
    let file = file_of(&bytes);
    for copies in [false, true] {
        let (stream, client) = pair().await;
        let (_read, mut write) = stream.split();
        let drunk = drink(client);
        write.write_all(b"head", true).await.unwrap();
        let end = u64::try_from(bytes.len()).unwrap() - 2;
        if copies {
            write.copy_file(&file, 3, end, false).await.unwrap();
        } else {
            write.send_file(&file, 3, end - 3, false).await.unwrap();
        }
        assert_eq!(write.sent(), end + 1);
        drop(write);
        let mut expected = b"head".to_vec();
        expected.extend_from_slice(&bytes[3..bytes.len() - 2]);
        assert!(drunk.await.unwrap().unwrap() == expected, "copies: {copies}");
    }
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_found_out_and_never_padded() {
    let bytes = pattern(MIB);
    let file = file_of(&bytes);
    for copies in [false, true] {
        let (stream, client) = pair().await;
        let (_read, mut write) = stream.split();
        let drunk = drink(client);
        let promised = 2 * 1024 * 1024;
        let fault = if copies {
            write.copy_file(&file, 0, promised, false).await.unwrap_err()
        } else {
            write.send_file(&file, 0, promised, false).await.unwrap_err()
        };
        assert!(matches!(fault, SendFileFault::Truncated { missing: 0x10_0000 }), "{fault}");
        drop(write);
        assert!(drunk.await.unwrap().unwrap() == bytes, "copies: {copies}");
    }
}

#[tokio::test]
async fn a_part_of_a_file_beyond_4_gib_is_that_part() {
    let (marker, at) = (pattern(100_000), (9_u64 << 29) + 5);
    let file = tempfile::tempfile().unwrap();
    file.set_len(5 << 30).unwrap();
    file.write_all_at(&marker, at).unwrap();
    for copies in [false, true] {
        let (stream, client) = pair().await;
        let (_read, mut write) = stream.split();
        let drunk = drink(client);
        if copies {
            write.copy_file(&file, at, at + 100_000, false).await.unwrap();
        } else {
            write.send_file(&file, at, 100_000, false).await.unwrap();
        }
        drop(write);
        assert!(drunk.await.unwrap().unwrap() == marker, "copies: {copies}");
    }
}

#[tokio::test]
async fn what_sendfile_cannot_send_is_read_and_what_cannot_be_read_is_the_files_fault() {
    let (stream, _client) = pair().await;
    let (_read, mut write) = stream.split();
    let folder = File::open("/").unwrap();
    let fault = write.send_file(&folder, 0, 10, false).await.unwrap_err();
    assert!(matches!(fault, SendFileFault::Read(_)), "{fault}");
}

#[tokio::test]
async fn a_peer_that_is_gone_is_the_connections_fault() {
    let file = file_of(&pattern(MIB));
    let (stream, client) = pair().await;
    let (mut read, mut write) = stream.split();
    client.set_zero_linger().unwrap();
    drop(client);
    let mut inbox = BytesMut::new();
    let reset = read.read(&mut inbox).await.unwrap_err();
    assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
    let fault = write.send_file(&file, 0, 100, false).await.unwrap_err();
    assert!(matches!(fault, SendFileFault::Write(_)), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up_at_the_stall_limit() {
    let (stream, _client) = pair().await;
    let (_read, mut write) = stream.split();
    write.set_pace(Pace::any(Duration::from_secs(30)));
    let start = Instant::now();
    let stalled = write.write_all(&vec![0; 64 * MIB], false).await.unwrap_err();
    assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
    assert_eq!(stalled.to_string(), "the peer took less than a byte in 30s");
    assert!(start.elapsed() >= Duration::from_secs(30));
    assert!(write.sent() > 0);
}

/// Writes `len` bytes at `pace` to a client that takes some, so that our system knows of it, twice in each
/// `stretch` of a stepped clock. Nothing rests meanwhile: the system's own clock can't be stepped.
#[cfg(target_os = "linux")]
async fn written_to_a_sipping_client(
    pace: Pace,
    stretch: Duration,
    len: usize,
) -> (io::Result<()>, Duration) {
    let (stream, client) = pair().await;
    let Wire::Tcp(near) = &stream.wire;
    let near = near.options().try_clone().unwrap();
    let (read, mut write) = stream.split();
    write.set_pace(pace);
    let start = Instant::now();
    let writing = tokio::spawn(async move {
        let outcome = write.write_all(&vec![0; len], false).await;
        (outcome, start.elapsed(), write)
    });
    while sys::unacknowledged(&near) == 0 {
        yield_now().await;
    }
    let mut block = vec![0; 4096];
    while !writing.is_finished() {
        let held = sys::unacknowledged(&near);
        while !writing.is_finished() && sys::unacknowledged(&near) >= held {
            let _ = client.try_read(&mut block);
            yield_now().await;
        }
        advance(stretch / 2).await;
    }
    let (outcome, waited, _write) = writing.await.unwrap();
    drop(read);
    (outcome, waited)
}

/// A client that was slow on 127.0.0.1 used to be given up while it was reading: our own system took nothing
/// of the next write until a third of the megabytes that it held was gone.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_little_of_what_our_system_holds_keeps_its_pace() {
    let stretch = Duration::from_secs(30);
    let (outcome, waited) = written_to_a_sipping_client(Pace::any(stretch), stretch, 8 * MIB).await;
    outcome.unwrap();
    assert!(waited > 3 * stretch, "it was waited for: {waited:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_some_but_too_little_is_given_up() {
    let stretch = Duration::from_secs(30);
    let pace = Pace::average(256 * 1024, stretch);
    let (outcome, waited) = written_to_a_sipping_client(pace, stretch, 64 * MIB).await;
    assert_eq!(outcome.unwrap_err().to_string(), "the peer took less than 7864320 bytes in 30s");
    assert!(waited >= stretch && waited <= 3 * stretch, "{waited:?}");
}

#[tokio::test]
async fn after_a_long_burst_the_other_tasks_get_their_turn() {
    let (stream, _client) = pair().await;
    let (_read, mut write) = stream.split();
    write.write_all(b"short", false).await.unwrap();
    assert_eq!(write.burst, 5);
    for (burst, yields, after) in [(BURST_MAX - 1, false, BURST_MAX), (BURST_MAX, true, 1)] {
        write.burst = burst;
        let mut writing = Box::pin(write.write_all(b"x", false));
        let yielded = poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx).is_pending())).await;
        assert_eq!(yielded, yields, "{burst} bytes before");
        if yielded {
            writing.as_mut().await.unwrap();
        }
        drop(writing);
        assert_eq!(write.burst, after);
    }
}

#[tokio::test]
async fn dropping_both_halves_delivers_and_ends_in_good_order() {
    let (stream, client) = pair().await;
    let (read, mut write) = stream.split();
    write.write_all(b"all of it", false).await.unwrap();
    drop((read, write));
    assert_eq!(drink(client).await.unwrap().unwrap(), b"all of it");
}

#[tokio::test]
async fn a_connection_broken_off_is_never_taken_for_its_end() {
    for by_drop in [true, false] {
        let (stream, client) = pair().await;
        let (mut read, mut write) = stream.split();
        write.write_all(b"a part of it", false).await.unwrap();
        if by_drop {
            write.set_abort(true);
            drop(write);
        } else {
            write.abort();
        }
        let broken = drink(client).await.unwrap().unwrap_err();
        assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset);
        let own = read.read(&mut BytesMut::new()).await.unwrap_err();
        assert_eq!(own.kind(), io::ErrorKind::ConnectionReset, "we don't take it for the peer's end either");
    }
}

#[tokio::test]
async fn without_an_immediate_reset_the_close_of_both_halves_is_one() {
    let (stream, client) = pair().await;
    let Wire::Tcp(tcp) = stream.wire;
    tcp.options().set_linger(Some(Duration::ZERO)).unwrap();
    sys::portable::reset(&*tcp);
    drop(tcp);
    let broken = drink(client).await.unwrap().unwrap_err();
    assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_abort_that_was_called_off_ends_in_good_order() {
    let (stream, client) = pair().await;
    let (read, mut write) = stream.split();
    write.set_abort(true);
    write.write_all(b"all of it", false).await.unwrap();
    write.set_abort(false);
    drop((read, write));
    assert_eq!(drink(client).await.unwrap().unwrap(), b"all of it");
}

#[tokio::test]
async fn nothing_is_written_after_the_end_and_the_other_direction_goes_on() {
    let (stream, mut client) = pair().await;
    let (mut read, mut write) = stream.split();
    write.shutdown().await.unwrap();
    write.shutdown().await.unwrap();
    let late = write.write_all(b"late", false).await.unwrap_err();
    assert_eq!(late.kind(), io::ErrorKind::BrokenPipe);
    drop(write);
    client.write_all(b"still here").await.unwrap();
    let mut inbox = BytesMut::new();
    assert_eq!(read.read(&mut inbox).await.unwrap(), 10);
}

#[tokio::test]
async fn a_client_that_is_still_sending_reads_the_last_answer() {
    let (stream, client) = pair().await;
    let (mut read, mut write) = stream.split();
    let (mut answer, mut request) = client.into_split();
    request.write_all(b"the beginning of a long request").await.unwrap();
    read.read(&mut BytesMut::new()).await.unwrap();
    write.write_all(b"no", false).await.unwrap();
    let closing = tokio::spawn(lingering_close(read, write, 64 * MIB, Duration::from_secs(60)));
    // With a plain close one of these writes, or the read, would meet a reset.
    for _ in 0..8 {
        request.write_all(&pattern(MIB)).await.unwrap();
    }
    request.shutdown().await.unwrap();
    let mut came = Vec::new();
    answer.read_to_end(&mut came).await.unwrap();
    assert_eq!(came, b"no");
    closing.await.unwrap();
}

#[tokio::test]
async fn a_client_that_never_stops_sending_is_cut_off_at_the_limit() {
    let (stream, mut client) = pair().await;
    let (read, write) = stream.split();
    let sending = tokio::spawn(async move {
        let block = vec![0; 64 * 1024];
        loop {
            if let Err(error) = client.write_all(&block).await {
                return error;
            }
        }
    });
    lingering_close(read, write, MIB, Duration::from_secs(600)).await;
    let cut = sending.await.unwrap().kind();
    assert!(matches!(cut, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe), "{cut}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_more_is_left_at_the_limit() {
    let (stream, _client) = pair().await;
    let (read, write) = stream.split();
    let start = Instant::now();
    lingering_close(read, write, MIB, Duration::from_secs(2)).await;
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(3), "{waited:?}");
}
