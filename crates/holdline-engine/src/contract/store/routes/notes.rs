//! Baselines, the word of operators and the audit come back as they went in, in their order.

use crate::contract::store::fixtures::{at, id, put};
use crate::ports::records::{AuditRecord, BaselineRecord, HoldKind, HoldRecord};
use crate::ports::{Op, Store};
use std::sync::Arc;

pub(super) async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    the_newest_baseline_of_a_key_comes_back(&*new_store().await).await;
    pages_of_baselines_join_up(&*new_store().await).await;
    the_last_word_on_a_scope_holds_until_released(&*new_store().await).await;
    an_audit_record_is_kept_once_as_it_was(&*new_store().await).await;
    pages_of_the_audit_join_up(&*new_store().await).await;
}

async fn the_newest_baseline_of_a_key_comes_back(store: &dyn Store) {
    let newer = BaselineRecord {
        saved_at: at(9),
        values: Vec::new(),
        ..baseline("a")
    };
    put(store, vec![Op::Baseline(baseline("b"))]).await;
    put(store, vec![Op::Baseline(baseline("a"))]).await;
    put(store, vec![Op::Baseline(newer.clone())]).await;
    let all = store.baselines(None, 9).await.expect("reads");
    assert_eq!(all, [newer, baseline("b")]);
}

async fn pages_of_baselines_join_up(store: &dyn Store) {
    let keys = ["", "A", "a", "a/b", "b", "\u{e9}"];
    let saves = keys.iter().rev().map(|key| Op::Baseline(baseline(key)));
    put(store, saves.collect()).await;
    let mut seen: Vec<String> = Vec::new();
    loop {
        let after = seen.last().map(String::as_str);
        let page = store.baselines(after, 4).await.expect("reads");
        assert!(page.len() <= 4, "no more than asked");
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|one| one.key));
    }
    assert_eq!(seen, keys);
}

async fn the_last_word_on_a_scope_holds_until_released(store: &dyn Store) {
    let [one, two, three] = [
        hold("whatsapp", HoldKind::Hold),
        hold("email", HoldKind::Up),
        hold("sms", HoldKind::Down),
    ];
    let said = [&one, &two, &three].map(|hold| Op::Hold(hold.clone()));
    put(store, said.to_vec()).await;
    let holds = store.holds().await.expect("reads");
    assert_eq!(holds, [two.clone(), three.clone(), one], "by scope");
    let changed = HoldRecord {
        reason: "works again".to_owned(),
        until: at(99),
        ..hold("whatsapp", HoldKind::Up)
    };
    let release = |scope: &str| Op::HoldRelease(scope.to_owned());
    put(store, vec![Op::Hold(changed.clone()), release("sms")]).await;
    put(store, vec![release("sms"), release("never held")]).await;
    assert_eq!(store.holds().await.expect("reads"), [two, changed]);
}

async fn an_audit_record_is_kept_once_as_it_was(store: &dyn Store) {
    let again = AuditRecord {
        actor: "somebody else".to_owned(),
        ..audit(1)
    };
    put(store, vec![Op::Audit(audit(1))]).await;
    put(store, vec![Op::Audit(again)]).await;
    assert_eq!(store.audit(None, 9).await.expect("reads"), [audit(1)]);
}

async fn pages_of_the_audit_join_up(store: &dyn Store) {
    put(store, [3, 1, 2].map(|n| Op::Audit(audit(n))).to_vec()).await;
    let first = store.audit(None, 2).await.expect("reads");
    assert_eq!(first, [audit(3), audit(2)], "the newest first");
    let second = store.audit(Some(first[1].id), 2).await.expect("reads");
    assert_eq!(second, [audit(1)]);
    let end = store.audit(Some(second[0].id), 2).await.expect("reads");
    assert_eq!(end, []);
}

fn baseline(key: &str) -> BaselineRecord {
    BaselineRecord {
        key: key.to_owned(),
        saved_at: at(2),
        values: vec![0, 255, 0, 1],
    }
}

fn hold(scope: &str, kind: HoldKind) -> HoldRecord {
    HoldRecord {
        scope: scope.to_owned(),
        kind,
        reason: "the carrier works on it".to_owned(),
        actor: "token ops".to_owned(),
        set_at: at(3),
        until: at(4),
    }
}

/// Deed `n`, done at `NOW + n`.
pub(in crate::contract::store) fn audit(n: i64) -> AuditRecord {
    AuditRecord {
        id: id(n),
        at: at(n),
        actor: "token ops".to_owned(),
        action: "route.hold".to_owned(),
        subject: "whatsapp".to_owned(),
        reason: "the carrier works on it".to_owned(),
        detail: "{\"minutes\":30}".to_owned(),
    }
}
