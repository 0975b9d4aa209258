//! Every guided experiment against the real connection code in virtual time: what `src/wire/experiments.json` promises comes true.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use wirelight::{App, FAULTS, TestConnection, Trace, explain};

#[path = "../src/escape.rs"]
mod escape;
#[path = "../src/experiment.rs"]
mod experiment;
#[path = "../src/experiment_app.rs"]
mod experiment_app;
#[path = "../src/responses.rs"]
mod responses;
mod support;

use experiment::{Experiment, Step};
use responses::RawResponse;
use support::bounded;
use support::trace::{self, Output};

fn app() -> App {
    experiment_app::app(Duration::ZERO)
}

fn everything() -> Vec<Experiment> {
    experiment::list("experiments").into_iter().chain(experiment::list("extras")).collect()
}

fn ask(app: &App) -> u16 {
    app.test().get("/hello").send().status().as_u16()
}

fn statuses(answers: &[RawResponse]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// Runs the delivery, and checks what must be visible before the long wait.
fn play(experiment: &Experiment, app: &App, connection: &mut TestConnection<'_>, heads: &[bool]) {
    if let Some(room) = experiment.number("room") {
        connection.set_write_capacity(room as usize);
    }
    for step in experiment.steps() {
        match step {
            Step::Send(bytes) => bytes.chunks(64 * 1024).for_each(|bytes| connection.send(bytes)),
            Step::Wait(time) => connection.advance(Duration::from_millis(time)),
            Step::HalfClose => connection.half_close(),
            Step::Hold(time) => {
                let seen = statuses(&responses::read(connection.received(), heads));
                assert_eq!(Some(seen), experiment.statuses("early"), "{}: before the wait", experiment.text("name"));
                assert!(!connection.is_closed());
                look_from_beside(experiment, app);
                connection.advance(Duration::from_millis(time));
            }
        }
    }
    if experiment.number("room").is_some() {
        assert_eq!(connection.received().len() as u64, experiment.number("room").unwrap());
        look_from_beside(experiment, app);
        connection.set_write_capacity(usize::MAX);
    }
}

fn look_from_beside(experiment: &Experiment, app: &App) {
    for status in experiment.statuses("other").unwrap_or_default() {
        assert_eq!(ask(app), status, "{}: another client", experiment.text("name"));
    }
}

/// The events of one experiment.
fn watched(drive: impl FnOnce(&App, &mut TestConnection<'_>)) -> Vec<Value> {
    let (page, app) = (Output::default(), app());
    {
        let client = app.test().trace(Trace::json().to(page.clone()));
        drive(&app, &mut client.connect());
    }
    trace::events(&page.text())
}

/// An event that decides something, in a few words.
fn decisive(event: &Value) -> Option<String> {
    let name = event["e"].as_str()?;
    let word = match name {
        "parse.head" | "conn.half-close" | "backpressure" => None,
        "body.end" => Some(event["len"].to_string()),
        "body.plan" if event["plan"] == "none" => return None,
        "body.plan" => event["plan"].as_str().map(str::to_owned),
        "resp.head" => Some(event["status"].to_string()),
        "req.error" => event["kind"].as_str().map(str::to_owned),
        "req.continue" => Some(if event["sent"] == true { "sent" } else { "not sent" }.to_owned()),
        "route.miss" => event["allow"].as_str().map(str::to_owned),
        "conn.timer" if event["fired"] == true => event["kind"].as_str().map(str::to_owned),
        "keepalive" => Some(if event["keep"] == true { "keep" } else { "close" }.to_owned()),
        _ => return None,
    };
    Some(word.map_or_else(|| name.to_owned(), |word| format!("{name} {word}")))
}

fn is_subsequence(expected: &[&str], events: &[String]) -> bool {
    let mut events = events.iter();
    expected.iter().all(|word| events.any(|event| event == word))
}

/// The faults that the responses name.
fn told(answers: &[RawResponse]) -> BTreeSet<&'static str> {
    let bodies: Vec<_> = answers.iter().map(|answer| String::from_utf8_lossy(&answer.body)).collect();
    let row = FAULTS.iter().filter(|row| bodies.iter().any(|body| body.contains(&format!("\"{}", row.message))));
    row.map(|row| row.name).collect()
}

#[test]
fn every_experiment_comes_out_as_the_file_says() {
    let mut provoked = BTreeSet::new();
    for experiment in everything().iter().filter(|experiment| experiment.bad_response().is_none()) {
        let (name, app) = (experiment.text("name"), app());
        let heads = responses::heads(&experiment.sent());
        let client = app.test();
        let mut connection = client.connect();
        play(experiment, &app, &mut connection, &heads);
        let answers = responses::read(connection.received(), &heads);
        assert_eq!(Some(statuses(&answers)), experiment.statuses("statuses"), "{name}: {answers:?}");
        assert!(answers.iter().all(|answer| answer.whole), "{name}: {answers:?}");
        let end = if connection.is_closed() { "close" } else { "open" };
        assert_eq!(end, experiment.text("end"), "{name}");
        assert!(!connection.is_reset(), "{name}: closed in stages");
        assert_eq!(told(&answers), experiment.texts("faults").into_iter().collect(), "{name}: {answers:?}");
        provoked.extend(told(&answers));
        for header in experiment.texts("headers") {
            let head = String::from_utf8_lossy(&answers.last().unwrap().head).into_owned();
            assert!(head.contains(&format!("\r\n{header}: ")), "{name}: {header}");
        }
        for (answer, words) in answers.iter().zip(experiment.texts("bodies")) {
            assert!(String::from_utf8_lossy(&answer.body).contains(words), "{name}: {words}");
        }
    }
    // A full pool answers this by itself, long after the bytes were found to be in order.
    provoked.insert("overloaded");
    let missed: Vec<_> = FAULTS.iter().map(|row| row.name).filter(|name| !provoked.contains(name)).collect();
    assert!(missed.is_empty(), "no experiment provokes {missed:?}");
}

#[test]
fn the_events_are_the_ones_in_the_file() {
    let mut steps = BTreeSet::new();
    for experiment in everything().iter().filter(|experiment| experiment.bad_response().is_none()) {
        let (name, heads) = (experiment.text("name"), responses::heads(&experiment.sent()));
        let events = watched(|app, connection| play(experiment, app, connection, &heads));
        let words: Vec<_> = events.iter().filter_map(decisive).collect();
        let expected = experiment.texts("events");
        assert!(is_subsequence(&expected, &words), "{name}: expected {expected:?} among {words:?}");
        assert!(!expected.is_empty(), "{name}: no events: {words:?}");
        let error = events.iter().find(|event| event["e"] == "req.error");
        if let (Some(at), Some(error)) = (experiment.number("at"), error) {
            assert_eq!(error["at"].as_u64(), Some(at), "{name}");
        }
        let states = events.iter().filter(|event| event["e"] == "conn.state");
        steps.extend(states.map(|event| (event["from"].to_string(), event["to"].to_string())));
    }
    let table = transitions();
    let missed: Vec<_> = table.difference(&steps).collect();
    assert!(steps.is_subset(&table), "{:?}", steps.difference(&table));
    assert!(missed.iter().all(|(from, to)| ELSEWHERE.contains(&(&**from, &**to))), "no experiment takes {missed:?}");
}

/// What no experiment does. After a 101 the socket has a new owner, so a real one is needed: `tests/uploads.rs` and the websocket example go
/// there. An empty line before the end is what clients did long ago: the corpus has it (`rl-empty-after-body-close`).
const ELSEWHERE: [(&str, &str); 2] = [("\"send.Respond\"", "\"send.Switched\""), ("\"recv.Head\"", "\"recv.Closed\"")];

/// The table of states in the first event of a trace.
fn transitions() -> BTreeSet<(String, String)> {
    let page = Output::default();
    let server = wirelight::Server::bind("127.0.0.1:0").unwrap().signals(false).trace(Trace::json().to(page.clone()));
    server.handle().stop_now();
    server.run(app()).unwrap();
    let start = &trace::events(&page.text())[0];
    let rows = start["transitions"].as_array().unwrap();
    rows.iter().map(|row| (row[0].to_string(), row[1].to_string())).collect()
}

/// What an experiment was seen to do comes out of the parser again when the capture of it is replayed.
#[test]
fn every_capture_replays() {
    for experiment in everything().iter().filter(|one| one.bad_response().is_none() && one.sent().len() < 200_000) {
        let events =
            watched(|app, connection| play(experiment, app, connection, &responses::heads(&experiment.sent())));
        let capture: String = events.iter().map(|event| format!("{event}\n")).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
        command.args(["replay", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let (mut child, leash) = bounded::leashed(&mut command);
        let mut input = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(capture.as_bytes()));
        let output = leash.output(child);
        bounded::joined(writer).unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{}: {text}", experiment.text("name"));
        assert!(text.ends_with(" 0 different\n"), "{}: {text}", experiment.text("name"));
    }
}

/// T4: how the network cuts the bytes decides nothing: whole, byte by byte, and cut in two at every place (long
/// ones at some 64: what makes them long is repetition).
#[test]
fn every_cut_has_the_same_events() {
    for experiment in everything().iter().filter(|one| one.bad_response().is_none() && one.sent().len() < 20_000) {
        let sent = experiment.sent();
        let of = |pieces: Vec<&[u8]>| {
            trace::message_events(&watched(|_, connection| pieces.iter().for_each(|piece| connection.send(piece))))
        };
        let (name, whole) = (experiment.text("name"), of(vec![&sent]));
        let small = sent.chunks(1 + sent.len() / 256).collect();
        assert_eq!(of(small), whole, "{name}: byte by byte");
        for cut in (1..sent.len()).step_by(1 + sent.len() / 1024 * 16) {
            assert_eq!(of(vec![&sent[..cut], &sent[cut..]]), whole, "{name}: cut at {cut}");
        }
    }
}

#[test]
fn the_guilty_byte_is_the_one_in_the_file() {
    for experiment in everything() {
        let Some(at) = experiment.number("at") else { continue };
        let (sent, mut start) = (experiment.sent(), 0);
        // The fault may be in a later request of the same bytes.
        let (name, found) = loop {
            let (explanation, length) = responses::message(&sent[start..]);
            if let Some(first) = explanation.diagnostics().first() {
                break (first.name, start + first.at);
            }
            start += length;
        };
        assert_eq!((name, found as u64), (experiment.texts("faults")[0], at), "{}", experiment.text("name"));
    }
}

#[test]
fn a_server_that_makes_the_mistake_leaves_its_client_waiting() {
    let experiment = everything().into_iter().find(|experiment| experiment.bad_response().is_some()).unwrap();
    let answers = responses::read(&experiment.bad_response().unwrap(), &[false]);
    assert_eq!((answers.len(), answers[0].status, answers[0].body.len(), answers[0].whole), (1, 200, 85, false));
}

#[test]
fn the_file_is_in_order() {
    let all = everything();
    let guided = experiment::list("experiments");
    assert_eq!(guided.len(), 26);
    let names: BTreeSet<_> = all.iter().map(|experiment| experiment.text("name").to_owned()).collect();
    assert!(names.len() >= 63, "a name for each, {} of {}", names.len(), all.len());
    for experiment in &guided {
        let name = experiment.text("name");
        for field in ["title", "question", "why", "change"] {
            assert!(experiment.text(field).len() > 2, "{name}: {field}");
        }
        let choices = experiment.texts("choices");
        assert!(choices.len() >= 2 && (experiment.number("right").unwrap() as usize) < choices.len(), "{name}");
        let for_all = experiment.right_outcomes().is_some();
        assert!(for_all || experiment.bad_response().is_some() || experiment.number("route").is_none(), "{name}");
        assert!(["first", "break", "attack"].contains(&experiment.text("shelf")), "{name}");
        for (outcome, reason) in experiment.tolerated_outcomes() {
            assert!(reason.len() > 20, "{name}: {outcome} is tolerated without a reason");
            assert!(!experiment.right_outcomes().unwrap().contains(&outcome), "{name}: {outcome}");
        }
        // Each choice that is wrong, and not allowed either, has a reply.
        let replies = experiment.texts("replies");
        assert_eq!(replies.len(), choices.len(), "{name}");
        for (place, reply) in replies.iter().enumerate() {
            let is_good = experiment.number("right") == Some(place as u64) || experiment.allowed().contains(&place);
            assert_eq!(reply.is_empty(), is_good, "{name}: {place}: {reply}");
            assert!(reply.is_empty() || reply.ends_with('.'), "{name}: {reply}");
        }
        // What the RFC allows besides is another choice, and the reason for ours is given.
        let others = experiment.allowed();
        assert!(
            others.iter().all(|one| *one < choices.len() && Some(*one as u64) != experiment.number("right")),
            "{name}"
        );
        assert_eq!(others.is_empty(), experiment.text("policy").is_empty(), "{name}");
    }
}

#[test]
fn a_play_can_have_a_run_and_a_path_of_its_own() {
    let sent = |one: Experiment| String::from_utf8(one.sent()).unwrap();
    let find = |name: &str| everything().into_iter().find(|one| one.text("name") == name).unwrap();
    assert!(sent(find("knock-eleven-times").in_run(7)).starts_with("GET /limited?run=7 HTTP/1.1\r\n"));
    assert!(sent(find("no-host").in_run(7)).starts_with("GET /hello HTTP/1.1\r\n"));
    assert!(sent(find("no-host").at_path("/")).starts_with("GET / HTTP/1.1\r\n"));
    assert!(sent(find("chunked").at_path("/a")).starts_with("POST /a HTTP/1.1\r\n"));
    assert!(find("early-refusal").is_busy() && !find("chunked").is_busy());
}

/// The same answer every time is right no more often than a guess, be it the same place or the longest choice.
#[test]
fn the_right_choice_has_no_favourite_place_and_length() {
    let guided = experiment::list("experiments");
    for place in 0..3 {
        let count = guided.iter().filter(|experiment| experiment.number("right") == Some(place)).count();
        assert!((7..=10).contains(&count), "{count} of {} are right at place {place}", guided.len());
    }
    let is_longest = |experiment: &&Experiment| {
        let lengths: Vec<_> = experiment.texts("choices").iter().map(|choice| choice.len()).collect();
        let right = experiment.number("right").unwrap() as usize;
        lengths.iter().enumerate().all(|(place, length)| place == right || *length < lengths[right])
    };
    let count = guided.iter().filter(is_longest).count();
    assert!(count <= 10, "the longest choice is the right one in {count} of {}", guided.len());
}

#[test]
fn every_section_exists() {
    let path = format!("{}/../tests/data/rfc-sections.txt", env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(path).unwrap();
    let known: BTreeSet<&str> = list.lines().filter_map(|line| line.split('\t').next()).collect();
    for experiment in experiment::list("experiments") {
        for section in experiment.texts("rfc") {
            assert!(known.contains(section), "{}: {section}", experiment.text("name"));
        }
        for finding in explain::message(&experiment.sent()).diagnostics() {
            assert!(known.contains(finding.rfc), "{finding}");
        }
    }
}

/// The page of a learner: everything of the file except the proof of the outcome.
fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    for (index, experiment) in experiment::list("experiments").iter().enumerate() {
        let text = |field| experiment.text(field);
        let delivery = experiment.delivery();
        page += &format!("\n## {}. {}\n\n`{}`\n\n```text\n{delivery}```\n\n", index + 1, text("title"), text("name"));
        page += &format!("{}\n\n", text("question"));
        for choice in experiment.texts("choices") {
            page += &format!("- {choice}\n");
        }
        page += &outcome(experiment);
        page += &format!("\nChange it: {}\n\n```sh\n{}\n```\n", text("change"), experiment.command("demo"));
    }
    page + FIELDS
}

/// What happens, and why.
fn outcome(experiment: &Experiment) -> String {
    let text = |field| experiment.text(field);
    let choices = experiment.texts("choices");
    let right = choices[experiment.number("right").unwrap() as usize];
    let mut page = format!("\n<details><summary>What happens</summary>\n\n**{right}.** {}\n", text("why"));
    if !text("policy").is_empty() {
        let also: Vec<_> = experiment.allowed().iter().map(|place| format!("“{}”", choices[*place])).collect();
        page += &format!("The RFC allows {} as well. {}\n", also.join(" and "), text("policy"));
    }
    for (choice, reply) in choices.iter().zip(experiment.texts("replies")).filter(|(_, reply)| !reply.is_empty()) {
        page += &format!("\n“{choice}”? {reply}\n");
    }
    let statuses: Vec<_> = experiment.statuses("statuses").unwrap().iter().map(u16::to_string).collect();
    let responses = match (experiment.bad_response(), &*statuses) {
        (Some(answer), _) => {
            let shown = escape::shortened(&answer, 400).replace('␊', "␊\n");
            page += &format!("\n```text\n{}\n```\n", shown.trim_end());
            "the response above".to_owned()
        }
        (None, []) => "no response".to_owned(),
        (None, [first, .., last]) if statuses.len() > 3 => format!("{} × {first}, then {last}", statuses.len() - 1),
        (None, _) => statuses.join(", "),
    };
    let end = if text("end") == "open" { "stays open" } else { "is closed by the server" };
    page += &format!("\nOutcome: {responses}; the connection {end}. {}.\n", experiment.texts("rfc").join(", "));
    for row in FAULTS.iter().filter(|row| experiment.texts("faults").contains(&row.name)) {
        let at = experiment.number("at").map_or(String::new(), |at| format!(", at byte {at}"));
        page += &format!("Fault `{}`{at}: {} ({}).\n", row.name, row.message, row.rfc);
    }
    page + "\n</details>\n"
}

const INTRODUCTION: &str = "\
# Experiments

Twenty-six things to try on a server, each with a question to answer first: you remember what you predicted.
`wirelight poke --experiment` lists them; `wirelight poke --experiment NAME` plays one, by name or number, on a server of its own,
which waits 2 s for a head or a body instead of the usual 10; with `--both` it shows both sides on one axis. With an address,
`:8000`, it plays on a running server: start that with `wirelight --trace` and see its side there.
`wirelight poke --suite :8000` plays those that fit any HTTP/1.1 server, yours too.

The command after \"Change it\" sends the same bytes in the same way, to edit. This page is made from `src/wire/experiments.json`, and
every outcome in it is proven by `cli/tests/experiments.rs`.
";

const FIELDS: &str = "
## The file

`src/wire/experiments.json` holds `experiments` and, to reach every fault and every state, `extras`. For programs that play them elsewhere:

| field | what it says |
| --- | --- |
| `plan` | the delivery, step by step: `send` (a character is the byte of its number; `times` repeats it, `fill` adds so many `x`, \
`every` cuts it with a `gap` in ms), `gap` (a pause), `hold` (silence in which a timeout of the server may pass), `half_close` |
| `shelf` | `first`, `break` or `attack`: where the list shows it |
| `question`, `choices`, `right` | what to predict; the right choice counts from 0 |
| `replies` | what to say to each choice; empty for the right one and for those that the RFC allows |
| `allowed`, `policy` | other choices that the RFC allows, and why this server decides otherwise |
| `busy` | the client reads only after it has sent everything |
| `early`, `statuses`, `end` | the responses before the silence, all responses, and whether the connection is `open` or the server `close`d it |
| `events` | a subsequence of the trace: names of events, with the word that decides |
| `faults`, `at` | rows of the fault table that are provoked, and the offset of the byte at fault |
| `headers`, `bodies` | fields of the last response, words in the bodies of the responses |
| `other`, `room` | what another client gets meanwhile; bytes that the client reads before it pauses |
| `answer` | the response of a server that makes the mistake itself |
| `suite` | outcomes of other servers that are `right` or `tolerated`, these with the name of their reason in `reasons`: statuses, `ok` for \
any that takes the request for valid, and the end |
| `route` | it needs a route of the demo |
| `rfc`, `why`, `change` | the sections, the reason, what to try next |
";

#[test]
fn the_page_is_fresh() {
    let path = format!("{}/../docs/experiments.md", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page(), "docs/experiments.md is stale: UPDATE_DOCS=1 cargo test --test experiments");
}
