//! The table at one instant, as the core asks for it.

use super::RouteTable;
use holdline_core::Timestamp;
use holdline_core::health::{EpisodeId, Health};
use holdline_core::routing::{RouteIx, RouteView, Routes};

/// Room that was already found for the very message that is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nowhere,
    Route(RouteIx),
    /// Everything in a trouble that is being tested.
    Trouble(EpisodeId),
}

pub(crate) struct Seen<'a> {
    table: &'a RouteTable,
    now: Timestamp,
    open: Open,
}

impl RouteTable {
    pub(crate) fn seen_at(&self, now: Timestamp) -> Seen<'_> {
        Seen {
            table: self,
            now,
            open: Open::Nowhere,
        }
    }
}

impl Seen<'_> {
    pub(crate) fn with_open(self, ix: RouteIx) -> Self {
        Self {
            open: Open::Route(ix),
            ..self
        }
    }

    pub(crate) fn with_test(self, id: EpisodeId) -> Self {
        Self {
            open: Open::Trouble(id),
            ..self
        }
    }

    fn is_open(&self, ix: RouteIx) -> bool {
        match self.open {
            Open::Nowhere => false,
            Open::Route(open) => open == ix,
            Open::Trouble(id) => self.table.gates_over(ix).any(|(over, _)| *over == id),
        }
    }

    fn has_room(&self, ix: RouteIx) -> bool {
        if self.is_open(ix) {
            return true;
        }
        let scarce = self
            .table
            .limits_over(ix)
            .filter(|gate| gate.is_scarce(self.now));
        let ahead = scarce
            .map(|gate| self.table.waiting_under(&gate.scope))
            .max();
        self.table.room(ix, self.now) as usize > ahead.unwrap_or(0)
    }
}

impl Routes for Seen<'_> {
    fn view(&self, ix: RouteIx) -> RouteView {
        let standing = self.table.board.standing(ix);
        let gone = !self.table.sender_of(ix).configured;
        RouteView {
            health: if gone {
                Health::AccountFault
            } else {
                standing.health
            },
            since: standing.since,
            room: !self.table.closed && self.has_room(ix),
            ramping: self
                .table
                .limits_over(ix)
                .any(|gate| gate.is_ramping(self.now)),
            held: standing.held && !gone,
            blocked_until: self.table.blocked_until(ix),
        }
    }
}
