//! A bounded, numbered log: the newest `max` items, each with a sequence number that never repeats.

use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct Ring<T> {
    items: VecDeque<T>,
    first: u64,
    max: usize,
}

impl<T> Ring<T> {
    /// Sequence numbers start at 1, so that "after 0" means everything.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            items: VecDeque::new(),
            first: 1,
            max,
        }
    }

    /// The number the next pushed item will get.
    pub(crate) fn next_seq(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// Adds an item; returns its number and the item that had to go, if any.
    pub(crate) fn push(&mut self, item: T) -> (u64, Option<T>) {
        let seq = self.next_seq();
        self.items.push_back(item);
        let evicted = if self.items.len() > self.max {
            self.items.pop_front()
        } else {
            None
        };
        if evicted.is_some() {
            self.first += 1;
        }
        (seq, evicted)
    }

    pub(crate) fn get(&self, seq: u64) -> Option<&T> {
        self.items.get(self.index(seq)?)
    }

    pub(crate) fn get_mut(&mut self, seq: u64) -> Option<&mut T> {
        let index = self.index(seq)?;
        self.items.get_mut(index)
    }

    /// Items with a number above `seq`, oldest first.
    pub(crate) fn after(&self, seq: u64) -> impl DoubleEndedIterator<Item = &T> {
        let skip = (seq + 1).saturating_sub(self.first) as usize;
        self.items.range(skip.min(self.items.len())..)
    }

    fn index(&self, seq: u64) -> Option<usize> {
        seq.checked_sub(self.first).map(|index| index as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_their_numbers() {
        let mut ring = Ring::new(3);
        for value in 10..15 {
            ring.push(value);
        }
        assert_eq!(ring.get(1), None);
        assert_eq!(ring.get(2), None);
        assert_eq!(ring.get(3), Some(&12));
        assert_eq!(ring.get(5), Some(&14));
        assert_eq!(ring.get(6), None);
        assert_eq!(ring.after(0).copied().collect::<Vec<_>>(), [12, 13, 14]);
        assert_eq!(ring.after(4).copied().collect::<Vec<_>>(), [14]);
        assert_eq!(ring.after(99).count(), 0);
    }
}
