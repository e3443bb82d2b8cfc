//! What waits beyond the window that is kept in memory: it stands in the store alone, oldest first
//! by priority, and comes into the window as that empties. A later message never passes it.

use super::Driver;
use super::turn::Turn;
use crate::ports::records::StoredMessage;
use crate::ports::store::{MessageFilter, PAGE_MAX};
use crate::ports::{Partitions, StoreError};
use holdline_core::message::{Priority, State};
use holdline_core::{ContactId, MessageId, Timestamp};

/// Pages read in one turn, so that a turn stays short.
const TURN_PAGES_MAX: usize = 4;
/// What has expired behind the window is looked for so often.
const EXPIRED_EVERY_MS: u64 = 5_000;
/// Pause after the store could not be read.
const AGAIN_MS: u64 = 1_000;

/// By priority.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// More may stand in the store than in memory.
    behind: [bool; 4],
    /// After this id; `None` from the first.
    after: [Option<MessageId>; 4],
    /// How many there are, about: messages that come in while they are counted count twice.
    count: usize,
    expired_at: Timestamp,
    /// The store could not be read: not before.
    again_at: Timestamp,
}

impl Backlog {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.behind == [false; 4]
    }

    /// One more stands there. Ids are not quite in the order of arrival: the place goes back.
    fn put(&mut self, priority: Priority, id: MessageId) {
        let before = id.0.checked_sub(1).map(MessageId);
        let at = priority as usize;
        self.after[at] = match self.behind[at] {
            true => self.after[at].min(before),
            false => before,
        };
        self.behind[at] = true;
        self.count += 1;
    }

    fn took(&mut self) {
        self.count = self.count.saturating_sub(1);
    }
}

impl Driver {
    /// A new message does not fit into the window, or others of its priority wait before it.
    pub(super) fn is_behind(&self, priority: Priority) -> bool {
        let full = self.book.waiting(priority) >= self.shared.config.window_max;
        full || self.backlog.behind[priority as usize]
    }

    /// Leaves a message that is in the store, or will be with this turn, to be taken up later.
    pub(super) fn leave_behind(&mut self, priority: Priority, id: MessageId) {
        self.backlog.put(priority, id);
    }

    /// Everything of these partitions that waits may stand in the store alone.
    pub(super) async fn begin_backlog(&mut self, gained: Partitions) -> Result<(), StoreError> {
        self.backlog.count += self.shared.store.count_waiting(gained).await?;
        (self.backlog.behind, self.backlog.after) = ([true; 4], [None; 4]);
        Ok(())
    }

    /// Where partitions were let go, the count begins anew.
    pub(super) async fn count_backlog(&mut self) -> Result<(), StoreError> {
        let all = self.shared.store.count_waiting(self.shared.owned()).await?;
        let here: usize = Priority::ALL
            .into_iter()
            .map(|it| self.book.waiting(it))
            .sum();
        self.backlog.count = all.saturating_sub(here);
        Ok(())
    }

    /// Fills the window from the store, most urgent first.
    pub(super) async fn refill(&mut self, now: Timestamp) {
        if now < self.backlog.again_at {
            return;
        }
        if let Err(error) = self.refill_pages(now).await {
            tracing::error!(%error, "waiting messages could not be read; tried again");
            self.backlog.again_at = now.plus_ms(AGAIN_MS);
        }
    }

    async fn refill_pages(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut pages = 0;
        for priority in Priority::ALL {
            while pages < TURN_PAGES_MAX && self.has_room(priority) {
                pages += 1;
                self.refill_page(priority, now).await?;
            }
        }
        if !self.backlog.is_empty() && now.since_ms(self.backlog.expired_at) >= EXPIRED_EVERY_MS {
            self.backlog.expired_at = now;
            self.take_expired(now).await?;
        }
        Ok(())
    }

    /// More may come in at once: the next turn need not wait.
    pub(super) fn wants_refill(&self) -> bool {
        let now = self.shared.clock.now();
        now >= self.backlog.again_at
            && Priority::ALL
                .into_iter()
                .any(|priority| self.has_room(priority))
    }

    fn has_room(&self, priority: Priority) -> bool {
        let behind = self.backlog.behind[priority as usize];
        behind && self.book.waiting(priority) <= self.shared.config.window_max / 2
    }

    async fn refill_page(&mut self, priority: Priority, now: Timestamp) -> Result<(), StoreError> {
        let at = priority as usize;
        let (owned, after) = (self.driven(), self.backlog.after[at]);
        let store = &self.shared.store;
        let page = store.waiting(owned, priority, after, PAGE_MAX).await?;
        self.backlog.behind[at] = page.len() >= PAGE_MAX;
        self.backlog.after[at] = page.last().map(|last| last.message.id);
        for stored in page {
            self.bring_in(stored, now);
        }
        if self.backlog.is_empty() {
            self.backlog.count = 0;
        }
        Ok(())
    }

    async fn take_expired(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let store = &self.shared.store;
        let expired = store.waiting_expired(self.driven(), now, PAGE_MAX).await?;
        for stored in expired {
            self.bring_in(stored, now);
        }
        Ok(())
    }

    /// Somebody asks for this one: it need not wait for its place in the window.
    pub(super) async fn fetch(&mut self, id: MessageId, now: Timestamp) {
        if self.backlog.is_empty() || self.book.get(id).is_some() {
            return;
        }
        match self.shared.store.message(id).await {
            Ok(Some(stored)) if self.tenure.drives(stored.message.contact) => {
                self.bring_in(stored, now);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(message = %id, %error, "it could not be read"),
        }
    }

    /// Everything that waits for a person.
    pub(super) async fn fetch_of(&mut self, contact: ContactId, turn: &Turn) {
        if self.backlog.is_empty() {
            return;
        }
        let mut filter = MessageFilter {
            contact: Some(contact),
            state: Some(String::from("waiting")),
            ..MessageFilter::default()
        };
        loop {
            let page = match self.shared.store.list_messages(&filter, PAGE_MAX).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "waiting messages of a person could not be read");
                    return;
                }
            };
            filter.before = page.last().map(|stored| stored.message.id);
            let full = page.len() >= PAGE_MAX;
            for stored in page {
                self.bring_in(stored, turn.now);
            }
            if !full {
                return;
            }
        }
    }

    fn bring_in(&mut self, stored: StoredMessage, now: Timestamp) {
        let waits = matches!(stored.delivery.state, State::Waiting { .. });
        if waits && self.book.get(stored.message.id).is_none() {
            self.backlog.took();
            self.take_up(stored, now);
        }
    }
}
