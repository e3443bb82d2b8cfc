//! What retention no longer allows: first words of people, then what is left of messages, outages
//! and deeds.

use super::tables::Tables;
use bytes::Bytes;
use holdline_core::{AttemptKey, MessageId, Redacted, Timestamp};

impl Tables {
    /// Deletes at most `limit` bodies or whole records; what has not ended stays.
    pub(super) fn expire(&mut self, bodies: Timestamp, metadata: Timestamp, limit: usize) -> usize {
        let mut left = limit;
        left -= self.expire_messages(metadata, left);
        left -= self.expire_bodies(bodies, left);
        left -= self.expire_raw(bodies, left);
        left -= self.expire_inbound(bodies, metadata, left);
        left -= self.expire_hooks(bodies, left);
        left -= self.expire_keys(bodies, left);
        left -= self.expire_outages(metadata, left);
        left -= self.expire_audit(metadata, left);
        left -= self.expire_console(metadata, left);
        self.keep();
        limit - left
    }

    fn expire_messages(&mut self, before: Timestamp, limit: usize) -> usize {
        let old = self
            .messages
            .values()
            .filter(|message| message.created_at < before);
        let old = old.map(|message| (message.id, message.contact));
        let doomed: Vec<_> = old
            .filter(|(id, _)| self.is_over(*id))
            .take(limit)
            .collect();
        for (id, contact) in &doomed {
            self.messages.remove(id);
            self.deliveries.remove(id);
            self.by_contact.remove(&(*contact, *id));
            self.receipts.remove_where(|(message, _), _| message == id);
            self.decisions.remove_where(|(message, _), _| message == id);
            self.provider_ids
                .remove_where(|(.., key), ()| key.message == *id);
            self.duplicates.remove_where(|key, ()| key.message == *id);
            self.attempts
                .remove_where(|key: &AttemptKey, _| key.message == *id);
        }
        doomed.len()
    }

    fn expire_bodies(&mut self, before: Timestamp, limit: usize) -> usize {
        let full = self
            .messages
            .values()
            .filter(|message| !message.body.expose().is_empty());
        let old = full
            .filter(|message| message.created_at < before)
            .map(|message| message.id);
        let doomed: Vec<_> = old.filter(|id| self.is_over(*id)).take(limit).collect();
        for id in &doomed {
            self.messages
                .change(id, |message| message.body = Redacted::new(Bytes::new()));
        }
        doomed.len()
    }

    fn expire_raw(&mut self, before: Timestamp, limit: usize) -> usize {
        let old = self
            .raw_done
            .values()
            .filter(|raw| raw.received_at < before);
        let doomed: Vec<u128> = old.map(|raw| raw.id).take(limit).collect();
        for id in &doomed {
            self.raw_done.remove(id);
        }
        doomed.len()
    }

    fn expire_inbound(&mut self, bodies: Timestamp, metadata: Timestamp, limit: usize) -> usize {
        let old = self.inbound.values().filter(|one| {
            let full = !one.payload.expose().is_empty();
            one.received_at < metadata || (full && one.received_at < bodies)
        });
        let doomed: Vec<_> = old.take(limit).cloned().collect();
        for one in &doomed {
            if one.received_at < metadata {
                self.inbound_ids
                    .remove(&(one.channel, one.provider_id.clone()));
                self.inbound.remove(&one.id);
            } else {
                self.inbound
                    .change(&one.id, |one| one.payload = Redacted::new(Bytes::new()));
            }
        }
        doomed.len()
    }

    fn expire_hooks(&mut self, before: Timestamp, limit: usize) -> usize {
        let old = self
            .hooks_dropped
            .iter()
            .filter(|(_, hook)| hook.at < before);
        let doomed: Vec<i64> = old.map(|(seq, _)| *seq).take(limit).collect();
        for seq in &doomed {
            self.hooks_dropped.remove(seq);
        }
        doomed.len()
    }

    fn expire_keys(&mut self, before: Timestamp, limit: usize) -> usize {
        let old = self.keys.iter().filter(|(_, key)| key.expires_at < before);
        let doomed: Vec<_> = old.map(|(place, _)| place.clone()).take(limit).collect();
        for place in &doomed {
            self.keys.remove(place);
        }
        doomed.len()
    }

    fn expire_outages(&mut self, before: Timestamp, limit: usize) -> usize {
        let over = |at: Option<Timestamp>| at.is_some_and(|at| at < before);
        let old = self.outages.values().filter(|one| over(one.recovered_at));
        let doomed: Vec<_> = old.map(|one| one.id).take(limit).collect();
        for id in &doomed {
            self.outages.remove(id);
        }
        doomed.len()
    }

    fn expire_audit(&mut self, before: Timestamp, limit: usize) -> usize {
        let old = self.audit.values().filter(|one| one.at < before);
        let doomed: Vec<_> = old.map(|one| one.id).take(limit).collect();
        for id in &doomed {
            self.audit.remove(id);
        }
        doomed.len()
    }

    fn is_over(&self, id: MessageId) -> bool {
        self.deliveries
            .get(&id)
            .is_none_or(|delivery| delivery.state.is_ended())
    }
}
