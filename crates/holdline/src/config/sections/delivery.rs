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
        /// Wanted mean time between false alarms of one route, in days: a larger one makes every
        /// verdict a little later.
        false_alarm_days: u32 = 180, 1 to 36_500;
        /// How long a route must be Degraded before it is Down. Learned from the route's own short
        /// troubles when left out (10 s at first, between 3 s and 60 s).
        dwell_ms: Option<u64>, 0 to 3_600_000;
        /// A route that is Down is not tested for a time drawn at random up to this, doubled after
        /// each relapse.
        hold_down_ms: u64 = 60_000, 0 to 3_600_000;
        /// Longest such time.
        hold_down_max_ms: u64 = 1_800_000, 0 to 86_400_000;
        /// Messages a second that test a route which is Recovering; the ramp begins there too.
        test_per_s: u32 = 1, 1 to 1_000;
        /// The rate doubles every so often, up to the limit of the provider.
        ramp_double_ms: u64 = 10_000, 100 to 3_600_000;
        /// Every sender is probed so often.
        probe_every_ms: u64 = 15_000, 100 to 3_600_000;
        /// The same while it is suspected.
        probe_burst_ms: u64 = 1_000, 50 to 3_600_000;
        /// The same while it is Down.
        probe_down_ms: u64 = 5_000, 50 to 3_600_000;
        /// Our own webhook is called at its public address so often, where http.public_url is set;
        /// 0: never.
        self_test_every_s: u64 = 300, 0 to 86_400;
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
        if self.hold_down_ms > self.hold_down_max_ms {
            let mend = "make the first wait no longer than the longest";
            let keys = ["health.hold_down_ms", "health.hold_down_max_ms"];
            reader.fault(&keys, "is more than health.hold_down_max_ms", mend);
        }
    }
}
