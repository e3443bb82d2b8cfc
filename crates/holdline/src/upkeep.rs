//! What runs beside the engine: the apps of the configuration, the sync of templates, and the
//! cleaning of what retention no longer allows. Small steps, so that intake is never held up.

use crate::http::state::AppState;
use holdline_core::{Redacted, Timestamp};
use holdline_engine::ports::records::{EndpointForm, EndpointRecord, TemplateRecord};
use holdline_engine::ports::{Op, StoreError};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// Rows that one cleaning step deletes.
const CLEAN_ROWS: usize = 500;
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
    let gone = known.into_iter().filter(|endpoint| {
        let configured = endpoint.id.starts_with(CONFIGURED) && !keep.contains(&endpoint.id);
        configured || replaced.contains(&endpoint.id)
    });
    let mut ops: Vec<Op> = gone
        .map(|endpoint| Op::EndpointDelete(endpoint.id))
        .collect();
    ops.extend(wanted.into_iter().map(Op::Endpoint));
    let stored = state.engine.store().clone();
    if !ops.is_empty() {
        stored
            .commit(vec![holdline_engine::ports::Group(ops)].into())
            .await?;
    }
    state.engine.reload_endpoints().await
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
                Some(waba) => due.extend(all.contains(&waba).then_some(waba)),
                None => return,
            },
            () = sleep(pause) => due = if failed.is_empty() { all.clone() } else { failed },
            _ = shutdown.changed() => return,
        }
    }
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
    loop {
        let pause = match clean(&state).await {
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

/// One small step; true when there is more to do.
async fn clean(state: &AppState) -> Result<bool, StoreError> {
    let now = state.engine.now();
    let before = |days: u32| Timestamp(now.0.saturating_sub_unsigned(u64::from(days) * DAY_MS));
    let retention = &state.config.retention;
    let store = state.engine.store();
    let bodies = before(retention.bodies_days);
    let deleted = store
        .expire_rows(bodies, before(retention.metadata_days), CLEAN_ROWS)
        .await?;
    let expired = store.media_expired(now, CLEAN_ROWS).await?;
    let files = expired.len();
    for media in expired {
        if state.blobs.delete(&media.id).await.is_ok() {
            let _ = state.engine.commit(vec![Op::MediaDelete(media.id)]).await?;
        }
    }
    Ok(deleted.max(files) >= CLEAN_ROWS)
}
