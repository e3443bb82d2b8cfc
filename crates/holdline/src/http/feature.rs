//! What of WhatsApp a message uses, as far as it can fail alone. The same for every door.

use holdline_core::health::Feature;

/// By its kind, and the category of its template. `marketing`: it came by the path for such.
pub(crate) fn feature_of(kind: &str, category: Option<&str>, marketing: bool) -> Feature {
    let is = |name: &str| category.is_some_and(|category| category.eq_ignore_ascii_case(name));
    match kind {
        "image" | "video" | "audio" | "document" | "sticker" => Feature::Media,
        "template" if is("AUTHENTICATION") => Feature::Authentication,
        "template" if is("MARKETING") || marketing => Feature::Marketing,
        "template" if is("UTILITY") => Feature::Utility,
        "template" => Feature::Template,
        _ => Feature::Session,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_categories_have_features() {
        for (kind, category, marketing, expect) in [
            ("text", None, false, Feature::Session),
            ("interactive", None, false, Feature::Session),
            ("document", None, false, Feature::Media),
            (
                "template",
                Some("authentication"),
                false,
                Feature::Authentication,
            ),
            ("template", Some("UTILITY"), false, Feature::Utility),
            ("template", Some("UTILITY"), true, Feature::Marketing),
            ("template", None, false, Feature::Template),
        ] {
            assert_eq!(
                feature_of(kind, category, marketing),
                expect,
                "{kind} {category:?}"
            );
        }
    }
}
