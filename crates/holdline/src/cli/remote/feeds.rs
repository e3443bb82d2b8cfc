//! `feeds`: what the status pages of providers say, and how late they usually are, by the API.

use super::Remote;
use crate::cli::{Context, Exit};
use clap::Args;
use serde_json::{Value, json};

const COLUMNS: [(&str, &str); 7] = [
    ("FEED", "name"),
    ("CHANNEL", "channel"),
    ("STATE", "state"),
    ("SEEN", "seen_at"),
    ("TOLD", "told"),
    ("USUAL LAG", "lag"),
    ("SAYS", "says"),
];

#[derive(Debug, Args)]
pub(crate) struct FeedsArgs {
    #[command(flatten)]
    remote: Remote,
}

pub(crate) async fn run(args: FeedsArgs, context: &Context) -> anyhow::Result<Exit> {
    let page = args.remote.api()?.get(&["feeds"], &[]).await?;
    if context.out.json {
        context.out.value(&page);
        return Ok(Exit::Done);
    }
    let feeds = page.get("data").and_then(Value::as_array);
    let rows: Vec<Value> = feeds.into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        let words = "no feed is followed: see [[feed]] in `holdline config reference`";
        context.out.line(words);
    } else {
        context.out.records(&rows, &COLUMNS);
    }
    Ok(Exit::Done)
}

/// A feed as one line for people.
fn row(feed: &Value) -> Value {
    let lag = |key: &str| feed.pointer(&format!("/lag/{key}")).cloned();
    let count = |key| lag(key).as_ref().and_then(Value::as_u64).unwrap_or(0);
    let mean_s = lag("mean_lag_s").as_ref().and_then(Value::as_f64);
    let open = feed.get("incidents").filter(|it| **it != json!([]));
    json!({
        "name": feed["name"], "channel": feed["channel"], "state": feed["state"],
        "seen_at": feed["seen_at"],
        "told": format!("{} of {}", count("told"), count("outages")),
        "lag": mean_s.map(|lag_s| format!("{lag_s:.0} s")),
        "says": open.unwrap_or(&feed["error"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_is_open_or_why_nothing_is_known() {
        let feed = |incidents: Value, error: Value| {
            json!({"name": "meta", "channel": "whatsapp", "state": "open", "seen_at": null,
                "incidents": incidents, "error": error,
                "lag": {"outages": 3, "told": 2, "mean_lag_s": 61.4, "last_lag_s": 9.0}})
        };
        let open = row(&feed(json!(["slow", "down"]), Value::Null));
        assert_eq!(open["says"], json!(["slow", "down"]));
        assert_eq!(
            (&open["told"], &open["lag"]),
            (&json!("2 of 3"), &json!("61 s"))
        );
        assert_eq!(row(&feed(json!([]), json!("HTTP 500")))["says"], "HTTP 500");
        assert_eq!(row(&feed(json!([]), Value::Null))["says"], Value::Null);
    }
}
