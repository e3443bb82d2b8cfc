//! What a person sees of a free-form message, as text, and what they can tap. Pure.

use serde_json::{Map, Value};

use crate::people::{OptionKind, ReplyOption};

pub(crate) type Content = (String, Vec<ReplyOption>);

pub(crate) fn content(kind: &str, body: &Map<String, Value>) -> Content {
    let part = body.get(kind).unwrap_or(&Value::Null);
    match kind {
        "text" => (text(&part["body"]), Vec::new()),
        "interactive" => (interactive_text(part), interactive_options(part)),
        "location" => (location_text(part), Vec::new()),
        "reaction" => (format!("[reaction] {}", text(&part["emoji"])), Vec::new()),
        "contacts" => (format!("[contacts] {}", names(part)), Vec::new()),
        _ => (captioned(kind, part), Vec::new()),
    }
}

fn captioned(kind: &str, part: &Value) -> String {
    let pieces = [text(&part["caption"]), text(&part["filename"])];
    let shown: Vec<&str> = pieces
        .iter()
        .map(String::as_str)
        .filter(|t| !t.is_empty())
        .collect();
    format!("[{kind}] {}", shown.join(" "))
        .trim_end()
        .to_owned()
}

fn location_text(part: &Value) -> String {
    let place = [text(&part["name"]), text(&part["address"])].join(" ");
    let text = format!(
        "[location] {},{} {place}",
        part["latitude"], part["longitude"]
    );
    text.trim_end().to_owned()
}

fn names(part: &Value) -> String {
    let cards = part.as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<String> = cards
        .iter()
        .map(|c| text(&c["name"]["formatted_name"]))
        .collect();
    names.join(", ")
}

fn interactive_text(part: &Value) -> String {
    let lines = [
        &part["header"]["text"],
        &part["body"]["text"],
        &part["footer"]["text"],
    ];
    let lines: Vec<&str> = lines.iter().filter_map(|line| line.as_str()).collect();
    if lines.is_empty() {
        return format!("[interactive] {}", text(&part["type"]));
    }
    lines.join("\n")
}

fn interactive_options(part: &Value) -> Vec<ReplyOption> {
    let buttons = items(&part["action"]["buttons"]);
    let buttons = buttons
        .iter()
        .map(|button| option(OptionKind::Button, &button["reply"]));
    let sections = items(&part["action"]["sections"]);
    let rows = sections.iter().flat_map(|section| items(&section["rows"]));
    buttons
        .chain(rows.map(|row| option(OptionKind::ListRow, row)))
        .collect()
}

fn option(kind: OptionKind, from: &Value) -> ReplyOption {
    ReplyOption {
        kind,
        id: text(&from["id"]),
        title: text(&from["title"]),
        description: from["description"].as_str().map(str::to_owned),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
