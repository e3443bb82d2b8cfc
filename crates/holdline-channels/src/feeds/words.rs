//! Decides what the words of status pages mean: how bad, over, not begun, and which of our features
//! a service stands for. A word without a known meaning is bad, never good; a service without one
//! stands for all features.

use super::reading::FeedLevel;

/// What a word of a status page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Under way and this bad; Green when all is well.
    Level(FeedLevel),
    /// There was something and it is over.
    Over,
    /// Announced; a time decides whether it has begun.
    Scheduled,
    Unknown,
}

use Meaning::{Level, Over, Scheduled};

const WHOLE: &[(&str, Meaning)] = &[
    ("no known issues", Level(FeedLevel::Green)),
    ("no issues", Level(FeedLevel::Green)),
    ("none", Level(FeedLevel::Green)),
    ("operational", Level(FeedLevel::Green)),
    ("available", Level(FeedLevel::Green)),
    ("ok", Level(FeedLevel::Green)),
    ("up", Level(FeedLevel::Green)),
    ("all systems operational", Level(FeedLevel::Green)),
    ("low", Level(FeedLevel::Low)),
    ("low disruption", Level(FeedLevel::Low)),
    ("low disruptions", Level(FeedLevel::Low)),
    ("minor", Level(FeedLevel::Low)),
    ("minor outage", Level(FeedLevel::Low)),
    ("degraded", Level(FeedLevel::Low)),
    ("degraded performance", Level(FeedLevel::Low)),
    ("maintenance", Level(FeedLevel::Low)),
    ("under maintenance", Level(FeedLevel::Low)),
    ("in progress", Level(FeedLevel::Low)),
    ("verifying", Level(FeedLevel::Low)),
    ("medium", Level(FeedLevel::Medium)),
    ("medium disruption", Level(FeedLevel::Medium)),
    ("medium disruptions", Level(FeedLevel::Medium)),
    ("major", Level(FeedLevel::Medium)),
    ("partial outage", Level(FeedLevel::Medium)),
    ("investigating", Level(FeedLevel::Medium)),
    ("identified", Level(FeedLevel::Medium)),
    ("monitoring", Level(FeedLevel::Medium)),
    ("update", Level(FeedLevel::Medium)),
    ("high", Level(FeedLevel::High)),
    ("high disruption", Level(FeedLevel::High)),
    ("high disruptions", Level(FeedLevel::High)),
    ("critical", Level(FeedLevel::High)),
    ("major outage", Level(FeedLevel::High)),
    ("full outage", Level(FeedLevel::High)),
    ("downtime", Level(FeedLevel::High)),
    ("down", Level(FeedLevel::High)),
    ("resolved", Over),
    ("completed", Over),
    ("closed", Over),
    ("postmortem", Over),
    ("post mortem", Over),
    ("false alarm", Over),
    ("scheduled", Scheduled),
    ("scheduled maintenance", Scheduled),
    ("planned", Scheduled),
    ("not started", Scheduled),
];

/// Phrases that tell how bad it is when they stand inside a sentence, the gravest first.
const INSIDE: &[(&str, FeedLevel)] = &[
    ("high disruption", FeedLevel::High),
    ("major outage", FeedLevel::High),
    ("full outage", FeedLevel::High),
    ("critical", FeedLevel::High),
    ("medium disruption", FeedLevel::Medium),
    ("partial outage", FeedLevel::Medium),
    ("low disruption", FeedLevel::Low),
    ("degraded performance", FeedLevel::Low),
    ("minor", FeedLevel::Low),
];

/// Words in a service's name and the feature they mean; the first that is found wins.
const FEATURES: &[(&str, &str)] = &[
    ("calling", "calling"),
    ("flows", "flows"),
    ("marketing", "marketing"),
    ("signup", "onboarding"),
    ("onboarding", "onboarding"),
    ("management", "management"),
    ("cloud api", "messages"),
    ("cloudapi", "messages"),
    ("messaging", "messages"),
    ("messages", "messages"),
];

/// Words before "resolved" that turn its meaning round, as in "until this is resolved".
const TURNING: &[&str] = &["not", "until", "once", "when", "be", "being", "partially"];
const TURNING_REACH: usize = 3;

/// The meaning of a status, whatever its case and separators.
pub(super) fn meaning(word: &str) -> Meaning {
    let plain = plain(word);
    WHOLE
        .iter()
        .find(|(known, _)| *known == plain)
        .map_or(Meaning::Unknown, |(_, meaning)| *meaning)
}

/// How bad a sentence says it is, if it does.
pub(super) fn level_inside(text: &str) -> Option<FeedLevel> {
    let plain = plain(text);
    INSIDE
        .iter()
        .find(|(phrase, _)| plain.contains(phrase))
        .map(|(_, level)| *level)
}

/// Whether a sentence says that it is over.
pub(super) fn says_over(text: &str) -> bool {
    let plain = plain(text).replace("post mortem", "postmortem");
    let words: Vec<&str> = plain.split(' ').collect();
    let over = |word: &str| matches!(word, "resolved" | "completed" | "postmortem");
    words.iter().enumerate().any(|(place, word)| {
        let before = &words[place.saturating_sub(TURNING_REACH)..place];
        over(word) && !before.iter().any(|word| TURNING.contains(word))
    })
}

/// The feature behind a service's name: `messages`, `calling`, `management`, `marketing`, `flows`
/// or `onboarding`; none when all are meant or the name says nothing.
#[must_use]
pub fn feature_of(service: &str) -> Option<&'static str> {
    let name = service.to_lowercase();
    FEATURES
        .iter()
        .find(|(word, _)| name.contains(word))
        .map(|(_, feature)| *feature)
}

/// Lower case, words separated by one space.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let kept: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    kept.join(" ")
}
