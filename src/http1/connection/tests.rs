//! The connection under every exchange, however its bytes are cut, held against the transition table.

use proptest::prelude::*;

use super::*;
use crate::http1::encode::{Content, Persistence, ResponseFraming};
use crate::http1::fault::{Fault, ProtocolError};
use crate::http1::head::Head;
use crate::http1::limits::Limits;
use crate::http1::method::Method;
use crate::http1::states::{TRANSITIONS, Transition};
use crate::http1::status::StatusCode;

/// A peer that sends bytes piece by piece, and a server that answers every request with an empty 200.
struct Exchange {
    connection: Connection,
    head: Head,
    buffer: Vec<u8>,
    steps: Vec<Step>,
    /// Every state that was seen at the end of a step, in order.
    states: Vec<(Recv, Send)>,
}

/// One thing that happened, without the waiting.
#[derive(Debug, PartialEq)]
enum Step {
    Head,
    Request { method: Method, target: Vec<u8>, body: Vec<u8> },
    Refused(ProtocolError),
    Answer(ResponseFraming, Persistence),
    Eof,
}

impl Exchange {
    fn new() -> Exchange {
        let connection = Connection::new();
        let states = vec![connection.states()];
        Exchange { connection, head: Head::default(), buffer: Vec::new(), steps: Vec::new(), states }
    }

    /// Sends the pieces, then FIN.
    fn all<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Exchange {
        let mut play = Exchange::new();
        for piece in pieces {
            play.send(piece);
        }
        play.finish();
        play
    }

    fn send(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
        while self.step() {}
    }

    fn finish(&mut self) {
        if self.over() {
            return;
        }
        match self.connection.receive_eof(&self.buffer, &mut self.head, &LIMITS) {
            Ok(()) => self.steps.push(Step::Eof),
            Err(reject) => self.refuse(reject),
        }
        self.note();
    }

    fn over(&self) -> bool {
        self.connection.waiting() == Waiting::Close
    }

    /// `false`: nothing more happens until more bytes come.
    fn step(&mut self) -> bool {
        if self.over() {
            return false;
        }
        let event = self.connection.receive(&mut self.buffer, &mut self.head, &LIMITS);
        self.note();
        match event {
            Ok(Event::NeedData) => {
                if let Some(gap) = self.connection.compact() {
                    self.buffer.drain(gap);
                }
                return false;
            }
            Ok(Event::Head) => {
                self.steps.push(Step::Head);
                match self.connection.set_body_limit(LIMITS.body, &self.head) {
                    Err(reject) => self.refuse(reject),
                    Ok(()) if self.connection.expects_body() => {}
                    Ok(()) => self.answer(),
                }
            }
            Ok(Event::End) => self.answer(),
            Ok(Event::Paused | Event::Eof) => panic!("it was answered, and it goes on"),
            Err(reject) => self.refuse(reject),
        }
        true
    }

    fn answer(&mut self) {
        let body = self.buffer[self.connection.body()].to_vec();
        let target = self.head.target.whole.of(&self.buffer).to_vec();
        self.steps.push(Step::Request { method: self.head.method, target, body });
        self.respond(StatusCode::OK);
    }

    fn refuse(&mut self, reject: ProtocolError) {
        self.note();
        self.steps.push(Step::Refused(reject));
        self.respond(reject.fault.info().status);
    }

    fn respond(&mut self, status: StatusCode) {
        let (length, persistence) = self.connection.respond(status, Content::Length(0), false);
        self.steps.push(Step::Answer(length, persistence));
        match self.connection.finish_response() {
            Some(taken) => {
                self.note();
                self.buffer.drain(..taken);
            }
            None => {
                self.note();
                self.connection.close();
                self.note();
            }
        }
    }

    fn note(&mut self) {
        self.states.push(self.connection.states());
    }
}

const LIMITS: Limits = Limits {
    head: 512,
    request_line: 128,
    fields: 8,
    body: 64,
    bodies: u64::MAX,
    chunk_extension: 16,
    chunk_extensions: 32,
    trailers: 64,
};

/// Exchanges of every kind, each whole in itself: what follows one that stays is another one's beginning.
const EXCHANGES: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\r\nGET /behind?an=empty&line HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/absolute HTTP/1.1\r\nHost: b\r\n\r\n",
    b"GET /newer HTTP/1.7\r\nHost: a\r\n\r\n",
    b"GET /old HTTP/1.0\r\n\r\n",
    b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nGET / HTTP/",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;ext=\"a\"\r\n!\r\n0\r\nTrailer: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30\r\n................................................\r\n30\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloGET",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
    b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost\t\r\n\r: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
];

/// The rows that lead from one state to another, the fewest that do.
fn way(from: State, to: State) -> Option<Vec<&'static Transition>> {
    let rows = |from: State| TRANSITIONS.iter().filter(move |row| row.from == from);
    if from == to {
        return Some(Vec::new());
    }
    let direct = rows(from).find(|row| row.to == to).map(|row| vec![row]);
    direct.or_else(|| rows(from).find_map(|one| rows(one.to).find(|two| two.to == to).map(|two| vec![one, two])))
}

/// The rows that a play went through. Fed byte by byte, a step is one row on each side, but for the end of an exchange.
fn rows_of(play: &Exchange) -> Vec<&'static Transition> {
    let steps = play.states.windows(2).flat_map(|pair| {
        let ((recv, send), (to_recv, to_send)) = (pair[0], pair[1]);
        [(State::Recv(recv), State::Recv(to_recv)), (State::Send(send), State::Send(to_send))]
    });
    let explain = |(from, to)| way(from, to).unwrap_or_else(|| panic!("{from:?} became {to:?}: {:?}", play.states));
    steps.flat_map(explain).collect()
}

/// A request whose answer comes in pieces, or is the end of HTTP.
fn play_later(request: &[u8], status: StatusCode) -> Exchange {
    let mut play = Exchange::new();
    for end in 1..=request.len() {
        play.connection.receive(&mut request[..end].to_vec(), &mut play.head, &LIMITS).unwrap();
        play.note();
    }
    play.connection.respond(status, Content::Streamed, false);
    if status == StatusCode::SWITCHING_PROTOCOLS {
        play.connection.switch_protocols();
        play.note();
        return play;
    }
    play.connection.begin_body();
    play.note();
    play.connection.finish_response();
    play.note();
    play
}

#[test]
fn every_row_of_the_table_is_provoked_and_nothing_else_happens() {
    let mut provoked: Vec<&Transition> = Vec::new();
    for exchange in EXCHANGES {
        // Whole, and broken off at every byte: then silence, FIN, or a timer.
        for end in 0..=exchange.len() {
            provoked.extend(rows_of(&Exchange::all(exchange[..end].chunks(1))));
            let mut play = Exchange::new();
            exchange[..end].iter().for_each(|byte| play.send(&[*byte]));
            if !play.over()
                && play.connection.expire(&play.buffer, &mut play.head, &LIMITS, Fault::HeadTimeout).is_some()
            {
                play.note();
                play.respond(StatusCode::REQUEST_TIMEOUT);
            }
            provoked.extend(rows_of(&play));
        }
    }
    for request in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"GET / HTTP/1.0\r\n\r\n"] {
        for status in [StatusCode::OK, StatusCode::SWITCHING_PROTOCOLS] {
            provoked.extend(rows_of(&play_later(request, status)));
        }
    }
    for row in TRANSITIONS {
        let seen = provoked.iter().any(|other| (other.from, other.to) == (row.from, row.to));
        assert!(seen, "{:?} to {:?}: {}", row.from, row.to, row.why);
    }
}

#[test]
fn every_state_is_in_the_table_and_the_ends_are_ends() {
    for row in TRANSITIONS {
        assert!(!row.why.is_empty());
        assert_ne!(row.from, row.to);
        let twice = TRANSITIONS.iter().filter(|other| (other.from, other.to) == (row.from, row.to)).count();
        assert_eq!(twice, 1, "{:?} to {:?}", row.from, row.to);
    }
    for end in
        [State::Recv(Recv::Closed), State::Recv(Recv::Failed), State::Send(Send::Closed), State::Send(Send::Switched)]
    {
        assert!(TRANSITIONS.iter().all(|row| row.from != end), "{end:?}");
        assert!(TRANSITIONS.iter().any(|row| row.to == end), "{end:?}");
    }
}

#[test]
fn an_exchange_cut_anywhere_tells_the_same_story() {
    for exchange in EXCHANGES {
        let whole = Exchange::all([*exchange]).steps;
        assert_eq!(Exchange::all(exchange.chunks(1)).steps, whole, "{}", exchange.escape_ascii());
        for cut in 1..exchange.len() {
            let (one, two) = exchange.split_at(cut);
            assert_eq!(Exchange::all([one, two]).steps, whole, "{} | {}", one.escape_ascii(), two.escape_ascii());
        }
    }
}

/// What is wrong with a head, and that it is too large: both are true of these, and which one is told depends on no cut either.
#[test]
fn a_head_beyond_a_limit_cut_anywhere_tells_the_same_story() {
    let (a, f) = ("a".repeat(140), format!("f: {}\r\n", "v".repeat(120)));
    let heads = [
        format!("{a} / HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", &a[..125]),
        format!("{} /a HTTP/1.1\r\nHost: a\r\n\r\n", &a[..121]),
        format!("\r\n{a} / HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("\r\nGET /{a} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("\r\nGET /{} HTTP/1.1\r\nHost: a\r\n\r\n", &a[..114]),
        format!("\r\nGET /{} HTTP/1.1\r\nHost: a\r\n\r\n", &a[..115]),
        format!("GET /{a} HTTP/1.1\nHost: a\n\n"),
        format!("GET /{a}] HTTP/1.7\r\nHost: a\r\n\r\n"),
        format!("GET /] HTTP/1.1\r\nHost: a\r\n{}\r\n", f.repeat(4)),
        format!("GET / HTTP/1.1\r\nHost : a\r\n{}\r\n", f.repeat(4)),
        format!("GET / HTTP/1.1\r\n{}Host : a\r\n\r\n", f.repeat(4)),
        format!("GET / HTTP/1.1\r\n{}no colon\r\n{}\r\n", f.repeat(3), f.repeat(2)),
        format!("GET / HTTP/1.1\r\n{}x{}:\n\r\n", f.repeat(3), "\0".repeat(120)),
        format!("\x16{a}"),
        format!("\r\r\r\n{a}"),
        format!("\r\r{a}\n"),
    ];
    for head in &heads {
        let whole = Exchange::all([head.as_bytes()]).steps;
        for step in 1..=head.len() {
            let play = Exchange::all(head.as_bytes().chunks(step));
            assert_eq!(play.steps, whole, "in pieces of {step}: {}", head.escape_default());
        }
    }
}

#[test]
fn a_refusal_is_the_last_answer() {
    for exchange in EXCHANGES {
        let story = Exchange::all([*exchange, EXCHANGES[0]]).steps;
        if let Some(at) = story.iter().position(|told| matches!(told, Step::Refused(_))) {
            assert_eq!(story.len(), at + 2, "{story:?}");
            assert!(matches!(story[at + 1], Step::Answer(_, Persistence::Close)), "{story:?}");
        }
    }
}

/// How many bytes the parser and the search for a blank line went over while `head` came byte by byte.
fn bytes_looked_at(head: &[u8]) -> (usize, usize) {
    let limits = Limits::default();
    let (mut connection, mut parsed) = (Connection::new(), Head::default());
    let (mut buffer, mut parses, mut searches) = (Vec::new(), 0, 0);
    for byte in head {
        buffer.push(*byte);
        if connection.recv == Recv::Head {
            searches += connection.unscanned(&buffer).len();
        }
        let looked = connection.parsed_len;
        let event = connection.receive(&mut buffer, &mut parsed, &limits);
        if connection.parsed_len != looked || event != Ok(Event::NeedData) {
            parses += buffer.len();
        }
        if event != Ok(Event::NeedData) {
            break;
        }
    }
    (parses, searches)
}

#[test]
fn a_head_that_comes_byte_by_byte_is_looked_at_in_linear_time() {
    let fields = |n: usize| format!("x: {}\r\n", "y".repeat(155)).repeat(n);
    let target = "/a".repeat(4000);
    for head in [
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(98)),
        format!("GET {target} HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(48)),
        format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}", "y".repeat(16_000)),
        format!("GET / HTTP/1.1\r\n{}", "x\r".repeat(8_000)),
        "\r\n".repeat(8_000),
        "\n".repeat(16_000),
        "G".repeat(16_000),
    ] {
        let (parses, searches) = bytes_looked_at(head.as_bytes());
        // Looks at 1, 2, 4, … bytes and a last one at all of them; each search goes over one new byte and two old ones.
        assert!(parses <= 3 * head.len(), "{parses} bytes parsed: {:?}", &head[..40]);
        assert!(searches <= 3 * head.len(), "{searches} bytes searched: {:?}", &head[..40]);
    }
}

proptest! {
    #[test]
    fn any_cut_of_any_mix_of_exchanges_tells_the_same_story(
        mix in prop::collection::vec(prop::sample::select(EXCHANGES), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        end in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = mix.concat();
        if !whole {
            bytes.truncate(end.index(bytes.len()));
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let play = Exchange::all(cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]));
        prop_assert_eq!(&play.steps, &Exchange::all([&*bytes]).steps);
        rows_of(&Exchange::all(bytes.chunks(1)));
    }

    #[test]
    fn a_broken_byte_anywhere_tells_one_story_however_it_is_cut(
        exchange in prop::sample::select(EXCHANGES),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = exchange.to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let (one, two) = bytes.split_at(cut.index(bytes.len()));
        let whole = Exchange::all([&*bytes]).steps;
        prop_assert_eq!(&Exchange::all([one, two]).steps, &whole);
        prop_assert_eq!(&Exchange::all(bytes.chunks(1)).steps, &whole);
    }
}
