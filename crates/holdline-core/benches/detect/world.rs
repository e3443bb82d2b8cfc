//! A provider, its customers and their clock, all made up: sends of first attempts to distinct
//! people, answers, receipts and probes, in the order in which an engine would see them. What a
//! request or receipt comes to is decided when it comes, so that a fault begins at once.

use crate::draw::Draw;
use holdline_core::health::board::{AccountWord, NetworkSeen};
use holdline_core::health::{
    Board, BoardConfig, Country, Ended, Evidence, Feature, Health, LeafKey, NumberConfig, NumberIx,
    ReceiptSign, Signal, Verdict, Wish,
};
use holdline_core::routing::RouteIx;
use holdline_core::{ChannelKind, Timestamp};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Requests and probes that are not answered end after so long.
const TIMEOUT_MS: i64 = 10_000;
/// Some moment, so that a clock set back by an hour stays positive.
const BEGIN_MS: i64 = 1_700_000_000_000;

/// What stays the same in one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) per_s: f64,
    pub(crate) probes: bool,
    pub(crate) receipts: bool,
    /// Failing share while nothing is wrong.
    pub(crate) base: f64,
}

/// What goes wrong now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Fault {
    /// Failing share of requests and probes; the base when lower than it.
    pub(crate) failing: f64,
    pub(crate) hangs: bool,
    pub(crate) undelivered: bool,
    pub(crate) unsent: bool,
    /// Share of answers that refuse our account, with this code.
    pub(crate) refused: Option<(f64, &'static str)>,
    /// Share of answers with the provider's unknown error; its account status says blocked.
    pub(crate) unknown: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Answer {
        started: Timestamp,
        recipient: u32,
    },
    TimedOut {
        started: Timestamp,
        recipient: u32,
    },
    Receipt {
        accepted: Timestamp,
        delivered: bool,
    },
    Probe,
    ProbeTimedOut,
    Looked,
    AccountLooked,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) board: Board,
    pub(crate) route: RouteIx,
    pub(crate) number: NumberIx,
    pub(crate) setup: Setup,
    pub(crate) fault: Fault,
    pub(crate) draw: Draw,
    /// Of the world; the board's clock may be off by `clock_off_ms`.
    pub(crate) now_ms: i64,
    pub(crate) clock_off_ms: i64,
    pub(crate) sends: u64,
    pub(crate) answers: u64,
    /// Messages that met a route which was not open to them.
    pub(crate) turned_away: u64,
    next_send_ms: f64,
    trickle_ms: i64,
    recipient: u32,
    queue: BinaryHeap<Reverse<(i64, u32, Event)>>,
    order: u32,
}

impl World {
    pub(crate) fn new(setup: Setup, seed: u64) -> Self {
        let (board, number, route) = board(&setup);
        let mut draw = Draw::new(seed);
        let first = BEGIN_MS as f64 + draw.pause(1000.0 / setup.per_s);
        Self {
            board,
            route,
            number,
            setup,
            fault: Fault::default(),
            draw,
            now_ms: BEGIN_MS,
            clock_off_ms: 0,
            sends: 0,
            answers: 0,
            turned_away: 0,
            next_send_ms: first,
            trickle_ms: 0,
            recipient: 0,
            queue: BinaryHeap::new(),
            order: 0,
        }
    }

    /// The board's clock.
    pub(crate) fn clock(&self) -> Timestamp {
        Timestamp(self.now_ms + self.clock_off_ms)
    }

    pub(crate) fn health(&self) -> Health {
        self.board.standing(self.route).health
    }

    /// Lives on for so long; gives what the board said.
    pub(crate) fn pass(&mut self, ms: i64) -> Vec<Verdict> {
        let (until, mut said) = (self.now_ms + ms, Vec::new());
        while self.step(until) {
            said.append(&mut self.board.take_verdicts());
        }
        said
    }

    /// The next thing that happens, if it does before `until_ms`.
    pub(crate) fn step(&mut self, until_ms: i64) -> bool {
        let clock = self.clock();
        let wake_ms = self
            .board
            .wake_at(clock)
            .0
            .saturating_sub(self.clock_off_ms);
        let queued_ms = self.queue.peek().map_or(i64::MAX, |Reverse(next)| next.0);
        let send_ms = self.next_send_ms as i64;
        let next_ms = wake_ms.min(queued_ms).min(send_ms);
        if next_ms > until_ms {
            self.now_ms = until_ms;
            return false;
        }
        self.now_ms = next_ms.max(self.now_ms);
        if queued_ms == next_ms {
            if let Some(Reverse((_, _, event))) = self.queue.pop() {
                self.happen(event);
            }
        } else if send_ms == next_ms {
            self.next_send_ms += self.draw.pause(1000.0 / self.setup.per_s);
            self.send();
        } else {
            let bits = self.draw.bits();
            self.board.tick(self.clock(), bits);
        }
        self.after();
        true
    }

    /// Puts another board in place of this one: what was under way comes to it.
    pub(crate) fn restart(&mut self) {
        let (board, number, route) = board(&self.setup);
        (self.board, self.number, self.route) = (board, number, route);
    }

    /// Our host stands still: requests under way break, receipts come late, once it goes on.
    pub(crate) fn suspend(&mut self, ms: i64) {
        let until = self.now_ms + ms;
        let waiting = std::mem::take(&mut self.queue);
        self.now_ms = until;
        self.next_send_ms = until as f64 + self.draw.pause(1000.0 / self.setup.per_s);
        for Reverse((_, _, event)) in waiting.into_sorted_vec() {
            let late_ms = self.draw.pause(2_000.0) as i64;
            match event {
                Event::Answer { started, recipient } => {
                    self.put(late_ms, Event::TimedOut { started, recipient });
                }
                Event::Probe => self.put(late_ms, Event::ProbeTimedOut),
                Event::TimedOut { .. }
                | Event::Receipt { .. }
                | Event::ProbeTimedOut
                | Event::Looked
                | Event::AccountLooked => self.put(late_ms, event),
            }
        }
    }

    fn send(&mut self) {
        let open = match self.health() {
            Health::Up | Health::Suspect | Health::Degraded => true,
            Health::Recovering => self.now_ms - self.trickle_ms >= 1_000,
            Health::Down | Health::AccountFault | Health::SelfImpaired => false,
        };
        if !open {
            self.turned_away += 1;
            return;
        }
        self.trickle_ms = self.now_ms;
        self.sends += 1;
        self.recipient = self.recipient.wrapping_add(1);
        let (started, recipient) = (self.clock(), self.recipient);
        self.board.observe(&Signal::Started {
            route: self.route,
            at: started,
        });
        let takes_ms = self.draw.log_normal(250.0, 0.71) as i64;
        self.put(takes_ms, Event::Answer { started, recipient });
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Answer { started, recipient } if self.fault.hangs => {
                self.put(TIMEOUT_MS, Event::TimedOut { started, recipient });
            }
            Event::Answer { started, recipient } => {
                let evidence = self.outcome();
                self.answer(started, recipient, evidence);
            }
            Event::TimedOut { started, recipient } => {
                self.answer(started, recipient, Evidence::fails("timeout"));
            }
            Event::Receipt {
                accepted,
                delivered,
            } => self.receipt(accepted, delivered),
            Event::Probe if self.fault.hangs => self.put(TIMEOUT_MS, Event::ProbeTimedOut),
            Event::Probe => {
                let failing = self.fault.failing.max(self.setup.base);
                let failed = self.draw.chance(failing);
                let fails = Evidence::fails("131016");
                self.probed(if failed { fails } else { Evidence::Works });
            }
            Event::ProbeTimedOut => self.probed(Evidence::fails("timeout")),
            Event::Looked => {
                let seen = NetworkSeen {
                    at: self.clock(),
                    controls: Some(true),
                    words: String::from("control hosts answer"),
                };
                self.board.network_seen(seen);
            }
            Event::AccountLooked => {
                let blocked = self.fault.unknown > 0.0 || self.fault.refused.is_some();
                let word = if blocked {
                    AccountWord::Blocked
                } else {
                    AccountWord::Available
                };
                self.board
                    .account_seen(self.number, word, "by the status node", self.clock());
            }
        }
    }

    fn outcome(&mut self) -> Evidence {
        if let Some((share, code)) = self.fault.refused
            && self.draw.chance(share)
        {
            return Evidence::AccountRefused { code: code.into() };
        }
        if self.draw.chance(self.fault.unknown) {
            return Evidence::fails("1");
        }
        let failing = self.fault.failing.max(self.setup.base);
        if self.draw.chance(failing) {
            Evidence::fails("131016")
        } else {
            Evidence::Works
        }
    }

    fn answer(&mut self, started: Timestamp, recipient: u32, evidence: Evidence) {
        let (at, route) = (self.clock(), self.route);
        let works = evidence == Evidence::Works;
        self.answers += 1;
        self.board.observe(&Signal::Ended(Ended {
            route,
            at,
            started_at: Some(started),
            first: true,
            recipient,
            evidence: Some(evidence),
        }));
        if works && self.setup.receipts {
            self.board.observe(&Signal::Accepted { route, at });
            let sent_ms = self.draw.log_normal(500.0, 0.8) as i64;
            self.put(
                sent_ms,
                Event::Receipt {
                    accepted: at,
                    delivered: false,
                },
            );
            if !self.draw.chance(0.12) {
                let takes_ms = self.draw.log_normal(1_500.0, 1.0) as i64;
                self.put(
                    takes_ms,
                    Event::Receipt {
                        accepted: at,
                        delivered: true,
                    },
                );
            }
        }
    }

    fn receipt(&mut self, accepted_at: Timestamp, delivered: bool) {
        let lost = if delivered {
            self.fault.undelivered
        } else {
            self.fault.unsent
        };
        if lost {
            return;
        }
        let kind = if delivered {
            ReceiptSign::Delivered
        } else {
            ReceiptSign::Sent
        };
        let (route, at) = (self.route, self.clock());
        self.board.observe(&Signal::Receipt {
            route,
            accepted_at,
            at,
            kind,
        });
    }

    fn probed(&mut self, evidence: Evidence) {
        let (number, at) = (self.number, self.clock());
        self.board.observe(&Signal::Probed {
            number,
            at,
            evidence: Some(evidence),
        });
    }

    /// What an engine does after each step: probes that are due, and looks that are wished for.
    fn after(&mut self) {
        let clock = self.clock();
        if self.board.take_probe(self.number, clock) {
            let takes_ms = self.draw.log_normal(250.0, 0.71) as i64;
            self.put(takes_ms, Event::Probe);
        }
        for wish in self.board.take_wishes() {
            match wish {
                Wish::Network { .. } => self.put(500, Event::Looked),
                Wish::Account { .. } => self.put(500, Event::AccountLooked),
                Wish::History { .. } => {}
            }
        }
    }

    fn put(&mut self, after_ms: i64, event: Event) {
        self.order = self.order.wrapping_add(1);
        self.queue
            .push(Reverse((self.now_ms + after_ms.max(0), self.order, event)));
    }
}

/// A board with one number and its leaf for text messages to one country.
fn board(setup: &Setup) -> (Board, NumberIx, RouteIx) {
    let begin = Timestamp(BEGIN_MS);
    let mut board = Board::new(BoardConfig::default());
    let config = NumberConfig {
        sender: "106540352242922".into(),
        account: Some("102290129340398".into()),
        receipts: setup.receipts,
        probes: setup.probes,
        configured: true,
        ..NumberConfig::default()
    };
    let number = board.add_number(ChannelKind::WHATSAPP, &config, begin);
    let key = LeafKey {
        number,
        feature: Feature::Session,
        country: Country(49),
    };
    let route = board.leaf(key, begin);
    (board, number, route)
}
