//! Writes what pages repeat from the tables of the project: experiments and faults.

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
