//! Decides what a mail server's reply means: by its enhanced status code (RFC 3463), then by the
//! basic code and the command it answers. The server's own words are kept without addresses.

use crate::http::tidy;
use FaultClass::{Account, Platform, Recipient, Request, Throttled};
use holdline_core::message::{Fault, FaultClass, Outcome, ThrottleScope};

/// How far a submission had got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Connect,
    Greeting,
    Hello,
    Tls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The text with its final dot is on its way: from here on it may have been taken.
    Content,
}

/// A reply of the server; `enhanced` is all zero where it gave none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub enhanced: [u8; 3],
    pub text: String,
}

/// What a reply that is no success means for the message.
#[must_use]
pub fn classify(stage: Stage, reply: &Reply) -> Outcome {
    let verdict = by_stage(stage, reply)
        .or_else(|| by_enhanced(stage, reply.enhanced))
        .unwrap_or_else(|| by_basic(stage, reply.code));
    let fault = Fault {
        permanent: verdict.permanent && reply.code >= 500,
        marks_unreachable: verdict.unreachable && reply.code >= 500,
        ..Fault::new(verdict.class, &code_text(reply), &tidy(&reply.text))
    };
    match verdict.class {
        Throttled => Outcome::Throttled {
            fault,
            scope: scope(reply),
            until: None,
        },
        Platform
        | Account
        | Request
        | Recipient
        | FaultClass::Engagement
        | FaultClass::Template => Outcome::Rejected(fault),
    }
}

/// What it means that the connection broke or stayed silent.
#[must_use]
pub(super) fn lost(stage: Stage, code: &str, detail: &str) -> Outcome {
    let fault = Fault::new(Platform, code, &tidy(detail));
    if stage < Stage::Content {
        Outcome::Rejected(fault)
    } else {
        Outcome::Unknown(fault)
    }
}

#[derive(Clone, Copy)]
struct Verdict {
    class: FaultClass,
    permanent: bool,
    unreachable: bool,
}

const fn verdict(class: FaultClass) -> Verdict {
    let permanent = !matches!(class, Platform | Throttled);
    Verdict {
        class,
        permanent,
        unreachable: false,
    }
}

const fn dead_address() -> Verdict {
    Verdict {
        unreachable: true,
        ..verdict(Recipient)
    }
}

/// A refusal of our login or of TLS is ours whatever the code says, unless it passes.
fn by_stage(stage: Stage, reply: &Reply) -> Option<Verdict> {
    match stage {
        Stage::Auth | Stage::Tls if reply.code >= 500 => Some(verdict(Account)),
        Stage::Greeting if reply.code >= 500 => Some(verdict(Account)),
        Stage::Connect
        | Stage::Greeting
        | Stage::Hello
        | Stage::Tls
        | Stage::Auth
        | Stage::Mail
        | Stage::Rcpt
        | Stage::Data
        | Stage::Content => None,
    }
}

fn by_enhanced(stage: Stage, [class, subject, detail]: [u8; 3]) -> Option<Verdict> {
    Some(match (class, subject, detail) {
        // Our own address, not the person's.
        (5, 1, 7 | 8) => verdict(Account),
        (5, 1, _) => dead_address(),
        (5, 2, 0 | 1) => dead_address(),
        (5, 2, 3) => verdict(Request),
        (5, 2, _) => verdict(Recipient),
        (5, 3, 4) => verdict(Request),
        (5, 3, _) => verdict(Platform),
        (5, 4, _) => verdict(Recipient),
        (5, 5, _) | (5, 6, _) => verdict(Request),
        (5, 7, _) => verdict(Account),
        (4, 1 | 2, _) => verdict(Recipient),
        (4, 5, 3) => verdict(Throttled),
        // Many servers say 4.7.x while they turn somebody away for a while.
        (4, 7, 0) if stage == Stage::Auth => verdict(Platform),
        (4, 7, _) => verdict(Throttled),
        (4, _, _) => verdict(Platform),
        _ => return None,
    })
}

fn by_basic(stage: Stage, code: u16) -> Verdict {
    match (code, stage) {
        (450, Stage::Rcpt) => verdict(Recipient),
        (452, Stage::Rcpt) => verdict(Throttled),
        (400..=499, _) => verdict(Platform),
        (530 | 534 | 535 | 538, _) => verdict(Account),
        (500..=504 | 555, _) => verdict(Request),
        (521, _) => verdict(Account),
        (556, _) | (550 | 551 | 553, Stage::Rcpt) => dead_address(),
        (552, Stage::Rcpt) => verdict(Recipient),
        (552, _) => verdict(Request),
        (550..=599, _) => verdict(Account),
        _ => verdict(Platform),
    }
}

/// Greylisting is about this person; other limits are about us.
fn scope(reply: &Reply) -> ThrottleScope {
    let text = reply.text.to_ascii_lowercase();
    if text.contains("greylist") || text.contains("graylist") {
        ThrottleScope::Recipient
    } else {
        ThrottleScope::Route
    }
}

fn code_text(reply: &Reply) -> String {
    match reply.enhanced {
        [0, _, _] => reply.code.to_string(),
        [class, subject, detail] => format!("{class}.{subject}.{detail}"),
    }
}
