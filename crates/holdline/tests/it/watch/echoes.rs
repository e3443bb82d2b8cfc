//! Echoes between two of our numbers: an outage is noticed without any traffic, and no app sees
//! an echo.

use super::*;
use holdline_sim::config::Number;

/// Two numbers that write to each other every second.
fn echoing() -> Options {
    let second = Number::second();
    let mut options = quick().with("health", "false_alarm_days = 1");
    options.sandbox.whatsapp.numbers.push(second.clone());
    let (one, two) = (crate::stack::PHONE_ID, &second.id);
    options.sections.push_str(&format!(
        "[[whatsapp.sender]]\nphone_number_id = \"{two}\"\nwaba_id = \"{}\"\n\
         display_phone_number = \"+1 555 078 3882\"\n\
         [[health.echo]]\nfrom = \"{one}\"\nto = \"{two}\"\nevery_s = 1\n\
         [[health.echo]]\nfrom = \"{two}\"\nto = \"{one}\"\nevery_s = 1\n",
        crate::stack::WABA_ID,
    ));
    options
}

async fn echoes_came(stack: &Stack) -> u64 {
    let metrics = stack
        .http
        .get(format!("{}/metrics", stack.url))
        .send()
        .await;
    let text = metrics.expect("an answer").text().await.expect("text");
    let line = text
        .lines()
        .find(|line| line.contains("channel=\"whatsapp\"") && line.contains("echo"));
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_noticed_by_echoes_alone() {
    let stack = Stack::start_with(echoing()).await;
    let inbox = Inbox::of(&stack).await;
    until("echoes come in", || async {
        (echoes_came(&stack).await >= 8).then_some(())
    })
    .await;
    assert_eq!(stack.health("whatsapp").await, "up");
    stack.outage("accepted_not_delivered");
    until_true("it is noticed", || {
        let healths = inbox.healths("whatsapp/");
        healths.iter().any(|to| to == "degraded" || to == "down")
    })
    .await;
    assert!(stack.receiver.messages().is_empty(), "no app sees an echo");
    assert!(stack.receiver.calls().is_empty());
    let messages = stack.api("/messages").await;
    assert_eq!(messages["data"], json!([]), "an echo is no message");
}
