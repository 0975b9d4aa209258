//! Holds what `--help` prints: a page for the command and one for each subcommand, each at most 80
//! columns and 23 lines.

/// `wirelight --help`.
pub(super) const OVERVIEW: &str = "\
wirelight: the HTTP/1.1 server you can see through

Usage: wirelight [COMMAND] [options]

Commands:
  serve            serve the demo API; runs without a command, too
  poke             send any bytes to a server on this machine, or play a guided
                   experiment: a question, your prediction, the bytes, and why
  explain FILE     take a raw request or response apart
  ladder           build a server yourself, step by step: list, run, diff, check
  replay CAPTURE   parse the bytes of a capture again and compare the events
  export CAPTURE   convert a capture to text, HAR or pcap
  routes           print the routes of the demo API

Options:
  -h, --help       print this; after a command, the help of that command
  -V, --version    print the version

Start here:
  wirelight --wire                 every byte of your browser, in your browser
  wirelight --trace                the story of each request, with its bytes
  wirelight poke --experiment      the list of experiments";

const SERVE: &str = "\
wirelight [serve]: serve the demo API, until Ctrl-C or SIGTERM

Options win over the environment variables in brackets:
  --host ADDRESS     an address, a name, or unix:/path [HOST, 127.0.0.1]
  --port N           0 takes any free port [PORT, 8000]
  --workers N        threads that accept and answer, 1 to 256 [WORKERS, 1]
  --shutdown TIME    limit for a graceful stop; what is cut then makes the exit
                     code 1 [30s]
  --trace[=TOPICS]   show the story of each request; all: every event; topics:
                     conn,parse,route,…; json: one object a line on stdout.
                     It goes to stderr; to stdout if only that is a pipe
  --wire             serve a page that shows every byte, and print its address
  --classroom        with --wire: the page in large type, for a projector
  --trace-bytes N    bytes of each read and write to show, or all [1024]
  --trace-src        with each event, the line of source that decides it
  --record FILE      write all events to FILE; after a restart, to FILE.1, …
  --show-secrets     show the values of Authorization, Cookie, Set-Cookie, … too
  --color WHEN       auto, always or never [auto; NO_COLOR means never]
  -V, --version      print the version

RUST_LOG=debug logs every connection, RUST_LOG=warn only problems.";

const POKE: &str = "\
Usage: wirelight poke ADDRESS BYTES [options]
       wirelight poke --experiment [NUMBER [ADDRESS]] [options]
       wirelight poke --suite ADDRESS [--path PATH]

ADDRESS is :8000, 127.0.0.1:80, [::1]:80, or demo: its own server, timeouts 2 s.
BYTES may contain \\r \\n \\t \\0 \\xHH and \\\\.
  --file FILE        send a file instead of BYTES; - reads the standard input
  --every N          send N bytes at a time
  --at 4,9           cut after the fourth and the ninth byte
  --gap TIME         pause between the pieces [5ms]
  --repeat N         send BYTES N times
  --fill SIZE        then SIZE bytes of x, as in 8MiB
  --half-close       close our side when all is sent; --reset resets instead
  --hold TIME        then wait for the server, at most TIME
  --busy             read only when all is sent
  --slow-read RATE   read no faster than RATE; 1KiB/s,2s does so for 2s
  --response BYTES   what demo sends, whatever it is asked
  --both             both sides on one axis; brings its own server
  --experiment [N]   a guided experiment, by number or name; alone: the list
  --predict N        your prediction, or what most of a class voted for
  --pause            show what was sent, what came, and why, each after Enter
  --suite ADDRESS    play the experiments that fit any server: a report card
  --path PATH        ask for PATH there [/hello, or / where that is 404]";

const EXPLAIN: &str = "\
wirelight explain: take a raw request or response apart

Usage: wirelight explain FILE [options]
       … | wirelight explain -

FILE is a message, or several in a row, as it was on the wire or copied from a
page; the output of curl -v, --trace or --trace-ascii; DevTools' HTTP/2 fields;
a hex dump, base64, or one line with \\r\\n in it.

Prints each line with its meaning, every mistake with its byte and RFC section,
and what a server or client makes of the message; of a refused one, how other
readers would cut it.

  --spans          a row for each part of a line, too
  --show-secrets   show the values of Authorization, Cookie, Set-Cookie, … too";

const LADDER: &str = "\
wirelight ladder: small programs that build this server step by step

Usage: wirelight ladder                        list the steps
       wirelight ladder run STEP [FLAG]        build and run one, on port 8000
       wirelight ladder diff OLD NEW           show what a step changes, and why
       wirelight ladder check STEP [FILE]      check FILE, your own version
       wirelight ladder check STEP -- COMMAND  check a server in any language

The steps are in examples/ladder of a checkout; run this command there. A check
runs the commands in the header of the step, each against a fresh server, and
shows the bytes of those that fail. Without FILE it checks the step itself.

A server prints `listening on 127.0.0.1:PORT` first, and takes any free port if
the variable PORT is 0.

  --before         run the commands on the step before, which must fail as the
                   header says (or on COMMAND)";

const REPLAY: &str = "\
wirelight replay: parse the bytes of a capture again and compare the events

Usage: wirelight replay CAPTURE
       … | wirelight replay -

CAPTURE comes from `wirelight --record FILE`. The exit code is 1 if an event
differs from the recorded one.";

const EXPORT: &str = "\
wirelight export: convert a capture

Usage: wirelight export --format FORMAT CAPTURE [--output FILE]

CAPTURE comes from `wirelight --record FILE`; - reads the standard input.

  --format FORMAT  txt, har (DevTools) or pcap (Wireshark; the packets are
                   synthetic, made from what the server read and wrote)
  --output FILE    where to write; - is the standard output [beside CAPTURE]";

const ROUTES: &str = "\
wirelight routes: print the routes of the demo API

Usage: wirelight routes [--openapi]

  --openapi        print its OpenAPI 3.1 document, in JSON";

/// Returns the help of a subcommand; the overview for any other word.
pub(super) fn of(command: &str) -> &'static str {
    match command {
        "serve" => SERVE,
        "poke" => POKE,
        "explain" => EXPLAIN,
        "replay" => REPLAY,
        "export" => EXPORT,
        "ladder" => LADDER,
        "routes" => ROUTES,
        _ => OVERVIEW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_fits_a_screen() {
        for command in ["", "serve", "poke", "explain", "ladder", "replay", "export", "routes"] {
            let page = of(command);
            assert!(page.lines().count() < 24, "{command}: {} lines and the next prompt", page.lines().count());
            let widest = page.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(80), "{command}: {widest:?} columns");
        }
    }
}
