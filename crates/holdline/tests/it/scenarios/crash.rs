//! kill -9 at random moments under load: everything that was accepted ends, nothing is lost, and
//! nobody gets a message twice but where the outcome of an attempt stayed unknown by rule.

use super::load::{Load, options};
use crate::stack::Stack;

/// For a minute; without optimisation, what two cores bear beside everything else of the tests.
const PER_S: u32 = if cfg!(debug_assertions) { 150 } else { 500 };
const MESSAGES: u32 = 60 * PER_S;
const KILLS: u32 = 10;
/// From when to when (in tenths of the load) WhatsApp fails, and how.
const OUTAGES: [(u32, u32, &str); 2] = [(2, 4, "server_errors"), (6, 7, "blackhole")];

#[tokio::test(flavor = "multi_thread")]
async fn killed_ten_times_under_load_nothing_is_lost() {
    let mut stack = Stack::start_with(options()).await;
    let (load, senders) = Load::begin(&stack, &stack.url, PER_S, MESSAGES);
    for tenth in 0..KILLS {
        load.until_sent(MESSAGES / KILLS * tenth).await;
        for (from, until, profile) in OUTAGES {
            if tenth == from {
                stack.outage(profile);
            } else if tenth == until {
                stack.mend();
            }
        }
        load.until_sent(MESSAGES / KILLS * tenth + MESSAGES / KILLS / 2)
            .await;
        stack.kill();
        stack.serve().await;
    }
    let verdict = load.judge(&stack, senders).await;
    println!("{verdict}");
}
