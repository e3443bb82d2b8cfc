//! A restart in the middle of an outage keeps the state, and the outage goes on as one.

use super::traffic::{Traffic, text};
use super::{quick, row, until_scope};
use crate::stack::{PHONE_ID, Stack, until, until_true};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_down_before_a_kill_is_down_after_and_comes_back() {
    let mut stack = Stack::start_with(quick().with("health", "hold_down_ms = 30000")).await;
    let traffic = Traffic::start(&stack, vec![text("+1650"), text("+4915")]);
    until_true("traffic flows", || traffic.sent() >= 20).await;
    stack.outage("server_errors");
    let before = until_scope(&stack, &format!("{PHONE_ID}/all"), "down").await;
    traffic.end().await;
    stack.kill();
    stack.serve().await;
    let after = row(&stack, "whatsapp").await;
    assert_eq!(after["health"], "down", "{after}");
    let scope = &after["scopes"][0];
    assert_eq!(scope["onset"], before["onset"], "{after}");
    assert_eq!(scope["since"], before["since"], "{after}");
    stack.mend();
    let traffic = Traffic::start(&stack, vec![text("+1650"), text("+4915")]);
    until("it is up again", || async {
        (row(&stack, "whatsapp").await["health"] == "up").then_some(())
    })
    .await;
    traffic.end().await;
    let outages = stack.api("/outages").await;
    assert_eq!(
        outages["data"].as_array().map(Vec::len),
        Some(1),
        "{outages}"
    );
    assert!(!outages["data"][0]["recovered_at"].is_null(), "{outages}");
}
