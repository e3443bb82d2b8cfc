//! How late each feed is: from the onset of our own outages, as evidence dated it, to the moment
//! that the feed told of them. Counts what is stored; judges no outage itself.

use super::pause;
use crate::http::state::AppState;
use holdline_core::ChannelKind;
use holdline_engine::ports::records::OutageRecord;
use holdline_engine::ports::{Op, StoreError};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::watch;

/// Newest outages that are looked at.
const OUTAGES_MAX: usize = 500;
const EVERY: Duration = Duration::from_secs(600);

/// What a feed was worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grade {
    /// Outages of its channel that we saw.
    pub(crate) outages: usize,
    /// Those that it told of.
    pub(crate) told: usize,
    pub(crate) mean_lag_s: Option<f64>,
    /// Of the newest.
    pub(crate) last_lag_s: Option<f64>,
}

impl Grade {
    /// Of the feed of this name and channel; `outages` the newest first.
    fn of(name: &str, channel: ChannelKind, outages: &[OutageRecord]) -> Self {
        let prefix = format!("{channel}/");
        let ours = |outage: &&OutageRecord| outage.route.starts_with(&prefix);
        let told = |outage: &&OutageRecord| outage.feed.as_deref() == Some(name);
        let outages: Vec<&OutageRecord> = outages.iter().filter(ours).collect();
        let told: Vec<&OutageRecord> = outages.iter().copied().filter(|it| told(it)).collect();
        let lags: Vec<f64> = told.iter().filter_map(|outage| lag_s(outage)).collect();
        let mean = lags.iter().sum::<f64>() / lags.len().max(1) as f64;
        Self {
            outages: outages.len(),
            told: told.len(),
            mean_lag_s: (!lags.is_empty()).then(|| rounded(mean)),
            last_lag_s: lags.first().copied().map(rounded),
        }
    }
}

/// Grades every feed, at the start and every so often.
pub(super) async fn keep(state: AppState, mut shutdown: watch::Receiver<bool>) {
    restore(&state).await;
    loop {
        if let Err(error) = renew(&state).await {
            tracing::warn!(%error, "feeds could not be graded; tried again");
        }
        if !pause(EVERY, &mut shutdown).await {
            return;
        }
    }
}

/// Grades every feed by what is stored now, and keeps what changed.
pub(super) async fn renew(state: &AppState) -> Result<(), StoreError> {
    let feeds = state.feeds.all();
    if feeds.is_empty() {
        return Ok(());
    }
    let outages = state.engine.store().outages(OUTAGES_MAX).await?;
    let mut ops = Vec::new();
    for feed in feeds {
        let grade = Grade::of(&feed.name, feed.channel, &outages);
        if grade != feed.lag {
            state.feeds.change(&feed.name, |feed| feed.lag = grade);
            ops.extend(setting(&feed.name, grade));
        }
    }
    if !ops.is_empty() {
        // A setting conflicts with nothing.
        let _ = state.engine.commit(ops).await?;
    }
    Ok(())
}

/// What was known when the process last ended, until the first look at the outages.
async fn restore(state: &AppState) {
    for feed in state.feeds.all() {
        let kept = state.engine.store().setting(&key(&feed.name)).await;
        let text = kept.ok().flatten().unwrap_or_default();
        if let Ok(grade) = serde_json::from_str(&text) {
            state.feeds.change(&feed.name, |feed| feed.lag = grade);
        }
    }
}

fn setting(name: &str, grade: Grade) -> Option<Op> {
    let value = serde_json::to_string(&grade).ok()?;
    Some(Op::Setting {
        key: key(name),
        value,
    })
}

fn key(name: &str) -> String {
    format!("feed.grade.{name}")
}

/// Negative where the feed was first.
fn lag_s(outage: &OutageRecord) -> Option<f64> {
    let lag_ms = outage.feed_at?.0 - outage.onset?.0;
    Some(lag_ms as f64 / 1_000.0)
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::Timestamp;
    use holdline_core::id::OutageId;

    fn outage(route: &str, onset: i64, told: Option<(&str, i64)>) -> OutageRecord {
        OutageRecord {
            id: OutageId(1),
            route: route.into(),
            scope: String::new(),
            signal: String::new(),
            onset: Some(Timestamp(onset)),
            suspect_at: None,
            degraded_at: None,
            opened_at: Timestamp(onset),
            recovering_at: None,
            recovered_at: None,
            reason: String::new(),
            moved: 0,
            nats: 0.0,
            bound: None,
            ratio: None,
            feed: told.map(|(feed, _)| feed.into()),
            feed_at: told.map(|(_, at)| Timestamp(at)),
        }
    }

    #[test]
    fn a_grade_counts_the_outages_of_its_channel_and_how_late_it_was() {
        let outages = [
            outage("whatsapp/1/all", 10_000, Some(("meta", 70_000))),
            outage("sms/1/all", 0, None),
            outage("whatsapp/1/session", 9_000, None),
            outage("whatsapp/2/all", 50_000, Some(("meta", 30_000))),
            outage("whatsapp/2/all", 50_000, Some(("other", 60_000))),
        ];
        let grade = Grade::of("meta", ChannelKind::WHATSAPP, &outages);
        assert_eq!(
            grade,
            Grade {
                outages: 4,
                told: 2,
                mean_lag_s: Some(20.0),
                last_lag_s: Some(60.0),
            }
        );
        let text = serde_json::to_string(&grade).unwrap();
        assert_eq!(serde_json::from_str::<Grade>(&text).unwrap(), grade);
        let none = Grade::of("meta", ChannelKind::WHATSAPP, &[]);
        assert_eq!(none, Grade::default());
    }
}
