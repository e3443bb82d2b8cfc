//! Fills a template with the parameters of a message, after checking that they fit it. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::faults::template_paused;
use super::super::graph_error::GraphError;
use super::super::state::{State, Template};
use super::render::Content;
use crate::people::{OptionKind, ReplyOption};

pub(crate) fn content(state: &State, waba: &str, part: &Value) -> Result<Content, GraphError> {
    let name = part["name"].as_str().unwrap_or_default();
    let language = part["language"]["code"].as_str().unwrap_or_default();
    let template = usable(state, waba, name, language)?;
    let mut lines = Vec::new();
    let mut options = Vec::new();
    for component in list(&template.components) {
        let kind = component["type"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let given = given_params(part, &kind);
        match kind.as_str() {
            "header" => lines.extend(header(component, &given)?),
            "body" => lines.push(filled("body", component, &given)?),
            "footer" => lines.extend(component["text"].as_str().map(str::to_owned)),
            "buttons" => options.extend(quick_replies(component, part)?),
            _ => {}
        }
    }
    Ok((lines.join("\n"), options))
}

fn usable<'a>(
    state: &'a State,
    waba: &str,
    name: &str,
    language: &str,
) -> Result<&'a Template, GraphError> {
    let missing = || {
        GraphError::new(
            404,
            132_001,
            "Template name does not exist in the translation",
        )
        .details(format!(
            "template name ({name}) does not exist in {language}"
        ))
    };
    let template = state.template(waba, name, language).ok_or_else(missing)?;
    match template.status.as_str() {
        "APPROVED" => Ok(template),
        "PAUSED" => Err(template_paused()),
        "DISABLED" => Err(GraphError::new(400, 132_016, "Template is Disabled")),
        _ => Err(missing()),
    }
}

fn header(component: &Value, given: &[&Value]) -> Result<Option<String>, GraphError> {
    let format = component["format"]
        .as_str()
        .unwrap_or("TEXT")
        .to_ascii_lowercase();
    if format == "text" {
        return filled("header", component, given).map(Some);
    }
    match given.first().and_then(|param| param["type"].as_str()) {
        Some(kind) if kind.eq_ignore_ascii_case(&format) => Ok(Some(format!("[{format}]"))),
        Some(kind) => Err(GraphError::new(
            400,
            132_012,
            "Parameter format does not match format in the created template",
        )
        .details(format!(
            "header: Format mismatch, expected {format}, received {kind}"
        ))),
        None => Err(wrong_count("header", 1, 0)),
    }
}

/// The component's text with its placeholders filled in.
fn filled(name: &str, component: &Value, given: &[&Value]) -> Result<String, GraphError> {
    let text = component["text"].as_str().unwrap_or_default();
    let wanted = placeholders(text);
    if wanted.len() != given.len() {
        return Err(wrong_count(name, wanted.len(), given.len()));
    }
    let mut out = text.to_owned();
    for (place, param) in given.iter().enumerate() {
        let key = param["parameter_name"].as_str().map(str::to_owned);
        let key = key.unwrap_or_else(|| (place + 1).to_string());
        if !wanted.contains(&key) {
            return Err(GraphError::new(400, 100, "Invalid parameter")
                .details(format!("{name}: the template has no parameter named {key}")));
        }
        out = out.replace(&format!("{{{{{key}}}}}"), &param_text(param));
    }
    Ok(out)
}

fn quick_replies(component: &Value, part: &Value) -> Result<Vec<ReplyOption>, GraphError> {
    let mut options = Vec::new();
    for (place, button) in list(&component["buttons"]).iter().enumerate() {
        let kind = button["type"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let title = button["text"].as_str().unwrap_or_default().to_owned();
        let given = button_params(part, place);
        let url = button["url"].as_str().unwrap_or_default();
        if kind == "url" && !placeholders(url).is_empty() && given.is_empty() {
            return Err(
                GraphError::new(400, 131_008, "Required parameter is missing").details(format!(
                    "buttons: Button at index {place} of type Url requires a parameter"
                )),
            );
        }
        if kind == "quick_reply" {
            let payload = given.first().and_then(|param| param["payload"].as_str());
            let id = payload.unwrap_or(&title).to_owned();
            let kind = OptionKind::QuickReply;
            options.push(ReplyOption {
                kind,
                id,
                title,
                description: None,
            });
        }
    }
    Ok(options)
}

fn given_params<'a>(part: &'a Value, kind: &str) -> Vec<&'a Value> {
    list(&part["components"])
        .iter()
        .filter(|component| is_kind(component, kind))
        .flat_map(|component| list(&component["parameters"]))
        .collect()
}

fn button_params(part: &Value, place: usize) -> Vec<&Value> {
    list(&part["components"])
        .iter()
        .filter(|component| is_kind(component, "button") && index_of(component) == Some(place))
        .flat_map(|component| list(&component["parameters"]))
        .collect()
}

fn is_kind(component: &Value, kind: &str) -> bool {
    component["type"]
        .as_str()
        .is_some_and(|actual| actual.eq_ignore_ascii_case(kind))
}

fn index_of(component: &Value) -> Option<usize> {
    let index = &component["index"];
    let number = index.as_u64().or_else(|| index.as_str()?.parse().ok())?;
    usize::try_from(number).ok()
}

fn param_text(param: &Value) -> String {
    let kind = param["type"].as_str().unwrap_or_default();
    let text = match kind {
        "currency" | "date_time" => param[kind]["fallback_value"].as_str(),
        _ => param["text"].as_str(),
    };
    text.unwrap_or_default().to_owned()
}

fn placeholders(text: &str) -> BTreeSet<String> {
    text.split("{{")
        .skip(1)
        .filter_map(|rest| rest.split_once("}}"))
        .map(|(name, _)| name.trim().to_owned())
        .collect()
}

fn wrong_count(name: &str, wanted: usize, given: usize) -> GraphError {
    let why = "Number of parameters does not match the expected number of params";
    GraphError::new(400, 132_000, why).details(format!(
        "{name}: number of localizable_params ({given}) does not match the expected number of \
         params ({wanted})"
    ))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
