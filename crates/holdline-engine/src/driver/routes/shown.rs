//! What people see of the driver: the routes, what is open, and that it turns. Decides nothing.

use super::queues::Count;
use crate::driver::Driver;
use crate::request::Totals;
use holdline_core::Timestamp;
use holdline_core::message::State;

impl Driver {
    /// Shows the routes to whoever asks; before callers are answered, so that they see what they
    /// were told.
    pub(in crate::driver) fn show_routes(&self, now: Timestamp) {
        if self.shared.wants_routes(now) {
            self.publish_routes(now);
        }
    }

    fn publish_routes(&self, now: Timestamp) {
        let statuses = self.routes.statuses(now, &self.queues);
        self.shared.publish_routes(statuses);
    }

    /// Shows totals, and that the driver turns.
    pub(in crate::driver) fn publish(&mut self, now: Timestamp) {
        self.shared
            .publish(self.book.len() + self.backlog.count(), now);
        if self.shared.wants_totals(now) {
            let totals = self.count(now);
            self.shared.publish_totals(totals);
            self.publish_routes(now);
        }
    }

    /// Counts what is open, and what of it waits at each sender.
    fn count(&mut self, now: Timestamp) -> Totals {
        let mut count = Count::new(&self.routes, now);
        let mut totals = Totals {
            waiting: self.backlog.count(),
            ..Totals::default()
        };
        for (_, entry) in self.book.iter() {
            count.add(entry);
            match entry.delivery.state {
                State::Waiting { .. } => {
                    totals.waiting += 1;
                    let at = entry.delivery.terms.created_at;
                    let oldest = totals.oldest_waiting_at.map_or(at, |known| known.min(at));
                    totals.oldest_waiting_at = Some(oldest);
                }
                State::InFlight { .. } => totals.in_flight += 1,
                State::InDoubt { .. } => totals.in_doubt += 1,
                State::Placed { .. } => totals.placed += 1,
                State::Ended { .. } => {}
            }
        }
        self.queues = count.done();
        totals
    }
}
