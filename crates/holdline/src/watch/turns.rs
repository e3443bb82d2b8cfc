//! Whose turn it is to be looked at: no two looks of one kind at one sender shortly after another,
//! what comes meanwhile waits and is one look. A look that told nothing yet may be repeated, with
//! growing gaps. Pure.

use holdline_core::ChannelKind;
use holdline_engine::request::Check;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks of one kind at one sender.
const GAP: Duration = Duration::from_secs(2);
/// Repeats of a look that told nothing yet; the gap doubles from one to the next.
const REPEATS_MAX: u32 = 4;
/// Senders and kinds that are remembered; what is beyond is not looked at.
const KNOWN_MAX: usize = 4_096;

type Key = (u8, ChannelKind, String);

#[derive(Debug, Default)]
pub(super) struct Turns(BTreeMap<Key, Turn>);

#[derive(Debug)]
struct Turn {
    /// Not looked at before.
    free_at: Instant,
    waiting: Option<Check>,
    repeats: u32,
}

impl Turns {
    /// The engine asks: the newest question of its kind stands.
    pub(super) fn ask(&mut self, check: Check, now: Instant) {
        if self.0.len() >= KNOWN_MAX {
            self.forget(now);
        }
        let key = key_of(&check);
        if self.0.len() < KNOWN_MAX || self.0.contains_key(&key) {
            let turn = self.0.entry(key).or_insert(Turn {
                free_at: now,
                waiting: None,
                repeats: 0,
            });
            (turn.waiting, turn.repeats) = (Some(check), 0);
        }
    }

    /// It told nothing yet: later once more, unless it was asked anew or often enough.
    pub(super) fn repeat(&mut self, check: Check) {
        if let Some(turn) = self.0.get_mut(&key_of(&check))
            && turn.waiting.is_none()
            && turn.repeats < REPEATS_MAX
        {
            turn.waiting = Some(check);
            turn.repeats += 1;
            turn.free_at += GAP * (2_u32.pow(turn.repeats) - 1);
        }
    }

    /// The one that has waited long enough.
    pub(super) fn take(&mut self, now: Instant) -> Option<Check> {
        let mut turns = self.0.values_mut();
        let turn = turns.find(|turn| turn.waiting.is_some() && turn.free_at <= now)?;
        turn.free_at = now + GAP;
        turn.waiting.take()
    }

    /// When somebody's turn comes; `None` when nobody waits. A time that has passed: now.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let waiting = self.0.values().filter(|turn| turn.waiting.is_some());
        waiting.map(|turn| turn.free_at).min()
    }

    fn forget(&mut self, now: Instant) {
        self.0
            .retain(|_, turn| turn.waiting.is_some() || turn.free_at > now);
    }
}

fn key_of(check: &Check) -> Key {
    match check {
        Check::Network { channel, sender } => (0, *channel, sender.clone()),
        Check::Account { channel, sender } => (1, *channel, sender.clone()),
        Check::History {
            channel, sender, ..
        } => (2, *channel, sender.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(sender: &str) -> Check {
        Check::Network {
            channel: ChannelKind::WHATSAPP,
            sender: sender.into(),
        }
    }

    fn account(sender: &str) -> Check {
        Check::Account {
            channel: ChannelKind::WHATSAPP,
            sender: sender.into(),
        }
    }

    #[test]
    fn a_second_look_of_its_kind_waits_and_others_do_not() {
        let now = Instant::now();
        let mut turns = Turns::default();
        turns.ask(network("1"), now);
        assert_eq!(turns.take(now), Some(network("1")));
        for _ in 0..3 {
            turns.ask(network("1"), now);
        }
        assert_eq!((turns.take(now), turns.next_at()), (None, Some(now + GAP)));
        turns.ask(account("1"), now);
        turns.ask(network("2"), now);
        assert_eq!(turns.take(now), Some(network("2")));
        assert_eq!(turns.take(now), Some(account("1")));
        assert_eq!(turns.take(now + GAP), Some(network("1")));
        assert_eq!(turns.next_at(), None);
    }

    #[test]
    fn repeats_come_with_growing_gaps_and_end() {
        let mut now = Instant::now();
        let mut turns = Turns::default();
        turns.ask(network("1"), now);
        assert!(turns.take(now).is_some());
        for gap in [4, 8, 16, 32] {
            turns.repeat(network("1"));
            let due = now + Duration::from_secs(gap);
            assert_eq!(turns.next_at(), Some(due));
            assert!(turns.take(due).is_some());
            now = due;
        }
        turns.repeat(network("1"));
        assert_eq!(turns.next_at(), None);
        turns.ask(network("1"), now);
        assert_eq!(
            turns.next_at(),
            Some(now + GAP),
            "asked anew, it begins anew"
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let now = Instant::now();
        let mut turns = Turns::default();
        for number in 0..KNOWN_MAX {
            turns.ask(network(&number.to_string()), now);
            turns.take(now);
        }
        turns.ask(network("one more"), now);
        assert_eq!(turns.take(now), None);
        turns.ask(network("later"), now + GAP);
        assert_eq!(turns.take(now + GAP), Some(network("later")));
        assert_eq!(turns.0.len(), 1);
    }
}
