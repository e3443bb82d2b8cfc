//! What the front door remembers between calls: the provider's last answers, and what it asked a
//! moment ago. Bounded; losing it costs a question, never a message.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long an answer of the provider stands without asking again.
const FRESH: Duration = Duration::from_secs(15);
const ANSWERS_MAX: usize = 256;
/// The same question about a template is asked once in a while only.
const ASK_EVERY: Duration = Duration::from_secs(3);
const ASKED_MAX: usize = 1_000;
/// Most read marks on their way to the provider.
const MARKS_MAX: usize = 64;

pub(crate) struct Memo {
    pub(super) marks: Arc<Semaphore>,
    answers: Mutex<BTreeMap<String, (Instant, Value)>>,
    asked: Mutex<BTreeMap<String, Instant>>,
}

impl Default for Memo {
    fn default() -> Self {
        let marks = Arc::new(Semaphore::new(MARKS_MAX));
        Self {
            marks,
            answers: Mutex::default(),
            asked: Mutex::default(),
        }
    }
}

impl Memo {
    pub(super) fn fresh(&self, key: &str) -> Option<Value> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answer) = answers.get(key)?;
        (at.elapsed() < FRESH).then(|| answer.clone())
    }

    pub(super) fn last(&self, key: &str) -> Option<Value> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(key).map(|(_, answer)| answer.clone())
    }

    pub(super) fn keep(&self, key: String, answer: Value) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= ANSWERS_MAX && !answers.contains_key(&key) {
            let oldest = answers
                .iter()
                .min_by_key(|(_, (at, _))| *at)
                .map(|(key, _)| key.clone());
            oldest.and_then(|key| answers.remove(&key));
        }
        answers.insert(key, (Instant::now(), answer));
    }

    /// Whether a question may be asked; notes that it is.
    pub(super) fn may_ask(&self, key: &str) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|_, at| at.elapsed() < ASK_EVERY);
        let free = asked.len() < ASKED_MAX && !asked.contains_key(key);
        if free {
            asked.insert(key.to_owned(), Instant::now());
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_is_not_asked_twice_in_a_row() {
        let memo = Memo::default();
        assert!(memo.may_ask("a"));
        assert!(!memo.may_ask("a"));
        assert!(memo.may_ask("b"));
    }

    #[test]
    fn answers_are_bounded_and_the_oldest_goes_first() {
        let memo = Memo::default();
        for number in 0..=ANSWERS_MAX {
            memo.keep(number.to_string(), number.into());
        }
        assert_eq!(memo.last("0"), None);
        assert_eq!(
            memo.fresh(&ANSWERS_MAX.to_string()),
            Some(ANSWERS_MAX.into())
        );
    }
}
