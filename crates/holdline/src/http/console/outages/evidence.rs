//! The evidence of an outage over time against the threshold, as a drawing made here; the steps of
//! the detection stand in it as upright lines.

use crate::http::api::values::rfc3339;
use holdline_core::Timestamp;
use holdline_engine::ports::records::EvidenceRecord;
use maud::{Markup, html};

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;
/// Room above the highest point.
const AIR: f64 = 1.15;

pub(super) fn drawing(points: &[EvidenceRecord], steps: &[(&str, Timestamp)]) -> Markup {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return html! { p.quiet { "No evidence was kept: it was decided by an operator or elsewhere." } };
    };
    let high = |of: fn(&EvidenceRecord) -> f64| points.iter().map(of).fold(0.0, f64::max);
    let threshold = last.threshold;
    // What is far beyond the threshold is drawn at twice its height: it decides nothing more.
    let top = high(|it| it.nats).min(threshold * 2.0).max(threshold) * AIR;
    let span = (last.at.0 - first.at.0).max(1) as f64;
    let x = |at: Timestamp| (at.0 - first.at.0) as f64 / span * WIDTH;
    let y = |nats: f64| HEIGHT - (nats / top).clamp(0.0, 1.0) * HEIGHT;
    let line: Vec<String> = points
        .iter()
        .map(|it| format!("{:.1},{:.1}", x(it.at), y(it.nats)))
        .collect();
    let inside = |at: &Timestamp| first.at <= *at && *at <= last.at;
    let label = format!(
        "Evidence from {} to {}: up to {:.1} nats, the threshold is {threshold:.1}",
        rfc3339(first.at),
        rfc3339(last.at),
        high(|it| it.nats),
    );
    html! {
        figure.chart {
            figcaption {
                "Evidence (" (last.signal) "): up to " (format!("{:.1}", high(|it| it.nats)))
                " nats; at " (format!("{threshold:.1}")) " (dashed) the route counts as failing"
            }
            svg.tall viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-label=(label) {
                @for (name, at) in steps.iter().filter(|(_, at)| inside(at)) {
                    line.step x1=(format!("{:.1}", x(*at))) x2=(format!("{:.1}", x(*at))) y1="0"
                        y2=(HEIGHT) { title { (name) } }
                }
                line.threshold x1="0" x2=(WIDTH) y1=(format!("{:.1}", y(threshold)))
                    y2=(format!("{:.1}", y(threshold))) {}
                polyline.evidence points=(line.join(" ")) {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::id::OutageId;

    #[test]
    fn the_line_stands_against_its_threshold() {
        let one = |second: i64, nats: f64| EvidenceRecord {
            outage: OutageId(1),
            at: Timestamp(second * 1_000),
            signal: "send_outcomes".into(),
            nats,
            threshold: 16.5,
        };
        let points = [one(0, 0.0), one(5, 16.5), one(10, 33.0), one(20, 1e9)];
        let text = drawing(
            &points,
            &[("suspect", Timestamp(5_000)), ("over", Timestamp(99_000))],
        );
        let text = text.into_string();
        assert!(
            text.contains("points=\"0.0,120.0 150.0,67.8 300.0,15.7 600.0,0.0\""),
            "{text}"
        );
        assert!(text.contains("y1=\"67.8\""), "the threshold: {text}");
        assert_eq!(text.matches("class=\"step\"").count(), 1, "{text}");
        assert!(!text.contains("style="));
    }

    #[test]
    fn without_evidence_it_says_so() {
        assert!(
            drawing(&[], &[])
                .into_string()
                .contains("No evidence was kept")
        );
    }
}
