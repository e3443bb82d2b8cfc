//! The whole sandbox as one state: providers, people, outages, webhooks. Decides from the time
//! and events given to it and returns effects; never reads a clock, opens a socket or spawns.

mod posting;
mod requests;

use crate::config::SandboxConfig;
use crate::draws::Draws;
use crate::hooks::{AfterAnswer, HookRow, HookState, Hooks, Post};
use crate::outage::{
    Behaviour, Board, Outage, OutageError, OutageId, OutageOrder, Provider, Subject,
};
use crate::people::{
    LEDGER_MAX, LedgerRow, People, PersonChange, PersonError, PersonSend, PersonView, Received,
};
use crate::providers::{Answer, ApiRequest, email, sms, whatsapp};
use crate::ring::Ring;
use crate::status::{FeedFault, StatusBoard, StatusPage};
use crate::text::canonical;
pub use requests::RequestCount;
use requests::Requests;

/// Timers and withheld events open at one time; at the limit sends are throttled.
pub const EVENTS_MAX: usize = 500_000;

const SLOW_MAIL_MS: u64 = 2_000;

/// Something that happens later.
#[derive(Debug, Clone)]
pub enum Event {
    WhatsappSent(u64),
    WhatsappDelivered(u64),
    WhatsappRead(u64),
    WhatsappFailed(u64, u32),
    TemplateReviewed(u64),
    SmsSent(u64),
    SmsDelivered(u64),
    SmsFailed(u64, u32),
    MailDelivered(u64),
    Answers(String, Box<PersonSend>),
    PostHook(u64),
    FlushBatch(String),
}

/// What the shell has to do after a call.
#[derive(Debug, Default)]
pub struct Effects {
    /// Events to hand back at their time (Unix milliseconds).
    pub timers: Vec<(u64, Event)>,
    pub posts: Vec<Post>,
}

/// State of everything behind the sandbox's sockets.
#[derive(Debug)]
pub struct World {
    pub(crate) config: SandboxConfig,
    pub(crate) draws: Draws,
    pub(crate) outages: Board,
    pub(crate) people: People,
    pub(crate) whatsapp: whatsapp::State,
    pub(crate) sms: sms::State,
    pub(crate) email: email::State,
    pub(crate) hooks: Hooks,
    pub(crate) requests: Requests,
    status: StatusBoard,
    ledger: Ring<LedgerRow>,
    held: Vec<(OutageId, Event)>,
    open_events: usize,
    effects: Effects,
}

impl World {
    #[must_use]
    pub fn new(config: SandboxConfig) -> Self {
        let mut draws = Draws::new(config.seed);
        Self {
            whatsapp: whatsapp::State::new(&config.whatsapp, &mut draws),
            sms: sms::State::new(&config.sms),
            email: email::State::new(),
            hooks: Hooks::new(),
            requests: Requests::default(),
            status: StatusBoard::new(config.feed_lag_ms),
            outages: Board::default(),
            people: People::new(&config.auto_reply),
            ledger: Ring::new(LEDGER_MAX),
            held: Vec::new(),
            open_events: 0,
            effects: Effects::default(),
            draws,
            config,
        }
    }

    /// The address clients reach the virtual WhatsApp at; absolute URLs in replies start with it.
    pub fn set_base_url(&mut self, base_url: &str) {
        self.whatsapp.base_url = base_url.trim_end_matches('/').to_owned();
    }

    pub fn set_whatsapp_webhook(&mut self, url: Option<String>) {
        self.whatsapp.app_webhook = url;
    }

    pub fn set_sms_inbound(&mut self, url: Option<String>) {
        self.sms.inbound_url = url;
    }

    pub fn whatsapp_request(&mut self, request: &ApiRequest, now_ms: u64) -> Answer {
        whatsapp::answer(self, request, now_ms)
    }

    /// The result of a handshake that [`Answer::Handshake`] asked for.
    pub fn handshake_done(&mut self, ticket: u64, result: Result<(), String>) -> Answer {
        whatsapp::handshake_done(self, ticket, result)
    }

    pub fn sms_request(&mut self, request: &ApiRequest, now_ms: u64) -> Answer {
        sms::answer(self, request, now_ms)
    }

    /// How long the mail server thinks before its next reply.
    pub(crate) fn mail_pause_ms(&mut self) -> u64 {
        let slow = |b| b == Behaviour::Slow;
        let hit = self.outage(Provider::Email, &Subject::default(), slow);
        hit.map_or(0, |(_, _, delay_ms)| {
            self.wait_ms(delay_ms.unwrap_or(SLOW_MAIL_MS))
        })
    }

    /// Hands back an event whose time has come.
    pub fn fire(&mut self, event: Event, now_ms: u64) {
        self.open_events = self.open_events.saturating_sub(1);
        match event {
            Event::WhatsappSent(message) => whatsapp::after::sent(self, message, now_ms),
            Event::WhatsappDelivered(message) => whatsapp::after::delivered(self, message, now_ms),
            Event::WhatsappRead(message) => whatsapp::after::read(self, message, now_ms),
            Event::WhatsappFailed(message, code) => {
                whatsapp::after::failed(self, message, code, now_ms);
            }
            Event::TemplateReviewed(template) => {
                whatsapp::template_reviewed(self, template, now_ms)
            }
            Event::SmsSent(message) => sms::sent(self, message, now_ms),
            Event::SmsDelivered(message) => sms::delivered(self, message, now_ms),
            Event::SmsFailed(message, code) => sms::failed(self, message, code, now_ms),
            Event::MailDelivered(mail) => email::delivered(self, mail, now_ms),
            Event::Answers(address, send) => {
                if let Err(error) = self.person_sends(&address, *send, now_ms) {
                    tracing::debug!(%error, "an automatic answer could not be sent");
                }
            }
            Event::PostHook(id) => self.effects.posts.extend(self.hooks.take(id)),
            Event::FlushBatch(url) => whatsapp::after::flush(self, &url, now_ms),
        }
    }

    /// The receiver's answer to a post: its status, or none when there was no answer.
    pub fn hook_answered(&mut self, id: u64, status: Option<u16>, now_ms: u64) {
        match self.hooks.answered(id, status, &self.config.webhooks) {
            AfterAnswer::Done(covers) => whatsapp::note_hooks(self, &covers, HookState::Delivered),
            AfterAnswer::GivenUp(covers) => whatsapp::note_hooks(self, &covers, HookState::Failed),
            AfterAnswer::RetryIn(wait_ms, covers) => {
                whatsapp::note_hooks(self, &covers, HookState::Retrying);
                self.schedule(now_ms, wait_ms, Event::PostHook(id));
            }
            AfterAnswer::Forgotten => {}
        }
    }

    /// Everything to do since the last time this was asked.
    #[must_use]
    pub fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    pub fn start_outage(
        &mut self,
        order: OutageOrder,
        now_ms: u64,
    ) -> Result<OutageId, OutageError> {
        let id = self.outages.start(order, now_ms)?;
        if let Some(outage) = self.outages.all().iter().find(|outage| outage.id == id) {
            self.status.began(outage);
        }
        Ok(id)
    }

    /// Ends an outage; what it withheld comes out, spread over the release time.
    pub fn stop_outage(&mut self, id: OutageId, now_ms: u64) -> bool {
        let stopped = self.outages.stop(id);
        self.status.ended(id, now_ms);
        let (freed, kept) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(o, _)| *o == id);
        self.held = kept;
        let freed: Vec<(OutageId, Event)> = freed;
        let (count, spread_ms) = (freed.len() as u64, self.config.timing.release_spread_ms);
        for (place, (_, event)) in freed.into_iter().enumerate() {
            self.open_events = self.open_events.saturating_sub(1);
            let wait_ms = self.scaled(spread_ms * place as u64 / count);
            self.schedule(now_ms, wait_ms, event);
        }
        stopped
    }

    #[must_use]
    pub fn outages(&self) -> &[Outage] {
        self.outages.all()
    }

    /// Opens the status page, which is all well until an outage has been on for the lag.
    pub(crate) fn open_status_page(&mut self, now_ms: u64) {
        self.status.opened_ms = now_ms;
    }

    pub(crate) fn status_page(&self, path: &str, now_ms: u64) -> StatusPage {
        self.status.page(path, now_ms)
    }

    /// Sets how late the status page is, for outages that are on as well.
    pub fn set_feed_lag(&mut self, lag_ms: u64) {
        self.status.lag_ms = lag_ms;
    }

    /// Breaks the status page itself, or mends it.
    pub fn set_feed_fault(&mut self, fault: Option<FeedFault>) {
        self.status.fault = fault;
    }

    /// How a whole provider fails at the level of connections, if it does.
    #[must_use]
    pub fn connection_fault(&self, provider: Provider) -> ConnectionFault {
        match self.outages.connection_fault(provider) {
            Some(Behaviour::Reset) => ConnectionFault::Reset,
            Some(_) => ConnectionFault::Swallow,
            None => ConnectionFault::None,
        }
    }

    /// Whether some outage leaves requests of this provider without an answer.
    #[must_use]
    pub fn is_hanging(&self, provider: Provider) -> bool {
        let hangs = |b| matches!(b, Behaviour::Swallow | Behaviour::SwallowAfterAccept);
        self.outages
            .all()
            .iter()
            .any(|o| o.provider == provider && hangs(o.behaviour))
    }

    #[must_use]
    pub fn ledger(&self, after: u64, max: usize) -> Vec<LedgerRow> {
        self.ledger.after(after).take(max).cloned().collect()
    }

    #[must_use]
    pub fn people(&self, max: usize) -> Vec<PersonView> {
        self.people.summaries(max)
    }

    #[must_use]
    pub fn person(&self, address: &str) -> Option<PersonView> {
        self.people.view(&canonical(address))
    }

    pub fn change_person(
        &mut self,
        address: &str,
        change: PersonChange,
        now_ms: u64,
    ) -> Result<(), PersonError> {
        let address = some_address(address)?;
        for event in self.people.change(&address, change) {
            self.open_events = self.open_events.saturating_sub(1);
            self.schedule(now_ms, 0, event);
        }
        Ok(())
    }

    /// Lets a person write; returns the provider's id of the message.
    pub fn person_sends(
        &mut self,
        address: &str,
        send: PersonSend,
        now_ms: u64,
    ) -> Result<String, PersonError> {
        let address = some_address(address)?;
        match send.channel.unwrap_or(Provider::Whatsapp) {
            Provider::Whatsapp => whatsapp::after::person_sends(self, &address, send, now_ms),
            Provider::Sms => sms::person_sends(self, &address, send, now_ms),
            Provider::Email => Err(PersonError::CannotWrite("email")),
        }
    }

    /// Newest first.
    #[must_use]
    pub fn webhooks(&self, max: usize) -> Vec<HookRow> {
        self.hooks.rows(max)
    }

    /// Posts waiting or retrying, and posts dropped because the queue was full.
    #[must_use]
    pub fn webhook_totals(&self) -> (usize, u64) {
        (self.hooks.waiting(), self.hooks.dropped)
    }

    #[must_use]
    pub fn requests(&self) -> Vec<RequestCount> {
        self.requests.all()
    }

    /// Whether there is no room for the events of another message.
    pub(crate) fn is_full(&self) -> bool {
        self.open_events + 8 > EVENTS_MAX
    }

    /// A drawn wait around a median, on the sandbox's clock.
    pub(crate) fn wait_ms(&mut self, median_ms: u64) -> u64 {
        let drawn = self.draws.wait_ms(median_ms, self.config.timing.sigma);
        self.scaled(drawn)
    }

    pub(crate) fn scaled(&self, wait_ms: u64) -> u64 {
        (wait_ms as f64 * self.config.timing.scale).round() as u64
    }

    pub(crate) fn schedule(&mut self, now_ms: u64, wait_ms: u64, event: Event) {
        self.open_events += 1;
        self.effects.timers.push((now_ms + wait_ms, event));
    }

    /// Keeps an event back until the outage ends.
    pub(crate) fn hold(&mut self, outage: OutageId, event: Event) {
        self.open_events += 1;
        self.held.push((outage, event));
    }

    /// Keeps an event back until the person's phone is on again.
    pub(crate) fn wait_for_phone(&mut self, address: &str, event: Event) {
        self.open_events += 1;
        self.people.person(address).waiting.push(event);
    }

    /// The outage that hits this subject and does what is looked for: its number and its delay.
    pub(crate) fn outage(
        &mut self,
        provider: Provider,
        subject: &Subject<'_>,
        looked_for: fn(Behaviour) -> bool,
    ) -> Option<(OutageId, Behaviour, Option<u64>)> {
        self.outages
            .hit(&mut self.draws, provider, subject, looked_for)
            .map(|outage| (outage.id, outage.behaviour, outage.delay_ms))
    }

    /// Writes down what really reached a person.
    pub(crate) fn reached(&mut self, address: &str, received: Received, opaque: Option<String>) {
        self.ledger.push(LedgerRow {
            seq: self.ledger.next_seq(),
            channel: received.channel,
            address: address.to_owned(),
            provider_message_id: received.provider_message_id.clone(),
            text: received.text.clone(),
            opaque,
            at_ms: received.at_ms,
        });
        self.people.receive(address, received);
    }
}

/// How connections to a provider fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFault {
    None,
    Reset,
    Swallow,
}

fn some_address(address: &str) -> Result<String, PersonError> {
    let address = canonical(address);
    if address.is_empty() || address.len() > 320 {
        return Err(PersonError::Address(
            "give a phone number with country code, or a mailbox",
        ));
    }
    Ok(address)
}
