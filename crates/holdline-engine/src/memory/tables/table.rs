//! One ordered table that can take back what was done since the last `keep`. Nothing else.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// Rows by key, with what undoes the changes of the group at work.
#[derive(Debug)]
pub(in crate::memory) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    undo: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            undo: Vec::new(),
        }
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    pub(in crate::memory) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(in crate::memory) fn has(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    pub(in crate::memory) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values()
    }

    pub(in crate::memory) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    pub(in crate::memory) fn range(
        &self,
        range: impl RangeBounds<K>,
    ) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(range)
    }

    pub(in crate::memory) fn put(&mut self, key: K, value: V) {
        let old = self.rows.insert(key.clone(), value);
        self.undo.push((key, old));
    }

    /// Puts the row unless the key is taken.
    pub(in crate::memory) fn add(&mut self, key: K, value: V) {
        if !self.has(&key) {
            self.put(key, value);
        }
    }

    /// Changes the row, if there is one.
    pub(in crate::memory) fn change(&mut self, key: &K, change: impl FnOnce(&mut V)) {
        if let Some(mut value) = self.rows.get(key).cloned() {
            change(&mut value);
            self.put(key.clone(), value);
        }
    }

    pub(in crate::memory) fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.rows.remove(key)?;
        self.undo.push((key.clone(), Some(old.clone())));
        Some(old)
    }

    /// Gives how many there were.
    pub(in crate::memory) fn remove_all(&mut self, keys: &[K]) -> usize {
        let there = keys.iter().filter_map(|key| self.remove(key));
        there.count()
    }

    pub(in crate::memory) fn remove_where(&mut self, doomed: impl Fn(&K, &V) -> bool) {
        let keys: Vec<K> = self
            .iter()
            .filter(|(key, value)| doomed(key, value))
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            self.remove(&key);
        }
    }

    pub(in crate::memory) fn keep(&mut self) {
        self.undo.clear();
    }

    pub(in crate::memory) fn take_back(&mut self) {
        for (key, old) in std::mem::take(&mut self.undo).into_iter().rev() {
            match old {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }
}
