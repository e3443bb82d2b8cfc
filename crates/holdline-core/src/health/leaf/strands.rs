//! The strands of evidence of one leaf, and how they are joined: a weighted mean of e-values, valid
//! whatever their dependence. A weight of .2 costs 1.6 nats.

use crate::Timestamp;
use crate::health::stats::{Compensated, Law, Mixture, log_mean};

/// Buckets of the streams that are awaited: 8 s of answers, 32 s and 64 s of receipts.
const ANSWER_BUCKET_MS: u32 = 250;
const SENT_BUCKET_MS: u32 = 1_000;
const DELIVERED_BUCKET_MS: u32 = 2_000;

/// A hang leaves 5 % of the answers; what was learned is believed.
pub const ANSWERS: Law = Law {
    theta: 0.05,
    kappa: 1.0,
    kappa_suspect: 1.0,
};
/// Half of the receipts that were usual is still healthy when it comes to acting: who is offline
/// changes by hour, country and campaign.
pub const RECEIPTS: Law = Law {
    theta: 0.05,
    kappa: 0.5,
    kappa_suspect: 1.0,
};

/// One kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strand {
    /// Outcomes of the leaf's own first attempts.
    Sends,
    /// The same with the probes of its number.
    SendsAndProbes,
    /// Answers that should have come by now.
    Answers,
    SentReceipts,
    DeliveredReceipts,
    /// Messages from people that should have come by now: of the leaf that carries webhooks.
    Silence,
    /// Probes alone: the management API.
    Probes,
}

impl Strand {
    /// A stable word for APIs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sends => "send_outcomes",
            Self::SendsAndProbes => "sends_and_probes",
            Self::Answers => "in_flight",
            Self::SentReceipts => "sent_receipts",
            Self::DeliveredReceipts => "delivered_receipts",
            Self::Silence => "inbound_silence",
            Self::Probes => "probes",
        }
    }

    #[must_use]
    pub const fn is_receipts(self) -> bool {
        matches!(
            self,
            Self::SentReceipts | Self::DeliveredReceipts | Self::Silence
        )
    }
}

/// (strand, weight); they sum to one.
pub const WEIGHTS: [(Strand, f64); 5] = [
    (Strand::Sends, 0.35),
    (Strand::SendsAndProbes, 0.25),
    (Strand::Answers, 0.2),
    (Strand::SentReceipts, 0.08),
    (Strand::DeliveredReceipts, 0.12),
];

#[derive(Clone, Debug)]
pub struct Strands {
    pub sends: Mixture,
    pub both: Mixture,
    pub answers: Compensated,
    pub sent: Compensated,
    pub delivered: Compensated,
}

impl Default for Strands {
    fn default() -> Self {
        Self {
            sends: Mixture::default(),
            both: Mixture::default(),
            answers: Compensated::new(ANSWER_BUCKET_MS),
            sent: Compensated::new(SENT_BUCKET_MS),
            delivered: Compensated::new(DELIVERED_BUCKET_MS),
        }
    }
}

/// What else bears on a leaf: which strands are not to be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Around {
    /// The leaf's own sends contradict the probes.
    pub without_probes: bool,
    /// Receipts do not reach us, and that is no fault of sending.
    pub without_receipts: bool,
}

impl Strands {
    /// Nats of each strand, for acting.
    #[must_use]
    pub fn nats(&self, around: &Around) -> [(Strand, f64); 5] {
        self.nats_by(around, |stream| stream.act.nats)
    }

    /// ln of the weighted mean of the e-values, for acting.
    #[must_use]
    pub fn act_nats(&self, around: &Around) -> f64 {
        mean(&self.nats(around))
    }

    /// The same, readier: it believes what was learned to the letter.
    #[must_use]
    pub fn suspect_nats(&self, around: &Around) -> f64 {
        mean(&self.nats_by(around, |stream| stream.suspect.max(stream.act.nats)))
    }

    /// The strand that says most.
    #[must_use]
    pub fn strongest(&self, around: &Around) -> (Strand, f64) {
        let weighted = self.nats(around).into_iter();
        weighted.fold((Strand::Sends, 0.0), |best, next| {
            if next.1 > best.1 { next } else { best }
        })
    }

    /// Nothing speaks at all.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.sends.is_calm()
            && self.both.is_calm()
            && [&self.answers, &self.sent, &self.delivered]
                .iter()
                .all(|it| it.suspect <= 0.0)
    }

    /// Nothing is awaited and no wait speaks: time changes nothing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        [&self.answers, &self.sent, &self.delivered]
            .iter()
            .all(|stream| stream.is_idle() && stream.suspect <= 0.0)
    }

    /// Forgets all evidence, not what is awaited.
    pub fn reset(&mut self) {
        self.sends.reset();
        self.both.reset();
        self.answers.reset();
        self.sent.reset();
        self.delivered.reset();
    }

    pub fn forget_awaited(&mut self, now: Timestamp) {
        self.answers.forget_all(now);
        self.sent.forget_all(now);
        self.delivered.forget_all(now);
    }

    fn nats_by(&self, around: &Around, of: fn(&Compensated) -> f64) -> [(Strand, f64); 5] {
        let receipts = |nats: f64| if around.without_receipts { 0.0 } else { nats };
        WEIGHTS.map(|(strand, _)| {
            let nats = match strand {
                Strand::Sends | Strand::Probes | Strand::Silence => self.sends.nats(),
                Strand::SendsAndProbes if around.without_probes => 0.0,
                Strand::SendsAndProbes => self.both.nats(),
                Strand::Answers => of(&self.answers),
                Strand::SentReceipts => receipts(of(&self.sent)),
                Strand::DeliveredReceipts => receipts(of(&self.delivered)),
            };
            (strand, nats)
        })
    }
}

fn mean(nats: &[(Strand, f64); 5]) -> f64 {
    let mut parts = [(0.0, 0.0); 5];
    for ((part, (_, weight)), (_, nats)) in parts.iter_mut().zip(WEIGHTS).zip(nats) {
        *part = (weight, *nats);
    }
    log_mean(&parts)
}
