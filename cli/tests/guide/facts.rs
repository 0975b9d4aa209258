//! Writes what pages repeat from the tables of the project: experiments and faults.

use regex_lite::Regex;
use wirelight::FAULTS;

use crate::experiment;

/// An experiment as a quotation: bytes, question, choices. The name is that of `experiments.json`.
pub fn experiment(name: &str) -> Result<String, String> {
    let all = experiment::list("experiments");
    let found = all.iter().enumerate().find(|(_, experiment)| experiment.text("name") == name);
    let (index, experiment) = found.ok_or(format!("there is no experiment {name:?}"))?;
    let mut lines = vec![format!("**Experiment {}: {}**", index + 1, experiment.text("title")), String::new()];
    lines.push("```text".to_owned());
    lines.extend(experiment.delivery().lines().map(str::to_owned));
    lines.extend(["```".to_owned(), String::new(), experiment.text("question").to_owned(), String::new()]);
    let choices = experiment.texts("choices");
    lines.extend(choices.iter().enumerate().map(|(index, choice)| format!("{}. {choice}", index + 1)));
    Ok(lines.iter().map(|line| format!("> {line}").trim_end().to_owned() + "\n").collect())
}

/// The rows of these faults, separated by commas.
pub fn faults(names: &str) -> Result<String, String> {
    let mut table = "| fault | response | what is wrong | rule |\n| --- | --- | --- | --- |\n".to_owned();
    for name in names.split(", ") {
        let row = FAULTS.iter().find(|row| row.name == name).ok_or(format!("there is no fault {name:?}"))?;
        let end = if row.close { ", close" } else { "" };
        table += &format!("| `{name}` | {}{end} | {} | {} |\n", row.status.as_u16(), row.message, row.rfc);
    }
    Ok(table)
}

/// Steps and experiments that a page names in a command and that are not there.
pub fn unknown(page: &str, steps: &[String]) -> Vec<String> {
    let numbers = |pattern: &str| -> Vec<String> {
        let pattern = Regex::new(pattern).unwrap();
        let groups = pattern.captures_iter(page).flat_map(|found| (1..found.len()).filter_map(move |at| found.get(at)));
        groups.map(|group| group.as_str().to_owned()).collect()
    };
    let count = experiment::list("experiments").len();
    let is_step = |name: &String| steps.iter().any(|step| step == name);
    let is_experiment = |number: &String| (1..=count).any(|known| known.to_string() == *number);
    let steps = numbers(r"wirelight ladder (?:run|check) (\w+)").into_iter();
    let steps = steps.chain(numbers(r"wirelight ladder diff (\w+) (\w+)")).filter(|name| !is_step(name));
    let experiments = numbers(r"--experiment (\d+)").into_iter().filter(|number| !is_experiment(number));
    let steps = steps.map(|name| format!("there is no step {name}"));
    steps.chain(experiments.map(|number| format!("there is no experiment {number}"))).collect()
}
