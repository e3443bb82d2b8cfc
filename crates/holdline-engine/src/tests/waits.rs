//! What people are told of what waits and of what moved.

use super::rig::{Rig, broken};
use crate::ports::Store as _;
use crate::ports::records::HoldRecord;
use crate::request::Waits;
use holdline_core::ChannelKind;
use holdline_core::health::Health;
use holdline_core::health::board::HoldKind;
use std::time::Duration;

const WA: ChannelKind = ChannelKind::WHATSAPP;
const SMS: ChannelKind = ChannelKind::SMS;

async fn hold(rig: &Rig, channel: ChannelKind) {
    let now = rig.engine.now();
    let hold = HoldRecord {
        scope: format!("{channel}/*/all"),
        kind: HoldKind::Hold,
        reason: "a number moves".into(),
        actor: "ada".into(),
        set_at: now,
        until: now.plus_ms(3_600_000),
    };
    rig.engine.hold(hold).await.expect("said");
}

fn waits(rig: &Rig, channel: ChannelKind) -> Waits {
    let routes = rig.engine.routes();
    let route = routes.iter().find(|route| route.channel == channel);
    route.expect("configured").waits
}

async fn check(rig: &Rig, channel: ChannelKind, expect: Waits) {
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(waits(rig, channel), expect, "{channel}");
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_holds_is_counted_where_it_is_held() {
    let rig = Rig::start().await;
    hold(&rig, WA).await;
    for person in 0..3 {
        let sent = rig.send(&format!("+{person}"), "hello").await;
        sent.expect("accepted");
    }
    let held = Waits {
        held: 3,
        ..Waits::default()
    };
    check(&rig, WA, held).await;
    rig.engine
        .release("whatsapp/*/all", "ada", "it has moved")
        .await
        .expect("said");
    check(&rig, WA, Waits::default()).await;
}

#[tokio::test(start_paused = true)]
async fn what_moved_and_what_nobody_takes_is_counted_while_the_outage_goes_on() {
    let rig = Rig::start().await;
    rig.whatsapp.usually(broken());
    let mut last = None;
    for person in 0..30 {
        let sent = rig.send(&format!("+{person}"), "hello").await;
        last = Some(sent.expect("accepted").id);
    }
    rig.until(last.expect("some"), "delivered").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.health(WA), Health::Down);
    let moved = async || rig.store.outages(1).await.expect("reads")[0].moved;
    let before = moved().await;
    for person in 100..110 {
        let sent = rig.send(&format!("+{person}"), "later").await;
        sent.expect("accepted");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(moved().await, before + 10, "without another verdict");

    // The next hop keeps them: they stand there, not where they left.
    hold(&rig, SMS).await;
    for person in 200..204 {
        let sent = rig.send(&format!("+{person}"), "held").await;
        sent.expect("accepted");
    }
    let held = Waits {
        held: 4,
        ..Waits::default()
    };
    check(&rig, SMS, held).await;
    assert_eq!(waits(&rig, WA), Waits::default());
}
