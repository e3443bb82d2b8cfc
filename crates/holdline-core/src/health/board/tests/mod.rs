//! The board, story by story. Here: what plays them, one message a second on each route.

mod course;
mod outside;
mod reach;

use super::{Board, BoardConfig, NumberConfig};
use crate::health::scope::{Country, Feature, LeafKey, NumberIx};
use crate::health::signal::{Ended, Evidence, ReceiptSign, Signal};
use crate::health::verdict::{Health, Verdict};
use crate::routing::RouteIx;
use crate::{ChannelKind, Timestamp};
use alloc::string::String;
use alloc::vec::Vec;

const BEGIN: Timestamp = Timestamp(1_700_000_000_000);

struct Play {
    board: Board,
    now: Timestamp,
    said: Vec<Verdict>,
    /// How probes of each number are answered.
    probes: Vec<Evidence>,
    /// Accepted messages are delivered.
    delivers: bool,
    due: Vec<(Timestamp, RouteIx, Timestamp)>,
    recipient: u32,
}

fn fails() -> Evidence {
    Evidence::fails("131016")
}

impl Play {
    fn new(numbers: &[(ChannelKind, &str, &str)]) -> Self {
        let mut board = Board::new(BoardConfig::default());
        for (channel, sender, account) in numbers {
            let config = NumberConfig {
                sender: (*sender).into(),
                account: Some((*account).into()),
                receipts: true,
                probes: true,
                configured: true,
                ..NumberConfig::default()
            };
            board.add_number(*channel, &config, BEGIN);
        }
        let probes = numbers.iter().map(|_| Evidence::Works).collect();
        let (said, due) = (Vec::new(), Vec::new());
        Self {
            board,
            now: BEGIN,
            said,
            probes,
            delivers: true,
            due,
            recipient: 0,
        }
    }

    /// One number, with its text messages to Germany.
    fn simple() -> (Self, RouteIx) {
        let mut play = Self::new(&[(ChannelKind::WHATSAPP, "106", "A")]);
        let text = play.route(0, Feature::Session, 49);
        (play, text)
    }

    fn route(&mut self, number: u16, feature: Feature, country: u16) -> RouteIx {
        let (number, country) = (NumberIx(number), Country(country));
        self.board.leaf(
            LeafKey {
                number,
                feature,
                country,
            },
            self.now,
        )
    }

    /// So many seconds, with one message in each on each of these routes.
    fn live(&mut self, seconds: u32, sends: &[(RouteIx, Evidence)]) {
        for _ in 0..seconds {
            for (route, evidence) in sends {
                self.send(*route, evidence);
            }
            (0..4).for_each(|_| self.look());
        }
    }

    fn send(&mut self, route: RouteIx, evidence: &Evidence) {
        let health = self.board.standing(route).health;
        if !health.is_usable() && health != Health::Recovering {
            return;
        }
        self.recipient += 1;
        let at = self.now;
        self.board.observe(&Signal::Started { route, at });
        self.board.observe(&Signal::Ended(Ended {
            route,
            at,
            started_at: Some(at),
            first: true,
            recipient: self.recipient,
            evidence: Some(evidence.clone()),
        }));
        if *evidence == Evidence::Works {
            self.board.observe(&Signal::Accepted { route, at });
            self.due.push((at.plus_ms(1_000), route, at));
        }
    }

    fn look(&mut self) {
        let now = self.now;
        let (come, due) = self.due.iter().partition(|it| it.0 <= now);
        self.due = due;
        let come: Vec<(Timestamp, RouteIx, Timestamp)> = come;
        for (at, route, accepted_at) in come.into_iter().filter(|_| self.delivers) {
            for kind in [ReceiptSign::Sent, ReceiptSign::Delivered] {
                self.board.observe(&Signal::Receipt {
                    route,
                    accepted_at,
                    at,
                    kind,
                });
            }
        }
        for (number, evidence) in (0..).map(NumberIx).zip(&self.probes) {
            if self.board.take_probe(number, now) {
                let evidence = Some(evidence.clone());
                self.board.observe(&Signal::Probed {
                    number,
                    at: now,
                    evidence,
                });
            }
        }
        self.board.tick(now, now.0.unsigned_abs());
        self.said.append(&mut self.board.take_verdicts());
        self.now = now.plus_ms(250);
    }

    fn health(&self, route: RouteIx) -> Health {
        self.board.standing(route).health
    }

    /// What was said of each change: the name of the scope, and the state.
    fn changes(&self) -> Vec<(String, Health)> {
        self.said
            .iter()
            .map(|it| (it.name.clone(), it.to))
            .collect()
    }

    fn reached(&self, health: Health) -> bool {
        self.said.iter().any(|it| it.to == health)
    }

    fn last_name(&self) -> &str {
        self.said.last().map_or("", |it| it.name.as_str())
    }

    fn reason_of(&self, health: Health) -> &str {
        let found = self.said.iter().find(|it| it.to == health);
        found.map_or("", |it| it.reason.as_str())
    }
}
