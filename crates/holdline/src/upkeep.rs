//! What runs beside the engine: the apps of the configuration, the sync of templates, and the
//! cleaning of what retention no longer allows. Small steps, so that intake is never held up.

pub(crate) mod backup;
pub(crate) mod room;
pub(crate) mod spool;
pub(crate) mod traffic;

use crate::config::App;
use crate::http::state::AppState;
use holdline_core::{Redacted, Timestamp};
use holdline_engine::ports::records::{EndpointForm, EndpointRecord, TemplateRecord};
use holdline_engine::ports::{Lease, Op, StoreError};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// Rows that one cleaning step deletes, at least and at most: as many as take the store so long.
const CLEAN_ROWS_MIN: usize = 20;
const CLEAN_ROWS: usize = 500;
const CLEAN_TIME: Duration = Duration::from_millis(20);
/// Pause between cleaning steps, and between rounds.
const CLEAN_STEP: Duration = Duration::from_millis(200);
const CLEAN_ROUND: Duration = Duration::from_secs(600);
const DAY_MS: u64 = 86_400_000;
/// Pause after a sync that failed.
const SYNC_AGAIN: Duration = Duration::from_secs(30);
/// Endpoints that the configuration gives begin so.
const CONFIGURED: &str = "config-";

/// Makes the stored endpoints of configured apps what the configuration says.
pub(crate) async fn register_apps(state: &AppState) -> Result<(), StoreError> {
    let now = state.engine.now();
    let wanted: Vec<EndpointRecord> = state
        .config
        .apps
        .iter()
        .filter_map(|app| {
            Some(EndpointRecord {
                id: format!("{CONFIGURED}{}", app.id),
                app: app.id.clone(),
                form: EndpointForm::Cloud,
                url: app.callback_url.as_ref()?.to_string(),
                secret: Redacted::new(app.secret.as_ref()?.expose().to_owned()),
                verify_token: None,
                scope: String::from("app"),
                fields: Vec::new(),
                created_at: now,
            })
        })
        .collect();
    let keep: BTreeSet<String> = wanted.iter().map(|endpoint| endpoint.id.clone()).collect();
    let known = state.engine.store().endpoints().await?;
    let replaced: BTreeSet<String> = wanted
        .iter()
        .map(|endpoint| format!("cloud-{}-app", endpoint.app))
        .collect();
    let is_gone = |endpoint: &EndpointRecord| {
        let configured = endpoint.id.starts_with(CONFIGURED) && !keep.contains(&endpoint.id);
        configured || replaced.contains(&endpoint.id)
    };
    let set_by_apps = |endpoint| match is_gone(&endpoint) {
        true => Some(Op::EndpointDelete(endpoint.id)),
        false => mended(endpoint, &state.config.apps),
    };
    let mut ops: Vec<Op> = known.into_iter().filter_map(set_by_apps).collect();
    ops.extend(wanted.into_iter().map(Op::Endpoint));
    let stored = state.engine.store().clone();
    if !ops.is_empty() {
        stored
            .commit(vec![holdline_engine::ports::Group(ops)].into())
            .await?;
    }
    state.engine.reload_endpoints().await
}

/// What brings an endpoint that an app has set into line with the configuration: the secret is
/// that of today, and an app that is gone gets nothing any more.
fn mended(endpoint: EndpointRecord, apps: &[App]) -> Option<Op> {
    match endpoint.form {
        EndpointForm::Standard => return None,
        EndpointForm::Cloud => {}
    }
    let Some(app) = apps.iter().find(|app| app.id == endpoint.app) else {
        return Some(Op::EndpointDelete(endpoint.id));
    };
    let secret = app.secret.as_ref()?.expose();
    if endpoint.secret.expose() == secret {
        return None;
    }
    let secret = Redacted::new(secret.to_owned());
    Some(Op::Endpoint(EndpointRecord { secret, ..endpoint }))
}

/// Keeps the copy of the provider's templates fresh: at the start, every so often, and when
/// somebody wishes it.
pub(crate) async fn sync_templates(
    state: AppState,
    mut wishes: mpsc::Receiver<String>,
    mut shutdown: watch::Receiver<bool>,
) {
    let every = Duration::from_secs(state.config.whatsapp.template_sync_s);
    let all: BTreeSet<String> = state
        .config
        .whatsapp_senders
        .iter()
        .map(|sender| sender.waba_id.clone())
        .collect();
    let mut due = all.clone();
    loop {
        let mut failed = BTreeSet::new();
        for waba in std::mem::take(&mut due) {
            if !sync_waba(&state, &waba).await {
                failed.insert(waba);
            }
        }
        let pause = if failed.is_empty() { every } else { SYNC_AGAIN };
        tokio::select! {
            wish = wishes.recv() => match wish {
                Some(waba) => due = wished(failed, waba, &all),
                None => return,
            },
            () = sleep(pause) => due = if failed.is_empty() { all.clone() } else { failed },
            _ = shutdown.changed() => return,
        }
    }
}

/// What is synced when somebody wishes `waba`: what failed is not forgotten over it.
fn wished(failed: BTreeSet<String>, waba: String, all: &BTreeSet<String>) -> BTreeSet<String> {
    let mut due = failed;
    due.extend(all.contains(&waba).then_some(waba));
    due
}

async fn sync_waba(state: &AppState, waba: &str) -> bool {
    let Some(graph) = &state.graph else {
        return true;
    };
    let items = match graph.templates(waba).await {
        Ok(items) => items,
        Err(error) => {
            tracing::warn!(waba, %error, "templates could not be synced; tried again");
            return false;
        }
    };
    let now = state.engine.now();
    let templates: Vec<TemplateRecord> = items
        .iter()
        .filter_map(|item| template_record(waba, item, now))
        .collect();
    let count = templates.len();
    let op = Op::Templates {
        waba: waba.to_owned(),
        templates,
    };
    match state.engine.commit(vec![op]).await {
        Ok(_) => {
            tracing::info!(waba, count, "templates synced");
            true
        }
        Err(error) => {
            tracing::warn!(waba, %error, "templates could not be kept; tried again");
            false
        }
    }
}

fn template_record(
    waba: &str,
    item: &serde_json::Value,
    synced_at: Timestamp,
) -> Option<TemplateRecord> {
    let text = |key: &str| {
        item.get(key)
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned)
    };
    Some(TemplateRecord {
        waba: waba.to_owned(),
        id: text("id")?,
        name: text("name")?,
        language: text("language")?,
        status: text("status").unwrap_or_default(),
        category: text("category").unwrap_or_default(),
        json: item.to_string(),
        synced_at,
    })
}

/// Deletes what is older than retention allows, and files that have expired.
pub(crate) async fn keep_house(state: AppState, mut shutdown: watch::Receiver<bool>) {
    let mut pace = Pace(CLEAN_ROWS);
    loop {
        let pause = match clean_if_ours(&state, &mut pace).await {
            Ok(true) => CLEAN_STEP,
            Ok(false) => CLEAN_ROUND,
            Err(error) => {
                tracing::warn!(%error, "old rows could not be deleted; tried again");
                CLEAN_ROUND
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            _ = shutdown.changed() => return,
        }
    }
}

/// How many rows a step deletes: messages wait for the store meanwhile.
struct Pace(usize);

impl Pace {
    fn took(&mut self, time: Duration) {
        if time > CLEAN_TIME {
            self.0 = (self.0 / 2).max(CLEAN_ROWS_MIN);
        } else if time * 2 < CLEAN_TIME {
            self.0 = (self.0 * 2).min(CLEAN_ROWS);
        }
    }
}

/// One node of a cluster keeps house for all.
async fn clean_if_ours(state: &AppState, pace: &mut Pace) -> Result<bool, StoreError> {
    match state.engine.holds(Lease::Upkeep) {
        true => clean(state, pace).await,
        false => Ok(false),
    }
}

/// One small step; true when there is more to do.
async fn clean(state: &AppState, pace: &mut Pace) -> Result<bool, StoreError> {
    let now = state.engine.now();
    let before = |days: u32| Timestamp(now.0.saturating_sub_unsigned(u64::from(days) * DAY_MS));
    let retention = &state.config.retention;
    let store = state.engine.store();
    let bodies = before(retention.bodies_days);
    let (rows, begun) = (pace.0, Instant::now());
    let deleted = store
        .expire_rows(bodies, before(retention.metadata_days), rows)
        .await?;
    pace.took(begun.elapsed());
    let room = store.give_back_room().await?;
    let expired = store.media_expired(now, CLEAN_ROWS).await?;
    let files = expired.len();
    for media in expired {
        if state.blobs.delete(&media.id).await.is_ok() {
            let _ = state.engine.commit(vec![Op::MediaDelete(media.id)]).await?;
        }
    }
    Ok(deleted >= rows || files >= CLEAN_ROWS || room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn endpoint(app: &str, form: EndpointForm) -> EndpointRecord {
        EndpointRecord {
            id: format!("cloud-{app}-waba-1"),
            app: app.into(),
            form,
            url: "https://app.example/hook".into(),
            secret: Redacted::new("old".to_owned()),
            verify_token: None,
            scope: "waba:1".into(),
            fields: Vec::new(),
            created_at: Timestamp(1),
        }
    }

    fn app(id: &str, secret: Option<&str>) -> App {
        App {
            id: id.into(),
            secret: secret.map(Secret::new),
            callback_url: None,
            waba_ids: Vec::new(),
            senders: Vec::new(),
        }
    }

    #[test]
    fn endpoints_of_apps_follow_the_configuration() {
        let apps = [
            app("new", Some("new")),
            app("same", Some("old")),
            app("none", None),
        ];
        let check = |id: &str, form| mended(endpoint(id, form), &apps);
        match check("new", EndpointForm::Cloud) {
            Some(Op::Endpoint(mended)) => {
                assert_eq!(mended.secret.expose(), "new");
                let old = endpoint("new", EndpointForm::Cloud);
                let secret = old.secret.clone();
                assert_eq!(EndpointRecord { secret, ..mended }, old);
            }
            other => panic!("{other:?}"),
        }
        assert!(check("same", EndpointForm::Cloud).is_none());
        assert!(check("none", EndpointForm::Cloud).is_none());
        assert!(matches!(
            check("gone", EndpointForm::Cloud),
            Some(Op::EndpointDelete(id)) if id == "cloud-gone-waba-1"
        ));
        assert!(check("gone", EndpointForm::Standard).is_none());
    }

    #[test]
    fn a_wish_does_not_forget_what_failed() {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let all: BTreeSet<String> = set(&["a", "b", "c"]);
        assert_eq!(wished(set(&["a"]), "b".into(), &all), set(&["a", "b"]));
        assert_eq!(wished(set(&["a"]), "strange".into(), &all), set(&["a"]));
    }

    #[test]
    fn a_step_that_took_long_is_followed_by_a_shorter_one() {
        let mut pace = Pace(CLEAN_ROWS);
        let mut after = |ms| {
            pace.took(Duration::from_millis(ms));
            pace.0
        };
        assert_eq!(
            [after(21), after(100), after(15), after(9)],
            [250, 125, 125, 250]
        );
        let least = (0..10).map(|_| after(500)).last();
        assert_eq!(least, Some(CLEAN_ROWS_MIN));
        let most = (0..10).map(|_| after(1)).last();
        assert_eq!(most, Some(CLEAN_ROWS));
    }
}
