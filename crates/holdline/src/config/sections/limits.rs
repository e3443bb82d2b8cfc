//! How much Holdline takes on before it asks callers to come back later.

use crate::config::section::section;

section! {
    /// How much Holdline takes on. At a limit callers get 429 or 503 with Retry-After; nothing is
    /// dropped.
    Limits at "limits" many false {
        /// Messages accepted and not yet ended.
        open_messages_max: u64 = 1_000_000, 100 to 100_000_000;
        /// Messages on their way into the store.
        intake_queue_max: usize = 10_000, 10 to 1_000_000;
        /// Webhooks that wait for an app to take them, over all apps.
        app_webhooks_max: u64 = 1_000_000, 100 to 100_000_000;
        /// Provider webhooks stored and not yet worked on.
        inbound_queue_max: u64 = 1_000_000, 100 to 100_000_000;
    }
}
