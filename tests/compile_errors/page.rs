//! The page: its cases, and the same page with other messages.

/// A mistake and its cure.
pub struct Case {
    pub title: String,
    pub mistake: String,
    /// What is said of it, as the page has it.
    pub message: String,
    pub cure: String,
    /// The mistake compiles, and is found at run time.
    pub runs: bool,
}

pub struct Page {
    text: String,
    pub cases: Vec<Case>,
}

/// The heading above the mistakes that compile.
const RUNS: &str = "## When the program runs";

impl Page {
    pub fn read(text: &str) -> Page {
        let (compiled, running) = text.split_once(RUNS).unwrap();
        let cases = [(compiled, false), (running, true)].into_iter();
        let cases = cases.flat_map(|(text, runs)| text.split("\n### ").skip(1).map(move |part| case(part, runs)));
        Page { text: text.to_owned(), cases: cases.collect() }
    }

    /// The page with these messages, of this compiler.
    pub fn with(&self, version: &str, messages: &[String]) -> String {
        let (first, rest) = self.text.split_once("those of rustc ").unwrap();
        let (_, rest) = rest.split_once(' ').unwrap();
        let mut parts = rest.split("```text\n");
        let mut page = format!("{first}those of {version} {}", parts.next().unwrap());
        for (part, message) in parts.zip(messages) {
            page += &format!("```text\n{message}```\n{}", part.split_once("```\n").unwrap().1);
        }
        page
    }
}

fn case(part: &str, runs: bool) -> Case {
    let title = part.lines().next().unwrap().to_owned();
    let blocks: Vec<_> = part.split("```").skip(1).step_by(2).collect();
    let [mistake, message, cure] = blocks[..] else {
        panic!("{title}: a mistake, a message and a cure are three blocks")
    };
    let text = |block: &str, kind: &str| {
        let text = block.strip_prefix(kind).unwrap_or_else(|| panic!("{title}: {kind:?} is missing"));
        text.strip_suffix('\n').unwrap_or(text).to_owned()
    };
    Case {
        mistake: text(mistake, "rust,ignore\n"),
        message: text(message, "text\n"),
        cure: text(cure, "rust,ignore\n"),
        title,
        runs,
    }
}
