//! docs/compile-errors.md: each mistake is refused with the message that the page shows, and each cure compiles.
//!
//! The messages of rustc differ from version to version. With the version that the page names they are compared word for word,
//! with another one their codes and the lines that are ours. `UPDATE_DOCS=1` writes them anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

mod support;

use support::bounded::{Leash, leashed, output};
use support::folder::Folder;

#[path = "compile_errors/message.rs"]
mod message;
#[path = "compile_errors/page.rs"]
mod page;

use page::{Case, Page};

/// Compiles programs with the library that this test is linked with, and what that needs.
struct Compiler {
    folder: Folder,
    libraries: PathBuf,
    wirelight: PathBuf,
    serde: PathBuf,
}

impl Compiler {
    /// Finds the newest libraries with which all cures compile: those of earlier compilers and other features stay in the folder.
    fn find(cases: &[Case]) -> Compiler {
        let libraries = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let mut last = String::from("there is no library");
        for wirelight in newest(&libraries, "wirelight") {
            for serde in newest(&libraries, "serde") {
                let (libraries, wirelight) = (libraries.clone(), wirelight.clone());
                let compiler = Compiler { folder: Folder::new(), libraries, wirelight, serde };
                let cures = compiler.program("cures.rs", cases.iter().map(|case| &*case.cure));
                let output = compiler.run(&cures, "--emit=metadata");
                if output.status.success() {
                    return compiler;
                }
                last = String::from_utf8(output.stderr).unwrap();
            }
        }
        panic!("the cures do not compile: {last}");
    }

    /// Writes a program with a module for each text. Line 2 of a module's file is the first one of its text.
    fn program<'t>(&self, name: &str, texts: impl Iterator<Item = &'t str>) -> PathBuf {
        let (mut modules, mut calls) = (String::new(), String::new());
        for (number, text) in texts.enumerate() {
            let file = format!("{number}-{name}");
            fs::write(self.folder.file(&file), module(text)).unwrap();
            writeln!(modules, "#[path = \"{file}\"]\nmod m{number};").unwrap();
            writeln!(calls, "    if number == {number} {{ m{number}::run() }}").unwrap();
        }
        let number = "let number: usize = std::env::args().nth(1).unwrap().parse().unwrap();";
        let path = self.folder.file(name);
        fs::write(&path, format!("{modules}\nfn main() {{\n    {number}\n{calls}}}\n")).unwrap();
        path
    }

    /// Starts to compile a program, in its folder.
    fn start(&self, program: &Path, argument: &str) -> (Child, Leash) {
        let library = |name: &str, path: &Path| format!("{name}={}", path.display());
        let mut command = Command::new("rustc");
        command.current_dir(program.parent().unwrap()).args(["--edition=2024", "-Awarnings", argument]);
        command.arg(program.file_name().unwrap());
        command.arg("-L").arg(library("dependency", &self.libraries));
        command.arg("--extern").arg(library("wirelight", &self.wirelight));
        command.arg("--extern").arg(library("serde", &self.serde));
        leashed(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    fn run(&self, program: &Path, argument: &str) -> Output {
        let (compiler, leash) = self.start(program, argument);
        leash.output(compiler)
    }

    /// What the compiler says of mistakes, which it looks at side by side.
    fn refusals(&self, cases: &[&Case]) -> Vec<String> {
        let compile = |case: &&Case| {
            let folder = Folder::new();
            let program = folder.file("mistake.rs");
            fs::write(&program, module(&case.mistake) + "fn main() {}\n").unwrap();
            (folder, self.start(&program, "--error-format=json"))
        };
        let running: Vec<_> = cases.iter().map(compile).collect();
        let said = running.into_iter().zip(cases).map(|((_folder, (compiler, leash)), case)| {
            let output = leash.output(compiler);
            assert!(!output.status.success(), "{}: the mistake compiles", case.title);
            message::text(&String::from_utf8(output.stderr).unwrap())
        });
        said.collect()
    }

    /// What the mistakes that compile say when they run.
    fn panics(&self, cases: &[&Case]) -> Vec<String> {
        let program = self.program("runs.rs", cases.iter().map(|case| &*case.mistake));
        let compiled = self.run(&program, "-Cdebuginfo=0");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let said = |number: usize| {
            let mut program = Command::new(self.folder.file("runs"));
            let ended = output(program.arg(number.to_string()).env("RUST_BACKTRACE", "0"));
            message::panic(&String::from_utf8_lossy(&ended.stderr))
        };
        (0..cases.len()).map(said).collect()
    }
}

/// A function that has what the page promises, without a line more.
fn module(text: &str) -> String {
    format!("use wirelight::*; pub fn run() {{ let mut app = App::new();\n{text}\n}}\n")
}

/// The compiled libraries of this name, the newest first.
fn newest(folder: &Path, name: &str) -> Vec<PathBuf> {
    let start = format!("lib{name}-");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(|file| file.starts_with(&start) && file.ends_with(".rlib"))
        })
        .map(|entry| (entry.metadata().unwrap().modified().unwrap(), entry.path()))
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

/// `rustc 1.95.0`
fn version() -> String {
    let output = Command::new("rustc").arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// The notes in the attributes of our own traits.
fn own_notes() -> Vec<&'static str> {
    let source = include_str!("../src/response/into_response.rs");
    let notes = source.lines().filter_map(|line| line.trim().strip_prefix("note = \"")?.split('"').next());
    notes.map(|note| note.split('{').next().unwrap()).collect()
}

#[test]
fn the_page_is_true() {
    let path = format!("{}/docs/compile-errors.md", env!("CARGO_MANIFEST_DIR"));
    let committed = fs::read_to_string(&path).unwrap();
    let page = Page::read(&committed);
    let compiler = Compiler::find(&page.cases);
    let (running, refused): (Vec<_>, Vec<_>) = page.cases.iter().partition(|case| case.runs);
    assert!(refused.len() >= 30, "{} mistakes", refused.len());

    let mut said: Vec<String> = refused.chunks(4).flat_map(|cases| compiler.refusals(cases)).collect();
    said.extend(compiler.panics(&running));

    for (case, said) in refused.iter().chain(&running).zip(&said) {
        let errors = said.lines().filter(|line| line.starts_with("error")).count();
        assert!(errors <= 2, "{}: {errors} errors\n{said}", case.title);
    }
    let now = page.with(&version(), &said);
    let unused: Vec<_> = own_notes().into_iter().filter(|note| !now.contains(note)).collect();
    assert!(unused.is_empty() && own_notes().len() >= 5, "notes that are said of no mistake: {unused:?}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, now).unwrap();
    } else if committed.contains(&format!(" {} ", version())) {
        assert!(
            committed == now,
            "docs/compile-errors.md is stale: UPDATE_DOCS=1 cargo test --test compile_errors\n{now}"
        );
    } else {
        println!("this is {}: codes and the lines that are ours are compared", version());
        for (case, said) in refused.iter().chain(&running).zip(&said) {
            assert_eq!(message::codes(&case.message), message::codes(said), "{}\n{said}", case.title);
            for note in own_notes().iter().filter(|note| case.message.contains(**note)) {
                assert!(said.contains(note), "{}: lost {note:?}\n{said}", case.title);
            }
        }
    }
}
