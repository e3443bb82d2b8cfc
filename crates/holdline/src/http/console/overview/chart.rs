//! Traffic by the minute, one drawing a channel, made here as SVG: sends upwards with those that
//! failed, receipts as a line, outages shaded behind. The same figures stand in a table.

use crate::http::api::values::rfc3339;
use crate::http::console::layout;
use crate::http::console::standing::channel_name;
use holdline_core::{ChannelKind, Timestamp};
use holdline_engine::ports::records::{OutageRecord, TrafficRecord};
use holdline_engine::request::RouteStatus;
use maud::{Markup, html};
use std::collections::BTreeSet;

const MINUTES: i64 = 60;
const MINUTE_MS: i64 = 60_000;
/// Units of the drawing: so many a minute, and upwards.
const STEP: i64 = 10;
const WIDTH: i64 = MINUTES * STEP;
const HEIGHT: i64 = 90;

/// The first minute of the drawing.
pub(super) fn first_minute(now: Timestamp) -> Timestamp {
    let last = now.0.div_euclid(MINUTE_MS) * MINUTE_MS;
    Timestamp(last - (MINUTES - 1) * MINUTE_MS)
}

pub(super) fn charts(
    traffic: &[TrafficRecord],
    outages: &[OutageRecord],
    routes: &[RouteStatus],
    now: Timestamp,
) -> Markup {
    let of_routes = routes.iter().map(|route| route.channel);
    let channels: BTreeSet<ChannelKind> = of_routes
        .chain(traffic.iter().map(|it| it.channel))
        .collect();
    html! {
        @for channel in channels { (chart(channel, traffic, outages, now)) }
        p.legend {
            span.key.sends {} "sends " span.key.failures {} "failures "
            span.key.receipts {} "receipts " span.key.outage {} "outage"
        }
    }
}

fn chart(
    channel: ChannelKind,
    traffic: &[TrafficRecord],
    outages: &[OutageRecord],
    now: Timestamp,
) -> Markup {
    let begin = first_minute(now);
    let mine: Vec<&TrafficRecord> = traffic
        .iter()
        .filter(|it| it.channel == channel && it.minute >= begin)
        .collect();
    let peak = |it: &&&TrafficRecord| (it.sends + it.failures).max(it.receipts);
    let top = mine.iter().map(|it| peak(&it)).max().unwrap_or(0).max(1);
    let sum = |of: fn(&TrafficRecord) -> u64| mine.iter().map(|it| of(it)).sum::<u64>();
    let (sends, receipts, failures) = (
        sum(|it| it.sends),
        sum(|it| it.receipts),
        sum(|it| it.failures),
    );
    let name = channel_name(channel);
    let shaded = outages
        .iter()
        .filter_map(|it| shade(it, channel, begin, now));
    let label = format!(
        "{name}, last hour: {sends} sends, {receipts} receipts, {failures} failures; \
         at most {top} a minute"
    );
    html! {
        figure.chart id={ "chart-" (channel.as_str()) } {
            figcaption {
                strong { (name) } " " (sends) " sends, " (receipts) " receipts, "
                (failures) " failures"
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-label=(label) {
                @for (x, width) in shaded {
                    rect.outage x=(x) y="0" width=(width) height=(HEIGHT) {}
                }
                @for one in &mine { (bar(one, begin, top)) }
                polyline.receipts points=(line(&mine, begin, top)) {}
            }
            (table(&name, &mine))
        }
    }
}

fn bar(one: &TrafficRecord, begin: Timestamp, top: u64) -> Markup {
    let x = (one.minute.0 - begin.0) / MINUTE_MS * STEP + 1;
    let (sends, failures) = (height(one.sends, top), height(one.failures, top));
    html! {
        rect.sends x=(x) y=(HEIGHT - sends) width=(STEP - 2) height=(sends) {}
        rect.failures x=(x) y=(HEIGHT - sends - failures) width=(STEP - 2) height=(failures) {}
    }
}

/// A minute without a row had nothing.
fn line(mine: &[&TrafficRecord], begin: Timestamp, top: u64) -> String {
    let points = (0..MINUTES).map(|ix| {
        let minute = begin.0 + ix * MINUTE_MS;
        let one = mine.iter().find(|it| it.minute.0 == minute);
        let y = HEIGHT - height(one.map_or(0, |it| it.receipts), top);
        format!("{},{y}", ix * STEP + STEP / 2)
    });
    points.collect::<Vec<_>>().join(" ")
}

/// What is there is seen, however small.
fn height(count: u64, top: u64) -> i64 {
    if count == 0 {
        return 0;
    }
    let part = i64::try_from(count * HEIGHT.unsigned_abs() / top).unwrap_or(HEIGHT);
    part.max(1)
}

/// The place of an outage in the drawing: x and width.
fn shade(
    outage: &OutageRecord,
    channel: ChannelKind,
    begin: Timestamp,
    now: Timestamp,
) -> Option<(i64, i64)> {
    let is_mine = outage.route.split('/').next() == Some(channel.as_str());
    let from = outage.onset.unwrap_or(outage.opened_at).max(begin);
    let to = outage.recovered_at.unwrap_or(now);
    let x = |at: Timestamp| (at.0 - begin.0) * STEP / MINUTE_MS;
    (is_mine && to > begin).then(|| (x(from), (x(to) - x(from)).max(1)))
}

fn table(name: &str, mine: &[&TrafficRecord]) -> Markup {
    html! {
        details id={ "figures-" (name) } {
            summary { "Figures" span.hidden { " of " (name) } }
            table {
                (layout::head(&["Minute", "Sends", "Receipts", "Failures"]))
                tbody {
                    @for one in mine.iter().rev() {
                        tr {
                            td { (&rfc3339(one.minute)[11..16]) }
                            td { (one.sends) } td { (one.receipts) } td { (one.failures) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn one(minute: i64, sends: u64, failures: u64) -> TrafficRecord {
        TrafficRecord {
            minute: Timestamp(first_minute(NOW).0 + minute * MINUTE_MS),
            channel: ChannelKind::SMS,
            sends,
            receipts: 3,
            failures,
        }
    }

    #[test]
    fn the_highest_minute_fills_the_drawing_and_the_smallest_is_seen() {
        let text = chart(
            ChannelKind::SMS,
            &[one(0, 1_000, 0), one(59, 1, 0)],
            &[],
            NOW,
        );
        let text = text.into_string();
        assert!(
            text.contains("x=\"1\" y=\"0\" width=\"8\" height=\"90\""),
            "{text}"
        );
        assert!(
            text.contains("x=\"591\" y=\"89\" width=\"8\" height=\"1\""),
            "{text}"
        );
        assert!(
            text.contains("1001 sends, 6 receipts, 0 failures"),
            "{text}"
        );
    }

    #[test]
    fn nothing_is_drawn_with_a_style() {
        let text = chart(ChannelKind::SMS, &[one(3, 5, 5)], &[], NOW).into_string();
        assert!(!text.contains("style="), "the policy forbids it");
    }

    #[test]
    fn an_outage_is_shaded_for_its_time() {
        let outage = |route: &str, from_min: i64, to_min: Option<i64>| OutageRecord {
            id: holdline_core::id::OutageId(1),
            route: route.into(),
            scope: String::new(),
            signal: String::new(),
            onset: Some(Timestamp(first_minute(NOW).0 + from_min * MINUTE_MS)),
            suspect_at: None,
            degraded_at: None,
            opened_at: NOW,
            recovering_at: None,
            recovered_at: to_min.map(|it| Timestamp(first_minute(NOW).0 + it * MINUTE_MS)),
            reason: String::new(),
            moved: 0,
            nats: 0.0,
            bound: None,
            ratio: None,
            feed: None,
            feed_at: None,
        };
        let check = |outage: &OutageRecord, expect| {
            assert_eq!(
                shade(outage, ChannelKind::SMS, first_minute(NOW), NOW),
                expect
            );
        };
        check(&outage("sms/1/all", 10, Some(25)), Some((100, 150)));
        check(&outage("sms/1/all", -90, Some(5)), Some((0, 50)));
        check(&outage("sms/1/all", -90, Some(-80)), None);
        check(&outage("whatsapp/1/all", 10, Some(25)), None);
        let (_, width) = shade(
            &outage("sms/1/all", 50, None),
            ChannelKind::SMS,
            first_minute(NOW),
            NOW,
        )
        .unwrap();
        assert!((90..=100).contains(&width), "to now: {width}");
    }
}
