//! `messages list|show|explain`: what became of messages, as the API of a running server tells it.

use super::Remote;
use crate::cli::output::plain;
use crate::cli::{Context, Exit};
use clap::{Args, Subcommand};
use serde_json::Value;

const COLUMNS: [(&str, &str); 5] = [
    ("MESSAGE", "id"),
    ("ACCEPTED", "created_at"),
    ("PRIORITY", "priority"),
    ("STATE", "state"),
    ("CHANNEL", "channel"),
];
/// Lists of a timeline: what one entry is, when it was, and what is told of it.
const TIMELINE: [(&str, &str, &str, &[&str]); 3] = [
    (
        "attempts",
        "attempt",
        "started_at",
        &["number", "channel", "route", "outcome", "fault"],
    ),
    ("receipts", "receipt", "at", &["number", "status", "fault"]),
    ("decisions", "decision", "at", &["code", "words"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum MessagesCommand {
    /// The latest messages
    List(ListArgs),
    /// One message with all that is known of it
    Show(OneArgs),
    /// What happened to a message, in order, and why
    Explain(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    remote: Remote,
    /// Only messages in this state
    #[arg(long)]
    state: Option<String>,
    /// Most messages to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Only messages to this contact
    #[arg(long, value_name = "ID")]
    contact: Option<String>,
    /// Only messages older than this one
    #[arg(long, value_name = "ID")]
    before: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    #[command(flatten)]
    remote: Remote,
    /// Id of the message: ours, or the wamid that the app was given
    id: String,
}

pub(crate) async fn run(command: MessagesCommand, context: &Context) -> anyhow::Result<Exit> {
    match command {
        MessagesCommand::List(args) => list(args, context).await,
        MessagesCommand::Show(args) => show(args, context).await,
        MessagesCommand::Explain(args) => explain(args, context).await,
    }
}

async fn list(args: ListArgs, context: &Context) -> anyhow::Result<Exit> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.state.map(|state| ("state", state)));
    query.extend(args.contact.map(|contact| ("contact", contact)));
    query.extend(args.before.map(|before| ("before", before)));
    let page = args.remote.api()?.get(&["messages"], &query).await?;
    context.out.page(&page, &COLUMNS, "--before");
    Ok(Exit::Done)
}

async fn show(args: OneArgs, context: &Context) -> anyhow::Result<Exit> {
    let message = args.remote.api()?.get(&["messages", &args.id], &[]).await?;
    context.out.value(&message);
    Ok(Exit::Done)
}

async fn explain(args: OneArgs, context: &Context) -> anyhow::Result<Exit> {
    let message = args.remote.api()?.get(&["messages", &args.id], &[]).await?;
    if context.out.json {
        context.out.value(&message);
    } else {
        context.out.text(&explained(&message));
    }
    Ok(Exit::Done)
}

/// A head line, then one line for each entry by time, then what is waited for.
fn explained(message: &Value) -> String {
    let field = |key| plain(message.get(key).unwrap_or(&Value::Null));
    let mut entries: Vec<(String, String)> = Vec::new();
    for (list, name, time, told) in TIMELINE {
        let items = message
            .get("timeline")
            .and_then(|timeline| timeline.get(list)?.as_array());
        entries.extend(
            items
                .into_iter()
                .flatten()
                .map(|item| entry(item, name, time, told)),
        );
    }
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    let head = format!(
        "{}  {}  {}\n",
        field("id"),
        field("priority"),
        field("state")
    );
    let lines: String = entries.into_iter().map(|(_, line)| line).collect();
    let waits = message
        .get("waits_for")
        .and_then(Value::as_str)
        .filter(|it| !it.is_empty());
    head + &lines + &waits.map_or_else(String::new, |waits| format!("  now: {waits}\n"))
}

/// The time to sort by, and the line.
fn entry(item: &Value, name: &str, time: &str, told: &[&str]) -> (String, String) {
    let at = item.get(time).map_or_else(String::new, plain);
    let known = told
        .iter()
        .filter_map(|key| item.get(*key))
        .filter(|value| !value.is_null());
    let words: Vec<_> = known.map(words).collect();
    let line = format!("  {at}  {name}  {}\n", words.join("  "));
    (at, line)
}

/// A fault in its own words, anything else as it is.
fn words(value: &Value) -> String {
    let Some(fault) = value.as_object() else {
        return plain(value);
    };
    let parts = ["class", "code", "detail"]
        .into_iter()
        .filter_map(|key| fault.get(key)?.as_str());
    format!("({})", parts.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn an_explanation_is_in_the_order_of_time_with_faults_and_reasons() {
        let fault = json!({"class": "platform", "code": "500", "detail": "down"});
        let message = json!({
            "id": "m1", "priority": "urgent", "state": "placed", "waits_for": "a receipt",
            "timeline": {
                "receipts": [{"number": 2, "at": "2026-01-01T00:00:09Z", "status": "sent"}],
                "attempts": [
                    {"number": 1, "started_at": "2026-01-01T00:00:00Z", "channel": "whatsapp",
                        "route": "wa:1", "outcome": "rejected", "fault": fault},
                    {"number": 2, "started_at": "2026-01-01T00:00:05Z", "channel": "sms",
                        "route": "sms:1", "outcome": "accepted", "fault": null},
                ],
                "decisions": [{"at": "2026-01-01T00:00:04Z", "code": "route_down",
                    "words": "whatsapp is down, sms is up"}],
            },
        });
        expect![[r#"
            m1  urgent  placed
              2026-01-01T00:00:00Z  attempt  1  whatsapp  wa:1  rejected  (platform 500 down)
              2026-01-01T00:00:04Z  decision  route_down  whatsapp is down, sms is up
              2026-01-01T00:00:05Z  attempt  2  sms  sms:1  accepted
              2026-01-01T00:00:09Z  receipt  2  sent
              now: a receipt
        "#]]
        .assert_eq(&explained(&message));
    }
}
