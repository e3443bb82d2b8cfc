//! What a feed says, in one shape for all formats, and the limits of what is kept of it. Never
//! says Green for what was not understood.

use std::cmp::Reverse;

use holdline_core::Timestamp;

/// Open incidents kept of one feed, the gravest first.
pub const INCIDENTS_MAX: usize = 50;

/// Incidents kept while a body is read.
const GATHERED_MAX: usize = 500;
const TITLE_CHARS_MAX: usize = 300;
const NAME_CHARS_MAX: usize = 120;
const SERVICES_MAX: usize = 20;
/// Unknown words kept of one body.
const UNKNOWN_MAX: usize = 8;
const WHY_CHARS_MAX: usize = 200;

/// How bad it is, in the publisher's own view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeedLevel {
    Green,
    Low,
    Medium,
    High,
}

/// One trouble that the publisher owns up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedIncident {
    pub id: String,
    pub title: String,
    pub level: FeedLevel,
    /// Names as the publisher writes them; empty when none is named.
    pub services: Vec<String>,
    pub began_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub resolved: bool,
}

/// The state of a whole feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedReading {
    pub level: FeedLevel,
    /// Only those that are open.
    pub incidents: Vec<FeedIncident>,
}

/// What came of asking a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedAnswer {
    /// The last reading still holds.
    Unchanged,
    Seen(FeedReading),
    /// Not fetched or not understood, and why. Never a sign of health; the next answer that is
    /// understood comes whole.
    Unknown(String),
}

/// A reading, and the words in it that have no known meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) reading: FeedReading,
    pub(crate) unknown: Vec<String>,
}

/// Why a body is not understood.
pub(crate) type Shape<T> = Result<T, String>;

/// Gathers a reading from a body, piece by piece.
#[derive(Debug)]
pub(super) struct Gather {
    level: FeedLevel,
    incidents: Vec<FeedIncident>,
    unknown: Vec<String>,
}

impl Gather {
    pub(super) const fn new() -> Self {
        Self {
            level: FeedLevel::Green,
            incidents: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// The feed as a whole is at least this bad.
    pub(super) fn at_least(&mut self, level: FeedLevel) {
        self.level = self.level.max(level);
    }

    pub(super) fn add(&mut self, incident: FeedIncident) {
        if incident.resolved {
            return;
        }
        self.at_least(incident.level);
        if self.incidents.len() < GATHERED_MAX {
            self.incidents.push(bounded(incident));
        }
    }

    pub(super) fn note_unknown(&mut self, word: &str) {
        let word = clip(word, NAME_CHARS_MAX);
        if self.unknown.len() < UNKNOWN_MAX && !self.unknown.contains(&word) {
            self.unknown.push(word);
        }
    }

    /// Whether an open incident of this service is at least this bad.
    pub(super) fn covers(&self, service: &str, level: FeedLevel) -> bool {
        let name = clip(service, NAME_CHARS_MAX);
        let names_it = |incident: &FeedIncident| incident.services.contains(&name);
        self.incidents
            .iter()
            .any(|incident| incident.level >= level && names_it(incident))
    }

    pub(super) fn done(mut self) -> Parsed {
        self.incidents
            .sort_by_key(|incident| Reverse(incident.level));
        self.incidents.truncate(INCIDENTS_MAX);
        Parsed {
            reading: FeedReading {
                level: self.level,
                incidents: self.incidents,
            },
            unknown: self.unknown,
        }
    }
}

/// `text` on one line, cut to a length.
pub(crate) fn clip(text: &str, chars_max: usize) -> String {
    let mut kept = String::new();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if kept.len() > chars_max * 4 {
            break;
        }
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.extend(word.chars().take(chars_max));
    }
    kept.chars().take(chars_max).collect()
}

pub(super) fn unknown(why: &str) -> FeedAnswer {
    FeedAnswer::Unknown(clip(why, WHY_CHARS_MAX))
}

fn bounded(incident: FeedIncident) -> FeedIncident {
    let names = incident.services.iter().take(SERVICES_MAX);
    FeedIncident {
        id: clip(&incident.id, NAME_CHARS_MAX),
        title: clip(&incident.title, TITLE_CHARS_MAX),
        services: names.map(|name| clip(name, NAME_CHARS_MAX)).collect(),
        ..incident
    }
}
