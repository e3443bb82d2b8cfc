//! Does one write on the tables, or says what it conflicts with. What a conflicting group had
//! written before is taken back by the caller.

use super::tables::{KnownKey, Tables};
use crate::ports::ops::{Accept, Advance, AttemptEnd, Idempotency};
use crate::ports::records::{AttemptRecord, InboundRecord, MessageRecord, TemplateRecord};
use crate::ports::{Conflict, Op};
use holdline_core::{MessageId, Timestamp};

impl Tables {
    pub(super) fn apply(&mut self, op: &Op) -> Result<(), Conflict> {
        match op {
            Op::Fence { lease, epoch } => return self.check_fence(*lease, *epoch),
            Op::Handoff(record) => self.handoffs.add(record.id, record.clone()),
            Op::HandoffDone(id) => drop(self.handoffs.remove(id)),
            Op::Accept(accept) => return self.accept(accept),
            Op::ContactSave(record) => return self.save_contact(record),
            Op::Inbound(record) => return self.take_inbound(record),
            Op::Advance(advance) => self.advance(advance),
            Op::ContactSeen(record) => self.see_contact(record),
            Op::AddressNote(note) => self.note_address(note),
            Op::Raw(raw) if self.raw_done.has(&raw.id) => {}
            Op::Raw(raw) => self.raw.add(raw.id, raw.clone()),
            Op::RawDone(id) => {
                if let Some(raw) = self.raw.remove(id) {
                    self.raw_done.put(*id, raw);
                }
            }
            Op::Hook { .. }
            | Op::HookDone(_)
            | Op::HookRetry { .. }
            | Op::HookDropped { .. }
            | Op::HookForget(_) => self.apply_hook(op),
            Op::Endpoint(record) => self.endpoints.put(record.id.clone(), record.clone()),
            Op::EndpointDelete(id) => self.delete_endpoint(id),
            Op::Media(_) | Op::MediaDelete(_) | Op::MediaAlias { .. } => self.apply_media(op),
            Op::Templates { waba, templates } => self.replace_templates(waba, templates),
            Op::Token(record) => self.tokens.put(record.id.clone(), record.clone()),
            Op::TokenRevoke { id, at } => {
                self.tokens.change(id, |token| {
                    token.revoked_at = token.revoked_at.or(Some(*at))
                });
            }
            Op::Route(record) => self.routes.put(record.name.clone(), record.clone()),
            Op::RouteGone(name) => drop(self.routes.remove(name)),
            Op::Outage(record) => self.outages.put(record.id, record.clone()),
            Op::Baseline(record) => self.baselines.put(record.key.clone(), record.clone()),
            Op::Hold(record) => self.holds.put(record.scope.clone(), record.clone()),
            Op::HoldRelease(scope) => drop(self.holds.remove(scope)),
            Op::Audit(record) => self.audit.add(record.id, record.clone()),
            Op::Setting { key, value } => self.settings.put(key.clone(), value.clone()),
            Op::User(user) => return self.save_user(user),
            Op::Session(_)
            | Op::SessionEnd(_)
            | Op::Activity(_)
            | Op::Traffic(_)
            | Op::Evidence(_) => self.apply_console(op),
        }
        Ok(())
    }

    fn accept(&mut self, accept: &Accept) -> Result<(), Conflict> {
        let message = &accept.message;
        if let Some(key) = &accept.idempotency {
            self.take_key(key, message.id, message.created_at)?;
        }
        self.messages.add(message.id, MessageRecord::clone(message));
        self.deliveries.add(message.id, accept.delivery.clone());
        self.by_contact.add((message.contact, message.id), ());
        Ok(())
    }

    fn take_key(
        &mut self,
        key: &Idempotency,
        message: MessageId,
        now: Timestamp,
    ) -> Result<(), Conflict> {
        let place = (key.scope.clone(), key.key.clone());
        if let Some(known) = self.keys.get(&place)
            && known.expires_at > now
            && known.message != message
        {
            return Err(Conflict::Idempotency {
                message: known.message,
                same_body: known.body_hash == key.body_hash,
                answer: known.answer.clone(),
            });
        }
        let known = KnownKey {
            message,
            body_hash: key.body_hash,
            answer: key.answer.clone(),
            expires_at: key.expires_at,
        };
        self.keys.put(place, known);
        Ok(())
    }

    fn advance(&mut self, advance: &Advance) {
        self.deliveries
            .change(&advance.state.id, |state| *state = advance.state.clone());
        if let Some(attempt) = &advance.started {
            self.index_provider_id(attempt);
            self.attempts.put(attempt.key, attempt.clone());
        }
        if let Some(end) = &advance.ended {
            self.end_attempt(end);
        }
        for receipt in &advance.receipts {
            let message = receipt.key.message;
            let place = self
                .receipts
                .range((message, 0)..=(message, usize::MAX))
                .count();
            self.receipts.put((message, place), receipt.clone());
        }
        for decision in &advance.decisions {
            let message = decision.message;
            let place = self
                .decisions
                .range((message, 0)..=(message, usize::MAX))
                .count();
            self.decisions.put((message, place), decision.clone());
        }
        if let Some(key) = advance.duplicate {
            self.duplicates.put(key, ());
        }
    }

    fn end_attempt(&mut self, end: &AttemptEnd) {
        self.attempts.change(&end.key, |attempt| {
            attempt.outcome = Some(end.outcome.to_owned());
            attempt.ended_at = Some(end.at);
            attempt.provider_id = end.provider_id.clone().or(attempt.provider_id.take());
            attempt.fault_class = end.fault_class.map(str::to_owned);
            attempt.fault_code.clone_from(&end.fault_code);
            attempt.fault_detail.clone_from(&end.fault_detail);
        });
        if let Some(attempt) = self.attempts.get(&end.key).cloned() {
            self.index_provider_id(&attempt);
        }
    }

    fn index_provider_id(&mut self, attempt: &AttemptRecord) {
        if let Some(id) = &attempt.provider_id {
            self.provider_ids
                .add((attempt.channel, id.clone(), attempt.key), ());
        }
    }

    fn take_inbound(&mut self, record: &InboundRecord) -> Result<(), Conflict> {
        let place = (record.channel, record.provider_id.clone());
        match self.inbound_ids.get(&place) {
            Some(known) if *known == record.id => Ok(()),
            Some(_) => Err(Conflict::Repeated),
            None => {
                self.inbound_ids.put(place, record.id);
                self.inbound.put(record.id, record.clone());
                Ok(())
            }
        }
    }

    fn apply_media(&mut self, op: &Op) {
        if let Op::Media(record) = op {
            self.media.put(record.id.clone(), record.clone());
        }
        if let Op::MediaDelete(id) = op {
            self.media.remove(id);
            self.aliases.remove_where(|(media, _), _| media == id);
        }
        if let Op::MediaAlias {
            media,
            sender,
            provider_id,
            until,
        } = op
        {
            self.aliases.put(
                (media.clone(), sender.clone()),
                (provider_id.clone(), *until),
            );
        }
    }

    fn replace_templates(&mut self, waba: &str, templates: &[TemplateRecord]) {
        self.templates.remove_where(|(known, ..), _| known == waba);
        for template in templates {
            let (name, language) = (template.name.clone(), template.language.clone());
            let place = (waba.to_owned(), name, language, template.id.clone());
            let template = TemplateRecord {
                waba: waba.to_owned(),
                ..template.clone()
            };
            self.templates.put(place, template);
        }
    }
}
