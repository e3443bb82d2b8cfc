//! Our own side: when nobody is reached and the control hosts are silent too, no provider is
//! blamed; and when our own webhook is not reached, missing receipts are nobody's outage.

use super::*;
use holdline_sim::{OutageOrder, Provider};

fn cut_off(stack: &Stack) {
    for provider in [Provider::Whatsapp, Provider::Sms, Provider::Email] {
        let order = OutageOrder::new("hard_down").on(provider);
        stack.sandbox.start_outage(order).expect("a profile");
    }
}

async fn all_are(stack: &Stack, state: &str) {
    for channel in ["whatsapp", "sms", "email"] {
        until_health(stack, channel, state).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_from_everybody_no_provider_is_blamed() {
    let control = Control::start().await;
    let hosts = format!("control_hosts = [\"{}\"]", control.url());
    let options = quick()
        .with("surroundings", &hosts)
        .with("surroundings", "look_every_s = 1")
        .with("surroundings", "timeout_ms = 500");
    let stack = Stack::start_with(options).await;
    let inbox = Inbox::of(&stack).await;
    warm_up(&stack).await;
    let address = control.close().await;
    cut_off(&stack);
    send_to(&stack, 0..8).await;
    all_are(&stack, "self_impaired").await;
    let said = inbox.change("whatsapp/*/all", "self_impaired").await;
    assert!(text(&said["reason"]).contains("control host"), "{said}");
    let _control = Control::at(address).await;
    stack.mend();
    inbox.change("whatsapp/*/all", "up").await;
    all_are(&stack, "up").await;
    let outages = stack.api("/outages").await;
    assert_eq!(outages["data"], json!([]), "our own fault is no outage");
    for number in 0..8 {
        until_true("every message arrives", || {
            !stack.received(&person(number)).is_empty()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_control_hosts_that_answer_the_provider_is_blamed() {
    let control = Control::start().await;
    let hosts = format!("control_hosts = [\"{}\"]", control.url());
    let stack = Stack::start_with(quick().with("surroundings", &hosts)).await;
    warm_up(&stack).await;
    stack.outage("hard_down");
    send_to(&stack, 0..8).await;
    until_health(&stack, "whatsapp", "down").await;
    assert_eq!(stack.health("sms").await, "up");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_webhook_that_is_not_reached_is_our_own_fault() {
    let closed = crate::stack::free_address();
    let options = patient().with("http", &format!("public_url = \"http://{closed}\""));
    let stack = Stack::start_with(options).await;
    let inbox = Inbox::of(&stack).await;
    // The provider does not reach it either.
    let hook = format!("http://{closed}/hooks/whatsapp");
    stack.sandbox.set_whatsapp_webhook(Some(hook));
    let said = inbox.change("whatsapp/*/inbound", "self_impaired").await;
    assert!(text(&said["reason"]).contains("not reached"), "{said}");
    send_to(&stack, 0..40).await;
    until_true("all arrive by WhatsApp", || {
        (0..40).all(|number| !stack.received(&person(number)).is_empty())
    })
    .await;
    assert_eq!(stack.health("whatsapp").await, "up");
    for number in 0..40 {
        assert_eq!(stack.received(&person(number))[0].0, "whatsapp");
    }
    assert_eq!(inbox.healths("whatsapp/"), ["self_impaired"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_webhook_that_is_reached_says_nothing() {
    let address = crate::stack::free_address();
    let options = quick()
        .with("http", &format!("public_url = \"http://{address}\""))
        .with("health", "self_test_every_s = 1");
    let stack = Stack::start_with(options).await;
    let inbox = Inbox::of(&stack).await;
    inbox.change("whatsapp/*/inbound", "self_impaired").await;
    // What stood between the world and us is there now.
    let proxy = tokio::net::TcpListener::bind(address).await.expect("free");
    let to = stack.address();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = proxy.accept().await {
            let mut on = tokio::net::TcpStream::connect(to)
                .await
                .expect("our server");
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut on).await });
        }
    });
    inbox.change("whatsapp/*/inbound", "up").await;
}
