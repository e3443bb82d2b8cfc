//! `cargo xtask <command>`: reads the command line and sets the exit code. Decides nothing else.

use std::process::ExitCode;
use xtask::tasks;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_else(|| "help".to_owned());
    let arguments: Vec<String> = words.collect();
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", tasks::HELP);
        return ExitCode::SUCCESS;
    }
    match tasks::run(&name, &arguments) {
        None => {
            eprintln!("xtask: no command `{name}`\n\n{}", tasks::HELP);
            ExitCode::from(2)
        }
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(fault)) => {
            eprintln!("xtask {name}: {fault:#}");
            ExitCode::FAILURE
        }
    }
}
