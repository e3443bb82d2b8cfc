//! The detector of one leaf (sender, feature, country): gathers its evidence and says calm,
//! suspect or failing. Never decides what is done about it, nor how far a trouble reaches.
//!
//! *Suspect* at 2.5 nats, *failing* at the threshold that the wanted time between false alarms
//! gives at this leaf's own rate, *calm* again below 1 nat. What was failing is calm also after a
//! run of successes that the trouble seen so far would hardly allow (one in a thousand).

mod strands;
#[cfg(test)]
mod tests;
mod usual;
mod window;

pub use strands::{ANSWERS, Around, RECEIPTS, Strand, Strands, WEIGHTS};
pub use usual::{Delays, Usual};
pub use window::{Recent, Window};

use super::scope::{LeafKey, Scope};
use super::signal::{Ended, Evidence, Nature, ReceiptSign};
use super::stats::threshold;
use crate::Timestamp;
use alloc::boxed::Box;
use alloc::string::String;
use libm::{exp, log};

const SUSPECT_NATS: f64 = 2.5;
const CALM_NATS: f64 = 1.0;
/// Evidence beyond the threshold is not kept, so that a long outage does not delay recovery.
const CAP_NATS: f64 = 6.0;
/// A run of successes that ends a trouble, at least.
const CLEAN_RUN_MIN: u32 = 20;
const CLEAN_RUN_DOUBT: f64 = 1e-3;
/// Own outcomes contradict failing probes when the probes' share would allow them so rarely; of
/// what contradicts, no more is kept than three failures take back.
const CONTRADICTION: f64 = 0.05;
const CONTRADICTION_NATS_MAX: f64 = 15.0;
/// A request is overdue after so long.
const OVERDUE_MS: u64 = 4_000;
/// Answers and successes of so long ago count as lately.
const LATELY_MS: f64 = 5_000.0;
/// An unknown error counts only where the same kind of message worked within this time.
const WEAK_MS: u64 = 3_600_000;
/// Lowest rate of observations that a threshold is made for.
const PER_S_MIN: f64 = 0.07;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Calm,
    Suspect { since: Timestamp },
    Failing { since: Timestamp },
}

/// What a leaf is told about its surroundings when it judges.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    pub around: Around,
    /// Probes a second that its number gets.
    pub probes_per_s: f64,
    /// Nats that a matching incident on a status feed takes off the threshold.
    pub prior: f64,
    pub mtbfa_s: f64,
    pub probe_transport: bool,
    /// When a probe of its number last failed.
    pub probe_failed_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Leaf {
    pub key: LeafKey,
    pub scope: Scope,
    pub mood: Mood,
    pub strands: Strands,
    pub usual: Box<Usual>,
    pub last_code: String,
    pub last_ok: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
    window: Window,
    recent: Recent,
    recent_both: Recent,
    /// Successes in a row, own and with probes.
    clean: u32,
    clean_both: u32,
    answered: (f64, Timestamp),
    /// Failing share of its number's probes since they began to, and nats by which the leaf's own
    /// outcomes since then agree with it.
    probes_failing: f32,
    agreement: f32,
    /// The last time at which we found that we had not been looking.
    blind_at: Option<Timestamp>,
    /// Nats at which it is failing; from the last judgement.
    pub wanted: f64,
}

impl Leaf {
    #[must_use]
    pub fn new(key: LeafKey, scope: Scope, pool: &Delays, now: Timestamp) -> Self {
        Self {
            key,
            scope,
            mood: Mood::Calm,
            strands: Strands::default(),
            usual: Box::new(Usual::new(pool, now)),
            last_code: String::new(),
            last_ok: None,
            last_failure: None,
            window: Window::new(now),
            recent: Recent::default(),
            recent_both: Recent::default(),
            clean: 0,
            clean_both: 0,
            answered: (0.0, now),
            probes_failing: 0.0,
            agreement: 0.0,
            blind_at: None,
            wanted: 17.0,
        }
    }

    pub fn started(&mut self, at: Timestamp) {
        self.strands.answers.begin(at);
    }

    /// An attempt ended. `counts`: evidence is gathered (not while its scope is being tested).
    pub fn ended(&mut self, ended: &Ended, pool: &mut Delays, counts: bool) {
        self.notice_gap(ended.at);
        self.answer(ended, pool);
        let Some(evidence) = &ended.evidence else {
            return;
        };
        if evidence.is_transport() && self.was_blind(ended) {
            return;
        }
        let failed = match evidence {
            Evidence::Works | Evidence::AccountRefused { .. } => false,
            Evidence::Fails {
                nature: Nature::Weak,
                ..
            } => self.worked_lately(ended.at),
            Evidence::Fails { .. } => true,
        };
        if matches!(evidence, Evidence::Fails { .. }) && !failed {
            return;
        }
        if counts && ended.first && self.window.admit(ended.at, ended.recipient, failed) {
            self.count(failed, ended.at, pool);
        }
        if let Evidence::Fails { code, .. } = evidence {
            self.last_code.clone_from(code);
            self.last_failure = Some(ended.at);
        } else {
            self.last_ok = Some(ended.at);
        }
    }

    pub fn accepted(&mut self, at: Timestamp) {
        self.strands.sent.begin(at);
        self.strands.delivered.begin(at);
    }

    pub fn receipt(
        &mut self,
        accepted_at: Timestamp,
        at: Timestamp,
        kind: ReceiptSign,
        pool: &mut Delays,
    ) {
        self.notice_gap(at);
        let learns = self.is_quiet();
        let (stream, own, pooled, hazard) = match kind {
            ReceiptSign::Sent => (
                &mut self.strands.sent,
                &mut self.usual.delays.sent,
                &mut pool.sent,
                &self.usual.hazards.sent,
            ),
            ReceiptSign::Delivered => (
                &mut self.strands.delivered,
                &mut self.usual.delays.delivered,
                &mut pool.delivered,
                &self.usual.hazards.delivered,
            ),
        };
        let Some(delay_ms) = stream.end(accepted_at, at, hazard) else {
            return;
        };
        if learns {
            own.learn(delay_ms);
            pooled.learn(delay_ms);
            if kind == ReceiptSign::Delivered {
                self.usual.undelivered.learn(accepted_at, 0.0, 1.0);
            }
            self.usual.seen(pool, at);
        }
    }

    /// A probe of its number.
    pub fn probed(&mut self, failed: bool, at: Timestamp) {
        let cap = self.cap();
        self.strands
            .both
            .observe(failed, at, &self.usual.steps, cap);
        self.recent_both.push(failed);
        self.clean_both = if failed { 0 } else { self.clean_both + 1 };
    }

    /// The share of its number's probes that fails; own outcomes from now on agree or do not.
    pub fn probes_fail(&mut self, share: f64) {
        if share <= 0.0 || self.probes_failing <= 0.0 {
            self.agreement = 0.0;
        }
        self.probes_failing = share as f32;
    }

    /// The leaf's own traffic makes failing probes unlikely to be about sending.
    #[must_use]
    pub fn contradicts(&self) -> bool {
        f64::from(self.agreement) < log(CONTRADICTION)
    }

    fn agree(&mut self, failed: bool) {
        let (share, ceiling) = (f64::from(self.probes_failing), self.usual.steps.ceiling);
        if share <= ceiling {
            return;
        }
        let nats = if failed {
            log(share / ceiling)
        } else {
            log((1.0 - share) / (1.0 - ceiling))
        };
        let most = CONTRADICTION_NATS_MAX;
        self.agreement = (f64::from(self.agreement) + nats).clamp(-most, most) as f32;
    }

    /// Takes time: what was awaited and did not come. `read`: up to when receipts that came were
    /// read.
    pub fn tick(&mut self, now: Timestamp, read: Timestamp, pool: &mut Delays) {
        if self.strands.is_idle() {
            return;
        }
        self.notice_gap(now);
        let (cap, quiet) = (self.cap(), self.is_quiet());
        let hazards = &self.usual.hazards;
        self.strands
            .answers
            .tick(now, &hazards.latency, &ANSWERS, cap);
        let unsent = self.strands.sent.tick(read, &hazards.sent, &RECEIPTS, cap);
        let undelivered = self
            .strands
            .delivered
            .tick(read, &hazards.delivered, &RECEIPTS, cap);
        if quiet && unsent + undelivered > 0 {
            self.usual.delays.sent.learn_missed(unsent);
            self.usual.delays.delivered.learn_missed(undelivered);
            pool.sent.learn_missed(unsent);
            pool.delivered.learn_missed(undelivered);
            let count = f64::from(undelivered);
            self.usual.undelivered.learn(now, count, count);
            self.usual.seen(pool, now);
        }
    }

    /// Calm, suspect or failing by what is known now; true when that changed.
    pub fn judge(&mut self, now: Timestamp, context: &Context) -> bool {
        let before = self.mood;
        let suspect = self.strands.suspect_nats(&context.around);
        if suspect <= 0.0 && before == Mood::Calm {
            return false;
        }
        let act = self.strands.act_nats(&context.around);
        let per_s = (self.window.per_s(now) + context.probes_per_s).max(PER_S_MIN);
        self.wanted = threshold(per_s, context.mtbfa_s) - context.prior;
        self.mood = match before {
            Mood::Failing { .. } if self.is_over(suspect) => Mood::Calm,
            Mood::Suspect { .. } if suspect < CALM_NATS => Mood::Calm,
            Mood::Failing { since } => Mood::Failing { since },
            Mood::Calm | Mood::Suspect { .. } if act >= self.wanted => Mood::Failing { since: now },
            Mood::Suspect { since } => Mood::Suspect { since },
            Mood::Calm if suspect >= SUSPECT_NATS => Mood::Suspect { since: now },
            Mood::Calm => Mood::Calm,
        };
        match (before, self.mood) {
            (Mood::Failing { .. }, Mood::Calm) => self.calm_down(),
            // What little evidence is left stays: a small share of failures adds up slowly.
            (Mood::Suspect { .. }, Mood::Calm) => self.window.forget_failures(),
            (_, Mood::Calm | Mood::Suspect { .. } | Mood::Failing { .. }) => {}
        }
        self.mood != before
    }

    /// Share of what it does that fails now, by its strongest strand.
    #[must_use]
    pub fn failing_share(&self, now: Timestamp, context: &Context) -> f64 {
        match self.strands.strongest(&context.around).0 {
            Strand::Sends | Strand::SendsAndProbes | Strand::Probes => {
                let both_speak = !context.around.without_probes
                    && (self.sends_fail_too() || context.probe_transport);
                let sends = self.recent.failing_now().unwrap_or(0.0);
                let both = self.recent_both.failing_now().unwrap_or(0.0);
                // Probes that failed after the leaf's own last failure know of newer times.
                match (both_speak, context.probe_failed_at > self.last_failure) {
                    (true, true) => both,
                    (true, false) => sends.max(both),
                    (false, _) => sends,
                }
            }
            Strand::Answers => {
                let overdue = self.strands.answers.pending.older_than(now, OVERDUE_MS);
                let overdue = f64::from(overdue);
                overdue / (overdue + self.answered_lately(now)).max(1e-9)
            }
            Strand::SentReceipts => self.strands.sent.act.missing(),
            Strand::DeliveredReceipts => self.strands.delivered.act.missing(),
            Strand::Silence => 0.0,
        }
    }

    /// Own sends fail as the probes do: some that count did, or, of a burst of which few count, the
    /// last.
    fn sends_fail_too(&self) -> bool {
        let counted = self.strands.sends.trace().is_some_and(|it| it.failed > 0);
        let since = self.strands.both.trace().map(|trace| trace.onset);
        let last = self.last_failure;
        counted || (since.is_some() && last >= since && last > self.last_ok)
    }

    /// Forgets evidence and moods: its scope is healthy again, or is being tested.
    pub fn reset(&mut self, now: Timestamp) {
        self.mood = Mood::Calm;
        self.calm_down();
        self.strands.forget_awaited(now);
    }

    /// Nothing at all speaks against it: what it does now is usual.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.mood == Mood::Calm && self.strands.sends.is_calm()
    }

    /// Time soon tells something: a request is under way, or it is suspect.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.mood != Mood::Calm || !self.strands.answers.is_idle()
    }

    /// It worked lately, and nothing speaks against it.
    #[must_use]
    pub fn is_healthy(&self, now: Timestamp) -> bool {
        let lately = self.last_ok.is_some_and(|at| now.since_ms(at) <= 60_000);
        lately && self.mood == Mood::Calm && self.recent.failing() == Some(0.0)
    }

    /// We were not looking: what is awaited from before says nothing.
    fn notice_gap(&mut self, now: Timestamp) {
        let streams = [
            &self.strands.answers,
            &self.strands.sent,
            &self.strands.delivered,
        ];
        if streams.iter().any(|stream| stream.missed_time(now)) {
            self.was_deaf(now);
        }
    }

    /// Nothing could be heard until now: what is awaited says nothing.
    pub fn was_deaf(&mut self, now: Timestamp) {
        self.strands.forget_awaited(now);
        self.blind_at = Some(now);
    }

    /// It was under way while we were not looking: that its connection broke is our own doing.
    fn was_blind(&self, ended: &Ended) -> bool {
        let Some(begun) = ended.started_at else {
            return false;
        };
        let within = |blind: Timestamp| begun <= blind && blind <= ended.at;
        begun > ended.at || self.blind_at.is_some_and(within)
    }

    fn answer(&mut self, ended: &Ended, pool: &mut Delays) {
        let Some(begun) = ended.started_at else {
            return;
        };
        if ended.evidence.as_ref().is_some_and(Evidence::is_transport) {
            self.strands.answers.forget(begun);
            return;
        }
        let learns = self.is_quiet();
        let hazard = &self.usual.hazards.latency;
        if let Some(delay_ms) = self.strands.answers.end(begun, ended.at, hazard)
            && learns
        {
            self.usual.delays.latency.learn(delay_ms);
            pool.latency.learn(delay_ms);
            self.usual.seen(pool, ended.at);
        }
        self.answered = (self.answered_lately(ended.at) + 1.0, ended.at);
    }

    fn count(&mut self, failed: bool, at: Timestamp, pool: &Delays) {
        let cap = self.cap();
        if self.mood == Mood::Calm {
            self.usual.ceiling.learn(failed);
            self.usual.seen(pool, at);
        }
        if failed && self.strands.sends.is_calm() {
            self.recent = Recent::default();
        }
        if failed && self.strands.both.is_calm() {
            self.recent_both = Recent::default();
        }
        self.agree(failed);
        self.strands
            .sends
            .observe(failed, at, &self.usual.steps, cap);
        self.strands
            .both
            .observe(failed, at, &self.usual.steps, cap);
        self.recent.push(failed);
        self.recent_both.push(failed);
        self.clean = if failed {
            0
        } else {
            self.clean.saturating_add(1)
        };
        self.clean_both = if failed {
            0
        } else {
            self.clean_both.saturating_add(1)
        };
    }

    /// The evidence has gone, or a run of successes takes it back.
    fn is_over(&self, suspect: f64) -> bool {
        suspect < CALM_NATS || (self.streams_are_calm() && self.runs_clean())
    }

    fn streams_are_calm(&self) -> bool {
        let streams = [
            &self.strands.answers,
            &self.strands.sent,
            &self.strands.delivered,
        ];
        streams.iter().all(|stream| stream.suspect < SUSPECT_NATS)
    }

    fn runs_clean(&self) -> bool {
        let sends = self.strands.sends.trace();
        let (trace, clean) = match sends {
            Some(trace) => (Some(trace), self.clean),
            None => (self.strands.both.trace(), self.clean_both),
        };
        let Some(trace) = trace else { return true };
        let before = trace.seen.saturating_sub(clean).max(trace.failed).max(1);
        let share = (f64::from(trace.failed) / f64::from(before)).clamp(0.02, 0.9);
        clean >= CLEAN_RUN_MIN && f64::from(clean) * log(1.0 - share) < log(CLEAN_RUN_DOUBT)
    }

    fn calm_down(&mut self) {
        self.strands.reset();
        self.window.forget_failures();
        self.recent = Recent::default();
        self.recent_both = Recent::default();
        (self.clean, self.clean_both) = (0, 0);
    }

    fn worked_lately(&self, at: Timestamp) -> bool {
        self.last_ok.is_some_and(|ok| at.since_ms(ok) <= WEAK_MS)
    }

    fn answered_lately(&self, now: Timestamp) -> f64 {
        self.answered.0 * exp(-(now.since_ms(self.answered.1) as f64) / LATELY_MS)
    }

    fn cap(&self) -> f64 {
        self.wanted.max(12.0) + CAP_NATS
    }
}
