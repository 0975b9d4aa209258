//! The project rules (CONTRIBUTING.md), a test each, read from the source as text. clippy and the compiler check the others.
//!
//! Each checker is a function from sources to complaints, and has a test that feeds it a snippet that breaks the rule.
#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod rules {
    pub mod api;
    pub mod commits;
    pub mod evidence;
    pub mod guide;
    pub mod imports;
    pub mod isolation;
    pub mod known;
    pub mod layers;
    pub mod links;
    pub mod manifest;
    pub mod package;
    pub mod quotes;
    pub mod repository;
    pub mod requirements;
    pub mod shape;
    pub mod source;
    pub mod structure;
    pub mod waits;
}

use rules::source::Source;
use rules::{
    api, commits, evidence, guide, imports, isolation, known, layers, links, manifest, package, quotes, repository,
    requirements, shape, structure, waits,
};

/// Fails with all complaints at once.
fn obeyed(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn no_layer_names_one_above_it() {
    obeyed(layers::complaints(&Source::library()));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources = Source::tree();
    let circles = imports::circles(&sources);
    for circle in &circles {
        println!("circle of {}: {}", circle.len(), circle.join(" "));
    }
    let mut files: Vec<String> = circles.concat().into_iter().map(str::to_owned).collect();
    files.sort();
    obeyed(known::compare("circles", &files));
}

#[test]
fn no_folder_holds_more_than_15_percent_of_the_code() {
    obeyed(known::compare("large-folders", &structure::large_folders(&Source::tree())));
}

#[test]
fn the_core_path_has_at_most_2000_lines_of_code() {
    obeyed(structure::core_path(&Source::tree(), &repository::read("docs/architecture.md")));
}

#[test]
fn pages_quote_the_source() {
    obeyed(quotes::stale_quotes(&repository::files(), &Source::quotable()));
}

#[test]
fn links_of_pages_lead_somewhere() {
    obeyed(links::broken(&repository::files()));
}

#[test]
fn chapters_are_listed_and_neither_short_nor_long() {
    obeyed(guide::chapters(&repository::files()));
}

#[test]
fn pages_cite_sections_that_the_source_cites() {
    obeyed(guide::unknown_sections(&repository::files()));
}

#[test]
fn the_tests_that_pages_name_exist() {
    obeyed(evidence::complaints());
}

#[test]
fn each_requirement_of_the_rfcs_is_answered() {
    obeyed(requirements::unanswered());
}

#[test]
fn quotes_of_an_rfc_are_its_words() {
    obeyed(requirements::misquoted(&repository::files()));
}

#[test]
fn a_type_name_has_one_meaning() {
    obeyed(known::compare("shared-names", &structure::shared_names(&Source::tree())));
}

#[test]
fn a_file_starts_with_a_sentence() {
    obeyed(shape::first_sentence(&Source::tree()));
}

#[test]
fn a_file_has_at_most_500_lines_before_its_tests() {
    obeyed(shape::long_files(&Source::tree()));
}

#[test]
fn drive_has_at_most_40_lines() {
    obeyed(shape::long_drive(&Source::tree()));
}

#[test]
fn no_cfg_inside_a_function_body() {
    obeyed(shape::cfg_in_bodies(&Source::tree()));
}

#[test]
fn panics_are_caught_and_log_lines_written_in_one_place() {
    obeyed(isolation::bypassed(&Source::library()));
}

#[test]
fn every_hasher_has_a_secret() {
    obeyed(isolation::unkeyed_hashers(&Source::library()));
}

#[test]
fn at_most_60_names_at_the_crate_root() {
    obeyed(api::too_many_names(&Source::library()));
}

#[test]
fn the_public_api_is_the_one_in_the_snapshot() {
    api::compare_with_snapshot(&Source::library());
}

#[test]
fn no_test_waits_without_an_end() {
    obeyed(waits::endless(&repository::files(), waits::ALLOWED));
}

#[test]
fn examples_and_fuzz_targets_are_listed() {
    obeyed(repository::unlisted("examples", "examples/README.md"));
    obeyed(repository::unlisted("fuzz/fuzz_targets", "docs/testing.md"));
}

#[test]
fn no_file_names_a_path_of_a_machine() {
    obeyed(repository::machine_paths(&repository::files(), repository::ALLOWED));
}

#[test]
fn subjects_of_commits_are_short_and_name_a_component() {
    match commits::subjects() {
        Ok(subjects) => obeyed(commits::bad_subjects(&subjects)),
        Err(why) => eprintln!("skipped: the history since the rule is not here: {why}"),
    }
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

#[test]
fn packages_have_what_they_read_and_nothing_large() {
    obeyed(package::complaints());
}
