//! Routes and outages come back as they went in, and a route that is gone is forgotten. What people
//! and detectors note beside them is checked in a file of its own.

mod console;
mod notes;

pub(super) use notes::audit;

use super::fixtures::{at, id, put};
use crate::ports::records::{OutageRecord, RouteRecord};
use crate::ports::{Op, Store};
use holdline_core::health::Health;
use holdline_core::id::OutageId;
use std::sync::Arc;

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    routes_come_back_by_name(&*new_store().await).await;
    a_route_that_is_gone_is_forgotten(&*new_store().await).await;
    outages_come_back_newest_first(&*new_store().await).await;
    notes::check(new_store).await;
    console::check(new_store).await;
}

async fn routes_come_back_by_name(store: &dyn Store) {
    put(
        store,
        Health::ALL.map(|health| Op::Route(route(health))).to_vec(),
    )
    .await;
    let changed = RouteRecord {
        health: Health::Down,
        state: String::new(),
        ..route(Health::Up)
    };
    put(store, vec![Op::Route(changed.clone())]).await;
    let mut wanted: Vec<_> = Health::ALL.map(route).to_vec();
    wanted[0] = changed;
    wanted.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(store.routes().await.expect("reads"), wanted);
}

async fn a_route_that_is_gone_is_forgotten(store: &dyn Store) {
    let [stays, goes] = [route(Health::Up), route(Health::Down)];
    let gone = || Op::RouteGone(goes.name.clone());
    put(store, vec![Op::Route(stays.clone()), gone()]).await;
    put(store, vec![Op::Route(goes.clone()), gone()]).await;
    assert_eq!(store.routes().await.expect("reads"), [stays]);
}

async fn outages_come_back_newest_first(store: &dyn Store) {
    put(store, (1..=3).map(|n| Op::Outage(outage(n))).collect()).await;
    let over = OutageRecord {
        recovering_at: Some(at(8)),
        recovered_at: Some(at(9)),
        onset: None,
        moved: 77,
        ..outage(2)
    };
    put(store, vec![Op::Outage(over.clone())]).await;
    let bare = OutageRecord {
        suspect_at: None,
        degraded_at: None,
        bound: None,
        ratio: None,
        feed: None,
        feed_at: None,
        ..outage(1)
    };
    put(store, vec![Op::Outage(bare.clone())]).await;
    assert_eq!(
        store.outages(2).await.expect("reads"),
        [outage(3), over.clone()]
    );
    assert_eq!(
        store.outages(9).await.expect("reads"),
        [outage(3), over, bare.clone()]
    );
    let one = async |id| store.outage(id).await.expect("reads");
    assert_eq!(one(bare.id).await, Some(bare));
    assert_eq!(one(outage(4).id).await, None);
}

fn route(health: Health) -> RouteRecord {
    RouteRecord {
        name: format!("sms/{}/any", health.name()),
        health,
        since: at(4),
        reason: "why".to_owned(),
        state: format!("v1 {}\n", health.name()),
    }
}

/// Outage `n`, down at `NOW + n`, that lasts.
pub(super) fn outage(n: i64) -> OutageRecord {
    OutageRecord {
        id: OutageId(id(n)),
        route: "sms/a/any".to_owned(),
        scope: "all routes of sms".to_owned(),
        signal: "refusals".to_owned(),
        onset: Some(at(n - 4)),
        suspect_at: Some(at(n - 3)),
        degraded_at: Some(at(n - 2)),
        opened_at: at(n),
        recovering_at: None,
        recovered_at: None,
        reason: "8 of 10 failed".to_owned(),
        moved: 0,
        nats: 23.062_5,
        bound: Some(9.1),
        ratio: Some(1.1),
        feed: Some("partial outage".to_owned()),
        feed_at: Some(at(n + 50)),
    }
}
