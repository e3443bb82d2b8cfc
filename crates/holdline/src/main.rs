//! Starts the program. Decides nothing.

use std::process::ExitCode;

/// Most of what is allocated lives for one request, and is freed by another thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    use_small_pages();
    holdline::run()
}

/// The allocator asks for transparent huge pages, and the kernel then fills what the load left
/// scattered: after each peak the process would look larger than what it uses (proc(5),
/// `AnonHugePages`; prctl(2), `PR_SET_THP_DISABLE`, as `MIMALLOC_ALLOW_THP=0` does it).
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    // A kernel without them says so by an error: then there is nothing to turn off.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
