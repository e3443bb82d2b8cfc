//! What a node saw of a channel, for the one node that decides its health. Times are told as ages,
//! so that the clocks of two nodes need not agree.

use holdline_core::health::{Country, Ended, Evidence, Feature, InboundKind, ReceiptSign, Signal};
use holdline_core::health::{LeafKey, NumberIx};
use holdline_core::routing::RouteIx;
use holdline_core::{ChannelKind, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Beginnings of one batch that are told; of the rest nothing is said, so that nothing is awaited
/// that would not be told to have come.
const BEGINNINGS_MAX: usize = 500;

/// An answer is usually there by then, and a hang is told in time to be found within seconds.
const ANSWER_PATIENCE_MS: u64 = 1_000;
const RECEIPT_PATIENCE_MS: u64 = 3_000;

/// Signals of one channel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Words {
    pub(crate) channel: String,
    pub(crate) words: Vec<Word>,
}

/// One signal. `ago`: milliseconds before the batch was written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Word {
    sender: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leaf: Option<(String, u16)>,
    ago: i64,
    what: What,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Started,
    Ended {
        took: Option<u64>,
        first: bool,
        recipient: u32,
        evidence: Option<EvidenceWords>,
    },
    Accepted,
    Sent {
        after: u64,
    },
    Delivered {
        after: u64,
    },
    Inbound(String),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EvidenceWords {
    Works,
    Fails(String),
    Account(String),
}

/// What names a leaf outside of this process.
pub(crate) struct Place {
    pub(crate) sender: String,
    pub(crate) leaf: Option<(Feature, Country)>,
}

/// Signals of followed channels that wait to be told. That something is awaited is told with what
/// came of it, or when it has waited for long: the way of the words to the other node must not look
/// like the provider's silence, nor the death of the node that tells.
#[derive(Default)]
pub(crate) struct Outbox {
    signals: Vec<(ChannelKind, Signal)>,
    beginnings: usize,
}

impl Words {
    fn new(channel: ChannelKind, word: Word) -> Self {
        Self {
            channel: channel.as_str().to_owned(),
            words: vec![word],
        }
    }
}

impl Outbox {
    pub(crate) fn push(&mut self, channel: ChannelKind, signal: Signal) {
        let begins = patience_ms(&signal).is_some();
        if begins && self.beginnings >= BEGINNINGS_MAX {
            return;
        }
        self.beginnings += usize::from(begins);
        // Endings are as many as beginnings were, here or in an earlier batch.
        if self.signals.len() < 8 * BEGINNINGS_MAX {
            self.signals.push((channel, signal));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.signals.is_empty()
    }

    /// What began before is not awaited any more.
    pub(crate) fn forget_before(&mut self, now: Timestamp) {
        self.signals
            .retain(|(_, signal)| begun_at(signal).is_none_or(|at| at >= now));
    }

    /// Everything that is to be told now, by channel.
    pub(crate) fn take(
        &mut self,
        now: Timestamp,
        place: impl Fn(&Signal) -> Place,
    ) -> Vec<(ChannelKind, Words)> {
        let signals = std::mem::take(&mut self.signals);
        let over = signals.iter().filter(|it| ends_wait(&it.1));
        let over: BTreeSet<Awaited> = over.filter_map(|it| wait_of(&it.1)).collect();
        let is_young = |signal: &Signal| {
            let (wait, patience_ms) = wait_of(signal).zip(patience_ms(signal))?;
            let young = now.since_ms(wait.1) < patience_ms && wait.1 <= now;
            (young && !over.contains(&wait)).then_some(wait)
        };
        let young: BTreeSet<Awaited> = signals.iter().filter_map(|it| is_young(&it.1)).collect();
        let (kept, told): (Vec<_>, Vec<_>) = signals
            .into_iter()
            .partition(|(_, signal)| wait_of(signal).is_some_and(|wait| young.contains(&wait)));
        self.beginnings = kept.len();
        self.signals = kept;
        let mut batches: Vec<(ChannelKind, Words)> = Vec::new();
        for (channel, signal) in told {
            let Some(word) = word(&signal, place(&signal), now) else {
                continue;
            };
            match batches.iter_mut().find(|(known, _)| *known == channel) {
                Some((_, batch)) => batch.words.push(word),
                None => batches.push((channel, Words::new(channel, word))),
            }
        }
        batches
    }
}

/// A route, since when, and whether it is a receipt that is awaited (an answer otherwise).
type Awaited = (RouteIx, Timestamp, bool);

/// The wait that the signal begins or belongs to.
fn wait_of(signal: &Signal) -> Option<Awaited> {
    match signal {
        Signal::Started { route, at } => Some((*route, *at, false)),
        Signal::Ended(ended) => ended.started_at.map(|at| (ended.route, at, false)),
        Signal::Accepted { route, at } => Some((*route, *at, true)),
        Signal::Receipt {
            route, accepted_at, ..
        } => Some((*route, *accepted_at, true)),
        Signal::Inbound { .. } | Signal::Probed { .. } => None,
    }
}

/// Of a signal that begins a wait: how long that is not told.
const fn patience_ms(signal: &Signal) -> Option<u64> {
    match signal {
        Signal::Started { .. } => Some(ANSWER_PATIENCE_MS),
        Signal::Accepted { .. } => Some(RECEIPT_PATIENCE_MS),
        Signal::Ended(_)
        | Signal::Receipt { .. }
        | Signal::Inbound { .. }
        | Signal::Probed { .. } => None,
    }
}

/// Whether nothing more is awaited then: a message that is taken over is still awaited on the
/// device.
fn ends_wait(signal: &Signal) -> bool {
    match signal {
        Signal::Ended(_) => true,
        Signal::Receipt { kind, .. } => *kind == ReceiptSign::Delivered,
        Signal::Started { .. }
        | Signal::Accepted { .. }
        | Signal::Inbound { .. }
        | Signal::Probed { .. } => false,
    }
}

/// When what the signal says to be awaited began.
pub(crate) fn begun_at(signal: &Signal) -> Option<Timestamp> {
    patience_ms(signal)
        .and(wait_of(signal))
        .map(|(_, at, _)| at)
}

fn word(signal: &Signal, place: Place, now: Timestamp) -> Option<Word> {
    let (at, what) = match signal {
        Signal::Started { at, .. } => (*at, What::Started),
        Signal::Ended(ended) => (ended.at, ended_words(ended)),
        Signal::Accepted { at, .. } => (*at, What::Accepted),
        Signal::Receipt {
            accepted_at,
            at,
            kind,
            ..
        } => {
            let after = at.since_ms(*accepted_at);
            let what = match kind {
                ReceiptSign::Sent => What::Sent { after },
                ReceiptSign::Delivered => What::Delivered { after },
            };
            (*at, what)
        }
        Signal::Inbound { at, kind, .. } => (*at, What::Inbound(kind.name().to_owned())),
        // Only the node that decides probes.
        Signal::Probed { .. } => return None,
    };
    let leaf = place
        .leaf
        .map(|(feature, country)| (feature.name().to_owned(), country.0));
    Some(Word {
        sender: place.sender,
        leaf,
        ago: now.0.saturating_sub(at.0),
        what,
    })
}

fn ended_words(ended: &Ended) -> What {
    let evidence = ended.evidence.as_ref().map(|evidence| match evidence {
        Evidence::Works => EvidenceWords::Works,
        Evidence::Fails { code, .. } => EvidenceWords::Fails(code.clone()),
        Evidence::AccountRefused { code } => EvidenceWords::Account(code.clone()),
    });
    What::Ended {
        took: ended.started_at.map(|at| ended.at.since_ms(at)),
        first: ended.first,
        recipient: ended.recipient,
        evidence,
    }
}

impl Word {
    pub(crate) fn sender(&self) -> &str {
        &self.sender
    }

    /// The signal as this node would have seen it, by its own clock; `None` when it names what this
    /// node or version does not know. `written_at`: when the batch was written, by this clock.
    pub(crate) fn signal(
        self,
        written_at: Timestamp,
        number: Option<NumberIx>,
        leaf: impl FnOnce(LeafKey) -> RouteIx,
    ) -> Option<Signal> {
        let number = number?;
        let at = Timestamp(written_at.0.saturating_sub(self.ago));
        if let What::Inbound(kind) = &self.what {
            let kind = InboundKind::of_type(kind);
            return Some(Signal::Inbound { number, at, kind });
        }
        let (feature, country) = self.leaf?;
        let route = leaf(LeafKey {
            number,
            feature: Feature::ALL.into_iter().find(|it| it.name() == feature)?,
            country: Country(country),
        });
        let before = |ms: u64| Timestamp(at.0.saturating_sub_unsigned(ms));
        let receipt = |after: u64, kind| Signal::Receipt {
            route,
            accepted_at: before(after),
            at,
            kind,
        };
        Some(match self.what {
            What::Started => Signal::Started { route, at },
            What::Accepted => Signal::Accepted { route, at },
            What::Sent { after } => receipt(after, ReceiptSign::Sent),
            What::Delivered { after } => receipt(after, ReceiptSign::Delivered),
            What::Inbound(_) => return None,
            What::Ended {
                took,
                first,
                recipient,
                evidence,
            } => Signal::Ended(Ended {
                route,
                at,
                started_at: took.map(before),
                first,
                recipient,
                evidence: evidence.map(evidence_of),
            }),
        })
    }
}

fn evidence_of(words: EvidenceWords) -> Evidence {
    match words {
        EvidenceWords::Works => Evidence::Works,
        EvidenceWords::Fails(code) => Evidence::fails(&code),
        EvidenceWords::Account(code) => Evidence::AccountRefused { code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: RouteIx = RouteIx(3);
    const NUMBER: NumberIx = NumberIx(1);

    fn place(_: &Signal) -> Place {
        Place {
            sender: String::from("s"),
            leaf: Some((Feature::Media, Country(49))),
        }
    }

    fn started(at: i64) -> Signal {
        Signal::Started {
            route: ROUTE,
            at: Timestamp(at),
        }
    }

    fn ended(started_at: i64, at: i64) -> Signal {
        Signal::Ended(Ended {
            route: ROUTE,
            at: Timestamp(at),
            started_at: Some(Timestamp(started_at)),
            first: true,
            recipient: 9,
            evidence: Some(Evidence::Works),
        })
    }

    fn all(at: Timestamp) -> Vec<Signal> {
        let ended = |evidence| {
            Signal::Ended(Ended {
                route: ROUTE,
                at,
                started_at: Some(Timestamp(at.0 - 30)),
                first: true,
                recipient: 9,
                evidence,
            })
        };
        vec![
            Signal::Started { route: ROUTE, at },
            ended(Some(Evidence::Works)),
            ended(Some(Evidence::fails("131016"))),
            ended(Some(Evidence::AccountRefused {
                code: String::from("190"),
            })),
            ended(None),
            Signal::Accepted { route: ROUTE, at },
            Signal::Receipt {
                route: ROUTE,
                accepted_at: Timestamp(at.0 - 500),
                at,
                kind: ReceiptSign::Delivered,
            },
            Signal::Inbound {
                number: NUMBER,
                at,
                kind: InboundKind::Image,
            },
        ]
    }

    #[test]
    fn signals_arrive_as_they_left_by_the_clock_of_the_other() {
        let (seen_at, written_at, other_clock) = (10_000, 13_400, 999_000);
        let mut outbox = Outbox::default();
        for signal in all(Timestamp(seen_at)) {
            outbox.push(ChannelKind::SMS, signal);
        }
        let batches = outbox.take(Timestamp(written_at), place);
        assert!(outbox.is_empty());
        let text = serde_json::to_string(&batches[0].1).expect("is JSON");
        let words: Words = serde_json::from_str(&text).expect("reads");
        let leaf = |key: LeafKey| {
            assert_eq!((key.feature, key.country), (Feature::Media, Country(49)));
            ROUTE
        };
        let arrived: Vec<Signal> = words
            .words
            .into_iter()
            .filter_map(|word| word.signal(Timestamp(other_clock), Some(NUMBER), leaf))
            .collect();
        assert_eq!(arrived, all(Timestamp(other_clock - 3_400)));
    }

    #[test]
    fn that_an_answer_is_awaited_is_told_with_it_or_when_it_is_late() {
        let mut outbox = Outbox::default();
        let mut told = |signals: &[Signal], now| {
            for signal in signals {
                outbox.push(ChannelKind::SMS, signal.clone());
            }
            let batches = outbox.take(Timestamp(now), place);
            batches.first().map_or(0, |(_, batch)| batch.words.len())
        };
        assert_eq!(told(&[started(10_000), started(10_200)], 10_300), 0);
        let accepted = Signal::Accepted {
            route: ROUTE,
            at: Timestamp(10_400),
        };
        let now = 10_500;
        assert_eq!(told(&[ended(10_000, 10_400), accepted], now), 2, "both");
        assert_eq!(told(&[], 11_199), 0);
        assert_eq!(told(&[], 11_200), 1, "the second has waited for long");
        assert_eq!(told(&[ended(10_200, 11_900)], 12_000), 1);
        let receipt = |kind| Signal::Receipt {
            route: ROUTE,
            accepted_at: Timestamp(10_400),
            at: Timestamp(13_000),
            kind,
        };
        assert_eq!(told(&[receipt(ReceiptSign::Sent)], 13_399), 0);
        assert_eq!(told(&[], 13_400), 2, "the next receipt is late");
        assert_eq!(told(&[receipt(ReceiptSign::Delivered)], 13_500), 1);
    }

    #[test]
    fn what_began_before_a_time_of_silence_is_not_told_to_be_awaited() {
        let mut outbox = Outbox::default();
        outbox.push(ChannelKind::SMS, started(1_000));
        outbox.push(ChannelKind::SMS, ended(900, 1_100));
        outbox.push(ChannelKind::SMS, started(9_000));
        outbox.forget_before(Timestamp(9_000));
        let words = outbox.take(Timestamp(20_000), place).remove(0).1;
        assert_eq!(words.words.len(), 2);
    }

    #[test]
    fn of_too_many_the_endings_are_told_and_no_more_beginnings() {
        let mut outbox = Outbox::default();
        for n in 0..1_000 {
            outbox.push(ChannelKind::SMS, started(n));
            outbox.push(ChannelKind::SMS, ended(n, n + 30));
        }
        let words = outbox.take(Timestamp(2_000), place).remove(0).1;
        let begun = words
            .words
            .iter()
            .filter(|word| matches!(word.what, What::Started));
        assert_eq!(begun.count(), BEGINNINGS_MAX);
        assert_eq!(words.words.len(), BEGINNINGS_MAX + 1_000);
    }
}
