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
    let mut message = api
        .post(&["messages"], &body(&args), args.idempotency_key.as_deref())
        .await?;
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
    let mut body = json!({"to": recipient(&args.to)});
    match (&args.text, &args.template) {
        (Some(text), _) => body["text"] = json!(text),
        (None, name) => body["message"] = template(name.as_deref(), args),
    }
    if let Some(priority) = &args.priority {
        body["priority"] = json!(priority);
    }
    if !args.channels.is_empty() {
        let hop = |channel: &String| json!({"channel": channel});
        body["plan"] = args.channels.iter().map(hop).collect();
    }
    body
}

/// A contact id is 32 hexadecimal digits; no phone number is so long.
fn recipient(to: &str) -> Value {
    if to.len() == 32 && to.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        json!({"contact": to})
    } else if to.contains('@') {
        json!({"email": to})
    } else {
        json!({"phone": to})
    }
}

fn template(name: Option<&str>, args: &SendArgs) -> Value {
    let mut template = json!({"name": name, "language": {"code": args.language}});
    if !args.values.is_empty() {
        let parameter = |text: &String| json!({"type": "text", "text": text});
        let parameters: Vec<_> = args.values.iter().map(parameter).collect();
        template["components"] = json!([{"type": "body", "parameters": parameters}]);
    }
    json!({"type": "template", "template": template})
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn check(arguments: &[&str], expect: &Value) {
        let cli = Cli::parse_from(["holdline", "send"].iter().chain(arguments));
        let Command::Send(args) = cli.command else {
            panic!("send is the command")
        };
        assert_eq!(body(&args), *expect);
    }

    #[test]
    fn a_text_goes_to_whom_the_address_says() {
        let text = ["--text", "hi", "--to"];
        let id = "01935c9e000070008000000000000001";
        for (to, key) in [
            (id, "contact"),
            ("a@b.example", "email"),
            ("+1 555 0100", "phone"),
        ] {
            check(
                &[&text[..], &[to]].concat(),
                &json!({"to": {key: to}, "text": "hi"}),
            );
        }
    }

    #[test]
    fn a_template_has_the_shape_of_the_cloud_api() {
        let arguments = [
            "--to",
            "1",
            "--template",
            "t",
            "--language",
            "en_US",
            "--value",
            "x",
        ];
        let more = ["--priority", "urgent", "--channels", "whatsapp,sms"];
        let parameters = json!([{"type": "text", "text": "x"}]);
        let expect = json!({
            "to": {"phone": "1"},
            "message": {"type": "template", "template": {
                "name": "t", "language": {"code": "en_US"},
                "components": [{"type": "body", "parameters": parameters}],
            }},
            "priority": "urgent",
            "plan": [{"channel": "whatsapp"}, {"channel": "sms"}],
        });
        check(&[&arguments[..], &more[..]].concat(), &expect);
    }
}
