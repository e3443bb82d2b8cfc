//! A workload as a server has it: messages with bodies of all sizes, attempts, receipts, events,
//! webhooks, and what retention deletes. The same from run to run; never looks at files.

use crate::fixtures::{accept, group};
use bytes::Bytes;
use holdline_core::message::{End, Progress, State};
use holdline_core::{AttemptKey, ChannelKind, MessageId, Redacted, Timestamp};
use holdline_engine::ports::ops::{Advance, AttemptEnd};
use holdline_engine::ports::records::{
    AttemptRecord, DecisionRecord, DeliveryState, RawInbound, ReceiptRecord,
};
use holdline_engine::ports::{Group, Op, Store};
use holdline_store::SqliteStore;

/// Messages that each commit brings, at most.
const MESSAGES_MAX: u32 = 4;
/// Ids begin with milliseconds: retention takes what is older than this many numbers.
const KEPT: u32 = 60;

/// Deterministic pseudo-random numbers.
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(end.max(1))).unwrap()
    }
}

pub(crate) struct Work {
    draws: Draws,
    messages: u32,
    turns: u32,
}

impl Work {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            draws: Draws(seed),
            messages: 0,
            turns: 0,
        }
    }

    /// One more commit, acknowledged when it returns.
    pub(crate) async fn turn(&mut self, store: &SqliteStore) {
        self.turns += 1;
        if self.turns.is_multiple_of(9) && self.messages > KEPT {
            let before = Timestamp(i64::from(self.messages - KEPT));
            let gone = store.expire_rows(before, before, 40).await.unwrap();
            assert!(gone > 0, "retention has something to do");
            return;
        }
        let mut groups: Vec<Group> = (0..=self.draws.below(MESSAGES_MAX))
            .map(|_| self.message())
            .collect();
        groups.extend((0..self.draws.below(4)).map(|_| self.ended()));
        groups.push(self.webhook());
        let count = groups.len();
        let results = store.commit(groups.into()).await.unwrap();
        assert_eq!(results, vec![Ok(()); count]);
    }

    fn message(&mut self) -> Group {
        let number = self.messages;
        self.messages += 1;
        let mut group = group(number);
        // From a few bytes to several overflow pages.
        let size = [40, 300, 5_000, 14_000][self.draws.below(4) as usize];
        group.0[0] = accept(number, size);
        group
    }

    /// A message that was sent and arrived, with all its rows.
    fn ended(&mut self) -> Group {
        let number = self.draws.below(self.messages);
        let id = MessageId(u128::from(number) << 80);
        let at = Timestamp(i64::from(number) + 5);
        let key = AttemptKey {
            message: id,
            number: 1,
        };
        let advance = Advance {
            state: DeliveryState {
                state: State::Ended {
                    end: End::Delivered,
                    at,
                },
                told: Progress::Delivered,
                ..DeliveryState::new(id, at)
            },
            started: Some(started(key, at)),
            ended: Some(ended(key, at)),
            receipts: vec![receipt(key, at)],
            decisions: vec![decision(id, at)],
            duplicate: None,
        };
        let done = Op::HookDone(i64::from(number) + 1);
        Group(vec![Op::Advance(Box::new(advance)), done])
    }

    fn webhook(&mut self) -> Group {
        let id = (u128::from(self.messages) << 80) + u128::from(self.turns);
        let raw = Op::Raw(RawInbound {
            id,
            channel: ChannelKind::SMS,
            received_at: Timestamp(i64::from(self.messages)),
            query: String::new(),
            body: Redacted::new(Bytes::from(vec![b'r'; self.draws.below(3_000) as usize])),
        });
        let open = self.turns.is_multiple_of(2);
        Group(match open {
            true => vec![raw],
            false => vec![raw, Op::RawDone(id)],
        })
    }
}

fn started(key: AttemptKey, started_at: Timestamp) -> AttemptRecord {
    AttemptRecord {
        key,
        hop: 0,
        channel: ChannelKind::SMS,
        route: "sms/1/any".to_owned(),
        started_at,
        outcome: None,
        ended_at: None,
        provider_id: None,
        fault_class: None,
        fault_code: None,
        fault_detail: None,
    }
}

fn ended(key: AttemptKey, at: Timestamp) -> AttemptEnd {
    AttemptEnd {
        key,
        at,
        outcome: "accepted",
        provider_id: Some(format!("SM{}", at.0)),
        fault_class: None,
        fault_code: None,
        fault_detail: None,
    }
}

fn receipt(key: AttemptKey, at: Timestamp) -> ReceiptRecord {
    ReceiptRecord {
        key,
        status: "delivered".to_owned(),
        at,
        received_at: at,
        fault_code: None,
        fault_detail: None,
    }
}

fn decision(message: MessageId, at: Timestamp) -> DecisionRecord {
    DecisionRecord {
        message,
        at,
        hop: 0,
        number: 1,
        code: "delivered".to_owned(),
        words: "the person has it".to_owned(),
    }
}
