//! Collects webhook changes that go to the same receiver into one body, up to a maximum.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Covered;

/// A change and the account it belongs to.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) waba_id: String,
    pub(crate) field: &'static str,
    pub(crate) value: Value,
    pub(crate) covers: Option<Covered>,
}

/// Open batches by receiver.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    open: BTreeMap<String, Vec<Change>>,
}

/// Where a batch stands after a change was added.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// The first one: its time runs from now.
    Opened,
    Waiting,
    Full,
}

impl Batches {
    pub(crate) fn add(&mut self, url: &str, change: Change, max: usize) -> Added {
        let batch = self.open.entry(url.to_owned()).or_default();
        batch.push(change);
        match batch.len() {
            full if full >= max => Added::Full,
            1 => Added::Opened,
            _ => Added::Waiting,
        }
    }

    pub(crate) fn take(&mut self, url: &str) -> Vec<Change> {
        self.open.remove(url).unwrap_or_default()
    }
}

/// One webhook body: one entry per account, in order of first mention.
pub(crate) fn body_of(changes: Vec<Change>) -> (Value, Vec<Covered>) {
    let covers = changes.iter().filter_map(|change| change.covers).collect();
    let mut entries: Vec<(String, Vec<Value>)> = Vec::new();
    for change in changes {
        let item = json!({"value": change.value, "field": change.field});
        match entries.iter_mut().find(|(waba, _)| *waba == change.waba_id) {
            Some((_, items)) => items.push(item),
            None => entries.push((change.waba_id, vec![item])),
        }
    }
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|(id, changes)| json!({"id": id, "changes": changes}))
        .collect();
    (
        json!({"object": "whatsapp_business_account", "entry": entries}),
        covers,
    )
}
