//! Laws of the words that the core reads: what is read is written the same way again.

use holdline_channels::fuzzing::text;
use holdline_core::contact::{Consent, Keyword};
use holdline_core::health::{Country, Feature};
use holdline_core::id::OutageId;
use holdline_core::message::content::MediaKind;
use holdline_core::message::{DuplicateRule, FaultClass, Priority, Success};
use holdline_core::{ChannelKind, ContactId, MessageId};

pub(super) fn words(input: &[u8]) {
    let text = text(input);
    let known = [
        Consent::parse(&text).map(Consent::name),
        Feature::parse(&text).map(Feature::name),
        FaultClass::parse(&text).map(FaultClass::name),
        MediaKind::parse(&text).map(MediaKind::name),
        Priority::parse(&text).map(Priority::name),
        Success::parse(&text).map(Success::name),
        DuplicateRule::parse(&text).map(DuplicateRule::name),
    ];
    assert!(known.into_iter().flatten().all(|name| name == text));
    if let Some(kind) = ChannelKind::new(&text) {
        assert_eq!(kind.as_str(), text);
    }
    let ids = [
        MessageId::parse(&text).map(|id| id.to_string()),
        ContactId::parse(&text).map(|id| id.to_string()),
        OutageId::parse(&text).map(|id| id.to_string()),
    ];
    assert!(
        ids.into_iter()
            .flatten()
            .all(|id| id == text.to_ascii_lowercase())
    );
    if Keyword::read(&text, false) == Some(Keyword::Stop) {
        assert_eq!(
            Keyword::read(&text, true),
            Some(Keyword::Stop),
            "a stop stays one"
        );
    }
    assert!(Country::of_number(&text).0 < 1_000);
}
