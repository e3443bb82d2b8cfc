//! Status feeds: what the provider tells late is kept with the outage, and what cannot be read is
//! unknown.

use super::*;
use holdline_sim::FeedFault;
use holdline_sim::Sandbox;
use std::net::SocketAddr;

const LAG_MS: u64 = 3_000;

/// An installation that follows the sandbox's page, which stands at a port of its own.
async fn followed(options: Options) -> Stack {
    let status: SocketAddr = crate::stack::free_address();
    let mut options = options;
    options.sandbox.listen.status = status;
    options.sandbox.feed_lag_ms = LAG_MS;
    options.sections.push_str(&format!(
        "[[feed]]\nname = \"meta\"\nurl = \"http://{status}/\"\nformat = \"metastatus\"\n\
         every_s = 1\n"
    ));
    Stack::start_with(options).await
}

async fn feed(stack: &Stack) -> Value {
    stack.api("/feeds").await["data"][0].clone()
}

async fn until_state(stack: &Stack, state: &str) -> Value {
    until(&format!("the feed is {state}"), || async {
        let feed = feed(stack).await;
        (feed["state"] == state).then_some(feed)
    })
    .await
}

fn break_feed(sandbox: &Sandbox, fault: Option<FeedFault>) {
    sandbox.set_feed_fault(fault);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_the_provider_tells_later_says_how_late() {
    let stack = followed(quick()).await;
    until_state(&stack, "green").await;
    stack.outage("server_errors");
    send_to(&stack, 0..12).await;
    until_health(&stack, "whatsapp", "down").await;
    let open = until_state(&stack, "open").await;
    assert!(open["incidents"][0].is_string(), "{open}");
    let graded = until("the lag is known", || async {
        let feed = feed(&stack).await;
        feed["lag"]["last_lag_s"].is_number().then_some(feed)
    })
    .await;
    let lag = &graded["lag"];
    assert_eq!(
        (&lag["outages"], &lag["told"]),
        (&json!(1), &json!(1)),
        "{graded}"
    );
    let lag_s = lag["last_lag_s"].as_f64().expect("a number");
    assert!((0.5..20.0).contains(&lag_s), "{graded}");
    let mut command = stack.command(&["feeds"]);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("a thread")
        .expect("it runs");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in ["meta", "open", "1 of 1", "USUAL LAG"] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    stack.mend();
    until_state(&stack, "green").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_breaks_is_unknown_and_never_green() {
    let stack = followed(quick()).await;
    for fault in [FeedFault::Html, FeedFault::ServerError, FeedFault::Shape] {
        until_state(&stack, "green").await;
        break_feed(&stack.sandbox, Some(fault));
        let feed = until_state(&stack, "unknown").await;
        assert!(
            feed["error"].is_string() && feed["seen_at"].is_string(),
            "{feed}"
        );
        break_feed(&stack.sandbox, None);
    }
    until_state(&stack, "green").await;
    assert_eq!(stack.health("whatsapp").await, "up");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grade_of_a_feed_outlives_a_restart() {
    let mut stack = followed(quick()).await;
    stack.outage("server_errors");
    send_to(&stack, 0..12).await;
    let lag = until("the lag is known", || async {
        let feed = feed(&stack).await;
        feed["lag"]["last_lag_s"]
            .is_number()
            .then(|| feed["lag"].clone())
    })
    .await;
    stack.kill();
    stack.serve().await;
    until("the grade is there again", || async {
        (feed(&stack).await["lag"]["told"] == lag["told"]).then_some(())
    })
    .await;
}
