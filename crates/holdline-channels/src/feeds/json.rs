//! Reads JSON whose shape nobody promised: lists with or without a wrapping, ids as text or
//! numbers, times in several forms. Says what is missing; never fills in.

use holdline_core::Timestamp;
use serde_json::Value;

use super::reading::{Shape, clip};
use super::times;

/// Names under which lists are found wrapped.
const WRAPPINGS: &[&str] = &["data", "items", "results", "orgs", "outages", "values"];

/// Longest list that is read.
const LIST_MAX: usize = 5_000;

pub(super) fn document(body: &[u8]) -> Shape<Value> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| {
        let page = body.trim_ascii_start().starts_with(b"<");
        let kind = if page {
            "a web page, not JSON"
        } else {
            "not JSON"
        };
        format!("{kind}: {error}")
    })
}

/// A list, bare or wrapped once.
pub(super) fn list<'a>(value: &'a Value, what: &str) -> Shape<&'a [Value]> {
    let wrapped = |value: &'a Value| {
        WRAPPINGS
            .iter()
            .find_map(|name| value.get(name).and_then(Value::as_array))
    };
    value
        .as_array()
        .or_else(|| wrapped(value))
        .ok_or_else(|| format!("{what}: there is no list"))
        .and_then(|items| bounded(items, what))
}

/// The list under the first of these names that is there. None when no name is, or it is null.
pub(super) fn named<'a>(value: &'a Value, names: &[&str]) -> Shape<Option<&'a [Value]>> {
    let found = names.iter().find_map(|name| Some((name, value.get(name)?)));
    match found {
        None | Some((_, Value::Null)) => Ok(None),
        Some((name, Value::Array(items))) => bounded(items, name).map(Some),
        Some((name, Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))) => {
            Err(format!("{name} is not a list"))
        }
    }
}

/// Text or a number under the first of these names that holds one; never empty.
pub(super) fn text(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| plain(value.get(name)?))
}

/// An instant under the first of these names that holds one.
pub(super) fn time(value: &Value, names: &[&str]) -> Option<Timestamp> {
    names.iter().find_map(|name| match value.get(name)? {
        Value::String(text) => times::instant(text),
        Value::Number(number) => times::epoch(number.as_f64()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

fn bounded<'a>(items: &'a [Value], what: &str) -> Shape<&'a [Value]> {
    if items.len() <= LIST_MAX {
        Ok(items)
    } else {
        Err(format!("{what}: the list has more than {LIST_MAX} entries"))
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(clip(text, 1_000)),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}
