//! Who calls: finds the token among the stored hashes, and says which senders an app and its token
//! may use. An app that is not configured may use none, but for the one of tokens without an app.
//! Never keeps a token. That one is good counts for [`FRESH`]: who revokes it waits so long, and
//! then no server takes it. Only while the store is away, and a spool takes what comes, its last
//! word counts for longer.

use super::state::AppState;
use crate::config::{App, Config, WhatsappSender};
use aws_lc_rs::digest;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::records::TokenRecord;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Start of the id of tokens that `oauth/access_token` gave out.
pub(crate) const APP_TOKEN_PREFIX: &str = "app-";
/// The app of tokens that name none; it has every sender unless it is configured itself.
pub(crate) const DEFAULT_APP: &str = "default";
const TOKEN_BYTES_MAX: usize = 4_096;
/// Tokens that are known without the store.
const TOKENS_MAX: usize = 10_000;
/// How long the store's word counts that a token is good.
pub(crate) const FRESH: Duration = Duration::from_millis(200);
/// Tokens that are asked for side by side.
const TURNS: usize = 32;

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
    match find(state, &hash_token(token)).await? {
        None => Err(AuthError::Unknown),
        Some(record) if record.revoked_at.is_some() => Err(AuthError::Revoked),
        Some(record) if !is_app(&state.config, &record.app) => {
            tracing::info!(token = %record.id, "the app of this token is not configured");
            Err(AuthError::Unknown)
        }
        Some(record) => Ok(Caller::of(record)),
    }
}

async fn find(state: &AppState, hash: &[u8; 32]) -> Result<Option<TokenRecord>, AuthError> {
    let asked = Instant::now();
    let mut last = state.tokens.turn(hash).lock().await;
    if let Some(fresh) = last.as_ref().filter(|it| it.is_for(hash, asked)) {
        return Ok(Some(fresh.token.clone()));
    }
    let began = Instant::now();
    let asking = state.engine.store().token_by_hash(hash);
    if let Some(found) = state.engine.look(asking).await.map_err(AuthError::Store)? {
        state.tokens.learn(hash, found.as_ref());
        let good = found.clone().filter(|it| it.revoked_at.is_none());
        *last = good.map(|token| Read { began, token });
        return Ok(found);
    }
    // One that is not known here may still be a good one.
    let away = || StoreError::Unreachable(String::from("the token cannot be looked up"));
    let known = state.tokens.get(hash);
    known.map(Some).ok_or_else(|| AuthError::Store(away()))
}

/// The last word of the store about tokens, by their hashes; and whose turn it is to ask. Calls
/// that come while another asks for their token share its answer.
#[derive(Debug, Default)]
pub(crate) struct KnownTokens {
    known: Mutex<BTreeMap<[u8; 32], TokenRecord>>,
    turns: [tokio::sync::Mutex<Option<Read>>; TURNS],
}

/// One look at the store, that found a good token.
#[derive(Debug)]
struct Read {
    began: Instant,
    token: TokenRecord,
}

impl Read {
    /// For this token, and begun little before it was asked for, or after: who waited for a slow
    /// store does not ask it once more.
    fn is_for(&self, hash: &[u8; 32], asked: Instant) -> bool {
        self.token.hash == *hash && asked.saturating_duration_since(self.began) < FRESH
    }
}

impl KnownTokens {
    fn turn(&self, hash: &[u8; 32]) -> &tokio::sync::Mutex<Option<Read>> {
        &self.turns[usize::from(hash[0]) % TURNS]
    }

    /// All that the store has; the newest where they are too many.
    pub(crate) fn replace(&self, mut tokens: Vec<TokenRecord>) {
        tokens.sort_by_key(|token| std::cmp::Reverse(token.created_at));
        tokens.truncate(TOKENS_MAX);
        *self.lock() = tokens.into_iter().map(|it| (it.hash, it)).collect();
    }

    fn learn(&self, hash: &[u8; 32], found: Option<&TokenRecord>) {
        let mut known = self.lock();
        let is_news = known.get(hash) != found;
        match found {
            Some(token) if is_news && (known.len() < TOKENS_MAX || known.contains_key(hash)) => {
                known.insert(*hash, token.clone());
            }
            None if is_news => drop(known.remove(hash)),
            Some(_) | None => {}
        }
    }

    fn get(&self, hash: &[u8; 32]) -> Option<TokenRecord> {
        self.lock().get(hash).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], TokenRecord>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There is an app of this id.
pub(crate) fn is_app(config: &Config, app: &str) -> bool {
    app == DEFAULT_APP || configured(config, app).is_some()
}

/// The one rule for which senders an app has: by number and by account.
pub(crate) fn app_may_use(config: &Config, app: &str, sender: &WhatsappSender) -> bool {
    let fits = |list: &[String], id: &String| list.is_empty() || list.contains(id);
    configured(config, app).map_or(app == DEFAULT_APP, |app| {
        fits(&app.senders, &sender.phone_number_id) && fits(&app.waba_ids, &sender.waba_id)
    })
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
        let of_token = self.senders.is_empty() || self.senders.contains(phone);
        of_token && app_may_use(config, &self.app, sender)
    }

    /// The phone-number ids of the token itself; empty = all of its app.
    pub(crate) fn token_senders(&self) -> &[String] {
        &self.senders
    }

    /// The senders whose messages it may see; `None` = any, also those that are gone.
    pub(crate) fn sees(&self, config: &Config) -> Option<Vec<String>> {
        let app = configured(config, &self.app);
        let all = app.map_or(self.app == DEFAULT_APP, |app| {
            app.senders.is_empty() && app.waba_ids.is_empty()
        });
        if all && self.senders.is_empty() {
            return None;
        }
        let senders = config.whatsapp_senders.iter();
        let usable = senders.filter(|sender| self.may_use(config, sender));
        Some(usable.map(|it| it.phone_number_id.clone()).collect())
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

fn configured<'a>(config: &'a Config, app: &str) -> Option<&'a App> {
    config.apps.iter().find(|known| known.id == app)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine_config::engine_config;
    use axum::http::HeaderValue;

    const SENDERS: &str = r#"
        [[whatsapp.sender]]
        phone_number_id = "1"
        waba_id = "10"
        display_phone_number = "+15550783881"
        [[whatsapp.sender]]
        phone_number_id = "2"
        waba_id = "20"
        display_phone_number = "+15550783882"
    "#;

    fn config(apps: &str) -> Config {
        let secrets = [
            ("HOLDLINE_WHATSAPP_APP_SECRET", "s"),
            ("HOLDLINE_WHATSAPP_VERIFY_TOKEN", "v"),
            ("HOLDLINE_WHATSAPP_ACCESS_TOKEN", "t"),
        ];
        Config::from_toml_str(&format!("{SENDERS}{apps}"), &secrets).unwrap()
    }

    fn caller(app: &str, senders: &[&str]) -> Caller {
        Caller {
            app: app.into(),
            token_id: "t".into(),
            senders: senders.iter().map(|id| String::from(*id)).collect(),
        }
    }

    /// The callers and the engine go by the same rule.
    fn check_app(config: &Config, app: &str, expect: &[&str]) {
        let caller = caller(app, &[]);
        let usable = config
            .whatsapp_senders
            .iter()
            .filter(|it| caller.may_use(config, it));
        let usable: Vec<&str> = usable.map(|it| it.phone_number_id.as_str()).collect();
        assert_eq!(usable, expect, "{app}");
        let told = engine_config(config)
            .app_senders
            .remove(app)
            .unwrap_or_default();
        assert_eq!(told, expect, "{app}");
    }

    #[test]
    fn an_app_has_the_senders_that_fit_its_numbers_and_its_accounts() {
        let config = config(
            r#"
            [[app]]
            id = "all"
            [[app]]
            id = "account"
            waba_ids = ["20"]
            [[app]]
            id = "neither"
            senders = ["1"]
            waba_ids = ["20"]
            "#,
        );
        check_app(&config, "all", &["1", "2"]);
        check_app(&config, "account", &["2"]);
        check_app(&config, "neither", &[]);
        check_app(&config, "nobody", &[]);
        check_app(&config, DEFAULT_APP, &["1", "2"]);
        assert!(is_app(&config, DEFAULT_APP) && is_app(&config, "all"));
        assert!(!is_app(&config, "nobody"));
    }

    #[test]
    fn the_app_of_tokens_without_one_may_be_configured_too() {
        let config = config("[[app]]\nid = \"default\"\nsenders = [\"2\"]");
        check_app(&config, DEFAULT_APP, &["2"]);
    }

    #[test]
    fn who_is_limited_sees_the_messages_of_those_senders_alone() {
        let limited = config("[[app]]\nid = \"a\"\nsenders = [\"1\"]");
        let one = Some(vec![String::from("1")]);
        assert_eq!(caller("a", &[]).sees(&limited), one);
        assert_eq!(caller("a", &["1"]).sees(&limited), one);
        assert_eq!(caller("a", &["2"]).sees(&limited), Some(Vec::new()));
        assert_eq!(caller("nobody", &[]).sees(&limited), Some(Vec::new()));
        assert_eq!(caller(DEFAULT_APP, &["1"]).sees(&limited), one);
        assert_eq!(caller(DEFAULT_APP, &[]).sees(&limited), None);
    }

    fn token(n: u8, created_at: i64) -> TokenRecord {
        TokenRecord {
            id: n.to_string(),
            name: String::new(),
            hash: [n; 32],
            app: DEFAULT_APP.into(),
            senders: Vec::new(),
            created_at: holdline_core::Timestamp(created_at),
            revoked_at: None,
        }
    }

    #[test]
    fn the_last_word_about_a_token_is_known() {
        let known = KnownTokens::default();
        known.replace(vec![token(1, 1), token(2, 2)]);
        let mut revoked = token(1, 1);
        revoked.revoked_at = Some(holdline_core::Timestamp(5));
        known.learn(&[1; 32], Some(&revoked));
        known.learn(&[2; 32], None);
        known.learn(&[3; 32], Some(&token(3, 3)));
        assert_eq!(known.get(&[1; 32]), Some(revoked));
        assert_eq!(known.get(&[2; 32]), None);
        assert_eq!(known.get(&[3; 32]), Some(token(3, 3)));
    }

    #[test]
    fn a_look_serves_those_who_asked_before_it_began_and_soon_after() {
        let began = Instant::now() + Duration::from_secs(60);
        let token = token(1, 1);
        let look = Read { began, token };
        let long_before = began - Duration::from_secs(30);
        assert!(look.is_for(&[1; 32], long_before));
        assert!(look.is_for(&[1; 32], began + FRESH - Duration::from_millis(1)));
        assert!(!look.is_for(&[1; 32], began + FRESH));
        assert!(!look.is_for(&[2; 32], began));
    }

    #[test]
    fn the_newest_tokens_are_known_where_they_are_too_many() {
        let known = KnownTokens::default();
        let hash = |n: usize| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&n.to_le_bytes());
            hash
        };
        let many = (0..=TOKENS_MAX).map(|n| TokenRecord {
            hash: hash(n),
            ..token(0, n as i64)
        });
        known.replace(many.collect());
        assert!(known.get(&hash(0)).is_none() && known.get(&hash(1)).is_some());
        known.learn(&[9; 32], Some(&token(9, 9)));
        assert!(known.get(&[9; 32]).is_none(), "there is no room");
    }

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
