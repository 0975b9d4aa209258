//! What curl, Chromium and Python say for each mistake of a server: docs/error-dictionary.md is made here, and must be fresh.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

#[path = "error_dictionary/chromium.rs"]
mod chromium;
#[path = "error_dictionary/mistakes.rs"]
mod mistakes;

use chromium::Chromium;
use mistakes::MISTAKES;

/// A line of the page.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    curl: String,
    chromium: String,
    python: String,
    what: String,
    path: String,
}

/// The page, or what can be said of it here.
#[derive(Clone, Debug, Default, PartialEq)]
struct Page {
    curl: String,
    chromium: String,
    python: String,
    rows: Vec<Row>,
}

/// A client's version, and what it says of each row.
type Column = (String, Vec<String>);

/// Servers that make one mistake each: a browser opens few connections to one server, and some stay open.
struct Faulty {
    cases: Vec<Case>,
    made: Receiver<&'static str>,
    /// Bound, but not listening.
    _nobody: Socket,
    /// The kernel completes connections, and the program does not accept them.
    _deaf: TcpListener,
}

struct Case {
    name: &'static str,
    what: &'static str,
    address: SocketAddr,
}

impl Faulty {
    fn start() -> Faulty {
        let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        nobody.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let refused = nobody.local_addr().unwrap().as_socket().unwrap();
        let mut cases = vec![
            Case { name: "(no listener)", what: "No program listens at the port.", address: refused },
            Case {
                name: "(never accepted)",
                what: "The kernel has made the connection, and the program never accepts it.",
                address: deaf.local_addr().unwrap(),
            },
        ];
        let (tell, made) = channel();
        for mistake in MISTAKES {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            cases.push(Case { name: mistake.name, what: mistake.what, address: listener.local_addr().unwrap() });
            let tell = tell.clone();
            std::thread::spawn(move || {
                mistakes::serve(&listener, move |made| tell.send(made.name).unwrap_or_default())
            });
        }
        Faulty { cases, made, _nobody: nobody, _deaf: deaf }
    }

    /// Its version, and a cell for each case; or the reason why there are none.
    fn curl(&self) -> Result<Column, String> {
        let output = Command::new("curl").arg("--version").output().map_err(|error| error.to_string())?;
        let version = String::from_utf8_lossy(&output.stdout).split(' ').nth(1).unwrap_or_default().to_owned();
        // All at once: those that wait wait together, and may wait long enough for a machine that is busy.
        let cells = std::thread::scope(|scope| {
            let asked: Vec<_> = self.cases.iter().map(|case| scope.spawn(|| case.curl())).collect();
            asked.into_iter().map(|cell| cell.join().unwrap()).collect()
        });
        Ok((version, cells))
    }

    /// The same of Python's own client.
    fn python(&self) -> Result<Column, String> {
        let mut command = Command::new("python3");
        command.args(["-c", include_str!("error_dictionary/client.py")]);
        command.args(self.cases.iter().flat_map(|case| [case.method().to_owned(), case.url()]));
        let output = command.output().map_err(|error| error.to_string())?;
        let text = String::from_utf8(output.stdout).unwrap();
        let (version, cells) = text.split_once('\n').ok_or("says nothing")?;
        Ok((version.to_owned(), cells.lines().map(str::to_owned).collect()))
    }

    /// The same of Chromium. Nothing is concluded before every mistake has been made.
    fn chromium(&self) -> Result<Column, String> {
        let mut browser = Chromium::start()?;
        let version = browser.version.clone();
        let works = format!("http://{}/", self.cases.last().unwrap().address);
        for case in &self.cases {
            match case.method() {
                "HEAD" => browser.head(case.url(), &works),
                _ => browser.open(case.url()),
            }
            .unwrap();
        }
        let mut missing: Vec<_> = MISTAKES.iter().map(|mistake| mistake.name).collect();
        while !missing.is_empty() {
            let name = self
                .made
                .recv_timeout(Duration::from_secs(60))
                .unwrap_or_else(|_| panic!("never asked for: {missing:?}"));
            missing.retain(|other| *other != name);
        }
        Ok((version, browser.settled(&works).unwrap()))
    }
}

impl Case {
    fn url(&self) -> String {
        let path = if self.name.starts_with('(') { "" } else { self.name };
        format!("http://{}/{path}", self.address)
    }

    fn method(&self) -> &'static str {
        if self.name == "body-for-head" { "HEAD" } else { "GET" }
    }

    fn curl(&self) -> String {
        let method = if self.method() == "HEAD" { "--head" } else { "--get" };
        let mut command = Command::new("curl");
        let output =
            command.args(["-q", "-sS", "--noproxy", "*", "--max-time", "5", method, &self.url()]).output().unwrap();
        if output.status.success() {
            return "(0) no error".to_owned();
        }
        let words = String::from_utf8_lossy(&output.stderr);
        format!("`{}`", masked(words.trim().trim_start_matches("curl: "), self.address.port()))
    }
}

/// Times and ports differ from run to run.
fn masked(words: &str, port: u16) -> String {
    let mut out: Vec<String> = Vec::new();
    for word in words.split(' ') {
        let number = word.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty();
        let hidden = number && (out.last().is_some_and(|before| before == "after") || word == port.to_string());
        out.push(if hidden { "…".to_owned() } else { word.to_owned() });
    }
    out.join(" ")
}

const HEADER: &str =
    "| curl says | Chromium says | Python says | What was on the wire | Path |\n| --- | --- | --- | --- | --- |\n";

impl Page {
    fn text(&self) -> String {
        let Page { curl, chromium, python, .. } = self;
        let mut page = format!(
            "# What a client says, and what the server did\n\nThe error messages of curl {curl}, Chromium {chromium} and the http.client of Python {python}, \
             with the mistake of the server that\ncauses each. Other versions use other words for the same errors. \
             `cargo run --example faulty` makes every mistake, each at a path of its\nown. \
             `tests/error_dictionary.rs` generates and checks this page.\n\n{HEADER}"
        );
        for row in &self.rows {
            page += &format!("| {} | {} | {} | {} | {} |\n", row.curl, row.chromium, row.python, row.what, row.path);
        }
        page + "\nThree lessons. Where curl ends with 0 it tolerated the mistake, and so did the others: \"it works\" proves little. \
                The browser reports nothing where curl\ntimes out, since it has no time limit: with a length that is two bytes too \
                large a page is complete and never finished. A server that\nnever answers looks like one that never accepts, or \
                whose head never ends: only `wirelight --trace` shows the difference.\n"
    }

    fn read(text: &str) -> Option<Page> {
        let word_after = |mark: &str| Some(text.split_once(mark)?.1.split([',', ' ', '\n']).next()?.to_owned());
        let rows = text.split_once(HEADER)?.1.lines().map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        let rows = rows.map(|row| {
            let mut cells = row.split(" | ").map(str::to_owned);
            let mut cell = || cells.next().unwrap_or_default();
            Row { curl: cell(), chromium: cell(), python: cell(), what: cell(), path: cell() }
        });
        Some(Page {
            curl: word_after("messages of curl ")?,
            chromium: word_after(", Chromium ")?,
            python: word_after("http.client of Python ")?,
            rows: rows.collect(),
        })
    }
}

/// What the cells of a client are now: those that it gave if the committed ones are of the same version or must be made; else the
/// committed ones, once they agree with the new ones in what all versions have in common.
fn column(name: &str, found: Result<Column, String>, committed: Column, stable: fn(&str) -> &str) -> Column {
    match found {
        Err(why) => {
            println!("skipped: {name}: {why}");
            committed
        }
        Ok(found) if found.0 == committed.0 || updating() => found,
        Ok((version, cells)) => {
            println!("this is {name} {version}: only what is the same in all versions is compared");
            let common = |cells: &[String]| cells.iter().map(|cell| stable(cell).to_owned()).collect::<Vec<_>>();
            assert_eq!(common(&committed.1), common(&cells), "{name}");
            committed
        }
    }
}

fn updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// The code in `(28) Operation timed out`.
fn code(cell: &str) -> &str {
    cell.trim_start_matches('`').split(' ').next().unwrap_or_default()
}

/// Failed, finished or spinning: names of errors come and go.
fn kind(cell: &str) -> &str {
    if cell.starts_with('`') { "failed" } else { cell.split(':').next().unwrap_or_default() }
}

/// The exception's class.
fn class(cell: &str) -> &str {
    cell.split([':', '(']).next().unwrap_or_default()
}

#[test]
fn the_dictionary_is_fresh() {
    let path = format!("{}/docs/error-dictionary.md", env!("CARGO_MANIFEST_DIR"));
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let before = Page::read(&committed).unwrap_or_default();
    let servers = Faulty::start();
    let cells = |cell: fn(&Row) -> &String| before.rows.iter().map(|row| cell(row).clone()).collect::<Vec<_>>();
    let chromium = column("Chromium", servers.chromium(), (before.chromium.clone(), cells(|row| &row.chromium)), kind);
    let curl = column("curl", servers.curl(), (before.curl.clone(), cells(|row| &row.curl)), code);
    let python = column("Python", servers.python(), (before.python.clone(), cells(|row| &row.python)), class);
    let cell = |cells: &[String], at: usize| cells.get(at).cloned().unwrap_or_default();
    let row = |(at, case): (usize, &Case)| Row {
        curl: cell(&curl.1, at),
        chromium: cell(&chromium.1, at),
        python: cell(&python.1, at),
        what: case.what.to_owned(),
        path: if case.name.starts_with('(') { String::new() } else { format!("`/{}`", case.name) },
    };
    let rows = servers.cases.iter().enumerate().map(row).collect();
    let now = Page { curl: curl.0, chromium: chromium.0, python: python.0, rows };
    assert_eq!(Page::read(&now.text()), Some(now.clone()), "the page can be read back");
    if updating() {
        std::fs::write(&path, now.text()).unwrap();
    } else {
        assert!(
            committed == now.text(),
            "docs/error-dictionary.md is stale: UPDATE_DOCS=1 cargo test --test error_dictionary\n{}",
            now.text()
        );
    }
}
