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
const NONE: &str = "No evidence was kept: an operator decided it, or it began with the server.";

/// `steps` are in the order of time.
pub(super) fn drawing(points: &[EvidenceRecord], steps: &[(&str, Timestamp)]) -> Markup {
    let Some(last) = points.last() else {
        return html! { p.quiet { (NONE) } };
    };
    let instants = || {
        points
            .iter()
            .map(|it| it.at)
            .chain(steps.iter().map(|(_, at)| *at))
    };
    let from = instants().min().unwrap_or(last.at);
    let to = instants().max().unwrap_or(last.at);
    let high = points.iter().map(|it| it.nats).fold(0.0, f64::max);
    let threshold = last.threshold;
    // What is far beyond the threshold is drawn at twice its height: it decides nothing more.
    let top = high.min(threshold * 2.0).max(threshold) * AIR;
    let span = (to.0 - from.0).max(1) as f64;
    let x = |at: Timestamp| format!("{:.1}", (at.0 - from.0) as f64 / span * WIDTH);
    let y = |nats: f64| format!("{:.1}", HEIGHT - (nats / top).clamp(0.0, 1.0) * HEIGHT);
    // At its earliest there was none.
    let onset = steps.first().map(|(_, at)| *at);
    let onset = onset.filter(|at| points.first().is_some_and(|it| *at < it.at));
    let begins = onset.map(|at| format!("{},{}", x(at), y(0.0)));
    let line = points
        .iter()
        .map(|it| format!("{},{}", x(it.at), y(it.nats)));
    let line: Vec<String> = begins.into_iter().chain(line).collect();
    let label = format!(
        "Evidence from {} to {}: up to {high:.1} nats, the threshold is {threshold:.1}",
        rfc3339(from),
        rfc3339(to),
    );
    html! {
        figure.chart {
            figcaption {
                "Evidence (" (last.signal) "): up to " (format!("{high:.1}")) " nats; at "
                (format!("{threshold:.1}")) " (dashed) the route counts as failing"
            }
            svg.tall viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none"
                role="img" aria-label=(label) {
                @for (name, at) in steps {
                    line.step x1=(x(*at)) x2=(x(*at)) y1="0" y2=(HEIGHT) { title { (name) } }
                }
                line.threshold x1="0" x2=(WIDTH) y1=(y(threshold)) y2=(y(threshold)) {}
                polyline.evidence points=(line.join(" ")) {}
                @for it in points {
                    circle.evidence cx=(x(it.at)) cy=(y(it.nats)) r="3" {}
                }
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
        let steps = [
            ("suspect", Timestamp(5_000)),
            ("up again", Timestamp(40_000)),
        ];
        let text = drawing(&points, &steps).into_string();
        assert!(
            text.contains("points=\"0.0,120.0 75.0,67.8 150.0,15.7 300.0,0.0\""),
            "{text}"
        );
        assert!(text.contains("y1=\"67.8\""), "the threshold: {text}");
        assert!(text.contains("x1=\"600.0\""), "the last step: {text}");
        let later = drawing(&points[1..], &[("onset", Timestamp(0))]).into_string();
        assert!(later.contains("points=\"0.0,120.0 150.0,"), "{later}");
        assert!(!text.contains("style="));
    }

    #[test]
    fn without_evidence_it_says_so() {
        assert!(drawing(&[], &[]).into_string().contains(NONE));
    }
}
