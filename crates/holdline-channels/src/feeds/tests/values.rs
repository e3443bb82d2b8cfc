//! The small things that all formats share: words, times, features, waits.

use super::NOW;
use crate::feeds::words::{Meaning, level_inside, meaning, says_over};
use crate::feeds::{FeedLevel, feature_of, poll_after_ms, times};
use holdline_core::Timestamp;

#[test]
fn words_mean_the_same_in_any_case_and_spelling() {
    let check = |word: &str, expect: Meaning| assert_eq!(meaning(word), expect, "{word}");
    check("No known issues", Meaning::Level(FeedLevel::Green));
    check("  low DISRUPTIONS ", Meaning::Level(FeedLevel::Low));
    check("Medium disruption", Meaning::Level(FeedLevel::Medium));
    check("High disruptions", Meaning::Level(FeedLevel::High));
    check("degraded_performance", Meaning::Level(FeedLevel::Low));
    check("partial-outage", Meaning::Level(FeedLevel::Medium));
    check("major_outage", Meaning::Level(FeedLevel::High));
    check("Resolved", Meaning::Over);
    check("post-mortem", Meaning::Over);
    check("Scheduled", Meaning::Scheduled);
    for word in ["", "fine, thanks", "unresolved", "Some disruption", "верх"] {
        check(word, Meaning::Unknown);
    }
}

#[test]
fn a_sentence_is_over_only_when_it_says_so_itself() {
    for text in [
        "This incident has been resolved.",
        "RESOLVED: Cloud API",
        "The maintenance is completed",
        "Post-mortem published",
    ] {
        assert!(says_over(text), "{text}");
    }
    for text in [
        "The issue is not yet resolved",
        "Sending is slow until this is resolved",
        "It should be resolved soon",
        "The matter is unresolved",
        "We are investigating",
        "",
    ] {
        assert!(!says_over(text), "{text}");
    }
    assert_eq!(level_inside("A partial outage"), Some(FeedLevel::Medium));
    assert_eq!(level_inside("Messages are slow"), None);
}

#[test]
fn times_are_read_in_every_form_and_never_guessed() {
    for text in [
        "2026-03-10T12:00:00Z",
        "2026-03-10T12:00:00.000Z",
        "2026-03-10T13:00:00+01:00",
        "2026-03-10 04:30:00 -0730",
        "2026-03-10T12:00",
        "Tue, 10 Mar 2026 12:00:00 GMT",
        "10 Mar 2026 12:00 +0000",
        "Tue, 10 Mar 2026 05:00:00 PDT",
        "1773144000",
        "1773144000000",
    ] {
        assert_eq!(times::instant(text), Some(NOW), "{text}");
    }
    let leap = times::instant("2024-02-29").unwrap();
    assert_eq!(leap, Timestamp(1_709_164_800_000));
    assert_eq!(
        times::instant("2026-03-10T12:00:00.5Z"),
        Some(Timestamp(NOW.0 + 500))
    );
    for text in [
        "",
        "yesterday",
        "2026-02-29",
        "2026-13-01T00:00:00Z",
        "2026-03-10T25:00:00Z",
        "2026-03-10T12:00:00 Mars",
        "0",
        "-5",
        "NaN",
        "1e300",
        "Tue, 10 Foo 2026 12:00:00 GMT",
        "２０２６-03-10",
    ] {
        assert_eq!(times::instant(text), None, "{text}");
    }
}

#[test]
fn services_stand_for_features_and_unknown_ones_for_all() {
    let check = |name: &str, expect: Option<&str>| assert_eq!(feature_of(name), expect, "{name}");
    check("Cloud API", Some("messages"));
    check("Cloud API Localized Storage", Some("messages"));
    check("Coexistence - Messaging", Some("messages"));
    check("Cloud API - Calling", Some("calling"));
    check("WhatsApp Business Account Management", Some("management"));
    check("Marketing Messages API", Some("marketing"));
    check("WhatsApp Flows", Some("flows"));
    check("Embedded Signup", Some("onboarding"));
    check("Coexistence - Onboarding", Some("onboarding"));
    check("Platform Status", None);
    check("", None);
}

#[test]
fn waits_stray_by_at_most_a_fifth() {
    assert_eq!(poll_after_ms(60_000, 0), 48_000);
    assert_eq!(poll_after_ms(60_000, 200), 60_000);
    assert_eq!(poll_after_ms(60_000, 400), 72_000);
    for draw in [1, 401, 7_919, u64::MAX] {
        assert!((48_000..=72_000).contains(&poll_after_ms(60_000, draw)));
    }
    assert!(poll_after_ms(u64::MAX, 400) > 0);
}
