//! How much Holdline takes on before it asks callers to come back later.

use crate::config::section::section;

section! {
    /// How much Holdline takes on. At a limit callers get 429 or 503 with Retry-After; nothing is
    /// dropped.
    Limits at "limits" many false {
        /// Messages accepted and not yet ended.
        open_messages_max: usize = 1_000_000, 1 to 100_000_000;
    }
}
