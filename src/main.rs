//! The `wirelight` command: placeholder until the demo API stands.
fn main() {}
