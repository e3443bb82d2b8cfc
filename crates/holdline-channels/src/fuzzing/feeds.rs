//! Laws of status feeds: a reading is bounded, and the same bytes are read the same way.

use super::{NOW, parts};
use crate::feeds::reading::{Parsed, Shape};
use crate::feeds::syndication as syndicated;
use crate::feeds::{FeedLevel, INCIDENTS_MAX, metastatus as meta, statuspage as page};

pub(super) fn metastatus(input: &[u8]) {
    let [orgs, outages] = parts(input);
    bounded(&|| meta::parse(orgs, outages, "whatsapp-business-api", NOW));
}

pub(super) fn statuspage(input: &[u8]) {
    for summary in [true, false] {
        bounded(&|| page::parse(input, summary, NOW));
    }
}

pub(super) fn syndication(input: &[u8]) {
    bounded(&|| syndicated::parse(input, NOW));
    let times = String::from_utf8_lossy(input);
    if let Some(at) = crate::feeds::times::instant(&times) {
        let years_10_000 = 10_000 * 366 * 86_400_000_i64;
        assert!((-years_10_000..years_10_000).contains(&at.0));
    }
}

fn bounded(read: &dyn Fn() -> Shape<Parsed>) {
    let parsed = read();
    assert_eq!(parsed, read(), "the same bytes, the same reading");
    let Ok(parsed) = parsed else { return };
    let reading = parsed.reading;
    assert!(reading.incidents.len() <= INCIDENTS_MAX);
    assert!(parsed.unknown.len() <= 8);
    for incident in &reading.incidents {
        assert!(!incident.resolved && incident.level > FeedLevel::Green);
        assert!(incident.level <= reading.level, "worse than the whole");
        assert!(incident.title.chars().count() <= 300 && incident.id.chars().count() <= 120);
        assert!(incident.services.len() <= 20);
    }
}
