//! `routes`: the health of each route, and every scope that is not as it should be with its
//! evidence, by the API.

use super::Remote;
use super::outages::{ahead_words, gap, span_words};
use crate::cli::output::plain;
use crate::cli::{Context, Exit};
use clap::Args;
use serde_json::Value;
use std::collections::BTreeMap;

const COLUMNS: [(&str, &str); 8] = [
    ("ROUTE", "name"),
    ("HEALTH", "health"),
    ("SINCE", "since"),
    ("PER S", "rate_per_s"),
    ("WAITING", "waiting"),
    ("IN FLIGHT", "in_flight"),
    ("HOLD", "held"),
    ("REASON", "reason"),
];

#[derive(Debug, Args)]
pub(crate) struct RoutesArgs {
    #[command(flatten)]
    remote: Remote,
}

pub(crate) async fn run(args: RoutesArgs, context: &Context) -> anyhow::Result<Exit> {
    let mut page = args.remote.api()?.get(&["routes"], &[]).await?;
    if !context.out.json {
        name_holds(&mut page);
    }
    context.out.page(&page, &COLUMNS, "");
    if !context.out.json {
        context.out.text(&troubles(&page));
    }
    Ok(Exit::Done)
}

/// What an operator said of each route, in a few words for the table.
fn name_holds(page: &mut Value) {
    let items = page.get_mut("data").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        let hold = item.get("hold").filter(|hold| !hold.is_null());
        item["held"] = hold.map_or(Value::Null, |hold| {
            let part = |key| plain(hold.get(key).unwrap_or(&Value::Null));
            format!("{} until {}", part("kind"), part("until")).into()
        });
    }
}

/// Each scope once, though several routes have it in common.
fn troubles(page: &Value) -> String {
    let routes = page.get("data").and_then(Value::as_array);
    let scopes = routes
        .into_iter()
        .flatten()
        .filter_map(|route| route.get("scopes")?.as_array());
    let named = scopes.flatten().filter_map(|scope| {
        let name = scope.get("name")?.as_str()?;
        Some((name.to_owned(), trouble(name, scope)))
    });
    named.collect::<BTreeMap<_, _>>().into_values().collect()
}

fn trouble(name: &str, scope: &Value) -> String {
    let part = |key: &str| plain(scope.get(key).unwrap_or(&Value::Null));
    let mut figures = vec![format!("{} nats by {}", part("nats"), part("signal"))];
    if scope.get("onset").is_some_and(Value::is_string) {
        figures.push(format!("began {}", part("onset")));
    }
    let mut speed = Vec::new();
    let noticed = ["suspect_at", "degraded_at"]
        .into_iter()
        .find_map(|key| gap(scope, "onset", key));
    speed.extend(noticed.map(|ms| format!("noticed after {}", span_words(ms))));
    let feed = plain(scope.get("feed").unwrap_or(&Value::Null));
    let ahead = gap(scope, "degraded_at", "feed_at");
    speed.extend(ahead.map(|ms| ahead_words(ms, &feed)));
    let speed = match speed.is_empty() {
        true => String::new(),
        false => format!("  {}\n", speed.join("; ")),
    };
    let code = scope.get("account_code").and_then(Value::as_str);
    figures.extend(code.map(|code| format!("our account is refused: {code}")));
    format!(
        "\n{name}  {}  since {}\n  {}\n  {}\n{speed}  {}\n",
        part("health"),
        part("since"),
        part("words"),
        figures.join("; "),
        part("reason")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn a_scope_in_trouble_is_told_once_with_its_evidence() {
        let scope = json!({
            "name": "whatsapp/*/session", "words": "text messages by all of whatsapp",
            "health": "degraded", "since": "2026-01-01T00:00:05.000Z",
            "reason": "7 of 7 first attempts failed", "onset": "2026-01-01T00:00:00.000Z",
            "suspect_at": "2026-01-01T00:00:02.500Z", "degraded_at": "2026-01-01T00:00:05.000Z",
            "signal": "send_outcomes", "nats": 17.2, "feed": "metastatus",
            "feed_at": "2026-01-01T01:04:05.000Z", "account_code": null,
        });
        let page = json!({"data": [{"scopes": [scope]}, {"scopes": [scope]}, {"scopes": []}]});
        expect![[r#"

            whatsapp/*/session  degraded  since 2026-01-01T00:00:05.000Z
              text messages by all of whatsapp
              17.2 nats by send_outcomes; began 2026-01-01T00:00:00.000Z
              noticed after 2.5 s; we knew 64 min before metastatus
              7 of 7 first attempts failed
        "#]]
        .assert_eq(&troubles(&page));
    }

    #[test]
    fn the_table_tells_what_an_operator_said() {
        let hold = json!({"kind": "hold", "until": "2026-01-01T00:30:00.000Z"});
        let mut page = json!({"data": [{"hold": hold}, {"hold": null}]});
        name_holds(&mut page);
        let (held, free) = (&page["data"][0]["held"], &page["data"][1]["held"]);
        assert_eq!(held, "hold until 2026-01-01T00:30:00.000Z");
        assert!(free.is_null());
    }
}
