//! Finds the ladder: the folder `examples/ladder` of the checkout that the command runs in, and the
//! steps in it.

use std::path::{Path, PathBuf};

use super::header::{self, Header};
use crate::failure::Failure;

/// Modules that later steps stand on.
const LANDINGS: &[&str] = &["message", "event_loop"];

/// The files of the ladder.
pub(in crate::ladder) struct Checkout {
    pub(in crate::ladder) root: PathBuf,
    pub(in crate::ladder) rungs: Vec<Rung>,
}

/// A step of the ladder, or a landing.
pub(in crate::ladder) struct Rung {
    /// Its name on the command line: `03`, `message`, `backlog`.
    pub(in crate::ladder) name: String,
    pub(in crate::ladder) path: PathBuf,
    pub(in crate::ladder) source: String,
    pub(in crate::ladder) header: Header,
}

impl Checkout {
    /// Looks for the ladder in the current directory and those above it.
    pub(in crate::ladder) fn find() -> Result<Checkout, Failure> {
        let current = std::env::current_dir().map_err(Failure::runtime)?;
        let root = current.ancestors().find(|folder| folder.join("examples/ladder/main.rs").exists());
        let root = root.ok_or_else(|| {
            Failure::runtime("there is no examples/ladder here: change into a checkout of wirelight (git clone)")
        })?;
        let mut rungs = Vec::new();
        for entry in std::fs::read_dir(root.join("examples/ladder")).map_err(Failure::runtime)? {
            rungs.extend(rung(entry.map_err(Failure::runtime)?.path())?);
        }
        rungs.sort_by_key(|rung| (rung.order(), rung.name.clone()));
        Ok(Checkout { root: root.to_owned(), rungs })
    }

    /// Returns the step with this name; `3` is `03`.
    pub(in crate::ladder) fn step(&self, name: &str) -> Result<&Rung, Failure> {
        let found = self.rungs.iter().find(|rung| rung.name == name || rung.name == format!("0{name}"));
        found.ok_or_else(|| Failure::usage(format!("there is no step {name:?}; `wirelight ladder` lists them")))
    }
}

impl Rung {
    /// Flight 1, landing A, flight 2, landing B, flight 3, side steps.
    fn order(&self) -> usize {
        match (self.name.parse::<usize>(), self.name.as_str()) {
            (Ok(number), _) => number * 2,
            (_, "message") => 21, // after step 10
            (_, "event_loop") => 39,
            _ => usize::MAX,
        }
    }

    /// Returns the code without the header comment.
    pub(in crate::ladder) fn code(&self) -> Vec<&str> {
        self.source.lines().skip_while(|line| line.starts_with("//!") || line.is_empty()).collect()
    }
}

/// Reads a file of the ladder; `None` if it is not a step.
fn rung(path: PathBuf) -> Result<Option<Rung>, Failure> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()).and_then(step_name) else { return Ok(None) };
    let source = read(&path)?;
    let header = header::parse(&source).map_err(|error| Failure::runtime(format!("{}: {error}", path.display())))?;
    Ok(Some(Rung { name, path, source, header }))
}

fn step_name(file: &str) -> Option<String> {
    let stem = file.strip_suffix(".rs")?;
    if LANDINGS.contains(&stem) {
        return Some(stem.to_owned());
    }
    if let Some(side) = stem.strip_prefix("side_") {
        return Some(side.to_owned());
    }
    let number = stem.strip_prefix('s').and_then(|rest| rest.split('_').next());
    number.filter(|number| number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())).map(str::to_owned)
}

/// Reads a source file.
pub(in crate::ladder) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::runtime(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::step_name;

    #[test]
    fn a_step_is_named_by_its_file() {
        for (file, name) in [
            ("s03_until_blank_line.rs", Some("03")),
            ("side_forty_ms.rs", Some("forty_ms")),
            ("message.rs", Some("message")),
            ("date.rs", None),
            ("main.rs", None),
            ("s3_x.rs", None),
            ("s03_x.txt", None),
        ] {
            assert_eq!(step_name(file).as_deref(), name, "{file}");
        }
    }
}
