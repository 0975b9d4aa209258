//! Rate limits in Flask-Limiter's notation: every spelling of a list means the list.

use wirelight::fuzzing;

use crate::choices::Choices;

/// Names of units, with their seconds.
const UNITS: &[(&str, u64)] =
    &[("second", 1), ("minute", 60), ("hour", 3_600), ("day", 86_400), ("month", 30 * 86_400), ("year", 360 * 86_400)];

/// Checks that a list of rates is read as it was meant, and that an error names a column of the text.
pub fn rates(data: &[u8]) {
    let mut choices = Choices(data);
    let (mut text, mut meant, mut valid) = (String::new(), Vec::new(), true);
    for number in 0..=choices.below(4) {
        let (amount, multiple) = (choices.number(), choices.maybe(Choices::number));
        let (unit, seconds) = choices.one_of(UNITS);
        let window = u128::from(seconds) * u128::from(multiple.unwrap_or(1));
        valid &= amount <= u64::from(u32::MAX) && (1..=u128::from(u32::MAX)).contains(&window);
        meant.push((seconds, (amount, window)));
        let delimiter = if number == 0 { "" } else { choices.one_of(&[";", ",", "|"]) };
        let per = choices.one_of(&["/", "per", " per ", "PER", " / "]);
        let multiple = multiple.map(|multiple| multiple.to_string()).unwrap_or_default();
        let unit = choices.in_any_case(unit) + choices.one_of(&["", "s", "S"]);
        text += &[delimiter, choices.blanks(), &amount.to_string(), choices.blanks(), per, &multiple].concat();
        text += &[choices.blanks(), &unit, choices.blanks()].concat();
    }
    meant.sort_by_key(|(unit, _)| *unit); // the order in which they are checked
    let meant: Vec<_> = meant.into_iter().map(|(_, rate)| rate).collect();
    match read(&text) {
        Some(found) => assert!(valid && found == meant, "{text:?}: {found:?}, not {meant:?}"),
        None => assert!(!valid, "{text:?}"),
    }
    let at = choices.below(text.len().min(255) + 1);
    text.insert(at, choices.one_of(&['x', '0', ' ', '-', ';', '/', '\n', 'ü', '.']));
    read(&text);
}

/// Returns the amounts and windows of a text; `None` if it is refused. What is read is the same when it is written and read again.
fn read(text: &str) -> Option<Vec<(u64, u128)>> {
    let rates = match fuzzing::rates(text) {
        Ok(rates) => rates,
        Err(error) => {
            assert!(!error.contains(char::is_control), "{error:?}");
            let column = error.split_once("in column ").and_then(|(_, rest)| rest.split_once(','));
            let column: usize = column.and_then(|(column, _)| column.parse().ok()).unwrap_or_default();
            assert!((1..=text.len() + 1).contains(&column), "{error}");
            return None;
        }
    };
    let written = rates.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    assert_eq!(fuzzing::rates(&written).as_ref(), Ok(&rates), "{text:?}");
    Some(rates.iter().map(|rate| (u64::from(rate.amount()), u128::from(rate.period().as_secs()))).collect())
}
