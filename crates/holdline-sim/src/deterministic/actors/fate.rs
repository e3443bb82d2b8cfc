//! Performs a script: at its time each item happens, and ends. At the end of the faults everything
//! is made whole again.

use super::{caller, node};
use crate::deterministic::exec::WORLD;
use crate::deterministic::facts::Fact;
use crate::deterministic::script::{Act, Does, Item};
use crate::deterministic::stage::{EPOCH_MS, Stage};
use crate::deterministic::{PEOPLE, number_of};
use crate::outage::{OutageOrder, Scope};
use crate::{PersonChange, PersonSend, Provider, SmsReach, WhatsappReach};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Starts the nodes, and everything that the script holds.
pub(crate) fn begin(stage: &Arc<Stage>) {
    for number in 0..stage.nodes() {
        node::start(stage, number);
    }
    for (id, item) in (0_u32..).zip(stage.script.items.clone()) {
        let own = Arc::clone(stage);
        stage
            .exec
            .spawn(WORLD, async move { happen(own, id, item).await });
    }
    let own = Arc::clone(stage);
    stage.exec.spawn(WORLD, async move { heal(own).await });
}

async fn happen(stage: Arc<Stage>, id: u32, item: Item) {
    let heals_at = stage.script.heal_at_ms;
    stage.exec.sleep(item.at_ms).await;
    let left_ms = heals_at.saturating_sub(stage.exec.now_ms());
    let name = item.act.name();
    let told = |begins| {
        let name = name.clone();
        stage.tell(&Fact::Act { name, begins });
    };
    if item.act.is_fault() {
        if left_ms == 0 {
            return;
        }
        told(true);
        stage.weather().count(name.clone());
    }
    match item.act {
        Act::Send(send) => return caller::send(&stage, send),
        Act::Person { person, does } => return person_does(&stage, person, does),
        Act::Outage {
            profile,
            provider,
            percent,
            for_ms,
        } => outage(&stage, (&profile, provider, percent), for_ms.min(left_ms)).await,
        Act::Crash { node, down_ms } => {
            node::kill(&stage, node);
            stage.exec.sleep(down_ms.min(left_ms)).await;
            node::start(&stage, node);
        }
        Act::Restart { node, down_ms } => {
            node::stop(&stage, node).await;
            stage.exec.sleep(down_ms.min(left_ms)).await;
            node::start(&stage, node);
        }
        Act::Clock {
            node,
            by_ms,
            for_ms,
        } => {
            jump(&stage, node, by_ms);
            stage.exec.sleep(for_ms.min(left_ms)).await;
            jump(&stage, node, -by_ms);
        }
        Act::Net { for_ms, .. } | Act::Store { for_ms, .. } | Act::AppFails { for_ms, .. } => {
            stage.weather().begin(id, item.act.clone());
            stage.exec.sleep(for_ms.min(left_ms)).await;
            stage.weather().end(id);
        }
    }
    told(false);
}

async fn outage(stage: &Arc<Stage>, (profile, provider, percent): Order<'_>, for_ms: u64) {
    let order = OutageOrder::new(profile).on(provider).within(Scope {
        percent,
        ..Scope::default()
    });
    let Ok(id) = stage.with_world(|world, now_ms| world.start_outage(order, now_ms)) else {
        return;
    };
    stage.exec.sleep(for_ms).await;
    stage.with_world(|world, now_ms| world.stop_outage(id, now_ms));
}

type Order<'a> = (&'a str, Provider, Option<u8>);

fn jump(stage: &Stage, node: u8, by_ms: i64) {
    let skew = &stage.skews_ms[usize::from(node) % stage.skews_ms.len()];
    let by = skew.fetch_add(by_ms, Ordering::SeqCst) + by_ms;
    stage.clocks_jumped.fetch_add(1, Ordering::SeqCst);
    stage.tell(&Fact::Clock { node, by_ms: by });
}

fn person_does(stage: &Arc<Stage>, person: u8, does: Does) {
    let address = number_of(person);
    let change = |whatsapp, sms| PersonChange {
        whatsapp,
        sms,
        ..PersonChange::default()
    };
    let change = match does {
        Does::Leaves => change(Some(WhatsappReach::Offline), None),
        Does::Returns => change(Some(WhatsappReach::Normal), Some(SmsReach::Normal)),
        Does::Blocks => change(Some(WhatsappReach::NoWhatsapp), None),
        Does::LosesSms => change(None, Some(SmsReach::Unreachable)),
        Does::Writes => return writes(stage, person, PersonSend::text("hello")),
        Does::WritesSms => return writes(stage, person, sms("hello")),
        Does::Stops => return writes(stage, person, sms("STOP")),
        Does::Starts => return writes(stage, person, sms("START")),
    };
    // Only an address that is no address is refused.
    drop(stage.with_world(|world, now_ms| world.change_person(&address, change, now_ms)));
}

fn sms(text: &str) -> PersonSend {
    PersonSend::text(text).over(Provider::Sms)
}

fn writes(stage: &Arc<Stage>, person: u8, send: PersonSend) {
    let address = number_of(person);
    let sent = stage.with_world(|world, now_ms| world.person_sends(&address, send, now_ms));
    if let Ok(id) = sent {
        stage.tell(&Fact::Wrote { id, person });
    }
}

/// Everything is whole again: networks, stores, providers, phones, clocks, nodes.
async fn heal(stage: Arc<Stage>) {
    // A little later than the last fault ends by itself.
    stage.exec.sleep(stage.script.heal_at_ms + 1).await;
    stage.weather().clear();
    for person in 0..PEOPLE {
        person_does(&stage, person, Does::Returns);
    }
    for number in 0..stage.nodes() {
        if !stage.slot(number).stopping {
            node::start(&stage, number);
        }
    }
    debug_assert!(stage.true_ms() >= EPOCH_MS);
    stage.tell(&Fact::Healed);
}
