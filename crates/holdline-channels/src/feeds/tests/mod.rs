//! Golden samples of every format, what happens when their shape changes, and the client against
//! a scripted site.

mod client;
mod metastatus;
mod properties;
mod statuspage;
mod syndication;
mod values;

use super::reading::{Parsed, Shape};
use super::{FeedIncident, FeedLevel};
use holdline_core::Timestamp;

/// 2026-03-10T12:00:00Z
const NOW: Timestamp = Timestamp(1_773_144_000_000);

fn good(parsed: Shape<Parsed>) -> Parsed {
    parsed.unwrap()
}

/// The level and, of each incident, its level and title.
fn check(parsed: Shape<Parsed>, level: FeedLevel, incidents: &[(FeedLevel, &str)]) {
    let reading = good(parsed).reading;
    let found: Vec<(FeedLevel, &str)> = reading
        .incidents
        .iter()
        .map(|incident| (incident.level, incident.title.as_str()))
        .collect();
    assert_eq!((reading.level, found.as_slice()), (level, incidents));
    assert!(reading.incidents.iter().all(|incident| !incident.resolved));
}

fn check_unknown(parsed: Shape<Parsed>, why: &str) {
    let error = parsed.unwrap_err();
    assert!(error.contains(why), "{error}");
}

fn only(parsed: Shape<Parsed>) -> FeedIncident {
    let mut incidents = good(parsed).reading.incidents;
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    incidents.remove(0)
}
