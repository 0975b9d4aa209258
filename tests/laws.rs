//! The laws of the house (CONTRIBUTING.md), one test each, read from the source tree as text; clippy guards the rest.
//!
//! Every checker is a function from sources to complaints, so each also has a test that feeds it a snippet that breaks the law:
//! a guard that cannot bark is no guard.
#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod laws {
    pub mod api;
    pub mod layers;
    pub mod manifest;
    pub mod repository;
    pub mod shape;
    pub mod source;
    pub mod waits;
    pub mod words;
}

use laws::source::Source;
use laws::{api, layers, manifest, repository, shape, waits, words};

/// Fails with all complaints at once: fixing one law should take one run.
fn obeyed(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn no_arrow_points_up() {
    obeyed(layers::complaints(&Source::tree()));
}

#[test]
fn a_file_starts_with_one_sentence() {
    obeyed(shape::first_sentence(&Source::tree()));
}

#[test]
fn a_file_has_at_most_400_lines_before_its_tests() {
    obeyed(shape::long_files(&Source::tree()));
}

#[test]
fn a_function_has_at_most_60_lines_and_drive_40() {
    obeyed(shape::long_functions(&Source::tree()));
}

#[test]
fn no_cfg_inside_a_function_body() {
    obeyed(shape::cfg_in_bodies(&Source::tree()));
}

#[test]
fn every_folder_keeps_its_line_budget() {
    obeyed(shape::over_budget(&Source::tree()));
}

#[test]
fn no_unsafe_code_and_the_compiler_agrees() {
    obeyed(words::forbids_unsafe(&Source::tree()));
}

#[test]
fn nothing_panics_on_purpose_and_nothing_lies_dead() {
    obeyed(words::complaints(&Source::tree(), words::ALLOWED));
}

#[test]
fn panics_and_log_lines_pass_the_guard() {
    obeyed(words::past_the_guard(&Source::tree()));
}

#[test]
fn at_most_60_names_at_the_crate_root() {
    obeyed(api::too_many_names(&Source::tree()));
}

#[test]
fn the_public_api_is_the_one_in_the_snapshot() {
    api::compare_with_snapshot(&Source::tree());
}

#[test]
fn no_test_waits_without_an_end() {
    obeyed(waits::endless(&repository::files(), waits::ALLOWED));
}

#[test]
fn no_file_names_a_path_of_a_machine() {
    obeyed(repository::machine_paths(&repository::files(), repository::ALLOWED));
}

#[test]
fn dependency_tree_has_at_most_20_crates() {
    obeyed(manifest::too_many_crates(&manifest::tree()));
}

#[test]
fn dependencies_are_sorted() {
    obeyed(manifest::unsorted(&repository::read("Cargo.toml")));
}

#[test]
fn the_oldest_rust_is_the_same_everywhere() {
    let [cargo, clippy, readme] = ["Cargo.toml", "clippy.toml", "README.md"].map(repository::read);
    obeyed(manifest::oldest_rust(&cargo, &clippy, &readme, &manifest::required_versions()));
}
