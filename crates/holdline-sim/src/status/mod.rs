//! The platform's status page: late, and silent about what is our own fault. Decides what is on
//! it at a time; never serves it and never reads a clock.

mod pages;
mod trouble;

use serde::Deserialize;

use crate::outage::{Outage, OutageId, Provider};
pub(crate) use pages::StatusPage;
use trouble::{Severity, trouble};

/// Outages kept for the history.
const ENTRIES_MAX: usize = 200;
/// How long a service stays marked as resolved, in milliseconds.
const RESOLVED_MS: u64 = 24 * 3_600_000;

/// How the status page itself can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum FeedFault {
    /// Every path answers 200 with a web page.
    #[serde(rename = "html")]
    Html,
    /// Every path answers 500.
    #[serde(rename = "500")]
    ServerError,
    /// Well-formed answers whose shape is another than before.
    #[serde(rename = "shape")]
    Shape,
}

/// An outage as the page knows it.
#[derive(Debug, Clone)]
struct Entry {
    id: OutageId,
    severity: Severity,
    service: u32,
    started_ms: u64,
    ended_ms: Option<u64>,
}

/// All that the page is made of.
#[derive(Debug)]
pub(crate) struct StatusBoard {
    entries: Vec<Entry>,
    pub(crate) lag_ms: u64,
    pub(crate) fault: Option<FeedFault>,
    /// When the page was first there.
    pub(crate) opened_ms: u64,
}

impl StatusBoard {
    pub(crate) fn new(lag_ms: u64) -> Self {
        Self {
            entries: Vec::new(),
            lag_ms,
            fault: None,
            opened_ms: 0,
        }
    }

    /// Notes an outage if the platform would own up to it.
    pub(crate) fn began(&mut self, outage: &Outage) {
        let Some((severity, service)) = trouble(outage).filter(|_| is_platform(outage)) else {
            return;
        };
        if self.entries.len() >= ENTRIES_MAX {
            let oldest = self.entries.iter().position(|e| e.ended_ms.is_some());
            self.entries.remove(oldest.unwrap_or(0));
        }
        self.entries.push(Entry {
            id: outage.id,
            severity,
            service,
            started_ms: outage.started_ms,
            ended_ms: None,
        });
    }

    pub(crate) fn ended(&mut self, id: OutageId, now_ms: u64) {
        let mut open = self.entries.iter_mut().filter(|e| e.ended_ms.is_none());
        if let Some(entry) = open.find(|entry| entry.id == id) {
            entry.ended_ms = Some(now_ms);
        }
    }

    /// Outages that the page shows as open, oldest first.
    fn open(&self, now_ms: u64) -> impl Iterator<Item = &Entry> {
        self.shown(now_ms)
            .filter(move |entry| self.over_ms(entry, now_ms).is_none())
    }

    /// Outages that the page has come to know.
    fn shown(&self, now_ms: u64) -> impl Iterator<Item = &Entry> {
        let known = move |entry: &&Entry| self.shown_ms(entry) <= now_ms;
        self.entries.iter().filter(known)
    }

    fn shown_ms(&self, entry: &Entry) -> u64 {
        entry.started_ms.saturating_add(self.lag_ms)
    }

    /// When the page learned that an outage is over, if it has.
    fn over_ms(&self, entry: &Entry, now_ms: u64) -> Option<u64> {
        let over_ms = entry.ended_ms?.saturating_add(self.lag_ms);
        (over_ms <= now_ms).then_some(over_ms)
    }

    fn severity(&self, service: u32, now_ms: u64) -> Option<Severity> {
        self.open(now_ms)
            .filter(|entry| entry.service == service)
            .map(|entry| entry.severity)
            .max()
    }

    fn lately_resolved(&self, service: u32, now_ms: u64) -> bool {
        self.shown(now_ms)
            .filter(|entry| entry.service == service)
            .filter_map(|entry| self.over_ms(entry, now_ms))
            .any(|over_ms| now_ms < over_ms.saturating_add(RESOLVED_MS))
    }
}

fn is_platform(outage: &Outage) -> bool {
    outage.provider == Provider::Whatsapp
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outage::{Board, OutageOrder, PROFILES};

    fn board_with(profile: &str) -> (StatusBoard, OutageId) {
        let (mut outages, mut board) = (Board::default(), StatusBoard::new(1_000));
        let order = OutageOrder::new(profile);
        let id = outages.start(order, 10_000).unwrap();
        board.began(&outages.all()[0]);
        (board, id)
    }

    fn count(board: &StatusBoard, now_ms: u64) -> usize {
        board.open(now_ms).count()
    }

    #[test]
    fn an_outage_appears_late_and_goes_as_late() {
        let (mut board, id) = board_with("hard_down");
        assert_eq!((count(&board, 10_999), count(&board, 11_000)), (0, 1));
        board.ended(id, 12_000);
        assert_eq!((count(&board, 12_999), count(&board, 13_000)), (1, 0));
        assert!(board.lately_resolved(4, 13_000));
        assert!(!board.lately_resolved(4, 13_000 + RESOLVED_MS));
    }

    #[test]
    fn a_short_outage_still_appears_after_it_is_over() {
        let (mut board, id) = board_with("latency");
        board.ended(id, 10_100);
        let at = |now_ms| count(&board, now_ms);
        assert_eq!((at(10_999), at(11_050), at(11_100)), (0, 1, 0));
    }

    #[test]
    fn our_own_faults_and_those_of_recipients_never_appear() {
        let own = [
            "own_token_expired",
            "account_locked",
            "payment",
            "rate_limited",
            "pair_limited",
            "template_paused",
            "recipient_unreachable",
            "window_closed",
            "recipient_withheld",
            "recipient_temporary",
        ];
        for profile in PROFILES {
            let (board, _) = board_with(profile.name);
            let expect = usize::from(!own.contains(&profile.name));
            assert_eq!(count(&board, 11_000), expect, "{}", profile.name);
        }
    }

    #[test]
    fn outages_of_other_providers_never_appear() {
        let (mut outages, mut board) = (Board::default(), StatusBoard::new(0));
        let order = OutageOrder::new("hard_down").on(Provider::Sms);
        outages.start(order, 0).unwrap();
        board.began(&outages.all()[0]);
        assert_eq!(count(&board, 0), 0);
    }

    #[test]
    fn the_history_is_bounded_and_keeps_what_is_open() {
        let (mut board, _) = board_with("hard_down");
        let mut outages = Board::default();
        for round in 0..ENTRIES_MAX as u64 + 50 {
            let id = outages.start(OutageOrder::new("latency"), round).unwrap();
            let mut outage = outages.all()[0].clone();
            outage.id = id + 100;
            board.began(&outage);
            board.ended(outage.id, round);
            outages.stop(id);
        }
        assert_eq!(board.entries.len(), ENTRIES_MAX);
        assert!(board.entries[0].ended_ms.is_none());
    }
}
