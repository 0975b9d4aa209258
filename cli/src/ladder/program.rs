//! Builds the program that a check runs: a file, which is a step or a learner's version of one.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use super::checkout::{self, Checkout};
use crate::failure::Failure;

/// The crates that the steps use. A package gets those that its sources name: the library takes a
/// minute to build, and only the last step needs it.
const CRATES: &[(&str, &str)] = &[
    ("form_urlencoded", "\"1\""),
    ("httparse", "\"1\""),
    ("mio", "{ version = \"1\", features = [\"net\", \"os-ext\", \"os-poll\"] }"),
    ("serde_json", "\"1\""),
    ("signal_hook", "{ package = \"signal-hook\", version = \"0.4\", default-features = false }"),
    ("socket2", "{ version = \"0.6\", features = [\"all\"] }"),
];

/// A command that starts a server.
pub(in crate::ladder) struct ServerCommand(Vec<OsString>);

impl ServerCommand {
    /// Takes a command as it is.
    pub(in crate::ladder) fn of_words(words: &[&str]) -> ServerCommand {
        ServerCommand(words.iter().map(OsString::from).collect())
    }

    /// Builds a file in a package of its own, in the build directory of the checkout and with its
    /// versions of the crates. `cargo build --example ladder` would build the crates of all
    /// examples and tests first.
    pub(in crate::ladder) fn of_file(checkout: &Checkout, file: &Path) -> Result<ServerCommand, Failure> {
        let target = checkout.root.join("target/ladder");
        let name = package_name(file);
        let package = target.join("packages").join(&name); // one each: two terminals may build at once
        let _ = std::fs::remove_dir_all(package.join("src")); // the modules of another step
        std::fs::create_dir_all(package.join("src")).map_err(Failure::runtime)?;
        let write = |name: &str, text: &str| std::fs::write(package.join(name), text).map_err(Failure::runtime);
        let mut sources = checkout::read(file)?;
        write("src/main.rs", &sources)?;
        // A module is beside the file, or one of the ladder; it may use further ones.
        let folders = [file.parent().unwrap_or(Path::new("")).to_owned(), checkout.root.join("examples/ladder")];
        let mut written = Vec::new();
        while let Some(module) = modules(&sources).into_iter().find(|module| !written.contains(module)) {
            let file = format!("{module}.rs");
            if let Some(path) = folders.iter().map(|folder| folder.join(&file)).find(|path| path.exists()) {
                let text = checkout::read(&path)?;
                write(&format!("src/{file}"), &text)?;
                sources += &text;
            }
            written.push(module);
        }
        write("Cargo.toml", &manifest(&name, &checkout.root, &sources))?;
        write("Cargo.lock", &checkout::read(&checkout.root.join("Cargo.lock"))?)?;
        let mut build = Command::new(cargo());
        compile(build.args(["build", "--quiet", "--target-dir"]).arg(&target).current_dir(&package))?;
        Ok(ServerCommand(vec![target.join("debug").join(name).into()]))
    }

    /// Returns the command with more arguments.
    pub(in crate::ladder) fn with<S: AsRef<OsStr>>(&self, flags: &[S]) -> Command {
        let mut words = self.0.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command.args(words).args(flags);
        command
    }
}

/// Returns the names in `mod name;` lines.
fn modules(sources: &str) -> Vec<String> {
    fn name(line: &str) -> Option<&str> {
        line.trim().trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')
    }
    sources.lines().filter_map(name).map(str::to_owned).collect()
}

/// Returns a name for the package of a file: letters, digits and hyphens.
fn package_name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("step-{}", stem.chars().map(plain).collect::<String>())
}

/// Returns the manifest of a package with these sources.
fn manifest(name: &str, root: &Path, sources: &str) -> String {
    let is_used = |name: &str| sources.contains(&format!("{name}::"));
    let crates = CRATES.iter().filter(|(name, _)| is_used(name)).map(|(name, version)| format!("{name} = {version}\n"));
    let library = is_used("wirelight").then(|| format!("wirelight = {{ path = {root:?} }}\n"));
    let package = format!("[workspace]\n\n[package]\nname = {name:?}\nedition = \"2024\"\n\n[dependencies]\n");
    [package].into_iter().chain(crates).chain(library).collect()
}

/// Runs a build. Its messages go to the terminal.
fn compile(command: &mut Command) -> Result<(), Failure> {
    match command.status().map_err(|error| Failure::runtime(format!("cannot start cargo: {error}")))? {
        status if status.success() => Ok(()),
        _ => Err(Failure::runtime("it does not compile; the messages above say why")),
    }
}

/// Returns the cargo that runs this command, or the one in PATH.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_what_its_sources_name() {
        let sources = "mod date;\n#[path = \"x.rs\"]\npub mod own;\nmod inline {}\nuse httparse::Status;\n";
        assert_eq!(modules(sources), ["date", "own"]);
        let manifest = manifest("step-a", Path::new("wire light"), sources);
        assert!(manifest.contains("name = \"step-a\"") && manifest.ends_with("[dependencies]\nhttparse = \"1\"\n"));
        assert_eq!(package_name(Path::new("b/s03_Ünder.rs")), "step-s03--nder");
    }
}
