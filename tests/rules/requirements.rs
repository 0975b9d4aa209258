//! Keeps docs/conformance.md complete, and quotes of an RFC true: both are compared with the sentences in `tests/data/rfc`.
//!
//! A sentence with a key word has a number, `2.2(3)`; each is named by a row of the page, or by a list of what is not asked of a server.
//! A quote stands between quotation marks, with its section behind them: “…” (RFC 9112 §2.2).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::repository;

/// The RFCs whose sentences are here.
const RFCS: &[&str] = &["9110", "9112"];

/// As many words in a row as no sentence shares with an RFC by chance.
const RUN: usize = 10;

/// A sentence of an RFC, with its number if it has a key word.
#[derive(Debug, Clone, PartialEq)]
struct Sentence {
    rfc: String,
    section: String,
    number: Option<u32>,
    text: String,
}

impl Sentence {
    /// The key words of BCP 14 in it. REQUIRED and SHALL are MUST; RECOMMENDED is SHOULD.
    fn levels(&self) -> BTreeSet<&'static str> {
        let has = |word: &str| self.text.contains(word);
        let without_not = self.text.replace("MUST NOT", "").replace("SHOULD NOT", "");
        let levels = [
            ("MUST NOT", has("MUST NOT")),
            ("SHOULD NOT", has("SHOULD NOT")),
            ("MUST", without_not.contains("MUST")),
            ("SHOULD", without_not.contains("SHOULD") || has("RECOMMENDED")),
        ];
        levels.into_iter().filter_map(|(level, is_there)| is_there.then_some(level)).collect()
    }

    fn name(&self) -> String {
        format!("RFC {} {}({})", self.rfc, self.section, self.number.unwrap_or_default())
    }
}

/// Reads lines such as `2.2(3) A recipient MUST …`, and `2.2 …` for a sentence without a key word.
fn sentences(rfc: &str, text: &str) -> Vec<Sentence> {
    let sentence = |line: &str| {
        let (name, text) = line.split_once(' ')?;
        let (section, number) = match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
            Some((section, number)) => (section, Some(number.parse().ok()?)),
            None => (name, None),
        };
        Some(Sentence { rfc: rfc.to_owned(), section: section.to_owned(), number, text: text.to_owned() })
    };
    text.lines().map(|line| sentence(line).unwrap_or_else(|| panic!("RFC {rfc}: no sentence: {line}"))).collect()
}

/// None in a published package, which is without them.
fn all_sentences() -> Vec<Sentence> {
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc").is_dir() {
        eprintln!("skipped: tests/data/rfc is not here");
        return Vec::new();
    }
    RFCS.iter().flat_map(|rfc| sentences(rfc, &repository::read(&format!("tests/data/rfc/{rfc}.txt")))).collect()
}

/// Sentences that the page does not answer, and rows that answer none or at another level.
pub fn unanswered() -> Vec<String> {
    let sentences = all_sentences();
    if sentences.is_empty() { Vec::new() } else { unanswered_by(&sentences, &repository::read("docs/conformance.md")) }
}

fn unanswered_by(sentences: &[Sentence], page: &str) -> Vec<String> {
    let numbered = sentences.iter().filter(|sentence| sentence.number.is_some());
    let known: BTreeMap<String, &Sentence> = numbered.map(|sentence| (sentence.name(), sentence)).collect();
    let (mut complaints, mut named) = (Vec::new(), BTreeSet::new());
    let (mut rfc, mut lists) = ("", false);
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            lists = heading.starts_with("Not asked");
        }
        if let Some(found) = RFCS.iter().find(|rfc| line.starts_with('#') && line.contains(&format!("RFC {rfc}"))) {
            rfc = found;
        }
        let (names, level) = match line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>()[..] {
            _ if lists => (names(rfc, line), None),
            [section, level, ..] if line.starts_with("| ") => (names(rfc, section), Some(level)),
            _ => continue,
        };
        if names.is_empty() && level.is_some_and(|level| level.starts_with("MUST") || level.starts_with("SHOULD")) {
            complaints.push(format!("no sentence has this row's level: {line}"));
        }
        let found: Vec<_> = names.iter().filter_map(|name| known.get(name).copied()).collect();
        complaints.extend(names.iter().filter(|name| !known.contains_key(*name)).map(|name| format!("no {name}")));
        let levels: BTreeSet<_> = found.iter().flat_map(|sentence| sentence.levels()).collect();
        let strongest = levels.iter().any(|level| level.starts_with("MUST"));
        if level.is_some_and(|level| {
            !names.is_empty() && (!levels.contains(level) || strongest != level.starts_with("MUST"))
        }) {
            complaints.push(format!("the sentences say {levels:?}: {line}"));
        }
        named.extend(names);
    }
    complaints.extend(known.keys().filter(|name| !named.contains(*name)).map(|name| format!("no row for {name}")));
    complaints
}

/// `3.2(3-5), 4(1,2)` names five sentences.
fn names(rfc: &str, text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let bare = |word: &str| word.trim_end_matches(['|', ',', '.']).strip_suffix(')').map(str::to_owned);
    for word in text.split_whitespace().filter_map(bare) {
        let Some((section, numbers)) = word.split_once('(') else { continue };
        for range in numbers.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) else { continue };
            names.extend((first..=last).map(|number| format!("RFC {rfc} {section}({number})")));
        }
    }
    names
}

/// Quotes that the RFC does not have in that section, and sentences of an RFC that no quotation marks show as such.
pub fn misquoted(files: &[(String, String)]) -> Vec<String> {
    let prose = |path: &str| {
        !path.starts_with("tests/data/rfc/")
            && path != "tests/rules/requirements.rs"
            && [".md", ".rs", ".json", ".js"].iter().any(|end| path.ends_with(end))
    };
    let sentences = all_sentences();
    let is_false = |quote: &str, rfc: &str, section: &str| {
        let is_in =
            |sentence: &Sentence| sentence.rfc == rfc && sentence.section == section && sentence.text.contains(quote);
        RFCS.contains(&rfc) && !sentences.is_empty() && !sentences.iter().any(is_in)
    };
    let runs_in = |sentence: &Sentence| words(&sentence.text).windows(RUN).map(<[String]>::to_vec).collect::<Vec<_>>();
    let runs: BTreeSet<Vec<String>> = sentences.iter().flat_map(runs_in).collect();
    let mut complaints = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| prose(path)) {
        let text = plain(text);
        let mut rest = String::new();
        let mut pieces = text.split('“');
        rest.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (quote, after) = piece.split_once('”').unwrap_or(("", piece));
            rest.push_str(" … ");
            rest.push_str(after);
            let Some((rfc, section)) = source(after) else { continue };
            if is_false(quote, &rfc, &section) {
                complaints.push(format!("{path}: RFC {rfc} §{section} does not say: {quote}"));
            }
        }
        complaints.extend(
            runs_of(&rest, &runs).into_iter().map(|run| format!("{path}: quotes an RFC without “…” (RFC …): {run}")),
        );
    }
    complaints
}

/// The text without line ends and the marks of comments.
fn plain(text: &str) -> String {
    let bare = |line: &str| {
        line.trim()
            .trim_start_matches("///")
            .trim_start_matches("//!")
            .trim_start_matches("//")
            .trim_start_matches("> ")
            .trim()
            .to_owned()
    };
    text.lines().map(bare).collect::<Vec<_>>().join(" ")
}

/// The RFC and the section in ` (RFC 9112 §2.2)`.
fn source(after: &str) -> Option<(String, String)> {
    let (rfc, rest) = after.trim_start_matches([' ', '.', ',']).strip_prefix("(RFC ")?.split_once(" §")?;
    let section = rest.split([')', ',', ';', ' ']).next()?;
    Some((rfc.to_owned(), section.to_owned()))
}

fn words(text: &str) -> Vec<String> {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    text.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect()
}

/// The first run of each stretch that is an RFC's too.
fn runs_of(text: &str, known: &BTreeSet<Vec<String>>) -> Vec<String> {
    let words = words(text);
    let is_known: Vec<bool> = words.windows(RUN).map(|run| known.contains(run)).collect();
    let begins = |at: &usize| is_known[*at] && !(*at > 0 && is_known[at - 1]);
    (0..is_known.len()).filter(begins).map(|at| words[at..at + RUN].join(" ")).collect()
}

#[test]
fn detects_what_the_page_does_not_answer() {
    let known = sentences("9112", "1(1) A server MUST a.\n1(2) A server SHOULD b.\n2.1(1) A client MUST c.\n3 Text.");
    let with = |rows: &str, listed: &str| {
        let page = format!(
            "## RFC 9112\n| § | level | requirement |\n{rows}\n## Not asked of\n### RFC 9112\n- clients:\n  {listed}\n"
        );
        unanswered_by(&known, &page)
    };
    let rows = "| 1(1) | MUST | a | \n| 1(2) | SHOULD | b |\n| 3 | – | text |";
    assert_eq!(with(rows, "2.1(1)"), Vec::<String>::new());
    assert_eq!(with("| 1(1,2) | MUST | a |", "2.1(1)"), Vec::<String>::new());
    assert_eq!(with(rows, ""), ["no row for RFC 9112 2.1(1)"]);
    assert_eq!(with(rows, "2.1(1-2)"), ["no RFC 9112 2.1(2)"]);
    assert_eq!(with(&rows.replace("| 1(1) | MUST |", "| 1(1) | SHOULD |"), "2.1(1)").len(), 1);
    assert_eq!(with("| 1(1,2) | SHOULD | a |", "2.1(1)").len(), 1, "the stronger of two levels");
    assert_eq!(with(&format!("{rows}\n| 3 | MUST | text |"), "2.1(1)").len(), 1);
}

#[test]
fn detects_a_quote_that_is_not_the_text() {
    let sentence = "A server MUST send the space that separates the status-code from the reason-phrase";
    let with = |text: &str| misquoted(&[("docs/a.md".to_owned(), text.to_owned())]).len();
    assert_eq!(with(&format!("It says: “{sentence}” (RFC 9112 §4).")), 0);
    assert_eq!(with("/// “A server MUST send the\n/// space” (RFC 9112 §4, and more)"), 0);
    assert_eq!(with(&format!("“{sentence}” (RFC 9112 §5)")), 1, "another section");
    assert_eq!(with("“A server SHOULD send the space” (RFC 9112 §4)"), 1, "another word");
    assert_eq!(with(sentence), 1, "no quotation marks");
    assert_eq!(with("“Not of an RFC.” A server MUST send the space."), 0);
}
