//! Who may sign in, their sessions, the log, traffic, evidence and fates.

use super::super::fixtures::{
    accept, advance, at, attempt, id, in_state, message, message_id, put, try_put,
};
use crate::ports::ops::Advance;
use crate::ports::records::{
    Activity, ActivityKind, EvidenceRecord, Role, SessionRecord, TrafficRecord, UserRecord,
};
use crate::ports::store::{Fate, MessageFilter};
use crate::ports::{Conflict, Op, Store};
use holdline_core::id::OutageId;
use holdline_core::message::{End, State};
use holdline_core::{ChannelKind, Redacted};
use std::sync::Arc;

pub(super) async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    the_last_word_about_a_user_holds(&*new_store().await).await;
    a_session_is_found_until_it_ends(&*new_store().await).await;
    the_log_is_resumed_where_it_was_left(&*new_store().await).await;
    traffic_of_a_minute_adds_up(&*new_store().await).await;
    evidence_comes_back_by_time(&*new_store().await).await;
    fates_are_counted_by_state_and_last_channel(&*new_store().await).await;
    messages_are_found_by_time_and_channel(&*new_store().await).await;
    old_lines_and_sessions_go(&*new_store().await).await;
}

fn user(name: &str, role: Role) -> UserRecord {
    UserRecord {
        name: name.to_owned(),
        role,
        password: Redacted::new("$argon2id$v=19$m=1$a$b".to_owned()),
        totp: None,
        totp_step: 0,
        created_at: at(1),
        disabled_at: None,
        version: 1,
    }
}

async fn the_last_word_about_a_user_holds(store: &dyn Store) {
    let all = Role::ALL.map(|role| user(role.name(), role));
    put(store, all.iter().cloned().map(Op::User).collect()).await;
    let changed = UserRecord {
        totp: Some(Redacted::new("GEZDGNBV".to_owned())),
        totp_step: 59_000_000,
        disabled_at: Some(at(7)),
        version: 2,
        ..all[0].clone()
    };
    put(store, vec![Op::User(changed.clone())]).await;
    let later = |version| UserRecord {
        role: Role::Agent,
        version,
        ..changed.clone()
    };
    let nobody = UserRecord {
        version: 2,
        ..user("nobody", Role::Owner)
    };
    for refused in [later(1), later(2), later(4), nobody] {
        let setting = super::super::fixtures::setting("k", "v");
        let group = vec![setting, Op::User(refused)];
        assert_eq!(try_put(store, group).await, Err(Conflict::Repeated));
    }
    let untouched = store.setting("k").await.expect("reads");
    assert_eq!(untouched, None, "nothing of a group that conflicts is kept");
    let mut wanted = all.to_vec();
    wanted[0] = changed;
    wanted.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(store.users().await.expect("reads"), wanted);
}

fn session(byte: u8, seen_ms: i64) -> SessionRecord {
    SessionRecord {
        hash: [byte; 32],
        user: "ada".to_owned(),
        created_at: at(1),
        seen_at: at(seen_ms),
        expires_at: at(90 + i64::from(byte)),
        address: "127.0.0.1".to_owned(),
        agent: "a browser".to_owned(),
    }
}

async fn a_session_is_found_until_it_ends(store: &dyn Store) {
    let all = [session(1, 5), session(2, 9), session(3, 7)];
    put(store, all.iter().cloned().map(Op::Session).collect()).await;
    let found = store.session(&[2; 32]).await.expect("reads");
    assert_eq!(found.as_ref(), Some(&all[1]));
    assert_eq!(store.session(&[9; 32]).await.expect("reads"), None);
    let again = session(1, 20);
    put(
        store,
        vec![Op::Session(again.clone()), Op::SessionEnd([2; 32])],
    )
    .await;
    let [_, _, third] = all;
    assert_eq!(store.sessions().await.expect("reads"), [again, third]);
}

fn line(n: i64) -> Activity {
    Activity {
        at: at(n),
        kind: ActivityKind::ALL[n.unsigned_abs() as usize % 3],
        subject: format!("whatsapp/{n}"),
        words: "it is mended".to_owned(),
    }
}

async fn the_log_is_resumed_where_it_was_left(store: &dyn Store) {
    put(store, (1..=5).map(line).map(Op::Activity).collect()).await;
    let newest = store.activity(None, 2).await.expect("reads");
    let lines: Vec<&Activity> = newest.iter().map(|it| &it.activity).collect();
    assert_eq!(lines, [&line(4), &line(5)], "the newest, in order");
    let seen = newest[0].seq;
    put(store, vec![Op::Activity(line(6))]).await;
    let missed = store.activity(Some(seen), 9).await.expect("reads");
    let lines: Vec<&Activity> = missed.iter().map(|it| &it.activity).collect();
    assert_eq!(lines, [&line(5), &line(6)]);
    assert!(missed[0].seq > seen && missed[1].seq > missed[0].seq);
    let one = store.activity(Some(seen), 1).await.expect("reads");
    assert_eq!(one, missed[..1]);
    let none = store.activity(Some(missed[1].seq), 9).await.expect("reads");
    assert!(none.is_empty());
}

async fn traffic_of_a_minute_adds_up(store: &dyn Store) {
    let more = |minute, channel, sends| TrafficRecord {
        minute: at(minute),
        channel,
        sends,
        receipts: 1,
        failures: 2,
    };
    let (sms, whatsapp) = (ChannelKind::SMS, ChannelKind::WHATSAPP);
    put(store, vec![Op::Traffic(more(0, sms, 1))]).await;
    let two = vec![
        Op::Traffic(more(60, whatsapp, 5)),
        Op::Traffic(more(60, whatsapp, 7)),
    ];
    put(store, two).await;
    put(store, vec![Op::Traffic(more(60, sms, 3))]).await;
    let sum = TrafficRecord {
        receipts: 2,
        failures: 4,
        ..more(60, whatsapp, 12)
    };
    let found = store.traffic(at(60), 9).await.expect("reads");
    assert_eq!(found, [more(60, sms, 3), sum]);
    assert_eq!(store.traffic(at(0), 2).await.expect("reads").len(), 2);
}

async fn evidence_comes_back_by_time(store: &dyn Store) {
    let one = |outage: i64, ms| EvidenceRecord {
        outage: OutageId(id(outage)),
        at: at(ms),
        signal: "sends".to_owned(),
        nats: 3.25,
        threshold: 16.5,
    };
    let all = [one(1, 9), one(1, 3), one(2, 4)];
    put(store, all.iter().cloned().map(Op::Evidence).collect()).await;
    let again = EvidenceRecord {
        nats: f64::INFINITY,
        ..one(1, 3)
    };
    put(store, vec![Op::Evidence(again)]).await;
    let found = store.evidence(OutageId(id(1)), 9).await.expect("reads");
    assert_eq!(found.len(), 2);
    assert!(found[0].at == at(3) && found[0].nats > 1e9);
    assert_eq!(found[1], one(1, 9));
}

/// Messages at 1 to 4: delivered by SMS, failed by SMS after WhatsApp, waiting, cancelled.
async fn put_messages(store: &dyn Store) {
    let ended = |end| State::Ended { end, at: at(9) };
    let states = [
        ended(End::Delivered),
        ended(End::Failed),
        State::Waiting { due: at(3) },
        ended(End::Cancelled),
    ];
    for (n, state) in (1..).zip(states) {
        put(store, vec![accept(message(n), in_state(n, state))]).await;
    }
    let (sms, whatsapp) = (ChannelKind::SMS, ChannelKind::WHATSAPP);
    for (n, number, channel) in [(1, 1, sms), (2, 1, whatsapp), (2, 2, sms)] {
        let started = Some(attempt(n, number, channel));
        let moved = advance(in_state(n, states[n as usize - 1]));
        let moved = Advance { started, ..moved };
        put(store, vec![Op::Advance(Box::new(moved))]).await;
    }
}

async fn fates_are_counted_by_state_and_last_channel(store: &dyn Store) {
    put_messages(store).await;
    let fate = |state: &str, channel, count| Fate {
        state: state.to_owned(),
        channel,
        count,
    };
    let first = ChannelKind::WHATSAPP;
    let fates = store.fates(first, at(1), at(4), 99).await.expect("reads");
    let sms = Some(ChannelKind::SMS);
    let wanted = [
        fate("delivered", sms, 1),
        fate("failed", sms, 1),
        fate("waiting", None, 1),
    ];
    assert_eq!(fates, wanted);
    let newest = store.fates(first, at(1), at(5), 1).await.expect("reads");
    assert_eq!(newest, [fate("cancelled", None, 1)]);
    let others = store.fates(ChannelKind::SMS, at(1), at(4), 99).await;
    assert_eq!(
        others.expect("reads"),
        [],
        "every plan begins with WhatsApp"
    );
}

async fn messages_are_found_by_time_and_channel(store: &dyn Store) {
    put_messages(store).await;
    let check = async |change: &dyn Fn(&mut MessageFilter), expect: &[i64]| {
        let mut filter = MessageFilter::default();
        change(&mut filter);
        let found = store.list_messages(&filter, 9).await.expect("reads");
        let found: Vec<_> = found.iter().map(|it| it.message.id).collect();
        let expect: Vec<_> = expect.iter().map(|n| message_id(*n)).collect();
        assert_eq!(found, expect, "{filter:?}");
    };
    check(
        &|it| (it.since, it.until) = (Some(at(2)), Some(at(4))),
        &[3, 2],
    )
    .await;
    let before = Some(message_id(3));
    check(&|it| (it.before, it.until) = (before, Some(at(4))), &[2, 1]).await;
    check(&|it| it.channel = Some(ChannelKind::WHATSAPP), &[2]).await;
    let by_sms = |it: &mut MessageFilter| it.channel = Some(ChannelKind::SMS);
    check(&by_sms, &[2, 1]).await;
    let late =
        |it: &mut MessageFilter| (it.channel, it.since) = (Some(ChannelKind::SMS), Some(at(2)));
    check(&late, &[2]).await;
    check(
        &|it| (it.state, it.until) = (Some("failed".to_owned()), Some(at(2))),
        &[],
    )
    .await;
}

async fn old_lines_and_sessions_go(store: &dyn Store) {
    put(store, (1..=3).map(line).map(Op::Activity).collect()).await;
    put(store, vec![Op::Session(session(1, 2))]).await;
    let gone = store.expire_rows(at(0), at(3), 1).await.expect("works");
    assert_eq!(gone, 1, "within the limit");
    let gone = store.expire_rows(at(0), at(3), 9).await.expect("works");
    assert_eq!(gone, 1);
    let left = store.activity(None, 9).await.expect("reads");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].activity, line(3));
    assert_eq!(store.sessions().await.expect("reads").len(), 1);
    let gone = store.expire_rows(at(0), at(99), 9).await.expect("works");
    assert_eq!(gone, 2, "the session goes with its end");
}
