//! `outages list|show`: the times a scope was down, from the first evidence to the return, by the
//! API. The words for spans of time are shared with `routes`.

use super::Remote;
use crate::cli::output::plain;
use crate::cli::{Context, Exit};
use crate::http::api::values::parse_rfc3339;
use clap::{Args, Subcommand};
use serde_json::Value;

const COLUMNS: [(&str, &str); 7] = [
    ("OUTAGE", "id"),
    ("ROUTE", "route"),
    ("DOWN", "opened_at"),
    ("OVER", "recovered_at"),
    ("NOTICED AFTER S", "noticed_after_s"),
    ("AHEAD OF FEED S", "ahead_of_feed_s"),
    ("MOVED", "moved"),
];
/// What happened, and the field that tells when; in the order in which it happens.
const STEPS: [(&str, &str); 6] = [
    ("onset", "onset"),
    ("suspect", "suspect_at"),
    ("degraded", "degraded_at"),
    ("down", "opened_at"),
    ("recovering", "recovering_at"),
    ("recovered", "recovered_at"),
];

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct OutagesArgs {
    #[command(flatten)]
    list: ListArgs,
    #[command(subcommand)]
    command: Option<OutagesCommand>,
}

#[derive(Debug, Subcommand)]
enum OutagesCommand {
    /// The latest outages
    List(ListArgs),
    /// One outage from the first evidence to the return
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    remote: Remote,
    /// Most outages to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    remote: Remote,
    /// Id of the outage
    id: String,
}

pub(crate) async fn run(args: OutagesArgs, context: &Context) -> anyhow::Result<Exit> {
    match args.command.unwrap_or(OutagesCommand::List(args.list)) {
        OutagesCommand::List(args) => {
            let query = [("limit", args.limit.to_string())];
            let page = args.remote.api()?.get(&["outages"], &query).await?;
            context.out.page(&page, &COLUMNS, "");
        }
        OutagesCommand::Show(args) => {
            let outage = args.remote.api()?.get(&["outages", &args.id], &[]).await?;
            if context.out.json {
                context.out.value(&outage);
            } else {
                context.out.text(&told(&outage));
            }
        }
    }
    Ok(Exit::Done)
}

/// Milliseconds between two times of an object, where both are known.
pub(super) fn gap(object: &Value, from: &str, to: &str) -> Option<i64> {
    let at = |key: &str| parse_rfc3339(object.get(key)?.as_str()?);
    Some(at(to)?.0.saturating_sub(at(from)?.0))
}

/// `2.5 s`, `64 min`, `3.5 h`.
pub(super) fn span_words(ms: i64) -> String {
    let s = ms as f64 / 1000.0;
    match s.abs() {
        short if short < 120.0 => format!("{s:.1} s"),
        some if some < 7_200.0 => format!("{:.0} min", s / 60.0),
        _ => format!("{:.1} h", s / 3600.0),
    }
}

/// Who knew first: we, or the provider's status feed.
pub(super) fn ahead_words(ahead_ms: i64, feed: &str) -> String {
    let span = span_words(ahead_ms.saturating_abs());
    if ahead_ms < 0 {
        format!("{feed} knew {span} before us")
    } else {
        format!("we knew {span} before {feed}")
    }
}

fn told(outage: &Value) -> String {
    let part = |key: &str| plain(outage.get(key).unwrap_or(&Value::Null));
    let number = |key: &str| outage.get(key).and_then(Value::as_f64);
    let mut text = format!(
        "{}  {}\n  {}\n{}",
        part("id"),
        part("scope"),
        part("route"),
        timeline(outage)
    );
    text += &format!("  why: {}\n", part("reason"));
    text += &format!("  signal: {}, {} nats\n", part("signal"), part("nats"));
    if let (Some(bound), Some(ratio)) = (number("bound"), number("ratio")) {
        text += &format!(
            "  speed: {ratio:.1} times the {bound:.1} observations that any detector needs\n"
        );
    }
    if let Some(ahead_s) = number("ahead_of_feed_s") {
        let words = ahead_words((ahead_s * 1000.0) as i64, &part("feed"));
        text += &format!("  feed: {words}, which told at {}\n", part("feed_at"));
    }
    text + &format!("  moved: {} messages\n", part("moved"))
}

/// A line for each step: when, what, how long after the one before, how long since the onset.
fn timeline(outage: &Value) -> String {
    let known: Vec<_> = STEPS
        .into_iter()
        .filter(|(_, key)| outage.get(*key).is_some_and(Value::is_string))
        .collect();
    let first = known.first().map_or("", |step| step.1);
    let mut before = first;
    let mut text = String::new();
    for (name, key) in known {
        let at = plain(outage.get(key).unwrap_or(&Value::Null));
        let line = match (gap(outage, before, key), gap(outage, first, key)) {
            (Some(step), Some(whole)) if key != first => {
                let (step, whole) = (span_words(step), span_words(whole));
                format!("  {at}  {name:<10}  +{step}  ({whole} from the start)\n")
            }
            (Some(_) | None, Some(_) | None) => format!("  {at}  {name}\n"),
        };
        text += &line;
        before = key;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn spans_are_told_in_the_unit_that_fits() {
        for (ms, words) in [
            (2_500, "2.5 s"),
            (119_900, "119.9 s"),
            (3_840_000, "64 min"),
            (12_600_000, "3.5 h"),
        ] {
            assert_eq!(span_words(ms), words);
        }
        assert_eq!(
            ahead_words(3_840_000, "metastatus"),
            "we knew 64 min before metastatus"
        );
        assert_eq!(
            ahead_words(-9_000, "metastatus"),
            "metastatus knew 9.0 s before us"
        );
    }

    #[test]
    fn an_outage_is_told_from_its_onset_to_its_end() {
        let outage = json!({
            "id": "0a", "route": "whatsapp/1/all", "scope": "everything by whatsapp 1",
            "signal": "send_outcomes", "onset": "2026-01-01T00:00:00.000Z",
            "suspect_at": "2026-01-01T00:00:02.500Z", "degraded_at": "2026-01-01T00:00:05.000Z",
            "opened_at": "2026-01-01T00:00:35.000Z", "recovering_at": "2026-01-01T01:00:00.000Z",
            "recovered_at": null, "reason": "it goes on", "moved": 12, "nats": 17.2,
            "bound": 3.6, "ratio": 1.25, "feed": "metastatus",
            "feed_at": "2026-01-01T01:04:05.000Z", "noticed_after_s": 2.5,
            "ahead_of_feed_s": 3840.0,
        });
        expect![[r#"
            0a  everything by whatsapp 1
              whatsapp/1/all
              2026-01-01T00:00:00.000Z  onset
              2026-01-01T00:00:02.500Z  suspect     +2.5 s  (2.5 s from the start)
              2026-01-01T00:00:05.000Z  degraded    +2.5 s  (5.0 s from the start)
              2026-01-01T00:00:35.000Z  down        +30.0 s  (35.0 s from the start)
              2026-01-01T01:00:00.000Z  recovering  +59 min  (60 min from the start)
              why: it goes on
              signal: send_outcomes, 17.2 nats
              speed: 1.2 times the 3.6 observations that any detector needs
              feed: we knew 64 min before metastatus, which told at 2026-01-01T01:04:05.000Z
              moved: 12 messages
        "#]]
        .assert_eq(&told(&outage));
    }
}
