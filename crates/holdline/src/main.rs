//! Starts the program. Decides nothing.

use std::process::ExitCode;

/// Most of what is allocated lives for one request, and is freed by another thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    holdline::run()
}
