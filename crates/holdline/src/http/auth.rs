//! Who calls: finds the token among the stored hashes, and says which senders it may use.
//! Never keeps a token and never caches a lookup, so a revoked token stops at once.

use super::state::AppState;
use crate::config::{Config, WhatsappSender};
use aws_lc_rs::digest;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::records::TokenRecord;

/// Start of the id of tokens that `oauth/access_token` gave out.
pub(crate) const APP_TOKEN_PREFIX: &str = "app-";
const TOKEN_BYTES_MAX: usize = 4_096;

/// Whoever holds a valid token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) app: String,
    pub(crate) token_id: String,
    /// Phone-number ids of the token; empty = all.
    senders: Vec<String>,
}

/// Why a call is not let in.
#[derive(Clone, Debug)]
pub(crate) enum AuthError {
    Missing,
    Unknown,
    Revoked,
    Store(StoreError),
}

/// The caller behind a token.
pub(crate) async fn authenticate(
    state: &AppState,
    token: Option<&str>,
) -> Result<Caller, AuthError> {
    let token = token.ok_or(AuthError::Missing)?;
    if token.len() > TOKEN_BYTES_MAX {
        return Err(AuthError::Unknown);
    }
    let found = state.engine.store().token_by_hash(&hash_token(token)).await;
    match found.map_err(AuthError::Store)? {
        None => Err(AuthError::Unknown),
        Some(record) if record.revoked_at.is_some() => Err(AuthError::Revoked),
        Some(record) => Ok(Caller::of(record)),
    }
}

/// The token of the header `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// What is kept of a token.
pub(crate) fn hash_token(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

impl Caller {
    fn of(record: TokenRecord) -> Self {
        Self {
            app: record.app,
            token_id: record.id,
            senders: record.senders,
        }
    }

    /// The token may only set up webhooks: its holder knows the app secret, no sender's token.
    pub(crate) fn only_registers(&self) -> bool {
        self.token_id.starts_with(APP_TOKEN_PREFIX)
    }

    pub(crate) fn may_use(&self, config: &Config, sender: &WhatsappSender) -> bool {
        let phone = &sender.phone_number_id;
        let of_app = config
            .apps
            .iter()
            .find(|app| app.id == self.app)
            .is_none_or(|app| {
                (app.senders.is_empty() || app.senders.contains(phone))
                    && (app.waba_ids.is_empty() || app.waba_ids.contains(&sender.waba_id))
            });
        of_app && (self.senders.is_empty() || self.senders.contains(phone))
    }

    /// May use a number of the account.
    pub(crate) fn may_use_waba(&self, config: &Config, waba: &str) -> bool {
        let of_waba = config
            .whatsapp_senders
            .iter()
            .filter(|sender| sender.waba_id == waba);
        of_waba
            .into_iter()
            .any(|sender| self.may_use(config, sender))
    }

    /// May use every number there is.
    pub(crate) fn may_use_all(&self, config: &Config) -> bool {
        config
            .whatsapp_senders
            .iter()
            .all(|sender| self.may_use(config, sender))
            && self.senders.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check(header: &'static str, expect: Option<&str>) {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(header))]);
        assert_eq!(bearer(&headers), expect, "{header}");
    }

    #[test]
    fn only_a_bearer_header_with_a_token_counts() {
        check("Bearer abc", Some("abc"));
        check("bearer  abc ", Some("abc"));
        check("Bearer ", None);
        check("Basic abc", None);
        check("abc", None);
    }

    #[test]
    fn the_hash_is_that_of_sha256() {
        let hex: String = hash_token("abc")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
