//! `messages list|show|explain`: what became of messages, as the API of a running server tells it.

use super::Remote;
use crate::cli::output::plain;
use crate::cli::{Context, Exit};
use clap::{Args, Subcommand};
use serde_json::Value;

const COLUMNS: [(&str, &str); 5] = [
    ("MESSAGE", "id"),
    ("ACCEPTED", "accepted_at"),
    ("PRIORITY", "priority"),
    ("STATE", "state"),
    ("CHANNEL", "channel"),
];
/// Lists of a message that make up its timeline, and what one entry of each is.
const TIMELINE: [(&str, &str); 3] = [
    ("attempts", "attempt"),
    ("receipts", "receipt"),
    ("decisions", "decision"),
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
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Go on where the last page ended
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
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
    query.extend(args.after.map(|after| ("after", after)));
    let page = args.remote.api()?.get(&["messages"], &query).await?;
    context.out.page(&page, &COLUMNS);
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

/// A head line, then one line for each entry by time, its reasons below it.
fn explained(message: &Value) -> String {
    let field = |key| plain(message.get(key).unwrap_or(&Value::Null));
    let mut entries: Vec<_> = TIMELINE
        .iter()
        .flat_map(|kind| entries(message, kind))
        .collect();
    entries.sort();
    let mut text = format!(
        "{}  {}  {}\n",
        field("id"),
        field("priority"),
        field("state")
    );
    for (_, entry) in entries {
        text.push_str(&entry);
    }
    text
}

fn entries(message: &Value, (list, name): &(&str, &str)) -> Vec<(String, String)> {
    let items = message
        .get(*list)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    items
        .filter_map(|item| Some(entry(name, item.as_object()?)))
        .collect()
}

/// The time to sort by, and the lines.
fn entry(name: &str, item: &serde_json::Map<String, Value>) -> (String, String) {
    let at = item.get("at").map_or_else(String::new, plain);
    let told = item.iter().filter(|(key, value)| {
        !matches!(key.as_str(), "at" | "reasons") && !value.is_null() && !value.is_object()
    });
    let told: Vec<_> = told
        .map(|(key, value)| format!("{key}={}", plain(value)))
        .collect();
    let mut lines = format!("  {at}  {name}  {}\n", told.join(" "));
    for reason in item
        .get("reasons")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        lines.push_str(&format!("      because {}\n", plain(reason)));
    }
    (at, lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn an_explanation_is_in_the_order_of_time_and_keeps_the_reasons() {
        let message = json!({
            "id": "m1", "priority": "urgent", "state": "delivered",
            "receipts": [{"at": "2026-01-01T00:00:09Z", "kind": "delivered"}],
            "attempts": [
                {"at": "2026-01-01T00:00:00Z", "channel": "whatsapp", "outcome": "rejected"},
                {"at": "2026-01-01T00:00:05Z", "channel": "sms", "outcome": "accepted"},
            ],
            "decisions": [{"at": "2026-01-01T00:00:04Z", "chose": "sms",
                "reasons": ["whatsapp is down since 00:00:01", "sms is up"]}],
        });
        expect![[r#"
            m1  urgent  delivered
              2026-01-01T00:00:00Z  attempt  channel=whatsapp outcome=rejected
              2026-01-01T00:00:04Z  decision  chose=sms
                  because whatsapp is down since 00:00:01
                  because sms is up
              2026-01-01T00:00:05Z  attempt  channel=sms outcome=accepted
              2026-01-01T00:00:09Z  receipt  kind=delivered
        "#]]
        .assert_eq(&explained(&message));
    }
}
