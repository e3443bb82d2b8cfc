//! Starts the program. Decides nothing.

use std::process::ExitCode;

fn main() -> ExitCode {
    holdline::run()
}
