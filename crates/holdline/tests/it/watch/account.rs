//! The provider refuses our account: its own word confirms it, and whoever is on call is told.

use super::*;

async fn play(profile: &str, code: &str) {
    let stack = Stack::start_with(quick()).await;
    let inbox = Inbox::of(&stack).await;
    stack.outage(profile);
    send_to(&stack, 0..2).await;
    until_health(&stack, "whatsapp", "account_fault").await;
    let confirmed = until("the provider confirms it", || async {
        let is = |event: &Value| {
            event["type"] == "route.account_fault" && event["data"]["confirmed"] == true
        };
        inbox.all().into_iter().find(is)
    })
    .await;
    let data = &confirmed["data"];
    assert!(text(&data["reason"]).contains(code), "{confirmed}");
    assert!(text(&data["reason"]).contains("confirms it"), "{confirmed}");
    let outages = stack.api("/outages").await;
    assert_eq!(outages["data"], json!([]), "our own fault is no outage");
    let metrics = stack.http.get(format!("{}/metrics", stack.url));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    let once = "holdline_engine_verdicts_total{to=\"account_fault\"} 1\n";
    assert!(
        metrics.contains(once),
        "confirmed, not come anew: {metrics}"
    );
    for number in 0..2 {
        until_true("it goes by SMS", || {
            stack
                .received(&person(number))
                .iter()
                .any(|(by, _)| by == "sms")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_is_confirmed_and_told() {
    play("account_locked", "131031").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_problem_is_confirmed_and_told() {
    play("payment", "131042").await;
}
