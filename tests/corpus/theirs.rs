//! The cases of other suites: what each suite says of the outcome that the corpus expects, and the page that lists where they differ.
//!
//! An outcome is written as its statuses and `close`, as in `400 close` or `200 200`. A pattern is such a line with `2xx` for a class of
//! statuses and `any` for every status; `any but 1xx` is every outcome without such a status. `close` alone is a connection that was
//! closed without a response, `nothing` one that stays open without one. A pattern without `close` says nothing of the connection.

use std::fmt::Write as _;

use super::case::{Case, Status, Theirs, Then};

/// The verdict of the other suite.
#[derive(PartialEq, Clone, Copy, Debug)]
pub enum Verdict {
    Pass,
    Warn,
    Fail,
}

/// The verdict of a case's suite on what the corpus expects; `None` for a case of our own.
pub fn verdict(case: &Case) -> Option<Verdict> {
    let Theirs { pass, warn, .. } = case.theirs.as_ref()?;
    let (statuses, closes) = outcome(case);
    let fits = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, &statuses, closes));
    Some(match (fits(pass), fits(warn)) {
        (true, _) => Verdict::Pass,
        (_, true) => Verdict::Warn,
        _ => Verdict::Fail,
    })
}

/// The page with the tables of each suite between its marks.
pub fn updated(page: &str, cases: &[Case]) -> String {
    let mut parts = page.split("<!-- cases of ");
    let mut now = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (suite, _) = part.split_once(" -->").expect("a mark with an end");
        let (_, after) = part.split_once("<!-- end -->").expect("an end of the tables");
        let _ = write!(now, "<!-- cases of {suite} -->\n\n{}\n<!-- end -->{after}", tables(cases, suite));
    }
    now
}

/// The counts of a suite's verdicts, and the cases whose verdict is not `Pass`.
fn tables(cases: &[Case], suite: &str) -> String {
    let of_suite = cases.iter().filter(|case| case.class == suite);
    let judged: Vec<_> = of_suite.filter_map(|case| Some((case, verdict(case)?))).collect();
    let count = |scored: bool, wanted| {
        let of = |(case, verdict): &&(&Case, Verdict)| {
            *verdict == wanted && case.theirs.as_ref().is_some_and(|theirs| theirs.scored == scored)
        };
        judged.iter().filter(of).count()
    };
    let mut page = String::from("| | pass | warn | fail |\n| --- | --- | --- | --- |\n");
    for (name, scored) in [("scored", true), ("not scored", false)] {
        let [pass, warn, fail] = [Verdict::Pass, Verdict::Warn, Verdict::Fail].map(|wanted| count(scored, wanted));
        if pass + warn + fail == 0 {
            continue;
        }
        let _ = writeln!(page, "| {name} | {pass} | {warn} | {fail} |");
    }
    page += "\n| case | their verdict | this server | why |\n| --- | --- | --- | --- |\n";
    for (case, verdict) in judged.iter().filter(|(_, verdict)| *verdict != Verdict::Pass) {
        let (statuses, closes) = outcome(case);
        let shown = statuses.iter().map(u16::to_string).chain(closes.then(|| "close".to_owned()));
        let (shown, why) = (shown.collect::<Vec<_>>().join(" "), case.why.as_deref().unwrap_or_default());
        let _ = writeln!(page, "| `{}` | {verdict:?} | {shown} | {why} |", case.id);
    }
    page
}

/// The statuses that the corpus expects, and whether the connection closes.
fn outcome(case: &Case) -> (Vec<u16>, bool) {
    let outcome = case.expect.first().expect("an outcome");
    let status = |status: &Status| match status {
        Status::Code(code) => *code,
        Status::Class(class) => panic!("{}: {class} is not one status", case.id),
    };
    (outcome.answers().iter().map(|answer| status(&answer.status[0])).collect(), outcome.then == Then::Close)
}

fn fits(pattern: &str, statuses: &[u16], closes: bool) -> bool {
    match pattern {
        "close" => statuses.is_empty() && closes,
        "nothing" => statuses.is_empty() && !closes,
        _ => {
            let fits_status = |word: &str, status: &u16| match word.strip_suffix("xx") {
                Some(class) => status.to_string().starts_with(class),
                None => word == "any" || word == status.to_string(),
            };
            if let Some(excluded) = pattern.strip_prefix("any but ") {
                return !statuses.iter().any(|status| fits_status(excluded, status));
            }
            let (wanted, must_close) = pattern.strip_suffix(" close").map_or((pattern, false), |rest| (rest, true));
            let words: Vec<&str> = wanted.split(' ').collect();
            words.len() == statuses.len()
                && words.iter().zip(statuses).all(|(word, status)| fits_status(word, status))
                && (closes || !must_close)
        }
    }
}

#[test]
fn patterns() {
    assert!(fits("400", &[400], true) && fits("400", &[400], false) && fits("2xx", &[204], false));
    assert!(fits("2xx close", &[200], true) && fits("2xx 2xx", &[200, 201], false) && fits("any", &[501], true));
    assert!(fits("close", &[], true) && fits("nothing", &[], false) && fits("any but 1xx", &[200], false));
    assert!(!fits("400", &[400, 200], false) && !fits("2xx", &[400], false) && !fits("2xx close", &[200], false));
    assert!(!fits("close", &[], false) && !fits("close", &[200], true) && !fits("nothing", &[], true));
    assert!(!fits("any but 1xx", &[101], false));
}
