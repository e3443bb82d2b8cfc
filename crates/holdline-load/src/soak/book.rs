//! What the app was promised, what it was told, and how many copies reached people: a byte for
//! each message, so that the run itself does not grow with what it watches.

use std::sync::{Mutex, MutexGuard, PoisonError};

const ACCEPTED: u8 = 1;
const TOLD_ARRIVED: u8 = 2;
const TOLD_FAILED: u8 = 4;
const COPY: u8 = 16;
const COPIES_MAX: u8 = 15;

#[derive(Debug)]
pub(super) struct Book {
    pages: Mutex<Vec<u8>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) accepted: u64,
    /// Accepted, and told to have arrived or failed.
    pub(super) told: u64,
    /// Told as failed and never as arrived.
    pub(super) failed: Vec<u64>,
    /// Accepted, told as nothing but arrived if anything, and no copy reached anybody.
    pub(super) lost: u64,
    /// Numbers of which more than one copy reached somebody.
    pub(super) doubled: Vec<u64>,
}

impl Book {
    pub(super) fn new(total: u64) -> Self {
        let pages = Mutex::new(vec![0; usize::try_from(total).unwrap_or(usize::MAX)]);
        Self { pages }
    }

    pub(super) fn accepted(&self, number: u64) {
        self.with(number, |page| *page |= ACCEPTED);
    }

    pub(super) fn told(&self, number: u64, status: &str) {
        let bit = match status {
            "delivered" | "read" => TOLD_ARRIVED,
            "failed" => TOLD_FAILED,
            _ => 0,
        };
        self.with(number, |page| *page |= bit);
    }

    pub(super) fn copied(&self, number: u64) {
        self.with(number, |page| {
            if *page / COPY < COPIES_MAX {
                *page += COPY;
            }
        });
    }

    pub(super) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for (number, page) in self.lock().iter().enumerate() {
            let (accepted, copies) = (page & ACCEPTED != 0, page / COPY);
            let (arrived, failed) = (page & TOLD_ARRIVED != 0, page & TOLD_FAILED != 0);
            sums.accepted += u64::from(accepted);
            sums.told += u64::from(accepted && (arrived || failed));
            if failed && !arrived {
                sums.failed.push(number as u64);
            }
            sums.lost += u64::from(accepted && copies == 0 && (arrived || !failed));
            if copies > 1 {
                sums.doubled.push(number as u64);
            }
        }
        sums
    }

    fn with(&self, number: u64, change: impl FnOnce(&mut u8)) {
        let page = usize::try_from(number).ok();
        if let Some(page) = page.and_then(|at| self.lock().get_mut(at).map(change)) {
            page
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_doubled_and_untold_are_told_apart() {
        let book = Book::new(6);
        (0..5).for_each(|number| book.accepted(number));
        [0, 1, 1, 4]
            .into_iter()
            .for_each(|number| book.copied(number));
        book.told(0, "sent");
        book.told(0, "delivered");
        book.told(1, "read");
        book.told(2, "failed");
        book.told(4, "sent");
        let expect = Sums {
            accepted: 5,
            told: 3,
            failed: vec![2],
            lost: 1,
            doubled: vec![1],
        };
        assert_eq!(book.sums(), expect);
    }

    #[test]
    fn counts_do_not_run_over_and_strangers_do_no_harm() {
        let book = Book::new(1);
        book.accepted(0);
        (0..40).for_each(|_| book.copied(0));
        book.copied(9);
        assert_eq!(book.sums().accepted, 1);
        assert_eq!(book.sums().doubled, [0]);
    }
}
