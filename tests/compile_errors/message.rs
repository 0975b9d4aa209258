//! What a compiler and a panic say, as the page shows it: without what repeats itself, and without paths of a machine.

use std::collections::BTreeSet;

use serde_json::Value;

/// Notes that say the same of each error, list types, or show our source.
const LEFT_OUT: &[&str] = &[
    "required ",
    "the following other types ",
    "the trait `",
    "method defined here",
    "associated function defined here",
    "the lifetime requirement is introduced here",
    "the return type of this call is ",
    "for more information ",
    "for a trait to be dyn compatible",
    "distinct uses of ",
    "expected ",
    "the question mark operation ",
    "1 redundant ",
];

/// The errors in the compiler's output, which has an object of JSON a line.
pub fn text(output: &str) -> String {
    let messages = output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    messages.filter(|message| message["level"] == "error").filter_map(|message| error(&message)).collect()
}

/// One error: its message, the line of the program with what is said of it, and the notes.
fn error(message: &Value) -> Option<String> {
    let span = message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?;
    let code = message["code"]["code"].as_str().map(|code| format!("[{code}]")).unwrap_or_default();
    let mut text = format!("error{code}: {}\n", message["message"].as_str()?);
    let line = &span["text"][0];
    let (start, end) = (line["highlight_start"].as_u64()? as usize, line["highlight_end"].as_u64()? as usize);
    let label = span["label"].as_str().unwrap_or_default();
    text += &format!("  | {}\n", line["text"].as_str()?);
    text += format!("  | {}{} {label}", " ".repeat(start - 1), "^".repeat(end - start)).trim_end();
    text += "\n";
    for child in message["children"].as_array()? {
        let (level, said) = (child["level"].as_str()?, child["message"].as_str()?.trim_start());
        if !LEFT_OUT.iter().any(|start| said.starts_with(start)) {
            text += &format!("  = {level}: {}\n", said.lines().next()?);
        }
    }
    Some(text)
}

/// The first panic in the output of a program, which names the line of the mistake.
pub fn panic(output: &str) -> String {
    let (_, rest) = output.split_once("panicked at ").unwrap_or_else(|| panic!("no panic: {output}"));
    let (_, rest) = rest.split_once(":\n").unwrap_or_else(|| panic!("{output}"));
    let message = rest.lines().next().unwrap_or_default();
    format!("panicked: {}\n", without_files(message))
}

/// `3-runs.rs:2:5` becomes `line 1`, counted in the mistake.
fn without_files(message: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in message.split(' ') {
        let place = word.split_once(".rs:").and_then(|(_, place)| place.split_once(':'));
        match place {
            Some((line, rest)) if line.parse::<u32>().is_ok() => {
                let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                words.push(format!("line {}{tail}", line.parse::<u32>().unwrap() - 1));
            }
            _ => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}

/// `error[E0277]`, and `panicked`: what all versions have in common, however often they say it.
pub fn codes(message: &str) -> BTreeSet<&str> {
    let first = |line: &'_ str| line.starts_with("error") || line.starts_with("panicked");
    message.lines().filter(|line| first(line)).filter_map(|line| line.split(':').next()).collect()
}
