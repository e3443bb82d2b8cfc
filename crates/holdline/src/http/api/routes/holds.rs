//! `POST /routes/hold`, `POST /routes/release`: what operators say about a scope. Each word has a
//! reason and an end, and stands in the audit. Decides nothing about health.

use super::name::{Known, ScopeName};
use crate::http::api::input::{Caller, parse, read_body};
use crate::http::api::problem::{Answer, Errors, FieldFault, Kind, Problem, ProblemBody};
use crate::http::api::values::{Span, rfc3339};
use crate::http::auth;
use crate::http::state::AppState;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use holdline_core::health::board::HoldKind;
use holdline_engine::ports::records::HoldRecord;
use holdline_engine::request::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long a word may be good.
const SPAN_MS_MIN: u64 = 1_000;
const SPAN_MS_MAX: u64 = 7 * 86_400_000;
/// Scopes that may be held at one time.
const HOLDS_MAX: usize = 256;
/// Seconds after which another process may take the word.
const STOPPING_RETRY_S: u32 = 5;
/// Characters of a reason that are not spaces at its ends.
const REASON_CHARS_MIN: usize = 3;
const REASON_CHARS_MAX: usize = 500;

/// What to do with a scope, why, and for how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldWrite {
    /// Name of the scope: `channel/sender/feature`, with `/+country` for one country; `all` is
    /// every feature, `*` every sender, `waba:ID` the senders of one account.
    #[schema(
        example = "whatsapp/106540352242922/all",
        min_length = 1,
        max_length = 300
    )]
    pub(crate) route: String,
    pub(crate) kind: HoldKindName,
    /// For whoever reads it later.
    #[schema(
        example = "the carrier mends a fibre",
        min_length = 3,
        max_length = 500
    )]
    pub(crate) reason: String,
    /// How long it is good: `1s` to `7d`.
    #[serde(rename = "for")]
    pub(crate) good_for: Span,
}

/// `hold`: nothing leaves by it and nothing moves away; `up` and `down`: it counts as that,
/// whatever is seen.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HoldKindName {
    Hold,
    Up,
    Down,
}

/// Which scope to let go, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseWrite {
    /// Name of the scope, as it was held.
    #[schema(
        example = "whatsapp/106540352242922/all",
        min_length = 1,
        max_length = 300
    )]
    pub(crate) route: String,
    /// For whoever reads it later.
    #[schema(example = "it is mended", min_length = 3, max_length = 500)]
    pub(crate) reason: String,
}

/// An operator's word about a scope.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct HoldView {
    /// The scope by its whole name.
    pub(crate) route: String,
    pub(crate) kind: HoldKindName,
    pub(crate) reason: String,
    /// The token by which it was said, as `app/id`.
    pub(crate) actor: String,
    pub(crate) set_at: String,
    /// When it ends by itself.
    pub(crate) until: String,
}

/// A scope that was let go.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ReleaseView {
    pub(crate) route: String,
    pub(crate) reason: String,
    pub(crate) actor: String,
    pub(crate) released_at: String,
}

/// Hold a scope, or overrule its health, for a time.
///
/// A later word about the same scope replaces the earlier one. A token that is limited to some
/// senders may speak about these alone.
#[utoipa::path(
    post, path = "/routes/hold", tag = "Routes", request_body = HoldWrite,
    responses(
        (status = 200, description = "The hold", body = HoldView),
        (status = 403, description = "The scope goes beyond the token", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Faulty fields", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn hold(
    State(state): State<AppState>,
    Caller(caller): Caller,
    body: Body,
) -> Answer<Json<HoldView>> {
    let written: HoldWrite = parse(&read_body(&state, body).await?)?;
    let permit = |name: &ScopeName| name.permit(&caller, &state);
    let view = hold_scope(&state, &written, actor(&caller), permit).await?;
    Ok(Json(view))
}

/// Holds a scope; `permit` says whether whoever asks may speak about it.
pub(crate) async fn hold_scope(
    state: &AppState,
    written: &HoldWrite,
    actor: String,
    permit: impl FnOnce(&ScopeName) -> Answer<()>,
) -> Answer<HoldView> {
    let reason = reason(&written.reason)?;
    let good_for_ms = span(&written.good_for)?;
    let name = scope(&written.route, state, permit)?;
    let set_at = state.engine.now();
    let held = held(state).await?;
    if held.len() >= HOLDS_MAX && !held.contains(&name) {
        let fix = "release one that is not needed, or hold a wider scope";
        return Err(invalid("/route", "would be one hold too many", fix));
    }
    let record = HoldRecord {
        scope: name.clone(),
        kind: kind_of(written.kind),
        reason,
        actor,
        set_at,
        until: set_at.plus_ms(good_for_ms),
    };
    let view = HoldView {
        route: name,
        kind: written.kind,
        reason: record.reason.clone(),
        actor: record.actor.clone(),
        set_at: rfc3339(record.set_at),
        until: rfc3339(record.until),
    };
    state.engine.hold(record).await.map_err(refused)?;
    Ok(view)
}

/// Take back what was said about a scope.
#[utoipa::path(
    post, path = "/routes/release", tag = "Routes", request_body = ReleaseWrite,
    responses(
        (status = 200, description = "It is let go", body = ReleaseView),
        (status = 403, description = "The scope goes beyond the token", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "Nothing was said about this scope", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Faulty fields", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn release(
    State(state): State<AppState>,
    Caller(caller): Caller,
    body: Body,
) -> Answer<Json<ReleaseView>> {
    let written: ReleaseWrite = parse(&read_body(&state, body).await?)?;
    let permit = |name: &ScopeName| name.permit(&caller, &state);
    let view = release_scope(&state, &written, actor(&caller), permit).await?;
    Ok(Json(view))
}

/// Lets a scope go; as [`hold_scope`].
pub(crate) async fn release_scope(
    state: &AppState,
    written: &ReleaseWrite,
    actor: String,
    permit: impl FnOnce(&ScopeName) -> Answer<()>,
) -> Answer<ReleaseView> {
    let reason = reason(&written.reason)?;
    let name = scope(&written.route, state, permit)?;
    let done = state.engine.release(&name, &actor, &reason).await;
    match done {
        Err(Refusal::UnknownScope(_)) => Err(nothing_held(state).await?),
        done => done.map_err(refused),
    }?;
    Ok(ReleaseView {
        route: name,
        reason,
        actor,
        released_at: rfc3339(state.engine.now()),
    })
}

fn scope(
    text: &str,
    state: &AppState,
    permit: impl FnOnce(&ScopeName) -> Answer<()>,
) -> Answer<String> {
    let name = ScopeName::read(text, &Known::of(state))?;
    permit(&name)?;
    Ok(name.text())
}

fn actor(caller: &auth::Caller) -> String {
    format!("{}/{}", caller.app, caller.token_id)
}

fn reason(text: &str) -> Answer<String> {
    let text = text.trim();
    if (REASON_CHARS_MIN..=REASON_CHARS_MAX).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    let fix = "say in a few words why, for whoever reads it later";
    Err(invalid("/reason", "says nothing", fix))
}

fn span(written: &Span) -> Answer<u64> {
    let Some(ms) = written.ms() else {
        let fix = "write a span such as 30s, 30m, 2h or 1d";
        return Err(invalid("/for", "is no span of time", fix));
    };
    if (SPAN_MS_MIN..=SPAN_MS_MAX).contains(&ms) {
        return Ok(ms);
    }
    let fix = "give 1s to 7d; it can be said again before it ends";
    Err(invalid("/for", "is too short or too long", fix))
}

const fn kind_of(name: HoldKindName) -> HoldKind {
    match name {
        HoldKindName::Hold => HoldKind::Hold,
        HoldKindName::Up => HoldKind::Up,
        HoldKindName::Down => HoldKind::Down,
    }
}

/// A scope whose name was read may still be unknown to the engine: its account has no number.
fn refused(refusal: Refusal) -> Problem {
    if matches!(refusal, Refusal::UnknownScope(_)) {
        let fix = "name a scope that `GET /routes` shows";
        return invalid("/route", "names a scope that is not known", fix);
    }
    if matches!(refusal, Refusal::AlreadyEnded) {
        return Problem::retry(
            Kind::Unavailable,
            "the server is stopping",
            STOPPING_RETRY_S,
        );
    }
    Problem::from(refusal)
}

async fn nothing_held(state: &AppState) -> Answer<Problem> {
    let names = held(state).await?;
    let fix = match names.is_empty() {
        true => "nothing needs to be done: no scope is held".to_owned(),
        false => format!("name one that is held: {}", names.join(", ")),
    };
    let problem = Problem::new(Kind::NotFound, "nothing was said about this scope");
    Ok(problem.with_fault(FieldFault::new("/route", "is not held", fix)))
}

/// The scopes about which something is said now.
async fn held(state: &AppState) -> Answer<Vec<String>> {
    let now = state.engine.now();
    let held = state.engine.store().holds().await?;
    let good = held.into_iter().filter(|hold| hold.until > now);
    Ok(good.map(|hold| hold.scope).collect())
}

fn invalid(field: &str, message: &str, fix: &str) -> Problem {
    Problem::invalid(vec![FieldFault::new(field, message, fix)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<u64, &str>) {
        let found = span(&Span::Text(text.into()));
        let found = found.map_err(|problem| problem.faults()[0].message.clone());
        assert_eq!(found, expect.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn a_word_is_good_for_a_second_to_a_week() {
        check("1s", Ok(1_000));
        check("30m", Ok(1_800_000));
        check("7d", Ok(604_800_000));
        check("999ms", Err("is too short or too long"));
        check("8d", Err("is too short or too long"));
        check("soon", Err("is no span of time"));
    }

    #[test]
    fn a_reason_is_more_than_spaces() {
        assert_eq!(reason("  mended ").unwrap(), "mended");
        assert!(reason("  a   ").is_err());
    }
}
