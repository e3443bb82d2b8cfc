//! People who were looked up lately, at hand by their addresses: the next message to one of them
//! needs no read. Bounded; who was looked up longest ago goes first.
//!
//! What a commit says of a person makes him forgotten before the commit is answered, so that
//! whoever was told of a change never meets what was before it. What another process writes into
//! the file shows in its version, which the writer looks at with each commit: between two commits
//! that are longer apart than [`FRESH`], nobody is at hand.

use hashlink::LruCache;
use holdline_core::{ChannelKind, ContactId};
use holdline_engine::ports::records::ContactRecord;
use holdline_engine::ports::{Group, Op};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Some 400 bytes each.
const PEOPLE_MAX: usize = 65_536;
/// How long the writer's last look at the file counts.
const FRESH: Duration = Duration::from_millis(200);
/// Places where changes of people are noted; those that share one are read once more for nothing.
const PLACES: usize = 4_096;

#[derive(Debug)]
pub(super) struct Known(Mutex<State>);

struct State {
    /// Who was found by an address; whether he still has it, he himself says.
    owners: LruCache<String, ContactId>,
    people: LruCache<ContactId, Arc<ContactRecord>>,
    changes: u64,
    /// The last change of those in each place.
    changed: Vec<u64>,
    /// The last change of everybody.
    all_changed: u64,
    version: Option<i64>,
    looked_at: Option<Instant>,
}

/// How much had changed when a read was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked(u64);

impl Default for Known {
    fn default() -> Self {
        Self(Mutex::new(State {
            owners: LruCache::new(PEOPLE_MAX),
            people: LruCache::new(PEOPLE_MAX),
            changes: 0,
            changed: vec![0; PLACES],
            all_changed: 0,
            version: None,
            looked_at: None,
        }))
    }
}

impl Known {
    /// Who has this address, if he is at hand.
    pub(super) fn owner_of(&self, channel: ChannelKind, value: &str) -> Option<Arc<ContactRecord>> {
        let mut state = self.lock();
        if state.looked_at?.elapsed() >= FRESH {
            return None;
        }
        let id = *state.owners.get(value)?;
        let owner = state.people.get(&id)?;
        let has = |it: &ContactRecord| {
            let mut addresses = it.addresses.iter();
            addresses.any(|it| it.channel == channel && it.value.expose() == value)
        };
        has(owner).then(|| Arc::clone(owner))
    }

    /// Before a read is asked for whose result is to be kept.
    pub(super) fn ask(&self) -> Asked {
        Asked(self.lock().changes)
    }

    /// Keeps what that read found, unless it may have seen what was before a change.
    pub(super) fn keep(&self, asked: Asked, value: String, owner: &ContactRecord) {
        let mut state = self.lock();
        let last = state.changed[place(owner.id)].max(state.all_changed);
        if last <= asked.0 {
            state.owners.insert(value, owner.id);
            state.people.insert(owner.id, Arc::new(owner.clone()));
        }
    }

    /// These were tried to be committed.
    pub(super) fn forget<'a>(&self, groups: impl Iterator<Item = &'a Group>) {
        let changed = groups.flat_map(|group| &group.0).filter_map(person_of);
        let mut state = self.lock();
        for id in changed {
            state.changes += 1;
            let now = state.changes;
            state.changed[place(id)] = now;
            state.people.remove(&id);
        }
    }

    /// The file has this version, which changes with what others write.
    pub(super) fn look(&self, version: i64) {
        let mut state = self.lock();
        if state.version.replace(version) != Some(version) {
            state.changes += 1;
            state.all_changed = state.changes;
            state.owners.clear();
            state.people.clear();
        }
        state.looked_at = Some(Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(id: ContactId) -> usize {
    (id.0 % PLACES as u128) as usize
}

/// The person whose record or addresses this changes.
fn person_of(op: &Op) -> Option<ContactId> {
    match op {
        Op::ContactSeen(record) => Some(record.id),
        Op::ContactSave(save) => Some(save.contact.id),
        Op::AddressNote(note) => Some(note.contact),
        Op::Accept(_)
        | Op::Advance(_)
        | Op::Fence { .. }
        | Op::Handoff(_)
        | Op::HandoffDone(_)
        | Op::Inbound(_)
        | Op::Raw(_)
        | Op::RawDone(_)
        | Op::Hook { .. }
        | Op::HookDone(_)
        | Op::HookRetry { .. }
        | Op::HookDropped { .. }
        | Op::HookForget(_)
        | Op::Endpoint(_)
        | Op::EndpointDelete(_)
        | Op::Media(_)
        | Op::MediaDelete(_)
        | Op::MediaAlias { .. }
        | Op::Templates { .. }
        | Op::Token(_)
        | Op::TokenRevoke { .. }
        | Op::Route(_)
        | Op::RouteGone(_)
        | Op::Outage(_)
        | Op::Baseline(_)
        | Op::Hold(_)
        | Op::HoldRelease(_)
        | Op::Audit(_)
        | Op::User(_)
        | Op::Session(_)
        | Op::SessionEnd(_)
        | Op::Activity(_)
        | Op::Traffic(_)
        | Op::Evidence(_)
        | Op::Setting { .. } => None,
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("people", &self.people.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::contact::Consent;
    use holdline_core::{Redacted, Timestamp};
    use holdline_engine::ports::records::AddressRecord;

    const NUMBER: &str = "+15550100";

    fn person(id: u128, numbers: &[&str]) -> ContactRecord {
        let address = |value: &&str| AddressRecord {
            channel: ChannelKind::SMS,
            value: Redacted::new((*value).to_owned()),
            verified_at: None,
            consent: Consent::Unknown,
            unreachable_until: None,
            last_inbound_at: None,
        };
        ContactRecord {
            id: ContactId(id),
            name: None,
            external_id: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            addresses: numbers.iter().map(address).collect(),
        }
    }

    fn seen(id: u128) -> Group {
        Group(vec![Op::ContactSeen(Box::new(person(id, &[])))])
    }

    fn id_of(known: &Known) -> Option<u128> {
        known.owner_of(ChannelKind::SMS, NUMBER).map(|it| it.id.0)
    }

    fn with_one() -> Known {
        let known = Known::default();
        known.look(1);
        known.keep(known.ask(), NUMBER.to_owned(), &person(1, &[NUMBER]));
        assert_eq!(id_of(&known), Some(1));
        known
    }

    #[test]
    fn who_changes_is_forgotten_and_others_are_not() {
        let known = with_one();
        known.forget([seen(2)].iter());
        assert_eq!(id_of(&known), Some(1));
        known.forget([seen(2), seen(1)].iter());
        assert_eq!(id_of(&known), None);
    }

    #[test]
    fn what_was_asked_before_a_change_is_not_kept() {
        let known = with_one();
        let before = known.ask();
        known.forget([seen(1)].iter());
        known.keep(before, NUMBER.to_owned(), &person(1, &[NUMBER]));
        assert_eq!(id_of(&known), None);
        known.keep(known.ask(), NUMBER.to_owned(), &person(1, &[NUMBER]));
        assert_eq!(id_of(&known), Some(1));
    }

    #[test]
    fn what_another_process_wrote_makes_all_forgotten() {
        let known = with_one();
        let before = known.ask();
        known.look(2);
        known.keep(before, NUMBER.to_owned(), &person(1, &[NUMBER]));
        assert_eq!(id_of(&known), None);
    }

    #[test]
    fn an_address_that_went_to_another_is_not_found_by_its_old_owner() {
        let known = with_one();
        known.forget([seen(1)].iter());
        known.keep(
            known.ask(),
            "+15550101".to_owned(),
            &person(1, &["+15550101"]),
        );
        assert_eq!(id_of(&known), None, "he has it no longer");
        known.keep(known.ask(), NUMBER.to_owned(), &person(2, &[NUMBER]));
        assert_eq!(id_of(&known), Some(2));
        let by_mail = known.owner_of(ChannelKind::EMAIL, NUMBER);
        assert!(by_mail.is_none(), "another kind of address");
    }

    #[test]
    fn nobody_is_at_hand_before_the_file_was_looked_at() {
        let known = Known::default();
        known.keep(known.ask(), NUMBER.to_owned(), &person(1, &[NUMBER]));
        assert_eq!(id_of(&known), None);
    }
}
