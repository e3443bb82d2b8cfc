//! A disk without room: the app is told to come back, nothing that was refused is ever sent, and
//! nothing that was accepted is lost.

use super::{check_error, list, read};
use crate::scenarios::until_ended;
use crate::stack::{Options, Stack, until, until_true};
use serde_json::json;
use std::collections::BTreeSet;

/// Enough for the server to start and accept some messages; its log would not fit.
const FILE_KIB_MAX: u32 = 1_536;
const PEOPLE: u32 = 5;
const TRIES_MAX: u32 = 4_000;

fn message(number: u32) -> serde_json::Value {
    // Long enough to fill the disk soon.
    let text = format!("mark {number:04} {}", "x".repeat(3_000));
    let to = format!("+1650555330{}", number % PEOPLE);
    json!({"to": to, "type": "text", "text": {"body": text}})
}

/// What was accepted, by number and id; ends with several refusals in a row. Between them a shorter
/// log may make room once more.
pub(super) async fn fill(stack: &Stack) -> Vec<(u32, String)> {
    let mut accepted = Vec::new();
    let mut refused = 0;
    for number in 0..TRIES_MAX {
        let (status, after, reply) = read(stack.post(message(number)).await).await;
        if status == 200 {
            refused = 0;
            let id = reply["messages"][0]["id"].as_str().expect("an id");
            accepted.push((number, id.to_owned()));
            continue;
        }
        assert_eq!(status, 503, "{reply}");
        let after = after.expect("Retry-After");
        let details = format!("The message was not accepted: try again in {after} s");
        check_error(&reply, 2, Some(&details));
        assert_eq!(reply["error"]["is_transient"], true);
        refused += 1;
        if refused == 5 {
            break;
        }
    }
    assert_eq!(refused, 5, "{} messages fitted", accepted.len());
    assert!(accepted.len() >= 10, "only {} fitted", accepted.len());
    accepted
}

async fn start_small() -> Stack {
    let mut options = Options::default();
    // What was not stored is told again soon.
    options.sandbox.webhooks.retry_max_ms = 200;
    options.sandbox.webhooks.tries_max = 10_000;
    let mut stack = Stack::start_with(options).await;
    stack.kill();
    stack.serve_limited(FILE_KIB_MAX).await;
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_messages_are_refused_and_what_was_accepted_is_kept() {
    let mut stack = start_small().await;
    let accepted = fill(&stack).await;
    stack.kill();
    stack.serve().await;
    all_is_as_promised(&stack, &accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_room_again_it_goes_on_and_what_was_refused_stays_refused() {
    let stack = start_small().await;
    let accepted = fill(&stack).await;
    stack.lift_limit();
    until("messages are accepted again", || async {
        let probe = json!({"to": "+16505553308", "type": "text", "text": {"body": "room?"}});
        (stack.post(probe).await.status() == 200).then_some(())
    })
    .await;
    until_true("the probe arrives", || {
        !stack.received("+16505553308").is_empty()
    })
    .await;
    all_is_as_promised(&stack, &accepted).await;
}

pub(super) async fn all_is_as_promised(stack: &Stack, accepted: &[(u32, String)]) {
    for (_, id) in accepted {
        assert_eq!(until_ended(stack, id).await["state"], "delivered");
    }
    let known: BTreeSet<_> = accepted.iter().map(|(_, id)| id.clone()).collect();
    let mut kept = BTreeSet::new();
    for message in list(stack).await {
        let wamid = message["wamid"].as_str().expect("a wamid").to_owned();
        if stack.message(&wamid).await["to"] != "+16505553308" {
            kept.insert(wamid);
        }
    }
    assert_eq!(kept, known, "what was refused is not there");
    everybody_got_theirs(stack, accepted);
    let later = stack.send_text("+16505553309", "there is room").await;
    assert_eq!(until_ended(stack, &later).await["state"], "delivered");
}

fn everybody_got_theirs(stack: &Stack, accepted: &[(u32, String)]) {
    let rows = stack.sandbox.ledger(0, 200_000);
    let mark = |text: &str| -> Option<u32> { text.split("mark ").nth(1)?.get(..4)?.parse().ok() };
    let arrived: Vec<u32> = rows.iter().filter_map(|row| mark(&row.text)).collect();
    let once: BTreeSet<u32> = arrived.iter().copied().collect();
    let expected: BTreeSet<u32> = accepted.iter().map(|(number, _)| *number).collect();
    assert_eq!(once, expected, "all that was accepted and nothing else");
    assert_eq!(arrived.len(), once.len(), "nobody got a second copy");
}
