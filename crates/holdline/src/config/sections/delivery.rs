//! When a message goes another way, and when a route counts as down.

use super::CHANNELS;
use crate::config::reader::Reader;
use crate::config::section::section;

section! {
    /// When a message goes another way.
    Failover at "failover" many false {
        /// Channels in the order in which they are tried, when the app names no plan of its own.
        order: Vec<String> = ["whatsapp", "sms", "email"];
        /// How long an emergency message waits for a route that is Suspect or Degraded.
        patience_emergency_ms: u64 = 5_000, 0 to 86_400_000;
        /// The same for urgent messages.
        patience_urgent_ms: u64 = 15_000, 0 to 86_400_000;
        /// The same for service messages, the usual kind.
        patience_service_ms: u64 = 120_000, 0 to 86_400_000;
        /// How long bulk messages wait once the route is Down.
        patience_bulk_ms: u64 = 1_800_000, 0 to 604_800_000;
        /// How long the fate of an attempt of an emergency message may stay unknown before the
        /// duplicate rule decides. Bulk is never sent again while it is unknown.
        ambiguity_emergency_ms: u64 = 5_000, 100 to 86_400_000;
        /// The same for urgent messages.
        ambiguity_urgent_ms: u64 = 15_000, 100 to 86_400_000;
        /// The same for service messages.
        ambiguity_service_ms: u64 = 120_000, 100 to 86_400_000;
        /// How long a sent emergency message waits for its receipt before it goes another way.
        receipt_wait_emergency_ms: u64 = 30_000, 100 to 2_592_000_000;
        /// The same for urgent messages.
        receipt_wait_urgent_ms: u64 = 120_000, 100 to 2_592_000_000;
        /// The same for service messages.
        receipt_wait_service_ms: u64 = 900_000, 100 to 2_592_000_000;
        /// The same for bulk messages.
        receipt_wait_bulk_ms: u64 = 86_400_000, 100 to 2_592_000_000;
        /// First wait before a retry; it doubles from try to try, with full jitter.
        retry_base_ms: u64 = 500, 10 to 600_000;
        /// Longest wait before a retry.
        retry_max_ms: u64 = 60_000, 10 to 3_600_000;
        /// Most tries on one route before the next is taken.
        tries_max: u16 = 5, 1 to 100;
        /// A message that names no end of its own expires after so long.
        expires_after_s: u64 = 86_400, 10 to 2_592_000;
    }
}

section! {
    /// When a route counts as down, and how it comes back.
    Health at "health" many false {
        /// Only outcomes of so long ago at most are looked at.
        window_ms: u64 = 60_000, 1_000 to 3_600_000;
        /// Of these the last so many.
        sample_max: u32 = 20, 1 to 10_000;
        /// So many platform faults among them: Suspect.
        failures_suspect: u32 = 2, 1 to 10_000;
        /// So many platform faults among them: Down.
        failures_down: u32 = 5, 1 to 10_000;
        /// While a route is Down, one message goes to it every so often, as a test.
        trickle_interval_ms: u64 = 5_000, 100 to 3_600_000;
        /// So many tests in a row must succeed before the route is Recovering.
        successes_up: u32 = 3, 1 to 1_000;
        /// Messages a second at the start of the way back.
        ramp_start_per_s: u32 = 5, 1 to 10_000;
        /// The rate doubles every so often, up to the limit of the provider.
        ramp_double_ms: u64 = 10_000, 100 to 3_600_000;
    }
}

impl Failover {
    pub(crate) fn check(&self, reader: &mut Reader) {
        let at = ["failover.order"];
        if self.order.is_empty() {
            reader.fault(
                &at,
                "names no channel",
                "name at least one of whatsapp, sms, email",
            );
        }
        for (number, channel) in self.order.iter().enumerate() {
            if !CHANNELS.contains(&channel.as_str()) {
                let what = format!("names `{channel}`, which is no channel");
                reader.fault(&at, what, "choose among whatsapp, sms, email");
            }
            if self.order[..number].contains(channel) {
                reader.fault(
                    &at,
                    format!("names `{channel}` twice"),
                    "name each channel once",
                );
            }
        }
        if self.retry_base_ms > self.retry_max_ms {
            let mend = "make the first wait no longer than the longest";
            let keys = ["failover.retry_base_ms", "failover.retry_max_ms"];
            reader.fault(&keys, "is more than failover.retry_max_ms", mend);
        }
    }
}

impl Health {
    pub(crate) fn check(&self, reader: &mut Reader) {
        if self.failures_down > self.sample_max {
            let mend = "so many faults never fit into the sample: lower it, or raise sample_max";
            let keys = ["health.failures_down", "health.sample_max"];
            reader.fault(&keys, "is more than health.sample_max", mend);
        }
        if self.failures_suspect > self.failures_down {
            let mend = "a route is Suspect before it is Down: lower failures_suspect";
            let keys = ["health.failures_suspect", "health.failures_down"];
            reader.fault(&keys, "is more than health.failures_down", mend);
        }
    }
}
