//! The routes as people see them: one row a sender, with every scope of it that is not as it
//! should be, and why.

use super::{Queues, RouteTable};
use crate::request::{HoldStatus, RouteStatus, ScopeStatus};
use holdline_core::Timestamp;
use holdline_core::health::board::{Episode, Hold};
use holdline_core::health::{Health, NumberIx, Scope};

impl RouteTable {
    /// One row for each configured sender.
    pub(crate) fn statuses(&self, now: Timestamp, queues: &Queues) -> Vec<RouteStatus> {
        let configured = self
            .numbers()
            .filter(|number| self.sender(*number).configured);
        configured
            .map(|number| self.status(number, now, queues))
            .collect()
    }

    fn status(&self, number: NumberIx, now: Timestamp, queues: &Queues) -> RouteStatus {
        let sender = self.sender(number);
        let whole = self.board.scope_of(number);
        let standing = self.board.standing_of(number);
        let scopes = self.scopes_of(&whole);
        let queue = queues.of(number);
        RouteStatus {
            name: self.board.name_of(&whole),
            channel: sender.channel,
            sender: sender.sender.clone(),
            health: standing.health,
            since: standing.since,
            reason: self.reason_of(number, standing.health, &scopes),
            waits: queue.waits,
            in_flight: sender.in_flight.get(),
            oldest_waiting_at: queue.oldest,
            rate_per_s: sender.gate.borrow().rate_per_s(now),
            hold: self.hold_on(&whole),
            scopes,
        }
    }

    fn scopes_of(&self, whole: &Scope) -> Vec<ScopeStatus> {
        let bears = |it: &&Episode| it.scope.meets(whole);
        let mut found: Vec<ScopeStatus> = self
            .board
            .episodes()
            .iter()
            .filter(bears)
            .map(|it| self.scope_status(it))
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    fn scope_status(&self, episode: &Episode) -> ScopeStatus {
        ScopeStatus {
            name: self.board.name_of(&episode.scope),
            words: self.board.words_of(&episode.scope),
            health: episode.health,
            since: episode.since,
            reason: episode.reason.clone(),
            course: episode.course.clone(),
        }
    }

    fn reason_of(&self, number: NumberIx, health: Health, scopes: &[ScopeStatus]) -> String {
        let whole = self.board.scope_of(number);
        if let Some(hold) = self.last_hold(|scope| scope.covers(&whole)) {
            return format!("an operator says {}: {}", hold.kind.name(), hold.reason);
        }
        if let Some(scope) = scopes.iter().find(|scope| scope.health == health) {
            return format!("{}: {}", scope.words, scope.reason);
        }
        match health {
            Health::Suspect => self.board.suspicion(number),
            Health::Up
            | Health::Degraded
            | Health::Down
            | Health::Recovering
            | Health::AccountFault
            | Health::SelfImpaired => String::new(),
        }
    }

    /// The word that overrules the route; else one about a part of it.
    fn hold_on(&self, whole: &Scope) -> Option<HoldStatus> {
        let over = self.last_hold(|scope| scope.covers(whole));
        let hold = over.or_else(|| self.last_hold(|scope| scope.meets(whole)))?;
        Some(HoldStatus {
            scope: self.board.name_of(&hold.scope),
            kind: hold.kind,
            reason: hold.reason.clone(),
            until: hold.until,
        })
    }

    /// The board goes by the last that was said.
    fn last_hold(&self, of: impl Fn(&Scope) -> bool) -> Option<&Hold> {
        let mut said = self.board.holds().iter().rev();
        said.find(|hold| of(&hold.scope))
    }
}
