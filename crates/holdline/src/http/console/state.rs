//! What the console keeps in memory: the set-up link, who failed to sign in, what has changed for
//! whoever looks. All of it is lost with the process, and nothing hangs on it.

use super::access::Throttle;
use super::contacts::Jobs;
use super::live::Hub;
use crate::http::auth::hash_token;
use holdline_channels::http::Client;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::Semaphore;

/// Passwords that are hashed at a time: each takes some 20 MiB and a core.
const HASHES_MAX: usize = 2;

#[derive(Debug)]
pub(crate) struct Console {
    /// SHA-256 of the token that makes the first owner.
    setup: Mutex<Option<[u8; 32]>>,
    pub(super) throttle: Throttle,
    pub(super) hashing: Arc<Semaphore>,
    /// One at a time posts events again: a second click finds them gone.
    pub(super) replays: tokio::sync::Mutex<()>,
    /// One at a time changes who may sign in: some owner always stays.
    pub(super) users: tokio::sync::Mutex<()>,
    pub(crate) hub: Hub,
    pub(super) imports: Jobs,
    /// Speaks to the sandbox, where there is one.
    pub(super) sandbox: OnceLock<Option<Arc<Client>>>,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            setup: Mutex::default(),
            throttle: Throttle::default(),
            hashing: Arc::new(Semaphore::new(HASHES_MAX)),
            replays: tokio::sync::Mutex::default(),
            users: tokio::sync::Mutex::default(),
            hub: Hub::default(),
            imports: Jobs::default(),
            sandbox: OnceLock::new(),
        }
    }
}

impl Console {
    /// Opens the set-up for whoever has this token.
    pub(crate) fn open_setup(&self, token: &str) {
        *self.lock() = Some(hash_token(token));
    }

    /// Digests are compared: how long it takes says nothing of the token.
    pub(super) fn is_setup(&self, token: &str) -> bool {
        *self.lock() == Some(hash_token(token))
    }

    /// The set-up is done: true for the one who did it.
    pub(super) fn take_setup(&self, token: &str) -> bool {
        let mut setup = self.lock();
        let is_it = *setup == Some(hash_token(token));
        if is_it {
            *setup = None;
        }
        is_it
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<[u8; 32]>> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_up_is_done_once_and_by_its_token_alone() {
        let console = Console::default();
        assert!(!console.is_setup(""));
        console.open_setup("link");
        assert!(!console.is_setup("other") && !console.take_setup("other"));
        assert!(console.is_setup("link") && console.take_setup("link"));
        assert!(!console.is_setup("link") && !console.take_setup("link"));
    }
}
