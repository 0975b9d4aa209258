//! Every deadline of a connection, in virtual time: when it fires, what it sends, and what does not move it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::time::Duration;

use wirelight::{App, Limits, Request, Response, TestConnection, Timeouts};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn app() -> App {
    let mut app = App::new();
    app.get("/", |_| "ok");
    app.get("/big", |_| "x".repeat(1_000_000));
    app.post("/", |req: &Request| req.body().len().to_string());
    app
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

const MOMENT: Duration = Duration::from_millis(1);

/// Nothing was sent and nothing was closed.
fn assert_silent(c: &mut TestConnection) {
    assert_eq!(c.received().escape_ascii().to_string(), "");
    assert!(!c.is_closed());
}

/// One answer with this status and nothing else, which it takes off the connection.
fn assert_answer(c: &mut TestConnection, status: &str, stays: bool) -> String {
    let text = String::from_utf8(c.take_received().to_vec()).unwrap();
    assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {text}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert_eq!(!text.contains("\r\nConnection: close\r\n"), stays, "{text}");
    assert_eq!(!c.is_closed(), stays, "{text}");
    text
}

/// 408 as JSON, with the sentence of one fault, and a close.
fn assert_too_late(c: &mut TestConnection, sentence: &str) {
    let text = assert_answer(c, "408 Request Timeout\r\n", false);
    assert!(text.contains("\r\nContent-Type: application/json\r\n"), "{text}");
    assert!(text.contains(sentence), "{sentence}: {text}");
}

/// Nothing happens up to a moment before `time` has passed; then it has.
fn pass_quietly(c: &mut TestConnection, time: Duration) {
    c.advance(time - MOMENT);
    assert_silent(c);
    c.advance(MOMENT);
}

/// Sends one byte a second, `n` times; returns the rest of `bytes`.
fn trickle<'b>(c: &mut TestConnection, bytes: &'b [u8], n: usize) -> &'b [u8] {
    let (now, later) = bytes.split_at(n);
    for byte in now {
        c.send(&[*byte]);
        c.advance(seconds(1));
    }
    later
}

// Heads.

#[test]
fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    pass_quietly(&mut c, seconds(10));
    assert_eq!(c.received(), b"");
    assert!(c.is_closed() && !c.is_reset());
}

#[test]
fn a_head_has_ten_seconds_from_its_first_byte() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.advance(seconds(9)); // a new connection's silence is another account
    c.send(b"G");
    pass_quietly(&mut c, seconds(10));
    assert_too_late(&mut c, "The head of the request did not arrive in time");
}

#[test]
fn a_head_that_is_whole_in_time_is_answered() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&GET[..10]);
    c.advance(seconds(10) - MOMENT);
    c.send(&GET[10..]);
    assert_answer(&mut c, "200 OK\r\n", true);
}

#[test]
fn a_byte_a_second_does_not_extend_a_head() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    trickle(&mut c, GET, 9);
    assert_silent(&mut c);
    trickle(&mut c, &GET[9..], 1);
    assert_too_late(&mut c, "The head of the request did not arrive in time");
}

#[test]
fn every_head_of_a_connection_has_ten_seconds_of_its_own() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    for _ in 0..3 {
        let rest = trickle(&mut c, GET, 9);
        c.send(rest);
        assert_answer(&mut c, "200 OK\r\n", true);
    }
    // Also when the beginning of the next head comes with the end of this one.
    trickle(&mut c, GET, 9);
    c.send(&[&GET[9..], &GET[..5]].concat());
    assert_answer(&mut c, "200 OK\r\n", true);
    pass_quietly(&mut c, seconds(10));
    assert_too_late(&mut c, "The head of the request did not arrive in time");
}

#[test]
fn a_head_after_a_silence_has_its_ten_seconds_too() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(GET);
    assert_answer(&mut c, "200 OK\r\n", true);
    c.advance(seconds(14));
    trickle(&mut c, GET, 9);
    assert_silent(&mut c);
    c.advance(seconds(1));
    assert_too_late(&mut c, "The head of the request did not arrive in time");
}

/// RFC 9112 §2.2: it may follow a body, or precede a request. Without a request it gets no response.
#[test]
fn an_empty_line_has_the_time_of_a_head_but_is_not_a_request() {
    let app = app();
    let client = app.test();
    for before in [&b""[..], GET] {
        let mut c = client.connect();
        c.send(&[before, b"\r\n"].concat());
        c.take_received();
        pass_quietly(&mut c, seconds(10));
        assert_eq!(c.received(), b"");
        assert!(c.is_closed() && !c.is_reset());
        let mut c = client.connect();
        c.send(&[before, b"\r\nG"].concat());
        c.take_received();
        pass_quietly(&mut c, seconds(10));
        assert_too_late(&mut c, "The head of the request did not arrive in time");
    }
}

#[test]
fn a_late_head_that_was_wrong_all_along_gets_the_better_answer() {
    for (bytes, sentence) in [
        (&b"GET / HTTP/1.1\r\nHost : a\r\n"[..], "Whitespace occurs between a field name and its colon"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx", ""),
        (b"G\0T / HTTP/1.1\r\n", "The method holds a byte that no method name may hold"),
    ] {
        let app = app();
        let client = app.test();
        let mut c = client.connect();
        // A long first piece, so that the few bytes after it are not parsed before the timeout.
        c.send(&bytes[..1]);
        c.advance(seconds(5));
        c.send(&bytes[1..]);
        c.advance(seconds(5));
        let status = if sentence.is_empty() { "408 " } else { "400 " };
        assert!(assert_answer(&mut c, status, false).contains(sentence));
    }
}

/// Which may be decided before the body arrives, too.
#[test]
fn a_late_request_gets_the_whole_of_a_streamed_error_page() {
    let mut app = app();
    app.on_any_error(|_, _| Response::default().chunks(["one", "two"]));
    let missing = b"PUT /none HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
    for (bytes, status) in [(&GET[..9], 408), (&announce(9), 408), (missing, 404)] {
        for capacity in [usize::MAX, 40] {
            let client = app.test();
            let mut c = client.connect();
            c.set_write_capacity(capacity);
            c.send(bytes);
            pass_quietly(&mut c, if bytes[0] == b'G' { seconds(10) } else { seconds(5) });
            for _ in 0..9 {
                c.set_write_capacity(capacity);
            }
            let text = assert_answer(&mut c, &status.to_string(), false);
            // The version of a head that is not complete is not known: it cannot be answered in chunks.
            let body = if bytes[0] == b'G' { "onetwo" } else { "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" };
            assert_eq!(text.split_once("\r\n\r\n").map(|(_, body)| body), Some(body), "{text}");
            assert!(!c.is_reset());
        }
    }
}

// Bodies.

const LATE: &str = "The body of the request did not arrive in time";
const SLOW: &str = "The body of the request arrives too slowly";

fn announce(length: usize) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

#[test]
fn a_body_may_pause_for_ten_seconds_when_it_was_fast_enough() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&announce(30_000));
    c.send(&[b'x'; 10_000]);
    c.advance(seconds(10) - MOMENT);
    c.send(&[b'x'; 10_000]);
    pass_quietly(&mut c, seconds(10));
    assert_too_late(&mut c, LATE);
}

#[test]
fn a_body_that_pauses_less_is_read_to_its_end() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&announce(50_000));
    for _ in 0..5 {
        c.advance(seconds(4));
        assert_silent(&mut c);
        c.send(&[b'x'; 10_000]);
    }
    assert!(assert_answer(&mut c, "200 OK\r\n", true).ends_with("50000"));
}

#[test]
fn a_body_has_a_grace_of_five_seconds_and_then_500_bytes_a_second() {
    let app = app();
    let client = app.test();
    // Nothing at all: the grace.
    let mut c = client.connect();
    c.send(&announce(1000));
    pass_quietly(&mut c, seconds(5));
    assert_too_late(&mut c, SLOW);
    // 499 bytes a second, however steadily they come: the grace.
    let mut c = client.connect();
    c.send(&announce(1_000_000));
    for _ in 0..4 {
        c.send(&[b'x'; 499]);
        c.advance(seconds(1));
        assert_silent(&mut c);
    }
    c.send(&[b'x'; 499]);
    c.advance(seconds(1));
    assert_too_late(&mut c, SLOW);
    // 3,000 bytes are good for 6 s, although only 4 s passed since the last one.
    let mut c = client.connect();
    c.send(&announce(1_000_000));
    c.advance(seconds(2));
    c.send(&[b'x'; 3000]);
    pass_quietly(&mut c, seconds(4));
    assert_too_late(&mut c, SLOW);
}

#[test]
fn a_body_of_500_bytes_a_second_may_take_its_time() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&announce(60 * 500));
    for _ in 0..60 {
        assert_silent(&mut c);
        c.send(&[b'x'; 500]);
        c.advance(seconds(1) - MOMENT);
    }
    assert!(assert_answer(&mut c, "200 OK\r\n", true).ends_with("30000"));
}

#[test]
fn a_fast_beginning_pays_for_one_pause_and_no_more() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&announce(1 << 20));
    c.send(&vec![b'x'; (1 << 20) - 5000]);
    // A byte a pause: each is worth 2 ms.
    c.advance(seconds(10) - MOMENT);
    assert_silent(&mut c);
    c.send(b"x");
    c.advance(Duration::from_millis(3));
    assert_too_late(&mut c, SLOW);
}

#[test]
fn a_body_that_was_fast_and_gets_slow_is_given_up_after_one_pause_worth_of_bytes() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&announce(1 << 20));
    c.send(&[b'x'; 500_000]);
    // Half of the least rate: what was saved up for ten seconds is used up after nineteen.
    for _ in 0..18 {
        c.advance(seconds(1));
        assert_silent(&mut c);
        c.send(&[b'x'; 250]);
    }
    c.advance(seconds(1));
    assert_too_late(&mut c, SLOW);
}

#[test]
fn a_body_that_was_slow_within_its_grace_may_recover() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&announce(30_000));
    c.advance(seconds(5) - MOMENT);
    c.send(&[b'x'; 10_000]);
    pass_quietly(&mut c, seconds(10));
    assert_too_late(&mut c, LATE);
}

#[test]
fn the_part_of_a_body_that_came_with_its_head_counts() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&[announce(30_000), vec![b'x'; 20_000]].concat());
    pass_quietly(&mut c, seconds(10));
    assert_too_late(&mut c, LATE);
}

#[test]
fn a_burst_counts_in_full_however_many_reads_it_took() {
    let app = app();
    let client = app.test();
    // 32 KiB is one full read, after which the socket is empty; 40,000 bytes are a full read and a short one.
    for burst in [32 * 1024, 40_000, 64 * 1024] {
        let mut c = client.connect();
        c.send(&announce(3 * burst));
        for _ in 0..2 {
            c.advance(seconds(4));
            c.send(&vec![b'x'; burst]);
        }
        pass_quietly(&mut c, seconds(10));
        assert_too_late(&mut c, LATE);
    }
}

#[test]
fn a_chunked_body_is_held_to_the_same() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..10 {
        c.send(&[&b"3e8\r\n"[..], &[b'x'; 1000], b"\r\n"].concat());
        c.advance(seconds(1));
        assert_silent(&mut c);
    }
    c.advance(seconds(9) - MOMENT);
    assert_silent(&mut c);
    c.advance(MOMENT);
    assert_too_late(&mut c, LATE);
}

#[test]
fn every_body_of_a_connection_has_an_account_of_its_own() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&[announce(30_000), vec![b'x'; 30_000]].concat());
    assert_answer(&mut c, "200 OK\r\n", true);
    c.send(&announce(30_000));
    pass_quietly(&mut c, seconds(5));
    assert_too_late(&mut c, SLOW);
}

#[test]
fn a_body_that_was_asked_for_is_waited_for_no_longer() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(c.take_received(), b"HTTP/1.1 100 Continue\r\n\r\n");
    pass_quietly(&mut c, seconds(5));
    assert_too_late(&mut c, SLOW);
}

// Between requests.

#[test]
fn an_idle_connection_is_closed_after_15_seconds_without_a_word() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    for _ in 0..3 {
        c.send(GET);
        assert_answer(&mut c, "200 OK\r\n", true);
        c.advance(seconds(15) - MOMENT);
        assert_silent(&mut c);
    }
    c.send(&announce(3));
    c.send(b"abc");
    assert_answer(&mut c, "200 OK\r\n", true);
    pass_quietly(&mut c, seconds(15));
    assert_eq!(c.received(), b"");
    assert!(c.is_closed() && !c.is_reset());
}

#[test]
fn a_connection_of_more_than_an_hour_is_closed_after_its_next_response() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    for _ in 0..360 {
        c.send(GET);
        assert_answer(&mut c, "200 OK\r\n", true);
        c.advance(seconds(10));
    }
    c.advance(MOMENT);
    c.send(GET);
    assert_answer(&mut c, "200 OK\r\n", false);
}

#[test]
fn after_our_fin_the_client_has_two_seconds() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(b"BAD\r\n\r\n");
    assert_answer(&mut c, "400 Bad Request\r\n", false);
    for _ in 0..4 {
        c.send(b"what a client sends that has not seen our FIN moves nothing");
        c.advance(Duration::from_millis(499));
        assert!(!c.is_over());
    }
    c.advance(Duration::from_millis(4));
    assert!(c.is_over() && !c.is_reset());
    assert_eq!(c.received(), b"");
}

/// An early answer to a client that has just begun to send.
fn refused(c: &mut TestConnection) {
    c.send(&announce(30 << 20));
    assert_answer(c, "413 Content Too Large\r\n", false);
}

#[test]
fn a_client_that_still_sends_its_body_is_read_to_the_end() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    refused(&mut c);
    // However much it is, as long as it comes: 30 MB in 29 s, with pauses.
    for _ in 0..29 {
        c.send(&vec![b'x'; 1 << 20]);
        c.advance(seconds(1));
        assert!(!c.is_over());
    }
    c.send(&vec![b'x'; 1 << 20]);
    assert!(!c.is_over());
    c.half_close();
    assert!(c.is_over() && !c.is_reset());
    assert_eq!(c.received(), b"");
}

#[test]
fn nothing_is_read_for_more_than_thirty_seconds_after_our_fin() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    refused(&mut c);
    for _ in 0..29 {
        c.send(&vec![b'x'; 1 << 20]);
        c.advance(seconds(1));
    }
    c.advance(seconds(1) - MOMENT);
    assert!(!c.is_over());
    c.send(b"x");
    c.advance(MOMENT);
    assert!(c.is_over() && !c.is_reset());
}

#[test]
fn a_client_that_stops_or_dawdles_after_our_fin_is_left() {
    let app = app();
    let client = app.test();
    // Fast, then a pause.
    let mut c = client.connect();
    refused(&mut c);
    c.send(&vec![b'x'; 5 << 20]);
    c.advance(seconds(2) - MOMENT);
    assert!(!c.is_over());
    c.advance(MOMENT);
    assert!(c.is_over() && !c.is_reset());
    // 400 bytes a second: less than the least rate of a body.
    let mut c = client.connect();
    refused(&mut c);
    c.send(&[b'x'; 400]);
    c.advance(seconds(1));
    assert!(!c.is_over());
    c.send(&[b'x'; 400]);
    c.advance(seconds(1));
    assert!(c.is_over() && !c.is_reset());
}

#[test]
fn a_linger_without_end_or_length_is_what_it_says() {
    let app = app();
    let instant = [Duration::ZERO, Duration::from_nanos(1)];
    let instants = instant.map(|time| [(time, seconds(2), MOMENT), (seconds(30), time, MOMENT)]).into_iter().flatten();
    let endless = [(Duration::MAX, seconds(2), seconds(2)), (seconds(30), Duration::MAX, seconds(30))];
    for (linger, linger_idle, lasts) in instants.chain(endless) {
        let client = app.test().timeouts(Timeouts { linger, linger_idle, ..Timeouts::default() });
        let mut c = client.connect();
        c.send(b"BAD\r\n\r\n");
        assert_answer(&mut c, "400 Bad Request\r\n", false);
        if lasts > MOMENT {
            c.advance(lasts - MOMENT);
            assert!(!c.is_over(), "{linger:?}, {linger_idle:?}");
        }
        c.advance(MOMENT);
        assert!(c.is_over() && !c.is_reset(), "{linger:?}, {linger_idle:?}");
    }
    let client =
        app.test().timeouts(Timeouts { linger: Duration::MAX, linger_idle: Duration::MAX, ..Timeouts::default() });
    let mut c = client.connect();
    c.send(b"BAD\r\n\r\n");
    assert_answer(&mut c, "400 Bad Request\r\n", false);
    c.advance(Duration::MAX);
    assert!(!c.is_over(), "never is never");
    c.half_close();
    assert!(c.is_over() && !c.is_reset());
}

// Answers.

#[test]
fn a_response_that_the_client_does_not_read_is_aborted_after_ten_seconds() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.set_write_capacity(0);
    c.send(GET);
    pass_quietly(&mut c, seconds(10));
    assert_eq!(c.received(), b"");
    assert!(c.is_reset());
}

#[test]
fn an_answer_that_moves_fast_enough_may_pause() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.set_write_capacity(0);
    c.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    for _ in 0..4 {
        c.advance(seconds(10) - MOMENT);
        assert!(!c.is_closed());
        c.set_write_capacity(200_000);
        assert_eq!(c.take_received().len(), 200_000);
    }
    c.advance(seconds(10) - MOMENT);
    assert!(!c.is_closed());
    c.set_write_capacity(usize::MAX);
    assert!(c.received().len() > 200_000);
    assert!(!c.is_closed());
    // And then the connection is as good as any.
    c.take_received();
    c.send(GET);
    assert_answer(&mut c, "200 OK\r\n", true);
}

#[test]
fn an_answer_that_pauses_too_long_is_cut_off() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.set_write_capacity(0);
    c.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    c.advance(seconds(9));
    c.set_write_capacity(200_000);
    c.take_received();
    pass_quietly(&mut c, seconds(10));
    assert!(c.is_reset());
}

#[test]
fn a_client_has_ten_seconds_of_grace_and_then_takes_500_bytes_a_second() {
    for (bytes, lives) in [(499, false), (500, true)] {
        let app = app();
        let client = app.test();
        let mut c = client.connect();
        c.set_write_capacity(10_000); // what the kernel's buffer swallows says nothing about the reader
        c.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
        for _ in 0..9 {
            c.set_write_capacity(bytes);
            c.advance(seconds(1));
            assert!(!c.is_reset(), "within the grace");
        }
        c.set_write_capacity(bytes);
        c.advance(seconds(1) - MOMENT);
        assert!(!c.is_reset(), "within the grace");
        c.set_write_capacity(if lives { 1 } else { 0 });
        c.advance(MOMENT);
        assert_eq!(!c.is_reset(), lives, "{bytes} bytes a second");
    }
}

#[test]
fn a_client_that_reads_nothing_is_not_read_either() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.set_write_capacity(0);
    c.send(GET);
    // Requests are signs of life, but not of taking answers.
    for _ in 0..9 {
        c.send(GET);
        c.advance(seconds(1));
    }
    assert_silent(&mut c);
    c.advance(seconds(1));
    assert!(c.is_reset());
}

#[test]
fn a_refusal_that_the_client_does_not_read_is_aborted_too() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.set_write_capacity(0);
    c.send(b"G");
    c.advance(seconds(10));
    assert_silent(&mut c);
    pass_quietly(&mut c, seconds(10));
    assert_eq!(c.received(), b"");
    assert!(c.is_reset());
}

#[test]
fn a_head_that_waited_for_a_response_has_its_ten_seconds_from_its_first_parse() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.set_write_capacity(0);
    c.send(&[GET, &GET[..5]].concat());
    c.advance(seconds(9));
    c.set_write_capacity(usize::MAX);
    assert_answer(&mut c, "200 OK\r\n", true);
    pass_quietly(&mut c, seconds(10));
    assert_too_late(&mut c, "The head of the request did not arrive in time");
}

#[test]
fn time_that_passes_in_one_step_is_the_same_as_in_many() {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    c.send(&announce(10));
    c.advance(seconds(3600));
    assert_too_late(&mut c, SLOW);
    assert!(c.is_over());
}

/// Every time of [`Timeouts`] at both ends of what a `Duration` can say.
#[test]
fn times_without_end_and_without_length_neither_wrap_nor_panic() {
    let fields: [fn(&mut Timeouts) -> &mut Duration; 13] = [
        |timeouts| &mut timeouts.head,
        |timeouts| &mut timeouts.body_idle,
        |timeouts| &mut timeouts.write_idle,
        |timeouts| &mut timeouts.body_grace,
        |timeouts| &mut timeouts.write_grace,
        |timeouts| &mut timeouts.keep_alive,
        |timeouts| &mut timeouts.keep_alive_near_limit,
        |timeouts| &mut timeouts.max_age,
        |timeouts| &mut timeouts.linger,
        |timeouts| &mut timeouts.linger_idle,
        |timeouts| &mut timeouts.heartbeat,
        |timeouts| &mut timeouts.drain_idle,
        |timeouts| &mut timeouts.shutdown,
    ];
    let mut app = App::new();
    app.post("/", |req: &wirelight::Request| req.body().len().to_string());
    for (number, field) in fields.into_iter().enumerate() {
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let mut timeouts = Timeouts::default();
            *field(&mut timeouts) = time;
            let client = app.test().timeouts(timeouts);
            let mut c = client.connect();
            for _ in 0..2 {
                c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
                assert!(c.take_received().ends_with(b"4"), "field {number}, {time:?}");
            }
            if time == Duration::MAX {
                c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
                c.advance(Duration::from_secs(1));
                c.send(b"dy");
                assert!(c.take_received().ends_with(b"4"), "never is not at once: field {number}");
            } else {
                c.advance(Duration::from_secs(1));
            }
        }
    }
}

/// Its table has the numbers that a server has without options.
#[test]
fn the_defaults_are_those_of_the_readme() {
    let (limits, times) = (Limits::default(), Timeouts::default());
    let seconds = |time: Duration| time.as_secs();
    let rows = [
        format!("| request head | {} KiB, {} fields | 431 |", limits.head >> 10, limits.fields),
        format!("| request line | {} KiB | 414 |", limits.request_line >> 10),
        format!("| request body | {} MiB, per route | 413 |", limits.body >> 20),
        format!("| whole head | {} s from its first byte | 408 |", seconds(times.head)),
        format!(
            "| body | {} s between reads, and {} bytes a second after {} s | 408 |",
            seconds(times.body_idle),
            times.body_rate,
            seconds(times.body_grace)
        ),
        format!(
            "| response | {} s without progress, and {} bytes a second after {} s | reset |",
            seconds(times.write_idle),
            times.write_rate,
            seconds(times.write_grace)
        ),
        format!(
            "| idle keep-alive connection | {} s; {} s near the connection limit | closed |",
            seconds(times.keep_alive),
            seconds(times.keep_alive_near_limit)
        ),
        format!("| graceful stop | {} s for open exchanges | aborted, exit code 1 |", seconds(times.shutdown)),
    ];
    let readme = include_str!("../README.md");
    rows.iter().for_each(|row| assert!(readme.contains(row), "README.md: {row}"));
}
