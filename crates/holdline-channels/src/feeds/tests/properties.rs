//! No body makes a parser panic, and none that is cut off is taken for health.

use super::NOW;
use crate::feeds::reading::clip;
use crate::feeds::{metastatus, statuspage, syndication, times};
use proptest::prelude::*;

const ORGS: &str = r#"[{"id":"o","services":[{"id":1,"name":"A","status":"No known issues"}]}]"#;
const PAGE: &str = r#"{"status":{"indicator":"none"},"incidents":[],"components":[]}"#;
const FEED: &str = "<rss><channel><item><title>a &amp; b</title><description>\
    <![CDATA[<p><b>Update</b></p>]]></description></item></channel></rss>";

/// A sample with some bytes replaced.
fn spoilt(sample: &'static str) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec((0..sample.len(), any::<u8>()), 1..6).prop_map(move |changes| {
        let mut bytes = sample.as_bytes().to_vec();
        for (place, byte) in changes {
            bytes[place] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_make_a_parser_panic(
        body in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        prop_assert!(syndication::parse(&body, NOW).is_err());
        let _ = metastatus::parse(&body, &body, "o", NOW);
        let _ = metastatus::parse(ORGS.as_bytes(), &body, "o", NOW);
        let _ = statuspage::parse(&body, true, NOW);
    }

    #[test]
    fn spoilt_samples_never_make_a_parser_panic(
        orgs in spoilt(ORGS), page in spoilt(PAGE), feed in spoilt(FEED),
    ) {
        let _ = metastatus::parse(&orgs, b"[]", "o", NOW);
        let _ = statuspage::parse(&page, false, NOW);
        let _ = syndication::parse(&feed, NOW);
    }

    #[test]
    fn a_body_that_is_cut_off_is_never_understood(share in 0.0..1.0_f64) {
        let cut = |text: &'static str| &text.as_bytes()[..(text.len() as f64 * share) as usize];
        prop_assert!(metastatus::parse(cut(ORGS), b"[]", "o", NOW).is_err());
        prop_assert!(statuspage::parse(cut(PAGE), true, NOW).is_err());
        prop_assert!(syndication::parse(cut(FEED), NOW).is_err());
    }

    #[test]
    fn any_text_is_a_time_or_none_and_is_cut_to_its_length(text in ".{0,80}", max in 0..50_usize) {
        let _ = times::instant(&text);
        prop_assert!(clip(&text, max).chars().count() <= max);
    }
}
