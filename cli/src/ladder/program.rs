//! Builds the program that a check runs: a file, which is a step or a learner's version of one.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use super::checkout::{self, Checkout};
use crate::failure::Failure;

/// Modules of the ladder that a step may use. A learner's version of one stands beside his step.
const MODULES: &[&str] =
    &["blocking", "chunks", "client", "date", "event_loop", "limits", "message", "readiness", "router", "states"];

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

const MANIFEST: &str = "[workspace]\n\n[package]\nname = \"ladder-step\"\nedition = \"2024\"\n\n[dependencies]\n";

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
        let package = target.join("package");
        let _ = std::fs::remove_dir_all(package.join("src")); // the modules of another step
        std::fs::create_dir_all(package.join("src")).map_err(Failure::runtime)?;
        let write = |name: &str, text: &str| std::fs::write(package.join(name), text).map_err(Failure::runtime);
        let mut sources = checkout::read(file)?;
        write("src/main.rs", &sources)?;
        let folders = [file.parent().unwrap_or(Path::new("")).to_owned(), checkout.root.join("examples/ladder")];
        let mut left = MODULES.to_vec();
        // A module may use further ones.
        while let Some(at) = left.iter().position(|module| sources.contains(&format!("mod {module};"))) {
            let name = format!("{}.rs", left.remove(at));
            let paths = folders.iter().map(|folder| folder.join(&name)).find(|path| path.exists());
            let text = paths.map(|path| checkout::read(&path)).transpose()?.unwrap_or_default();
            write(&format!("src/{name}"), &text)?;
            sources += &text;
        }
        write("Cargo.toml", &manifest(&checkout.root, &sources))?;
        write("Cargo.lock", &checkout::read(&checkout.root.join("Cargo.lock"))?)?;
        let mut build = Command::new(cargo());
        compile(build.args(["build", "--quiet", "--target-dir"]).arg(&target).current_dir(&package))?;
        Ok(ServerCommand(vec![target.join("debug/ladder-step").into()]))
    }

    /// Returns the command with more arguments.
    pub(in crate::ladder) fn with<S: AsRef<OsStr>>(&self, flags: &[S]) -> Command {
        let mut words = self.0.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command.args(words).args(flags);
        command
    }
}

/// Returns the manifest of a package with these sources.
fn manifest(root: &Path, sources: &str) -> String {
    let is_used = |name: &str| sources.contains(&format!("{name}::"));
    let crates = CRATES.iter().filter(|(name, _)| is_used(name)).map(|(name, version)| format!("{name} = {version}\n"));
    let library = is_used("wirelight").then(|| format!("wirelight = {{ path = {root:?} }}\n"));
    [MANIFEST.to_owned()].into_iter().chain(crates).chain(library).collect()
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
