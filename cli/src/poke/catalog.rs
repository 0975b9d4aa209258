//! Lists the experiments in three groups, finds one by name or number, and suggests the next one.

use std::io::{IsTerminal, Write};

use super::target::Target;
use crate::experiment::{self, Experiment};
use crate::failure::Failure;
use crate::output::println_flush;

const SHELVES: [(&str, &str); 3] = [("first", "First"), ("break", "Break it"), ("attack", "Attack it")];
/// Width of an entry in columns; a row has two.
const COLUMN: usize = 38;

/// Returns the experiment with this name or number, and its index.
pub(super) fn find(name: &str) -> Result<(usize, Experiment), Failure> {
    let by_number = name.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let mut all = experiment::list("experiments").into_iter().enumerate();
    let found = all.find(|(index, one)| Some(*index) == by_number || one.text("name") == name);
    found.ok_or_else(|| {
        // The list is printed for a person only; a script gets the message alone.
        if std::io::stderr().is_terminal() {
            let _ = writeln!(std::io::stderr(), "{}\n", list());
        }
        Failure::usage(format!("there is no experiment {name:?}; `wirelight poke --experiment` lists them"))
    })
}

/// Returns all experiments with numbers and titles; fits 80 columns and 24 lines.
pub(super) fn list() -> String {
    let all = experiment::list("experiments");
    let mut text = String::new();
    for (shelf, heading) in SHELVES {
        let on_it = all.iter().enumerate().filter(|(_, one)| one.text("shelf") == shelf);
        let entries: Vec<_> = on_it.map(|(index, one)| format!("{:>4}  {}", index + 1, one.text("title"))).collect();
        text += &format!("{heading}\n");
        let (left, right) = entries.split_at(entries.len().div_ceil(2));
        for (index, entry) in left.iter().enumerate() {
            let row = format!("{entry:COLUMN$}{}", right.get(index).map_or("", String::as_str));
            text += &format!("{}\n", row.trim_end());
        }
    }
    text + "\nPlay one with `wirelight poke --experiment NUMBER`."
}

/// Prints which experiment follows the one at `index`.
pub(super) fn say_next(index: usize, target: Target) {
    let at = if target == Target::Demo { String::new() } else { format!(" {target}") };
    match experiment::list("experiments").get(index + 1) {
        Some(next) => {
            let title = next.text("title");
            println_flush(format_args!("Next: wirelight poke --experiment {}{at}   ({title})", index + 2));
        }
        None => println_flush(format_args!("That was the last one. Next: wirelight poke --suite {target}")),
    }
}
