//! The teacher's kit: two pages that are made from the experiments, and lessons whose plans, commands, changes and answers hold.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../src/escape.rs"]
mod escape;
#[allow(dead_code, reason = "the pages need its texts alone")]
#[path = "../src/experiment.rs"]
mod experiment;
mod support;

use experiment::Experiment;
use support::bounded;
use support::folder::Folder;

const LESSONS: [&str; 6] = [
    "1-blank-line.md",
    "2-who-ends-the-body.md",
    "3-one-connection.md",
    "4-one-thread.md",
    "5-when-things-break.md",
    "6-smuggling.md",
];
/// A printed page.
const WORDS: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs/teach").join(name)).unwrap()
}

fn experiments() -> Vec<Experiment> {
    experiment::list("experiments")
}

/// The number of the right choice, from 1.
fn right(experiment: &Experiment) -> usize {
    experiment.number("right").unwrap() as usize + 1
}

/// The part of a page under a heading.
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let (_, after) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading} in {page}"));
    after.split("\n## ").next().unwrap()
}

/// The blocks of a page in this language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let start = format!("```{language}\n");
    page.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The numbers of a lesson's experiments, in the order of its plan.
fn numbers(lesson: &str) -> Vec<usize> {
    let rows = lesson.lines().filter_map(|line| line.split_once("| experiment ")?.1.split_once(", "));
    rows.map(|(number, _)| number.parse().unwrap()).collect()
}

#[test]
fn a_lesson_is_a_page_of_45_minutes() {
    let all = experiments();
    let readme = page("README.md");
    for (index, name) in LESSONS.iter().enumerate() {
        let text = page(name);
        let words = text.split_whitespace().count();
        assert!(words <= WORDS, "{name}: {words} words");
        assert!(text.starts_with(&format!("# Lesson {}: ", index + 1)), "{name}");
        for part in ["**Goal.** ", "**Opening question.** "] {
            assert!(text.contains(part), "{name}: no {part}");
        }
        let minutes = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse::<u32>().ok());
        assert_eq!(minutes.sum::<u32>(), 45, "{name}");
        let plan = numbers(&text);
        assert_eq!(plan.len(), 3, "{name}");
        for number in &plan {
            let title = all[number - 1].text("title");
            assert!(text.contains(&format!("experiment {number}, {title} |")), "{name}: {number} is {title}");
            let command = format!("\nwirelight poke --experiment {number} --pause");
            assert!(section(&text, "Experiments").contains(&command), "{name}:{command}");
        }
        assert!(section(&text, "Exit question").trim().ends_with("?*"), "{name}");
        assert!(section(&text, "Listen for").trim().starts_with('"'), "{name}");
        let (asked, answers) = text.split_once("\n---\n").unwrap();
        assert!(answers.starts_with("\n## Answers\n") && !asked.contains("✗ "), "{name}: the answers are at the end");
        for number in &plan {
            let answer = format!("\n- Experiment {number}: **{}**. ", right(&all[number - 1]));
            assert!(answers.contains(&answer), "{name}: {answer}");
        }
        for answer in ["- Ladder: ✗ ", "\n- Exit: "] {
            assert!(answers.contains(answer), "{name}: {answer}");
        }
        let listed = plan.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let step = ladder(&text).0;
        let row = readme.lines().find(|line| line.contains(&format!("]({name})"))).unwrap();
        assert!(row.ends_with(&format!("| {listed} | step {step} |")), "{row}");
    }
}

/// The step that a lesson changes, and its file.
fn ladder(lesson: &str) -> (String, String) {
    let commands = blocks(section(lesson, "Ladder change"), "sh").concat();
    let file = commands.split_once("cp examples/ladder/").unwrap().1.split(' ').next().unwrap().to_owned();
    let step = commands.split_once("wirelight ladder check ").unwrap().1.split(' ').next().unwrap().to_owned();
    assert!(file.starts_with(&format!("s{step}_")), "{commands}");
    (step, file)
}

/// Runs a line of a shell in a folder, with the command of this build in PATH.
fn shell(line: &str, folder: &Path) -> (Option<i32>, String) {
    let directory = Path::new(env!("CARGO_BIN_EXE_wirelight")).parent().unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let output = bounded::output(Command::new("sh").args(["-c", line]).env("PATH", path).current_dir(folder));
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code(), text)
}

/// A teacher types them; here the input has ended, so that no stage waits.
#[test]
fn the_commands_of_the_lessons_work() {
    let all = experiments();
    let mut lines: BTreeSet<String> = BTreeSet::new();
    for name in LESSONS.iter().chain(&["README.md"]) {
        let text = page(name);
        let commands = blocks(&text, "sh").concat().lines().map(str::to_owned).collect::<Vec<_>>();
        lines.extend(commands.into_iter().filter(|line| line.contains("poke --exp") || line.contains("explain")));
    }
    assert!(lines.len() >= 18, "{lines:?}");
    let play = |line: &String| {
        let number = line.split_once("--experiment ").map(|(_, rest)| rest.split(' ').next().unwrap());
        let number = number.map(|number| number.parse::<usize>().unwrap());
        let Some(number) = number else {
            let (code, text) = shell(line, &root());
            assert!(code == Some(0) && text.contains("Readers that forgive the fault"), "{line}: {text}");
            return;
        };
        let right = right(&all[number - 1]);
        let (code, text) = shell(&format!("{} --predict {right}", line.split(" #").next().unwrap()), &root());
        assert_eq!(code, Some(0), "{line}: {text}");
        assert!(text.contains(&format!("✓ You said {right}, and so it is: ")), "{line}: {text}");
    };
    // They mostly wait. With all of them at once, a loaded machine would answer too late.
    let lines: Vec<String> = lines.into_iter().collect();
    std::thread::scope(|scope| {
        for part in lines.chunks(lines.len().div_ceil(4)) {
            scope.spawn(move || part.iter().for_each(&play));
        }
    });
}

/// The change of a lesson is made to the step, and the check says what the answers say.
#[test]
fn the_ladder_changes_fail_as_the_answers_say() {
    let folder = Folder::new();
    let change = |name: &str| {
        let text = page(name);
        let (step, file) = ladder(&text);
        let mut source = std::fs::read_to_string(root().join("examples/ladder").join(file)).unwrap();
        let [diff] = blocks(section(&text, "Ladder change"), "diff")[..] else { panic!("{name}: not one change") };
        let side = |mark: char| diff.lines().filter_map(|line| line.strip_prefix(mark)).collect::<Vec<_>>().join("\n");
        assert!(diff.lines().count() <= 4, "{name}: a small change");
        assert_eq!(source.matches(&side('-')).count(), 1, "{name}: the lines are in the step, once");
        source = source.replace(&side('-'), &side('+'));
        let own = folder.file(&format!("lesson_{step}.rs"));
        std::fs::write(&own, source).unwrap();
        let (code, output) = shell(&format!("wirelight ladder check {step} {}", own.display()), &root());
        let answers = section(&text, "Answers");
        let expected = answers.lines().find_map(|line| line.strip_prefix("- Ladder: ")).unwrap();
        if output.contains("skipped") {
            println!("{name}: {output}");
            return;
        }
        assert_eq!(code, Some(1), "{name}: {output}");
        assert!(output.contains(expected), "{name}: {expected}: {output}");
    };
    LESSONS.iter().for_each(|name| change(name));
}

/// What is written from the experiments: compared with the page, or written if `UPDATE_DOCS` is set.
fn is_fresh(name: &str, now: &str) {
    let path = root().join("docs/teach").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == now, "docs/teach/{name} is stale: UPDATE_DOCS=1 cargo test --test teaching");
}

/// The questions for the class, by lesson; the other experiments follow.
fn handout() -> String {
    let all = experiments();
    let mut text = String::from(
        "# Handout\n\nRead the bytes and the question, tick one box, and write one reason. The answer comes from the server.\n\n\
         `␍` and `␊` are carriage return and line feed: together they end a line.\n",
    );
    let mut rest: Vec<usize> = (1..=all.len()).collect();
    for name in LESSONS {
        let lesson = page(name);
        text += &format!("\n## {}\n", lesson.lines().next().unwrap().trim_start_matches("# "));
        for number in numbers(&lesson) {
            text += &question(number, &all[number - 1]);
            rest.retain(|other| *other != number);
        }
    }
    text += "\n## More experiments\n";
    rest.into_iter().for_each(|number| text += &question(number, &all[number - 1]));
    text
}

fn question(number: usize, experiment: &Experiment) -> String {
    let text = |field| experiment.text(field);
    let mut out = format!("\n### {number}. {}\n\n```text\n{}```\n\n", text("title"), experiment.delivery());
    out += &format!("{}\n\n", text("question"));
    for (index, choice) in experiment.texts("choices").iter().enumerate() {
        out += &format!("- ☐ {}. {choice}\n", index + 1);
    }
    out + "\nBecause: ______________________________\n"
}

/// What each wrong vote believes, and what to say to it.
fn misconceptions() -> String {
    let mut text = String::from(
        "# What a wrong vote means\n\nEach wrong choice of an experiment is something that people believe. The sentence beside it is what \
         `poke --predict` says to it. Choices that the RFC\nallows are not here.\n\n| experiment | the vote | what to say |\n| --- | --- | --- |\n",
    );
    for (index, experiment) in experiments().iter().enumerate() {
        let replies = experiment.texts("replies");
        for (at, choice) in experiment.texts("choices").iter().enumerate().filter(|(at, _)| !replies[*at].is_empty()) {
            let title = format!("{}. {}", index + 1, experiment.text("title"));
            text += &format!("| {title} | {}. {choice} | {} |\n", at + 1, replies[at]);
        }
    }
    text
}

#[test]
fn the_handout_is_fresh_and_has_no_answers() {
    let now = handout();
    for experiment in experiments() {
        for answer in experiment.texts("replies").into_iter().chain([experiment.text("why"), experiment.text("policy")])
        {
            assert!(answer.is_empty() || !now.contains(answer), "{answer}");
        }
    }
    is_fresh("handout.md", &now);
}

#[test]
fn the_sheet_of_misconceptions_is_fresh() {
    is_fresh("misconceptions.md", &misconceptions());
}
