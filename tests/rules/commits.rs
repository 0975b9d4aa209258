//! Subjects of commits, where the history is there to be read.

use std::process::Command;

/// The last commit before the rule.
const BEFORE: &str = "cab820dbc15d5b5b1c1b916406cf6ea2a6ad9a3c";
const SUBJECT: usize = 72;

/// `git log`'s subjects since [`BEFORE`], or why there are none: no git, a package, a shallow clone.
pub fn subjects() -> Result<Vec<String>, String> {
    let range = format!("{BEFORE}..HEAD");
    let log = ["log", "--no-merges", "--format=%s", &range];
    let out = Command::new("git").args(log).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    match out {
        Ok(out) if out.status.success() => {
            Ok(String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect())
        }
        Ok(out) => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
        Err(error) => Err(format!("git: {error}")),
    }
}

/// Subjects that are too long or do not begin with a component: `http1: refuse obs-fold in trailers`.
pub fn bad_subjects(subjects: &[String]) -> Vec<String> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./, ".contains(c));
    let good = |subject: &&String| {
        subject.chars().count() <= SUBJECT && subject.split_once(": ").is_some_and(|(component, _)| is_name(component))
    };
    let bad = subjects.iter().filter(|subject| !good(subject));
    bad.map(|s| format!("not `component: what it does` in at most {SUBJECT} characters: {s}")).collect()
}

#[test]
fn detects_subjects_that_are_long_or_name_no_component() {
    let with = |subject: &str| bad_subjects(&[subject.into()]).len();
    assert_eq!(with("http1: refuse obs-fold in trailers"), 0);
    assert_eq!(with("net, app: send a body in pieces"), 0);
    assert_eq!(with(&format!("a: {}", "b".repeat(69))), 0);
    assert_eq!(with(&format!("a: {}", "b".repeat(70))), 1);
    assert_eq!(with("Refuse obs-fold in trailers"), 1);
}
