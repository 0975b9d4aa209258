//! The `wirelight` command: hands its arguments to `cli` and gives back the exit code; decides nothing itself.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os().skip(1))
}
