//! Our own account at fault: said at once, said louder, and never called an outage.

use super::traffic::{Traffic, text};
use super::{quick, row, until_scope, words};
use crate::stack::{PHONE_ID, Stack, until, until_true};

async fn play(profile: &str, code: &str) {
    let stack = Stack::start_with(quick()).await;
    let traffic = Traffic::start(&stack, vec![text("+1650"), text("+4915")]);
    until_true("traffic flows", || traffic.sent() >= 20).await;
    stack.outage(profile);
    let scope = until_scope(&stack, &format!("{PHONE_ID}/all"), "account_fault").await;
    assert!(words(&scope).contains("refuses our account"), "{scope}");
    assert!(
        words(&scope).contains("not an outage of the provider"),
        "{scope}"
    );
    assert_eq!(scope["account_code"], code, "{scope}");
    assert_eq!(row(&stack, "whatsapp").await["health"], "account_fault");
    let outages = stack.api("/outages").await;
    assert_eq!(
        outages["data"].as_array().map(Vec::len),
        Some(0),
        "{outages}"
    );
    traffic.end().await;
    stack.mend();
    until("it is tested again", || async {
        let health = row(&stack, "whatsapp").await["health"].clone();
        (health == "recovering" || health == "up").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_our_own_fault() {
    play("own_token_expired", "190").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_is_our_own_fault() {
    play("account_locked", "131031").await;
}
