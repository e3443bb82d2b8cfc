//! Sessions: a cookie with a token of which the store keeps only a hash. Says who is signed in and
//! what their role lets them do; sends everybody else to the sign-in.

use super::address::address_of;
use crate::http::auth::hash_token;
use crate::http::console::layout;
use crate::http::console::said::{Said, cookie_of};
use crate::http::state::AppState;
use crate::listen::OverTls;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{HeaderName, HeaderValue, LOCATION, REFERER, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use holdline_core::Timestamp;
use holdline_engine::ports::records::{
    Activity, ActivityKind, AuditRecord, Role, SessionRecord, UserRecord,
};
use holdline_engine::ports::{Op, StoreError};
use maud::html;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const NAME: &str = "holdline_session";
/// Sessions of one person; signing in once more ends the one that was used longest ago.
const SESSIONS_MAX: usize = 20;
const AGENT_CHARS_MAX: usize = 200;
/// `seen_at` is written again after so long.
const SEEN_MS: u64 = 60_000;
const TOKEN_CHARS: usize = 64;

pub(super) const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const HX_REFRESH: HeaderName = HeaderName::from_static("hx-refresh");

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::console) enum Act {
    /// Retry, cancel, send by another channel.
    Messages,
    /// Hold routes, import people, test senders, replay events, break the sandbox.
    Operate,
    /// People who may sign in.
    Administer,
    /// Read what others did.
    ReadAudit,
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub(in crate::http::console) struct Signed {
    pub(in crate::http::console) name: String,
    pub(in crate::http::console) role: Role,
    pub(in crate::http::console) session: SessionRecord,
    /// What became of what they just asked for.
    pub(in crate::http::console) said: Option<Said>,
}

/// Why a page is not shown.
#[derive(Debug)]
pub(in crate::http::console) enum Denied {
    /// Sign in first; then the page that was asked for.
    SignIn {
        next: String,
        htmx: bool,
    },
    Role(Role),
    Store(StoreError),
}

impl Signed {
    pub(in crate::http::console) const fn may(&self, act: Act) -> bool {
        match act {
            Act::Messages => matches!(self.role, Role::Owner | Role::Operator | Role::Agent),
            Act::Operate => matches!(self.role, Role::Owner | Role::Operator),
            Act::Administer => matches!(self.role, Role::Owner),
            Act::ReadAudit => matches!(self.role, Role::Owner | Role::Auditor),
        }
    }

    pub(in crate::http::console) fn must(&self, act: Act) -> Result<(), Denied> {
        match self.may(act) {
            true => Ok(()),
            false => Err(Denied::Role(self.role)),
        }
    }

    /// As the audit names them.
    pub(in crate::http::console) fn actor(&self) -> String {
        format!("console/{}", self.name)
    }
}

impl FromRequestParts<AppState> for Signed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let found = signed(&parts.headers, state).await;
        let denied = match found {
            Ok(Some(signed)) => return Ok(signed),
            Ok(None) => {
                let htmx = parts.headers.contains_key(HX_REQUEST);
                // What was sent is not sent again: back to the page that it was sent from.
                let next = match parts.method == Method::GET {
                    true => parts.uri.path_and_query().map(|it| format!("/console{it}")),
                    false => page_before(&parts.headers),
                };
                let next = next.unwrap_or_else(|| "/console/".to_owned());
                Denied::SignIn { next, htmx }
            }
            Err(error) => Denied::Store(error),
        };
        Err(denied.answer(state))
    }
}

/// The page that a form was sent from. Only its path: the sign-in leads nowhere else.
fn page_before(headers: &HeaderMap) -> Option<String> {
    let before = url::Url::parse(headers.get(REFERER)?.to_str().ok()?).ok()?;
    let query = before.query().map(|it| format!("?{it}"));
    Some(before.path().to_owned() + &query.unwrap_or_default())
}

/// Who holds the cookie; writes down that they were here.
async fn signed(headers: &HeaderMap, state: &AppState) -> Result<Option<Signed>, StoreError> {
    let Some(token) = cookie(headers) else {
        return Ok(None);
    };
    let store = state.engine.store();
    let now = state.engine.now();
    let Some(session) = store.session(&hash_token(token)).await? else {
        return Ok(None);
    };
    let idle_ms = state.config.console.session_idle_ms();
    if session.expires_at <= now || now.since_ms(session.seen_at) > idle_ms {
        return Ok(None);
    }
    let users = store.users().await?;
    let user = users.into_iter().find(|it| it.name == session.user);
    let Some(user) = user.filter(|it| it.disabled_at.is_none()) else {
        return Ok(None);
    };
    // A page that refreshes itself is nobody who is there.
    let by_itself = headers.contains_key(HX_REQUEST);
    if now.since_ms(session.seen_at) > SEEN_MS && !by_itself {
        let seen = SessionRecord {
            seen_at: now,
            ..session.clone()
        };
        // Only for people to read: that it fails keeps nobody out.
        let _ = state.engine.commit(vec![Op::Session(seen)]).await;
    }
    Ok(Some(Signed {
        name: user.name,
        role: user.role,
        session,
        said: Said::read(headers).filter(|_| !by_itself),
    }))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_of(headers, NAME).filter(|value| value.len() == TOKEN_CHARS)
}

/// A session of this person begins: what is to be written, and the header that hands it over.
pub(super) async fn begin(
    state: &AppState,
    user: &UserRecord,
    from: &From,
) -> Result<(Vec<Op>, HeaderValue), StoreError> {
    let token = new_token()?;
    let now = state.engine.now();
    let max_ms = state.config.console.session_max_ms();
    let mut ops = surplus(state, &user.name).await?;
    ops.push(Op::Session(SessionRecord {
        hash: hash_token(&token),
        user: user.name.clone(),
        created_at: now,
        seen_at: now,
        expires_at: now.plus_ms(max_ms),
        address: from.address.to_string(),
        agent: from.agent.clone(),
    }));
    Ok((ops, set_cookie(&token, max_ms / 1_000, from.secure)))
}

/// The end of the sessions that one more would be too many for, and of everybody's that are over.
async fn surplus(state: &AppState, name: &str) -> Result<Vec<Op>, StoreError> {
    let now = state.engine.now();
    let sessions = state.engine.store().sessions().await?;
    let (over, good): (Vec<_>, Vec<_>) = sessions.into_iter().partition(|it| it.expires_at <= now);
    let mine = good.into_iter().filter(|it| it.user == name);
    let surplus = mine.skip(SESSIONS_MAX - 1).chain(over);
    Ok(surplus.map(|it| Op::SessionEnd(it.hash)).collect())
}

pub(super) fn end_cookie(from: &From) -> HeaderValue {
    set_cookie("", 0, from.secure)
}

fn set_cookie(token: &str, max_age_s: u64, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!(
        "{NAME}={token}; Path=/console; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}"
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// 256 random bits in hexadecimal.
pub(in crate::http::console) fn new_token() -> Result<String, StoreError> {
    let mut bytes = [0_u8; TOKEN_CHARS / 2];
    let drawn = getrandom::fill(&mut bytes);
    drawn.map_err(|_| StoreError::Unavailable("the system gives no random bytes".into()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(super) struct From {
    pub(super) address: IpAddr,
    pub(super) agent: String,
    /// It came by TLS, or a proxy says so.
    pub(super) secure: bool,
}

impl FromRequestParts<AppState> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.0.ip());
        let trusted = &state.config.http.trusted_proxies;
        let address = address_of(peer, &parts.headers, trusted);
        let text = |name: HeaderName| parts.headers.get(name).and_then(|it| it.to_str().ok());
        let agent = text(USER_AGENT).unwrap_or_default();
        let agent = agent.chars().take(AGENT_CHARS_MAX).collect();
        let by_tls = parts.extensions.get::<OverTls>().is_some();
        let secure = by_tls || state.base_for(&parts.headers).starts_with("https://");
        Ok(Self {
            address,
            agent,
            secure,
        })
    }
}

impl Denied {
    pub(in crate::http::console) fn answer(self, state: &AppState) -> Response {
        match self {
            Self::SignIn { next, htmx } => to_sign_in(&next, htmx),
            Self::Role(role) => {
                let text = format!(
                    "Your role here is {}: it does not let you do this. An owner can change it.",
                    role.name()
                );
                let content = html! { p { (text) } p { a href="/console/" { "To the overview" } } };
                layout::plain(state, StatusCode::FORBIDDEN, "Not for this role", &content)
            }
            Self::Store(error) => {
                tracing::warn!(%error, "a page could not be made");
                let text = "The database does not answer, so this page cannot be shown. Messages \
                            are kept safe or refused meanwhile. Try again in a few seconds.";
                let code = StatusCode::SERVICE_UNAVAILABLE;
                let mut answer = layout::plain(state, code, "Not now", &html! { p { (text) } });
                let retry = HeaderValue::from_static("5");
                answer
                    .headers_mut()
                    .insert(axum::http::header::RETRY_AFTER, retry);
                answer
            }
        }
    }
}

impl std::convert::From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A browser goes there by itself; htmx must be told to leave the page.
fn to_sign_in(next: &str, htmx: bool) -> Response {
    let next = url::form_urlencoded::byte_serialize(next.as_bytes());
    let next: String = next.collect();
    let to = format!("/console/sign-in?next={next}");
    let Ok(to) = HeaderValue::from_str(&to) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match htmx {
        // The page comes again as a whole, and leads to the sign-in from there.
        true => (StatusCode::UNAUTHORIZED, [(HX_REFRESH, "true")]).into_response(),
        false => (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response(),
    }
}

/// An answer that sets a cookie and goes on.
pub(super) fn go_on(to: &str, cookie: HeaderValue) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/console/"));
    (
        StatusCode::SEE_OTHER,
        [(LOCATION, to), (SET_COOKIE, cookie)],
    )
        .into_response()
}

/// Something that a person did here, for the audit.
pub(in crate::http::console) fn audit(
    state: &AppState,
    actor: &str,
    (action, subject): (&str, &str),
    (reason, detail): (&str, &str),
) -> Op {
    let at: Timestamp = state.engine.now();
    Op::Audit(AuditRecord {
        id: state.engine.new_id(),
        at,
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        reason: reason.to_owned(),
        detail: detail.to_owned(),
    })
}

/// As [`audit`], and a line of the log that everybody sees.
pub(in crate::http::console) fn deed(
    state: &AppState,
    actor: &str,
    (action, subject): (&str, &str),
    (reason, detail): (&str, &str),
) -> Vec<Op> {
    let parts = [action, detail, reason];
    let said: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    let line = Op::Activity(Activity {
        at: state.engine.now(),
        kind: ActivityKind::Deed,
        subject: subject.to_owned(),
        words: format!("{actor}: {}", said.join(", ")),
    });
    vec![
        audit(state, actor, (action, subject), (reason, detail)),
        line,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::COOKIE;

    #[test]
    fn the_cookie_is_found_among_others() {
        let token = "ab".repeat(32);
        let check = |text: &str, expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_str(text).unwrap());
            assert_eq!(cookie(&headers), expect, "{text}");
        };
        check(&format!("a=b; {NAME}={token}; c=d"), Some(&token));
        check(&format!("{NAME}=short"), None);
        check(&format!("x{NAME}={token}"), None);
        check("", None);
    }

    #[test]
    fn the_cookie_stays_out_of_scripts_and_other_sites() {
        let text = set_cookie("t", 60, true);
        let text = text.to_str().unwrap();
        for part in [
            "HttpOnly",
            "SameSite=Lax",
            "Secure",
            "Path=/console",
            "Max-Age=60",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(
            !set_cookie("t", 60, false)
                .to_str()
                .unwrap()
                .contains("Secure")
        );
    }

    #[test]
    fn roles_do_what_they_are_for() {
        let signed = |role| Signed {
            name: "ada".into(),
            role,
            session: SessionRecord {
                hash: [0; 32],
                user: "ada".into(),
                created_at: Timestamp(0),
                seen_at: Timestamp(0),
                expires_at: Timestamp(0),
                address: String::new(),
                agent: String::new(),
            },
            said: None,
        };
        let all = [Act::Messages, Act::Operate, Act::Administer, Act::ReadAudit];
        let check = |role, expect: [bool; 4]| {
            assert_eq!(all.map(|act| signed(role).may(act)), expect, "{role:?}");
        };
        check(Role::Owner, [true; 4]);
        check(Role::Operator, [true, true, false, false]);
        check(Role::Agent, [true, false, false, false]);
        check(Role::Auditor, [false, false, false, true]);
    }
}
