//! Decides what the provider's answers and statuses mean, by its error code and by HTTP status
//! only where there is none. The provider's own words are not kept: they repeat phone numbers.

use super::wire::Answer;
use FaultClass::{Account, Engagement, Platform, Recipient, Request, Template, Throttled};
use holdline_core::Timestamp;
use holdline_core::message::{Fault, FaultClass, Outcome, Progress, ReceiptKind, ThrottleScope};

/// Longest time a Retry-After is believed, in milliseconds.
pub const RETRY_AFTER_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// The meaning of one code, or of a range of codes.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub from: u32,
    pub to: u32,
    pub class: FaultClass,
    pub permanent: bool,
    /// The message may have been accepted all the same.
    pub ambiguous: bool,
    pub marks_unreachable: bool,
    pub words: &'static str,
}

impl Rule {
    #[must_use]
    pub fn fault(&self, code: u32) -> Fault {
        Fault {
            permanent: self.permanent,
            marks_unreachable: self.marks_unreachable,
            ..Fault::new(self.class, &code.to_string(), self.words)
        }
    }

    const fn ambiguous(self) -> Self {
        Self {
            ambiguous: true,
            ..self
        }
    }
    const fn passing(self) -> Self {
        Self {
            permanent: false,
            ..self
        }
    }
    const fn unreachable(self) -> Self {
        Self {
            marks_unreachable: true,
            ..self
        }
    }
}

/// What a send came to.
#[must_use]
pub fn classify(status: u16, retry_after: Option<&str>, body: &[u8], now: Timestamp) -> Outcome {
    let answer = serde_json::from_slice::<Answer>(body).ok();
    let refusal = answer
        .as_ref()
        .and_then(|answer| answer.code.or(answer.error_code));
    let until = retry_after.and_then(|text| wait_until(text, now));
    match (refusal, answer) {
        (Some(code), _) => of_code(code, status, until),
        (None, Some(Answer { sid: Some(sid), .. })) if (200..300).contains(&status) => {
            Outcome::Accepted {
                provider_id: Some(sid),
            }
        }
        (None, _) => of_status(status, until),
    }
}

/// Why a message failed after it was accepted.
#[must_use]
pub fn fault_of(code: Option<u32>) -> Fault {
    match code {
        Some(code) => match lookup(code) {
            Some(rule) => rule.fault(code),
            None => Fault::new(
                Recipient,
                &code.to_string(),
                "failed with a code without a rule",
            ),
        },
        None => Fault::new(Recipient, "failed", "failed without a code"),
    }
}

/// What a status says; nothing for those before `sent`.
#[must_use]
pub fn receipt_of(status: &str, code: Option<u32>) -> Option<ReceiptKind> {
    match status {
        "sent" => Some(ReceiptKind::Reached(Progress::Sent)),
        "delivered" | "partially_delivered" => Some(ReceiptKind::Reached(Progress::Delivered)),
        "read" => Some(ReceiptKind::Reached(Progress::Read)),
        "undelivered" | "failed" => Some(ReceiptKind::Failed(fault_of(code))),
        "canceled" => {
            let fault = Fault::new(Request, "canceled", "was cancelled at the provider");
            Some(ReceiptKind::Failed(fault))
        }
        _ => None,
    }
}

/// The rule of a code. Single codes win over ranges.
#[must_use]
pub fn lookup(code: u32) -> Option<&'static Rule> {
    let has = |rule: &&Rule| (rule.from..=rule.to).contains(&code);
    let single = RULES.iter().filter(|rule| rule.from == rule.to).find(has);
    single.or_else(|| RULES.iter().find(has))
}

fn of_code(code: u32, status: u16, until: Option<Timestamp>) -> Outcome {
    match lookup(code) {
        Some(rule) if rule.class == Throttled => throttled(rule.fault(code), until),
        Some(rule) if rule.ambiguous => Outcome::Unknown(rule.fault(code)),
        Some(rule) => Outcome::Rejected(rule.fault(code)),
        None => by_status(status, until, |class| {
            Fault::new(class, &code.to_string(), "a code without a rule")
        }),
    }
}

/// No code: what answered is not a working API, unless the status says whose fault it is.
fn of_status(status: u16, until: Option<Timestamp>) -> Outcome {
    let fault = |class| {
        Fault::new(
            class,
            &format!("http_{status}"),
            "the answer holds no error code",
        )
    };
    match status {
        200..=299 => Outcome::Unknown(fault(Platform)),
        400 | 405..=428 => Outcome::Rejected(fault(Platform)),
        _ => by_status(status, until, fault),
    }
}

fn by_status(
    status: u16,
    until: Option<Timestamp>,
    fault: impl Fn(FaultClass) -> Fault,
) -> Outcome {
    match status {
        401 | 403 | 404 => Outcome::Rejected(fault(Account)),
        429 => throttled(fault(Throttled), until),
        503 => Outcome::Rejected(fault(Platform)),
        500.. => Outcome::Unknown(fault(Platform)),
        400..=499 => Outcome::Rejected(fault(Request)),
        _ => Outcome::Rejected(fault(Platform)),
    }
}

fn throttled(fault: Fault, until: Option<Timestamp>) -> Outcome {
    Outcome::Throttled {
        fault,
        scope: ThrottleScope::Route,
        until,
    }
}

fn wait_until(text: &str, now: Timestamp) -> Option<Timestamp> {
    let seconds: u64 = text.trim().parse().ok()?;
    Some(now.plus_ms(seconds.saturating_mul(1000).min(RETRY_AFTER_MS_MAX)))
}

/// All rules. Codes of the 63000s belong to other channels of the same provider.
pub const RULES: &[Rule] = &[
    one(11_200, Request, "the provider could not fetch the file"),
    one(
        12_300,
        Request,
        "the provider does not take this type of file",
    ),
    one(20_001, Request, "a field is not known to the provider"),
    one(20_003, Account, "the credentials are not valid"),
    one(20_005, Account, "the account is not active"),
    one(20_006, Account, "the account may not do this"),
    one(20_008, Account, "test credentials cannot send"),
    one(20_404, Account, "the account is not known to the provider"),
    one(20_429, Throttled, "too many requests"),
    one(20_500, Platform, "the provider failed inside").ambiguous(),
    one(20_503, Platform, "the provider is not available"),
    one(20_504, Platform, "the provider did not answer in time").ambiguous(),
    one(21_211, Recipient, "the number is not valid").unreachable(),
    one(21_214, Recipient, "the number cannot be reached").unreachable(),
    one(21_217, Recipient, "the number is not valid").unreachable(),
    one(21_408, Account, "sending to this country is switched off"),
    range(21_601, 21_601, Account, "the sender cannot send SMS"),
    one(21_603, Account, "no sender was given"),
    range(
        21_606,
        21_609,
        Account,
        "the sender or the callback address cannot be used",
    ),
    one(21_610, Recipient, "the person has opted out of our SMS").unreachable(),
    one(21_611, Throttled, "the sender has too many messages queued"),
    one(
        21_612,
        Recipient,
        "the number cannot be reached from this sender",
    ),
    one(21_614, Recipient, "the number is not a mobile number").unreachable(),
    one(21_617, Request, "the text is too long"),
    one(21_635, Recipient, "the number is a landline").unreachable(),
    range(
        21_659,
        21_661,
        Account,
        "the sender does not belong to the account",
    ),
    range(
        21_700,
        21_729,
        Account,
        "the messaging service cannot be used",
    ),
    range(21_000, 21_999, Request, "the request is not valid"),
    one(30_001, Throttled, "the queue is full"),
    one(30_002, Account, "the account is suspended"),
    one(30_003, Recipient, "the phone is off or out of reach")
        .passing()
        .unreachable(),
    one(30_004, Recipient, "the message is blocked at the recipient").unreachable(),
    one(
        30_005,
        Recipient,
        "the number does not exist or is out of service",
    )
    .unreachable(),
    one(
        30_006,
        Recipient,
        "a landline or a carrier that cannot be reached",
    )
    .unreachable(),
    one(30_007, Engagement, "the carrier filtered the message"),
    one(
        30_008,
        Platform,
        "not delivered for a reason the carrier does not name",
    ),
    one(30_009, Platform, "a part of the message was lost"),
    one(30_010, Account, "the price is above the account's limit"),
    one(30_011, Recipient, "the carrier takes no MMS"),
    one(30_017, Platform, "the carrier's network is congested"),
    one(30_018, Throttled, "the carrier's daily limit is reached"),
    range(
        30_019,
        30_019,
        Request,
        "the content is too large for the carrier",
    ),
    range(
        30_022,
        30_023,
        Throttled,
        "the carrier's limit for this sender is reached",
    ),
    range(
        30_024,
        30_035,
        Account,
        "the sender is not registered with the carrier",
    ),
    one(30_036, Platform, "was not sent within its time"),
    one(30_037, Account, "outgoing messages are switched off"),
    range(
        30_038,
        30_039,
        Engagement,
        "the carrier filtered the message",
    ),
    one(30_044, Account, "a trial account sends no long messages"),
    one(30_410, Platform, "the carrier did not answer in time"),
    range(
        30_450,
        30_454,
        Engagement,
        "blocked by the provider's policy",
    ),
    one(30_500, Platform, "the provider failed inside").ambiguous(),
    one(63_003, Recipient, "the address cannot be found").unreachable(),
    one(63_007, Account, "the sender cannot be found"),
    one(
        63_016,
        Template,
        "outside the time window a template is needed",
    ),
    one(63_018, Throttled, "the channel's limit is reached"),
    one(63_024, Recipient, "the recipient is not valid").unreachable(),
    range(
        63_000,
        63_999,
        Account,
        "the channel is not set up for this",
    ),
];

const fn one(code: u32, class: FaultClass, words: &'static str) -> Rule {
    range(code, code, class, words)
}

const fn range(from: u32, to: u32, class: FaultClass, words: &'static str) -> Rule {
    Rule {
        from,
        to,
        class,
        permanent: !matches!(class, Platform | Throttled),
        ambiguous: false,
        marks_unreachable: false,
        words,
    }
}
