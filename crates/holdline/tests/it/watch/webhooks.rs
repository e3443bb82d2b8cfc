//! The provider delivers and does not tell: its history says so, and sending goes on.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_stop_are_named_and_messages_go_on() {
    // The provider's history is to be read before missing receipts are held against it.
    let stack = Stack::start_with(patient().with("health", "dwell_ms = 10000")).await;
    let inbox = Inbox::of(&stack).await;
    warm_up(&stack).await;
    stack.outage("webhooks_stopped");
    let scope = format!("whatsapp/{}/inbound", stack.phone_id);
    let mut sent = 0;
    until("webhooks are named", || {
        sent += 1;
        let (stack, inbox, scope) = (&stack, &inbox, &scope);
        async move {
            let text = format!("message {sent}");
            stack.send_text(&person(sent), &text).await;
            let named = inbox.healths(scope).contains(&"degraded".to_owned());
            named.then_some(())
        }
    })
    .await;
    let before = sent;
    let more = send_to(&stack, 600..620).await;
    until_true("they arrive", || {
        (600..620).all(|number| !stack.received(&person(number)).is_empty())
    })
    .await;
    assert_eq!(more.len(), 20);
    for number in (1..=before).chain(600..620) {
        let got = stack.received(&person(number));
        assert!(
            got.iter().all(|(channel, _)| channel == "whatsapp"),
            "{number}: {got:?}"
        );
    }
    let whole = inbox.healths(&format!("whatsapp/{}/", stack.phone_id));
    assert!(!whole.contains(&"down".to_owned()), "{whole:?}");
}
