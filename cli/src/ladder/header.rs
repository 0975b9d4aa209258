//! Parses the header comment of a step of the ladder: labelled paragraphs, and commands with the
//! facts that must hold when they run.
//!
//! ```text
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 0; prints `hello`; logs `read() = `
//! On 00   exit 52
//! ```

use std::fmt;

/// Width of a label; further lines of a paragraph are indented by as much.
const LABEL: usize = 8;

/// The header of one step.
#[derive(Debug, Default)]
pub(in crate::ladder) struct Header {
    /// Its first line: `Step 03: read until the empty line.`
    pub(in crate::ladder) title: String,
    /// What fails in the step before, what is new, how to break it: label and text.
    pub(in crate::ladder) prose: Vec<(String, String)>,
    pub(in crate::ladder) trials: Vec<Trial>,
}

/// A command and its outcome.
#[derive(Debug, Default)]
pub(in crate::ladder) struct Trial {
    /// Arguments of the server.
    pub(in crate::ladder) flags: Vec<String>,
    /// Clients that are connected meanwhile.
    pub(in crate::ladder) others: Vec<String>,
    pub(in crate::ladder) command: String,
    /// The server gets SIGTERM when it logs this text, while the command runs.
    pub(in crate::ladder) stop: Option<String>,
    pub(in crate::ladder) expected: Vec<Fact>,
    /// An earlier step, and what the command leads to there.
    pub(in crate::ladder) before: Option<(String, Vec<Fact>)>,
}

/// One thing that can be observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ladder) enum Fact {
    /// The exit code of the command is one of these.
    Exit(Vec<i32>),
    /// The server ends with this exit code.
    Stops(i32),
    /// The text occurs so many times; `None` is at least once.
    Occurs(Place, String, Option<usize>),
}

/// Where a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ladder) enum Place {
    /// The output of the command.
    Output,
    /// The output of the server.
    Log,
}

/// Parses the comment at the beginning of a file. The error names the line that it does not
/// understand: a fact that cannot be checked must not look like one that is.
pub(in crate::ladder) fn parse(source: &str) -> Result<Header, String> {
    let mut header = Header::default();
    let mut trial = Trial::default();
    for (label, text) in paragraphs(source) {
        match label.as_str() {
            "" => header.title = text,
            "With" => trial.flags = text.split_whitespace().map(str::to_owned).collect(),
            "Also" => trial.others.extend(repeated(&text)),
            "Try" => header.trials.push(Trial { command: text, ..std::mem::take(&mut trial) }),
            "Stop" => last(&mut header)?.stop = Some(text.trim_matches('`').to_owned()),
            "Expect" => last(&mut header)?.expected = facts(&text)?,
            _ => match label.strip_prefix("On ") {
                Some(step) => last(&mut header)?.before = Some((step.to_owned(), facts(&text)?)),
                None => header.prose.push((label, text)),
            },
        }
    }
    if header.title.is_empty() { Err("there is no `//!` comment at its beginning".to_owned()) } else { Ok(header) }
}

/// Reads `5 times: COMMAND`, or a command.
fn repeated(text: &str) -> Vec<String> {
    let counted = text.split_once(" times: ").and_then(|(count, command)| Some((count.parse().ok()?, command)));
    let (count, command) = counted.unwrap_or((1, text));
    vec![command.to_owned(); count]
}

fn last(header: &mut Header) -> Result<&mut Trial, String> {
    header.trials.last_mut().ok_or_else(|| "an outcome stands before its `Try`".to_owned())
}

/// Joins the lines of each paragraph. The title has an empty label.
fn paragraphs(source: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
        let line = line.strip_prefix(' ').unwrap_or(line);
        let (label, text) = match line.split_at_checked(LABEL) {
            Some((label, text)) if is_label(label.trim_end()) => (label.trim_end(), text.trim()),
            _ => ("", line.trim()),
        };
        match found.last_mut() {
            Some((_, paragraph)) if label.is_empty() => {
                if !text.is_empty() {
                    *paragraph = format!("{paragraph} {text}");
                }
            }
            _ => found.push((label.to_owned(), text.to_owned())),
        }
    }
    found
}

fn is_label(text: &str) -> bool {
    matches!(text, "With" | "Also" | "Try" | "Stop" | "Expect" | "Fails" | "New" | "Break" | "Source")
        || text.starts_with("On ")
}

/// Parses facts that are separated by semicolons.
fn facts(text: &str) -> Result<Vec<Fact>, String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for character in text.chars() {
        quoted ^= character == '`';
        match parts.last_mut() {
            Some(part) if quoted || character != ';' => part.push(character),
            _ => parts.push(String::new()),
        }
    }
    parts.iter().map(|part| fact(part.trim()).ok_or_else(|| format!("this is not a fact: {part:?}"))).collect()
}

fn fact(text: &str) -> Option<Fact> {
    if let Some(codes) = text.strip_prefix("exit ") {
        return codes.split(" or ").map(|code| code.parse().ok()).collect::<Option<_>>().map(Fact::Exit);
    }
    if let Some(code) = text.strip_prefix("stops with ") {
        return code.parse().ok().map(Fact::Stops);
    }
    let (verb, rest) = text.split_once('`')?;
    let (quote, count) = rest.split_once('`')?;
    let (place, negated) = match verb.trim_end() {
        "prints" => (Place::Output, false),
        "prints no" => (Place::Output, true),
        "logs" => (Place::Log, false),
        "logs no" => (Place::Log, true),
        _ => return None,
    };
    let count = match (negated, count.trim()) {
        (true, "") => Some(0),
        (false, "") => None,
        (false, "once") => Some(1),
        (false, count) => Some(count.strip_suffix(" times")?.parse().ok()?),
        _ => return None,
    };
    Some(Fact::Occurs(place, quote.to_owned(), count))
}

/// The notation of the header.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Exit(codes) => {
                let codes: Vec<_> = codes.iter().map(i32::to_string).collect();
                write!(f, "exit {}", codes.join(" or "))
            }
            Fact::Stops(code) => write!(f, "stops with {code}"),
            Fact::Occurs(place, text, count) => {
                let verb = if *place == Place::Output { "prints" } else { "logs" };
                match count {
                    Some(0) => write!(f, "{verb} no `{text}`"),
                    Some(1) => write!(f, "{verb} `{text}` once"),
                    Some(count) => write!(f, "{verb} `{text}` {count} times"),
                    None => write!(f, "{verb} `{text}`"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_prose_and_commands_with_facts() {
        let header = parse(
            "//! Step 03: read on.\n//!\n//! Fails   Too early,\n//!         always.\n//! With    --unread -v\n\
             //! Also    poke a\n//! Also    2 times: poke b\n//! Try     curl a\n//!         b\n//! Stop    `c`\n//! Expect  exit 52 or 56; stops with 0; prints `a; b` 2 times; prints `c` once;\n\
             //!         logs no `x`\n//! On 01   prints `y`\n//!\n//! Try     c\n\nuse std::io;\n//! no\n",
        )
        .unwrap();
        assert_eq!(header.title, "Step 03: read on.");
        assert_eq!(header.prose, [("Fails".to_owned(), "Too early, always.".to_owned())]);
        let [first, second] = &header.trials[..] else { panic!("{header:?}") };
        assert_eq!((first.command.as_str(), second.command.as_str()), ("curl a b", "c"));
        assert_eq!(
            (first.flags.join("|"), first.others.join("|")),
            ("--unread|-v".to_owned(), "poke a|poke b|poke b".to_owned())
        );
        assert_eq!(first.stop.as_deref(), Some("c"));
        let texts: Vec<_> = first.expected.iter().map(Fact::to_string).collect();
        assert_eq!(texts, ["exit 52 or 56", "stops with 0", "prints `a; b` 2 times", "prints `c` once", "logs no `x`"]);
        assert_eq!(first.before, Some(("01".to_owned(), vec![Fact::Occurs(Place::Output, "y".to_owned(), None)])));
        assert!(second.flags.is_empty() && second.others.is_empty() && second.before.is_none());
    }

    #[test]
    fn what_cannot_be_checked_is_an_error() {
        for (source, named) in [
            ("fn main() {}", "comment"),
            ("//! Step 01: a title.\n//! Expect  exit 0", "before its `Try`"),
            ("//! Step 01: a title.\n//! Try     a\n//! Expect  exit no", "exit no"),
            ("//! Step 01: a title.\n//! Try     a\n//! Expect  works", "works"),
            ("//! Step 01: a title.\n//! Try     a\n//! Expect  prints `a` often", "often"),
            ("//! Step 01: a title.\n//! Try     a\n//! Expect  exit 0\n//! Hint    b", "Hint"),
        ] {
            let error = parse(source).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
