//! What every channel must hold to, whatever its provider: the suite a channel's own tests run
//! against a scripted provider. Panics with the law that was broken; never touches a network
//! itself.

use crate::ports::channel::HookRefusal;
use crate::ports::records::RawInbound;
use crate::ports::{Channel, Dispatch, HookRequest, Library};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::Redacted;
use holdline_core::message::{FaultClass, Outcome};
use std::sync::Arc;
use std::time::Duration;

/// The time-out that the channels of a rig are given, in milliseconds.
pub const TIMEOUT_MS: u32 = 1_000;

/// Longest time that a send may take with that time-out.
const SEND_MAX: Duration = Duration::from_secs(10);

/// Broken forms tried of each sample.
const MUTATIONS: u64 = 200;

/// What the scripted provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Takes the message and says so.
    Accept,
    /// Nothing listens.
    Refuse,
    /// Takes the whole message and never answers.
    Silent,
    /// Fails inside: a server error in a form that is not its own (HTML), or a temporary one.
    Broken,
    /// Says that our credentials are wrong.
    WrongCredentials,
}

/// A channel's side of the suite.
#[async_trait]
pub trait Rig: Send + Sync {
    /// The channel, with a provider that follows `script` and the time-out [`TIMEOUT_MS`].
    async fn channel(&self, script: Script) -> Arc<dyn Channel>;

    fn dispatch(&self) -> Dispatch;

    fn library(&self) -> &dyn Library;

    /// A genuine call of the provider; `None` for channels that take none.
    fn hook(&self) -> Option<HookRequest>;

    /// Genuine stored calls, each of which says something.
    fn samples(&self) -> Vec<RawInbound>;

    /// What must never be printed: words, addresses, credentials.
    fn secrets(&self) -> Vec<String>;
}

/// Checks everything.
///
/// # Panics
/// With the law that was broken.
pub async fn check(rig: &dyn Rig) {
    check_accepted(rig).await;
    check_refused(rig).await;
    check_silent(rig).await;
    check_broken(rig).await;
    check_credentials(rig).await;
    check_calls(rig).await;
    check_reading(rig).await;
}

async fn check_accepted(rig: &dyn Rig) {
    let outcome = send(rig, Script::Accept).await;
    let id = match &outcome {
        Outcome::Accepted { provider_id } => provider_id.as_deref(),
        Outcome::Rejected(_) | Outcome::Throttled { .. } | Outcome::Unknown(_) => {
            panic!("a message that the provider took is accepted, not {outcome:?}")
        }
    };
    assert!(
        id.is_some_and(|id| !id.is_empty()),
        "an accepted message has the provider's id"
    );
}

async fn check_refused(rig: &dyn Rig) {
    let outcome = send(rig, Script::Refuse).await;
    let certain = matches!(outcome, Outcome::Rejected(_));
    assert!(
        certain,
        "a refused connection has sent nothing, for certain: {outcome:?}"
    );
    expect_class(
        &outcome,
        FaultClass::Platform,
        "a refused connection is the platform's fault",
    );
    let probe = rig.channel(Script::Refuse).await.probe("sender").await;
    expect_class(
        &probe,
        FaultClass::Platform,
        "a probe sees a refused connection",
    );
}

async fn check_silent(rig: &dyn Rig) {
    let outcome = send(rig, Script::Silent).await;
    let open = matches!(outcome, Outcome::Unknown(_));
    assert!(
        open,
        "without an answer the outcome is unknown, not a failure: {outcome:?}"
    );
    expect_class(
        &outcome,
        FaultClass::Platform,
        "silence speaks of the platform",
    );
}

async fn check_broken(rig: &dyn Rig) {
    let outcome = send(rig, Script::Broken).await;
    expect_class(
        &outcome,
        FaultClass::Platform,
        "a server error is the platform's fault",
    );
    let accepted = matches!(outcome, Outcome::Accepted { .. });
    assert!(!accepted, "a server error is no success");
}

async fn check_credentials(rig: &dyn Rig) {
    let outcome = send(rig, Script::WrongCredentials).await;
    let certain = matches!(outcome, Outcome::Rejected(_));
    assert!(certain, "wrong credentials are a rejection: {outcome:?}");
    expect_class(
        &outcome,
        FaultClass::Account,
        "our credentials are our own fault",
    );
}

async fn check_calls(rig: &dyn Rig) {
    let channel = rig.channel(Script::Accept).await;
    let Some(genuine) = rig.hook() else { return };
    assert_eq!(channel.verify(&genuine), Ok(()), "a genuine call is taken");
    let mut body = genuine.body.expose().to_vec();
    body.extend_from_slice(b"x");
    let forged = HookRequest {
        body: Redacted::new(Bytes::from(body)),
        ..genuine.clone()
    };
    let refused = Err(HookRefusal::BadSignature);
    assert_eq!(
        channel.verify(&forged),
        refused,
        "a changed body is refused"
    );
    let bare = HookRequest {
        headers: Vec::new(),
        ..genuine
    };
    let unsigned = Err(HookRefusal::NoSignature);
    assert_eq!(
        channel.verify(&bare),
        unsigned,
        "a call without a signature is refused"
    );
}

async fn check_reading(rig: &dyn Rig) {
    let channel = rig.channel(Script::Accept).await;
    for sample in rig.samples() {
        let read = || channel.read(&sample).map_or(0, |items| items.len());
        assert!(read() > 0, "a genuine call says something");
        assert_eq!(read(), read(), "the same bytes give the same items");
        let shown = format!("{:?}", channel.read(&sample));
        expect_no_secrets(rig, &shown);
        for draw in 0..MUTATIONS {
            let body = Redacted::new(mutated(sample.body.expose(), draw));
            // Whatever it says, it must come back.
            drop(channel.read(&RawInbound {
                body,
                ..sample.clone()
            }));
        }
    }
}

async fn send(rig: &dyn Rig, script: Script) -> Outcome {
    let channel = rig.channel(script).await;
    let dispatch = rig.dispatch();
    let sending = channel.send(&dispatch, rig.library());
    let ended = tokio::time::timeout(SEND_MAX, sending).await;
    let Ok(outcome) = ended else {
        panic!("a send ends within the channel's time-out: {script:?}")
    };
    expect_no_secrets(rig, &format!("{channel:?} {dispatch:?} {outcome:?}"));
    outcome
}

fn expect_class(outcome: &Outcome, class: FaultClass, law: &str) {
    assert_eq!(
        outcome.fault().map(|fault| fault.class),
        Some(class),
        "{law}: {outcome:?}"
    );
}

fn expect_no_secrets(rig: &dyn Rig, shown: &str) {
    for secret in rig.secrets() {
        assert!(
            !shown.contains(&secret),
            "something secret is printed in {shown}"
        );
    }
}

/// The sample cut short, with some bytes changed: which ones follows from `draw`.
fn mutated(sample: &[u8], draw: u64) -> Bytes {
    let mut state = draw;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut bytes = sample.to_vec();
    for _ in 0..next() % 8 {
        let at = next() % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = (next() % 256) as u8;
        }
    }
    if draw.is_multiple_of(2) {
        bytes.truncate(next() % (sample.len() + 1));
    }
    Bytes::from(bytes)
}
