//! What one business number writes to another comes in there, as outages allow.

use holdline_channels::whatsapp::inbound::parse;
use holdline_channels::whatsapp::{EchoPair, Event, InboundMessage, Reach};
use holdline_core::Timestamp;
use holdline_core::message::Outcome;
use holdline_sim::OutageOrder;
use holdline_sim::config::Number;
use serde_json::json;

use crate::outages::graph;
use crate::support::{Bench, quick, template_body, text_body, until, until_told};

const NOW: Timestamp = Timestamp(1_764_064_000_000);

async fn two_numbers() -> (Bench, EchoPair) {
    let mut config = quick();
    config.whatsapp.numbers.push(Number::second());
    let numbers = config.whatsapp.numbers.clone();
    let pair = EchoPair {
        from: numbers[0].id.clone(),
        to: numbers[1].id.clone(),
        to_number: numbers[1].display_phone_number.clone(),
        from_number: numbers[0].display_phone_number.clone(),
    };
    (Bench::with(config).await, pair)
}

/// Sends an echo that must be accepted; its provider id.
async fn send(bench: &Bench, pair: &EchoPair, token: u64) -> String {
    match graph(bench).send_echo(pair, token, NOW).await {
        Outcome::Accepted { provider_id } => provider_id.unwrap(),
        other @ (Outcome::Rejected(_) | Outcome::Throttled { .. } | Outcome::Unknown(_)) => {
            panic!("{other:?}")
        }
    }
}

/// The messages that came in, each with the number it came in at.
fn came_in(bench: &Bench) -> Vec<(String, InboundMessage)> {
    let hooks = bench.receiver.hooks();
    let updates = hooks
        .iter()
        .flat_map(|hook| parse(&hook.body, NOW).unwrap());
    updates
        .filter_map(|update| match update.event {
            Event::Message(message) => Some((update.phone_number_id.unwrap(), *message)),
            Event::Receipt(_)
            | Event::TemplateStatus(_)
            | Event::AccountUpdate { .. }
            | Event::PhoneQuality { .. }
            | Event::ValueError { .. }
            | Event::Other { .. } => None,
        })
        .collect()
}

fn tokens(bench: &Bench, pair: &EchoPair) -> Vec<u64> {
    let arrived = |(at, message): (String, InboundMessage)| {
        let (from, text) = (message.from?, message.text?);
        pair.arrived(&at, &from, &text).map(|(token, sent)| {
            assert_eq!(sent, NOW);
            token
        })
    };
    came_in(bench).into_iter().filter_map(arrived).collect()
}

#[tokio::test]
async fn an_echo_comes_in_at_the_other_number() {
    let (bench, pair) = two_numbers().await;
    let id = send(&bench, &pair, 0xA1).await;
    let statuses = bench.statuses(&id, "delivered").await;
    until("the echo is here", || tokens(&bench, &pair) == [0xA1]).await;
    assert_eq!(
        statuses[0]["biz_opaque_callback_data"],
        "hl-echo:00000000000000a1"
    );
    let (at, message) = came_in(&bench).pop().unwrap();
    assert_eq!(
        (at, message.message_type.as_str()),
        (pair.to.clone(), "text")
    );
    assert_eq!(message.from.as_deref(), Some("15550783881"));
    assert_eq!(message.profile_name.as_deref(), Some("Holdline Sandbox"));
    assert!(bench.rows().is_empty(), "no person has received anything");
}

#[tokio::test]
async fn the_second_number_answers_the_first() {
    let (bench, pair) = two_numbers().await;
    let back = EchoPair {
        from: pair.to.clone(),
        to: pair.from.clone(),
        to_number: pair.from_number.clone(),
        from_number: pair.to_number.clone(),
    };
    send(&bench, &pair, 1).await;
    send(&bench, &back, 2).await;
    until("both are here", || {
        tokens(&bench, &pair) == [1] && tokens(&bench, &back) == [2]
    })
    .await;
}

#[tokio::test]
async fn an_outage_withholds_an_echo_until_it_ends() {
    for profile in ["accepted_not_delivered", "sent_not_delivered"] {
        let (bench, pair) = two_numbers().await;
        let outage = bench
            .sandbox
            .start_outage(OutageOrder::new(profile))
            .unwrap();
        let id = send(&bench, &pair, 7).await;
        if profile == "sent_not_delivered" {
            bench.statuses(&id, "sent").await;
        }
        assert!(tokens(&bench, &pair).is_empty(), "{profile}");
        bench.sandbox.stop_outage(outage);
        until("the echo is here late", || tokens(&bench, &pair) == [7]).await;
    }
}

#[tokio::test]
async fn stopped_webhooks_lose_an_echo_that_was_delivered() {
    let (bench, pair) = two_numbers().await;
    let outage = bench.outage("webhooks_stopped");
    let id = send(&bench, &pair, 8).await;
    until_told("it is delivered and not told", async || {
        let fate = graph(&bench).message_fate(&pair.from, &id).await.unwrap();
        let told = fate.map(|fate| (fate.reached, fate.webhook_delivered()));
        told == Some((Reach::Delivered, Some(false)))
    })
    .await;
    bench.sandbox.stop_outage(outage);
    send(&bench, &pair, 9).await;
    until("the next echo is here", || {
        !tokens(&bench, &pair).is_empty()
    })
    .await;
    assert_eq!(tokens(&bench, &pair), [9]);
}

#[tokio::test]
async fn a_number_that_writes_opens_the_window_for_the_answer() {
    let mut config = quick();
    config.whatsapp.enforce_window = true;
    config.whatsapp.numbers.push(Number::second());
    let [first, second] = [0, 1].map(|place| config.whatsapp.numbers[place].clone());
    let bench = Bench::with(config).await;
    let answer = async |text| {
        let body = text_body(&first.display_phone_number, text);
        let (_, reply) = bench.post(&format!("{}/messages", second.id), &body).await;
        reply["messages"][0]["id"].as_str().unwrap().to_owned()
    };
    let early = answer("too early").await;
    bench.statuses(&early, "failed").await;
    let opening = template_body(&second.display_phone_number, "hello_world", json!([]));
    let (status, _) = bench.send(&opening).await;
    assert_eq!(status, 200);
    until("the template is here", || !came_in(&bench).is_empty()).await;
    let late = answer("in time").await;
    bench.statuses(&late, "delivered").await;
}
