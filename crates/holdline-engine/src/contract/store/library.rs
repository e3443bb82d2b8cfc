//! Media, templates, tokens and settings come back as they went in.

use super::fixtures::{at, put, setting};
use crate::ports::records::{MediaRecord, TemplateRecord, TokenRecord};
use crate::ports::{Op, Store};
use holdline_core::{ChannelKind, Redacted};
use std::sync::Arc;

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    media_come_back_and_expire(&*new_store().await).await;
    an_alias_holds_until_its_time(&*new_store().await).await;
    templates_of_a_waba_are_replaced_together(&*new_store().await).await;
    a_token_is_found_by_its_hash(&*new_store().await).await;
    the_last_value_of_a_setting_holds(&*new_store().await).await;
}

async fn media_come_back_and_expire(store: &dyn Store) {
    let remote = MediaRecord {
        filename: None,
        sha256: String::new(),
        remote: Some((
            ChannelKind::WHATSAPP,
            Redacted::new("https://r/1".to_owned()),
        )),
        ..media("22", 20)
    };
    let all = [media("11", 30), remote.clone(), media("33", 10)];
    put(store, all.iter().cloned().map(Op::Media).collect()).await;
    for wanted in &all {
        assert_eq!(
            store.media(&wanted.id).await.expect("reads").as_ref(),
            Some(wanted)
        );
    }
    let expired = store.media_expired(at(30), 10).await.expect("reads");
    assert_eq!(
        expired,
        [media("33", 10), remote.clone()],
        "the oldest first"
    );
    assert_eq!(
        store.media_expired(at(30), 1).await.expect("reads").len(),
        1
    );
    let fetched = MediaRecord {
        remote: None,
        sha256: "ab".to_owned(),
        size: 0,
        ..remote
    };
    put(
        store,
        vec![Op::Media(fetched.clone()), Op::MediaDelete("33".to_owned())],
    )
    .await;
    assert_eq!(store.media("22").await.expect("reads"), Some(fetched));
    assert_eq!(store.media("33").await.expect("reads"), None);
}

fn media(id: &str, expires_ms: i64) -> MediaRecord {
    MediaRecord {
        id: id.to_owned(),
        app: "app".to_owned(),
        sender: "106540352242922".to_owned(),
        mime: "image/png".to_owned(),
        filename: Some(Redacted::new("a b.png".to_owned())),
        sha256: "00ff".to_owned(),
        size: 100 * 1024 * 1024 * 1024,
        created_at: at(1),
        expires_at: at(expires_ms),
        remote: None,
    }
}

async fn an_alias_holds_until_its_time(store: &dyn Store) {
    let alias = |provider_id: &str, until_ms| Op::MediaAlias {
        media: "11".to_owned(),
        sender: "s".to_owned(),
        provider_id: provider_id.to_owned(),
        until: at(until_ms),
    };
    put(
        store,
        vec![
            Op::Media(media("11", 90)),
            alias("old", 5),
            alias("new", 10),
        ],
    )
    .await;
    for (sender, now_ms, expect) in [("s", 9, Some("new")), ("s", 10, None), ("other", 0, None)] {
        let found = store
            .media_alias("11", sender, at(now_ms))
            .await
            .expect("reads");
        assert_eq!(found.as_deref(), expect, "{sender} {now_ms}");
    }
    put(store, vec![Op::MediaDelete("11".to_owned())]).await;
    assert_eq!(
        store.media_alias("11", "s", at(0)).await.expect("reads"),
        None
    );
}

async fn templates_of_a_waba_are_replaced_together(store: &dyn Store) {
    let sync = |waba: &str, templates: Vec<TemplateRecord>| Op::Templates {
        waba: waba.to_owned(),
        templates,
    };
    let (hello, hallo) = (template("w1", "1", "en_US"), template("w1", "2", "de"));
    let other = template("w2", "1", "en_US");
    put(store, vec![sync("w1", vec![hello.clone(), hallo.clone()])]).await;
    put(store, vec![sync("w2", vec![other.clone()])]).await;
    assert_eq!(
        store.templates("w1").await.expect("reads"),
        [hallo.clone(), hello]
    );
    put(store, vec![sync("w1", vec![hallo.clone()])]).await;
    assert_eq!(store.templates("w1").await.expect("reads"), [hallo]);
    put(store, vec![sync("w1", vec![])]).await;
    assert!(store.templates("w1").await.expect("reads").is_empty());
    assert_eq!(store.templates("w2").await.expect("reads"), [other]);
}

fn template(waba: &str, id: &str, language: &str) -> TemplateRecord {
    TemplateRecord {
        waba: waba.to_owned(),
        id: id.to_owned(),
        name: "hello".to_owned(),
        language: language.to_owned(),
        status: "APPROVED".to_owned(),
        category: "UTILITY".to_owned(),
        json: "{\"components\":[]}".to_owned(),
        synced_at: at(3),
    }
}

async fn a_token_is_found_by_its_hash(store: &dyn Store) {
    let token = |name: &str, byte: u8, senders: &[&str]| TokenRecord {
        id: name.to_owned(),
        name: format!("token {name}"),
        hash: [byte; 32],
        app: "app".to_owned(),
        senders: senders.iter().map(|&sender| sender.to_owned()).collect(),
        created_at: at(1),
        revoked_at: None,
    };
    let (one, two) = (token("one", 1, &["1", "2"]), token("two", 2, &[]));
    put(store, vec![Op::Token(two.clone()), Op::Token(one.clone())]).await;
    assert_eq!(
        store.token_by_hash(&[1; 32]).await.expect("reads"),
        Some(one.clone())
    );
    assert_eq!(store.token_by_hash(&[3; 32]).await.expect("reads"), None);
    let revoke = |at_ms| Op::TokenRevoke {
        id: "one".to_owned(),
        at: at(at_ms),
    };
    put(store, vec![revoke(8), revoke(9)]).await;
    let revoked = TokenRecord {
        revoked_at: Some(at(8)),
        ..one
    };
    assert_eq!(store.tokens().await.expect("reads"), [revoked.clone(), two]);
    assert_eq!(
        store.token_by_hash(&[1; 32]).await.expect("reads"),
        Some(revoked)
    );
}

async fn the_last_value_of_a_setting_holds(store: &dyn Store) {
    assert_eq!(store.setting("k").await.expect("reads"), None);
    put(store, vec![setting("k", "1"), setting("k", "2")]).await;
    assert_eq!(
        store.setting("k").await.expect("reads").as_deref(),
        Some("2")
    );
}
