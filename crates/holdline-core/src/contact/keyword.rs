//! The keywords a person may send by SMS to stop, start or get help. The word must stand alone.
//!
//! The words are those of the CTIA Messaging Principles and Best Practices (opt-out section) and
//! of the carriers' advanced opt-out lists.

const STOP: [&str; 8] = [
    "stop",
    "stopall",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "optout",
    "revoke",
];
const START: [&str; 3] = ["start", "unstop", "yes"];
const HELP: [&str; 2] = ["help", "info"];

/// What a person asked for by a single word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    Stop,
    Start,
    Help,
}

impl Keyword {
    /// The keyword that a whole message is, if it is one. `yes` starts only who has stopped.
    #[must_use]
    pub fn read(text: &str, stopped: bool) -> Option<Self> {
        let word = text.trim().trim_end_matches(['.', '!']);
        let is = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
        if is(&STOP) {
            Some(Self::Stop)
        } else if is(&HELP) {
            Some(Self::Help)
        } else if is(&START) && (stopped || !word.eq_ignore_ascii_case("yes")) {
            Some(Self::Start)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, stopped: bool, expect: Option<Keyword>) {
        assert_eq!(Keyword::read(text, stopped), expect, "{text}");
    }

    #[test]
    fn a_word_counts_only_when_it_stands_alone() {
        check("STOP", false, Some(Keyword::Stop));
        check(" stop. ", false, Some(Keyword::Stop));
        check("please stop by at five", false, None);
        check("Help", false, Some(Keyword::Help));
        check("start", true, Some(Keyword::Start));
    }

    #[test]
    fn yes_is_an_answer_unless_the_person_had_stopped() {
        check("yes", false, None);
        check("yes", true, Some(Keyword::Start));
    }
}
