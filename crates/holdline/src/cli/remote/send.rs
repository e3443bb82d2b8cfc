//! `send`: one message through the API of a running server, and on request its end.

use super::{ApiClient, Remote};
use crate::cli::output::plain;
use crate::cli::{Context, Exit};
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// States in which a message has ended.
const ENDS: [&str; 4] = ["delivered", "expired", "failed", "cancelled"];
const POLL_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    remote: Remote,
    /// Contact id, phone number or mail address
    #[arg(long, value_name = "WHO")]
    to: String,
    /// The text
    #[arg(
        long,
        required_unless_present = "template",
        conflicts_with = "template"
    )]
    text: Option<String>,
    /// Name of a template instead of a text
    #[arg(long, value_name = "NAME", requires = "language")]
    template: Option<String>,
    /// Language of the template, such as en_US
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// A value for the template's body, in order; may be repeated
    #[arg(long = "value", value_name = "TEXT", requires = "template")]
    values: Vec<String>,
    /// How urgent it is
    #[arg(long, value_parser = ["emergency", "urgent", "service", "bulk"], value_name = "PRIORITY")]
    priority: Option<String>,
    /// Channels to try, in this order [default: as configured]
    #[arg(long, value_delimiter = ',', value_name = "CHANNELS")]
    channels: Vec<String>,
    /// Sends once however often the command runs with this key
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until the message has ended; exit 1 unless it was delivered
    #[arg(long)]
    wait: bool,
    /// Longest wait
    #[arg(long, default_value_t = 120, value_name = "SECONDS", requires = "wait")]
    wait_max: u64,
}

impl std::fmt::Debug for SendArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendArgs")
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

pub(crate) async fn run(args: SendArgs, context: &Context) -> anyhow::Result<Exit> {
    let api = args.remote.api()?;
    let mut message = api.post(&["messages"], &body(&args)).await?;
    if args.wait {
        message = ended(&api, message, Duration::from_secs(args.wait_max)).await?;
    }
    let state = plain(message.get("state").unwrap_or(&Value::Null));
    if context.out.json {
        context.out.value(&message);
    } else {
        let id = plain(message.get("id").unwrap_or(&Value::Null));
        context.out.line(format_args!("{id} {state}"));
    }
    let failed = args.wait && state != "delivered";
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn body(args: &SendArgs) -> Value {
    let content = match (&args.text, &args.template) {
        (Some(text), _) => json!({"type": "text", "text": text}),
        (None, template) => json!({
            "type": "template",
            "name": template,
            "language": args.language,
            "values": args.values,
        }),
    };
    let mut body = json!({"to": args.to, "content": content});
    if let Some(priority) = &args.priority {
        body["priority"] = json!(priority);
    }
    if let Some(key) = &args.idempotency_key {
        body["idempotency_key"] = json!(key);
    }
    if !args.channels.is_empty() {
        let hop = |channel: &String| json!({"channel": channel});
        body["plan"] = args.channels.iter().map(hop).collect();
    }
    body
}

/// Asks until the message has ended or the time is up; gives it as last seen.
async fn ended(api: &ApiClient, sent: Value, max: Duration) -> anyhow::Result<Value> {
    let end = Instant::now() + max;
    let id = plain(sent.get("id").unwrap_or(&Value::Null));
    let mut message = sent;
    loop {
        let state = message
            .get("state")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if ENDS.contains(&state) || Instant::now() >= end {
            return Ok(message);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        message = api.get(&["messages", &id], &[]).await?;
    }
}
