//! Keeps what happened: shows it to the checkers, and writes it down when asked. The first thing
//! that may not be ends the run.

use super::checkers::{Checker, End, Rules};
use super::facts::Fact;
use crate::draws::mix;
use holdline_core::MessageId;
use std::collections::VecDeque;
use std::fmt::Write as _;

/// Lines kept for the story of a violation when nothing is traced.
const LINES_MAX: usize = 60_000;

/// Something happened that may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant: a checker's name.
    pub invariant: &'static str,
    pub at_ms: u64,
    pub what: String,
    /// All that happened to the message, or the end of the run where it is about none.
    pub story: Vec<String>,
}

/// What a checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: Option<MessageId>,
    pub(crate) what: String,
}

impl Wrong {
    pub(crate) fn with(message: MessageId, what: impl Into<String>) -> Self {
        Self {
            message: Some(message),
            what: what.into(),
        }
    }

    pub(crate) fn of(what: impl Into<String>) -> Self {
        Self {
            message: None,
            what: what.into(),
        }
    }
}

pub(crate) struct Chronicle {
    checkers: Vec<Box<dyn Checker>>,
    pub(crate) rules: Rules,
    lines: VecDeque<(Option<MessageId>, String)>,
    lines_max: usize,
    digest: u64,
    facts: u64,
    pub(crate) violation: Option<Violation>,
}

impl Chronicle {
    /// `only`: one checker alone; `whole`: every line is kept.
    pub(crate) fn new(checkers: Vec<Box<dyn Checker>>, rules: Rules, whole: bool) -> Self {
        Self {
            checkers,
            rules,
            lines: VecDeque::new(),
            lines_max: if whole { usize::MAX } else { LINES_MAX },
            digest: 0,
            facts: 0,
            violation: None,
        }
    }

    /// True when the run should end here.
    pub(crate) fn add(&mut self, at_ms: u64, fact: &Fact) -> bool {
        self.facts += 1;
        self.write(at_ms, fact);
        if self.violation.is_some() {
            return true;
        }
        let rules = &self.rules;
        let found = self.checkers.iter_mut().find_map(|checker| {
            let wrong = checker.see(at_ms, fact, rules).err()?;
            Some((checker.name(), wrong))
        });
        if let Some((name, wrong)) = found {
            self.blame(name, at_ms, wrong);
        }
        self.violation.is_some()
    }

    /// The run is over: what should have happened by now?
    pub(crate) fn end(&mut self, at_ms: u64, end: &End) {
        if self.violation.is_some() {
            return;
        }
        let rules = &self.rules;
        let found = self.checkers.iter_mut().find_map(|checker| {
            let wrong = checker.end(end, rules).err()?;
            Some((checker.name(), wrong))
        });
        if let Some((name, wrong)) = found {
            self.blame(name, at_ms, wrong);
        }
    }

    pub(crate) fn blame(&mut self, invariant: &'static str, at_ms: u64, wrong: Wrong) {
        let story = self.story_of(wrong.message);
        self.violation = Some(Violation {
            invariant,
            at_ms,
            what: wrong.what,
            story,
        });
    }

    pub(crate) const fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) const fn facts(&self) -> u64 {
        self.facts
    }

    pub(crate) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
            .into_iter()
            .map(|(_, line)| line)
            .collect()
    }

    fn write(&mut self, at_ms: u64, fact: &Fact) {
        let mut line = String::with_capacity(96);
        let _ = write!(line, "{:>9}.{:03} {fact}", at_ms / 1000, at_ms % 1000);
        for byte in line.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.digest = mix(self.digest);
        if self.lines.len() >= self.lines_max {
            self.lines.pop_front();
        }
        self.lines.push_back((fact.message(), line));
    }

    fn story_of(&self, message: Option<MessageId>) -> Vec<String> {
        const LAST: usize = 40;
        let about = |it: &&(Option<MessageId>, String)| message.is_none() || it.0 == message;
        let lines: Vec<&String> = self.lines.iter().filter(about).map(|it| &it.1).collect();
        let skip = match message {
            Some(_) => 0,
            None => lines.len().saturating_sub(LAST),
        };
        lines.into_iter().skip(skip).cloned().collect()
    }
}
