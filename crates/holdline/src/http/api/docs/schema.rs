//! Schemas in words and rows: the type of a value, the fields of an object. Pure.

use serde_json::Value;

/// One field of an object.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) type_words: String,
    /// The schema to link to.
    pub(super) link: Option<&'a str>,
    pub(super) required: bool,
    pub(super) description: &'a str,
}

/// The fields of an object's schema, those of its parts included.
pub(super) fn fields<'a>(document: &'a Value, schema: &'a Value) -> Vec<Field<'a>> {
    let named = schema.get("$ref").and_then(Value::as_str);
    if let Some(part) = named.and_then(|path| document.pointer(path.strip_prefix('#')?)) {
        return fields(document, part);
    }
    let parts = array(schema, "allOf").flat_map(|part| fields(document, part));
    let required: Vec<&str> = array(schema, "required")
        .filter_map(Value::as_str)
        .collect();
    let own = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let own = own.map(|(name, value)| Field {
        name,
        type_words: words(value),
        link: target(value),
        required: required.contains(&name.as_str()),
        description: description(value),
    });
    parts.chain(own).collect()
}

/// Of a value that may be left out, the description stands in the branch that is not null.
fn description(schema: &Value) -> &str {
    let own = Some(text(schema, "description")).filter(|words| !words.is_empty());
    let of_branch = || {
        array(schema, "oneOf")
            .map(description)
            .find(|words| !words.is_empty())
    };
    own.or_else(of_branch).unwrap_or_default()
}

/// The type of a value, with its limits.
pub(super) fn words(schema: &Value) -> String {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).map(last) {
        return name.to_owned();
    }
    let branches: Vec<String> = array(schema, "oneOf")
        .map(words)
        .filter(|word| word != "null")
        .collect();
    if !branches.is_empty() {
        return branches.join(" or ");
    }
    let choices: Vec<&str> = array(schema, "enum").filter_map(Value::as_str).collect();
    if !choices.is_empty() {
        return choices.join(" | ");
    }
    let name = type_name(schema);
    let inner = match (name, schema.get("items")) {
        ("array", Some(items)) => format!("list of {}", words(items)),
        _ => name.to_owned(),
    };
    inner + &limits(schema)
}

/// The component that a schema leads to, directly or as an item.
pub(super) fn target(schema: &Value) -> Option<&str> {
    let own = schema.get("$ref").and_then(Value::as_str).map(last);
    let of_branch = || array(schema, "oneOf").find_map(target);
    own.or_else(of_branch)
        .or_else(|| schema.get("items").and_then(target))
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn type_name(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or("any"),
        _ => "any",
    }
}

fn limits(schema: &Value) -> String {
    let range = |low: &str, high: &str, unit: &str| {
        let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
        match (limit(low), limit(high)) {
            (Some(low), Some(high)) if low == high => Some(format!(" ({low} {unit})")),
            (Some(low), Some(high)) => Some(format!(" ({low} to {high} {unit})")),
            (None, Some(high)) => Some(format!(" (at most {high} {unit})")),
            (Some(_) | None, None) => None,
        }
    };
    range("minLength", "maxLength", "characters")
        .or_else(|| range("minItems", "maxItems", "items"))
        .unwrap_or_default()
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
