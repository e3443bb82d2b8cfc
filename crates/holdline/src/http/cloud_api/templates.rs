//! `/{waba}/message_templates`: lists what the last sync brought, so that it works while WhatsApp
//! is down. Creating and deleting is the provider's; afterwards a sync is asked for.

use super::call::Call;
use super::call::params::first;
use super::reply::{self, store_down};
use super::{fields, forward};
use crate::http::auth::Caller;
use crate::http::state::AppState;
use crate::library::Page;
use axum::body::Body;
use axum::http::Method;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdline_channels::whatsapp::wire::GraphError;
use holdline_core::message::content::Template;
use serde_json::{Map, Value, json};
use std::ops::Range;

const LIMIT_DEFAULT: usize = 25;
const LIMIT_MAX: usize = 1_000;
/// Templates that the provider lets an account have at least.
const TEMPLATES_MAX: usize = 250;

pub(super) async fn serve(
    state: &AppState,
    call: &Call,
    waba: &str,
    body: Body,
) -> Result<Response, GraphError> {
    if call.method == Method::GET {
        let page = state
            .library
            .templates
            .page(waba)
            .await
            .map_err(|error| store_down(&error))?;
        if !page.is_empty() {
            let mut found = list(call, &call.base(state), &page)?;
            if let Some(wanted) = first(&call.query, "summary") {
                found["summary"] = summary(state, waba, wanted, page.len()).await;
            }
            return Ok(reply::json(&found));
        }
    }
    let answer = forward::pass(state, call, body).await?;
    if call.method != Method::GET && answer.status().is_success() {
        state.engine.want_template_sync(waba);
    }
    Ok(answer)
}

/// A template of the last sync.
pub(super) struct Known {
    waba: String,
    item: Value,
}

/// `/{template-id}`: from the provider, else from the last sync.
pub(super) async fn node(
    state: &AppState,
    call: &Call,
    known: &Known,
    body: Body,
) -> Result<Response, GraphError> {
    let answer = forward::pass(state, call, body).await;
    if call.method != Method::GET {
        state.engine.want_template_sync(&known.waba);
        return answer;
    }
    let wanted = first(&call.query, "fields").map(fields::read);
    answer.or_else(|_| Ok(reply::json(&fields::select(&known.item, wanted.as_deref()))))
}

/// The template of this id, when it is one that the caller may see.
pub(super) async fn find_node(state: &AppState, caller: &Caller, id: &str) -> Option<Known> {
    for sender in &state.config.whatsapp_senders {
        if !caller.may_use(&state.config, sender) {
            continue;
        }
        let page = state.library.templates.page(&sender.waba_id).await.ok()?;
        if let Some(found) = page.iter().find(|it| it.record.id == id) {
            let item = serde_json::from_str(&found.record.json).ok()?;
            return Some(Known {
                waba: sender.waba_id.clone(),
                item,
            });
        }
    }
    None
}

/// What the provider holds under a template's name, when the last sync did not bring what a
/// message needs; nothing when it was asked a moment ago or does not answer.
pub(super) async fn ask_again(
    state: &AppState,
    waba: &str,
    given: &Template,
) -> Option<Vec<Value>> {
    let key = format!("{waba} {} {}", given.name, given.language);
    if !state.memo.may_ask(&key) {
        return None;
    }
    let query = [("name", given.name.as_str()), ("limit", "100")];
    let mut found = forward::ask(state, waba, "message_templates", &query).await?;
    let Some(Value::Array(items)) = found.get_mut("data").map(Value::take) else {
        return None;
    };
    if !items.is_empty() {
        state.engine.want_template_sync(waba);
    }
    Some(items)
}

fn list(call: &Call, base: &str, page: &Page) -> Result<Value, GraphError> {
    let items: Vec<(&str, Value)> = page
        .iter()
        .map(|known| &known.record)
        .filter_map(|it| Some((it.id.as_str(), serde_json::from_str(&it.json).ok()?)))
        .filter(|(_, item)| matches_all(&call.query, item))
        .collect();
    let ids: Vec<&str> = items.iter().map(|(id, _)| *id).collect();
    let shown = window(&call.query, &ids)?;
    let wanted = first(&call.query, "fields").map(fields::read);
    let select = |(_, item): &(&str, Value)| fields::select(item, wanted.as_deref());
    let data: Vec<Value> = items[shown.clone()].iter().map(select).collect();
    Ok(json!({"data": data, "paging": paging((call, base), &ids, &shown)}))
}

/// The counts of an account: the provider's, else what the last sync tells.
async fn summary(state: &AppState, waba: &str, wanted: &str, known: usize) -> Value {
    let query = [("summary", wanted), ("limit", "1")];
    let answer = forward::ask(state, waba, "message_templates", &query).await;
    let theirs = answer.and_then(|mut found| found.get_mut("summary").map(Value::take));
    theirs.unwrap_or_else(|| known_summary(wanted, known))
}

fn known_summary(wanted: &str, known: usize) -> Value {
    let all = json!({
        "total_count": known, "message_template_count": known,
        "message_template_limit": TEMPLATES_MAX.max(known), "are_translations_complete": true
    });
    fields::select(&all, Some(&fields::read(wanted)))
}

fn matches_all(query: &[(String, String)], item: &Value) -> bool {
    let is = |key: &str, wanted: &str| {
        let value = item.get(key).and_then(Value::as_str).unwrap_or_default();
        let plain = wanted.trim_matches(['[', ']']);
        let mut words = plain.split(',').map(|word| word.trim().trim_matches('"'));
        words.any(|word| word.eq_ignore_ascii_case(value))
    };
    ["name", "status", "category", "language", "id"]
        .into_iter()
        .all(|key| {
            let wanted = first(query, key);
            wanted.is_none_or(|wanted| is(key, wanted))
        })
}

/// The items that the cursors and the limit ask for.
fn window(query: &[(String, String)], ids: &[&str]) -> Result<Range<usize>, GraphError> {
    let limit = match first(query, "limit").map(str::parse::<usize>) {
        None => LIMIT_DEFAULT,
        Some(Ok(limit)) if limit > 0 => limit.min(LIMIT_MAX),
        Some(Ok(_) | Err(_)) => {
            return Err(GraphError::invalid_parameter(
                "limit",
                "must be a number above 0",
            ));
        }
    };
    if let Some(cursor) = first(query, "before") {
        let end = place(cursor, ids)?;
        return Ok(end.saturating_sub(limit)..end);
    }
    let start = match first(query, "after") {
        Some(cursor) => place(cursor, ids)? + 1,
        None => 0,
    };
    Ok(start..ids.len().min(start + limit))
}

fn place(cursor: &str, ids: &[&str]) -> Result<usize, GraphError> {
    let id = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place = id.and_then(|id| ids.iter().position(|known| known.as_bytes() == id));
    let mend = "is a cursor of another list: start again without it";
    place.ok_or_else(|| GraphError::invalid_parameter("after or before", mend))
}

fn paging(of: (&Call, &str), ids: &[&str], shown: &Range<usize>) -> Value {
    let mut paging = Map::new();
    let cursor = |id: &&str| URL_SAFE_NO_PAD.encode(id);
    let (first, last) = (
        ids.get(shown.start),
        shown.end.checked_sub(1).and_then(|at| ids.get(at)),
    );
    if let (Some(first), Some(last), false) = (first, last, shown.is_empty()) {
        let (before, after) = (cursor(first), cursor(last));
        paging.insert("cursors".into(), json!({"before": before, "after": after}));
        if shown.end < ids.len() {
            paging.insert("next".into(), link(of, "after", &after).into());
        }
        if shown.start > 0 {
            paging.insert("previous".into(), link(of, "before", &before).into());
        }
    }
    Value::Object(paging)
}

/// The same call with another cursor and without a token, which the client has.
fn link((call, base): (&Call, &str), name: &str, cursor: &str) -> String {
    let kept = |name: &str| !matches!(name, "after" | "before" | "access_token");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.query.iter().filter(|(name, _)| kept(name)) {
        query.append_pair(name, value);
    }
    query.append_pair(name, cursor);
    format!("{base}{}?{}", call.path(), query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn check(query: &[(&str, &str)], expect: Range<usize>) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let query: Vec<_> = query.iter().map(own).collect();
        assert_eq!(window(&query, &IDS).unwrap(), expect, "{query:?}");
    }

    #[test]
    fn cursors_walk_forth_and_back() {
        let (b, d) = (URL_SAFE_NO_PAD.encode("b"), URL_SAFE_NO_PAD.encode("d"));
        check(&[], 0..5);
        check(&[("limit", "2")], 0..2);
        check(&[("limit", "2"), ("after", &b)], 2..4);
        check(&[("limit", "2"), ("after", &d)], 4..5);
        check(&[("limit", "2"), ("before", &d)], 1..3);
        check(&[("limit", "9"), ("before", &b)], 0..1);
    }

    #[test]
    fn foreign_cursors_and_limits_are_refused() {
        for (name, value) in [
            ("after", "zzz"),
            ("before", "!"),
            ("limit", "0"),
            ("limit", "x"),
        ] {
            let query = [(name.to_owned(), value.to_owned())];
            assert_eq!(
                window(&query, &IDS).unwrap_err().code,
                100,
                "{name}={value}"
            );
        }
    }

    #[test]
    fn a_summary_has_what_is_asked_for_also_while_the_provider_is_down() {
        let check = |wanted: &str, expect: Value| assert_eq!(known_summary(wanted, 3), expect);
        check("total_count", json!({"total_count": 3}));
        check(
            "message_template_limit,are_translations_complete",
            json!({"message_template_limit": 250, "are_translations_complete": true}),
        );
    }

    #[test]
    fn filters_take_one_word_or_several_in_any_case() {
        let item = json!({"name": "hello", "status": "APPROVED", "language": "en_US"});
        let check = |key: &str, value: &str, expect: bool| {
            let query = [(key.to_owned(), value.to_owned())];
            assert_eq!(matches_all(&query, &item), expect, "{key}={value}");
        };
        check("status", "approved", true);
        check("status", "[\"PAUSED\",\"APPROVED\"]", true);
        check("status", "PAUSED", false);
        check("name", "hello_world", false);
        check("content", "anything", true);
    }
}
