//! Says when the spool comes into use and when it is empty again, in the log and in the audit, and
//! keeps the last word about tokens fresh. Moves nothing: the engine drains.

use crate::http::state::AppState;
use holdline_engine::SpoolStatus;
use holdline_engine::ports::Op;
use holdline_engine::ports::records::AuditRecord;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

const LOOK: Duration = Duration::from_millis(500);
/// How often all tokens are read.
const TOKENS_EVERY: Duration = Duration::from_secs(30);

/// Looks until the server stops; ends at once where there is no spool.
pub(crate) async fn watch_spool(state: AppState, mut shutdown: watch::Receiver<bool>) {
    let mut used: Option<u64> = None;
    let mut read_at = Instant::now();
    while let Some(status) = state.engine.spool() {
        used = turn(&state, &status, used).await;
        if !status.in_use && read_at.elapsed() >= TOKENS_EVERY {
            read_at = Instant::now();
            if let Ok(Some(tokens)) = state.engine.look(state.engine.store().tokens()).await {
                state.tokens.replace(tokens);
            }
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = shutdown.changed() => return,
        }
    }
}

/// `used`: records drained when it came into use. Gives the same for the next look.
async fn turn(state: &AppState, status: &SpoolStatus, used: Option<u64>) -> Option<u64> {
    match (used, status.in_use) {
        (None, true) => {
            let why = state.engine.store_fault().map(|fault| fault.words);
            tracing::warn!(
                why,
                "what comes in is kept in the spool until the database has it"
            );
            Some(status.drained)
        }
        (Some(before), false) => {
            let drained = status.drained.saturating_sub(before);
            tracing::info!(
                drained,
                "the spool is empty: what comes in goes to the database again"
            );
            if drained > 0 {
                keep_audit(state, drained).await;
            }
            None
        }
        (unchanged, _) => unchanged,
    }
}

async fn keep_audit(state: &AppState, drained: u64) {
    let record = AuditRecord {
        id: state.engine.new_id(),
        at: state.engine.now(),
        actor: "holdline".to_owned(),
        action: "spool.drained".to_owned(),
        subject: "spool".to_owned(),
        reason: "the database is back, and has all that was kept meanwhile".to_owned(),
        detail: format!("{drained} records"),
    };
    if let Err(error) = state.engine.commit(vec![Op::Audit(record)]).await {
        tracing::warn!(%error, "the end of the spool's use could not be kept");
    }
}
