//! Counts requests by provider, endpoint and outcome. Only counts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outage::Provider;

/// Different lines counted; further ones are counted together.
const LINES_MAX: usize = 1_000;

#[derive(Debug, Clone, Serialize)]
pub struct RequestCount {
    pub provider: Provider,
    pub endpoint: &'static str,
    /// Status, with the provider's error code if any, or how the connection ended.
    pub outcome: String,
    pub count: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Requests {
    counts: BTreeMap<(Provider, &'static str, String), u64>,
}

impl Requests {
    pub(crate) fn count(&mut self, provider: Provider, endpoint: &'static str, outcome: String) {
        let key = (provider, endpoint, outcome);
        if self.counts.len() < LINES_MAX || self.counts.contains_key(&key) {
            *self.counts.entry(key).or_default() += 1;
        } else {
            *self
                .counts
                .entry((provider, endpoint, "other".to_owned()))
                .or_default() += 1;
        }
    }

    pub(crate) fn all(&self) -> Vec<RequestCount> {
        self.counts
            .iter()
            .map(|((provider, endpoint, outcome), count)| RequestCount {
                provider: *provider,
                endpoint,
                outcome: outcome.clone(),
                count: *count,
            })
            .collect()
    }
}
