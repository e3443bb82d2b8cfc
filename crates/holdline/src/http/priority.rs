//! How urgent a message is when its sender does not say. The same for every door it comes in by.

use holdline_core::message::Priority;

/// By the category of its template: codes are urgent, marketing can wait. `marketing` is for a
/// message that came by the path for such.
pub(crate) fn usual_priority(category: Option<&str>, marketing: bool) -> Priority {
    let is = |name: &str| category.is_some_and(|category| category.eq_ignore_ascii_case(name));
    if is("AUTHENTICATION") {
        Priority::Urgent
    } else if is("MARKETING") || marketing {
        Priority::Bulk
    } else {
        Priority::Service
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_urgent_marketing_is_bulk_and_all_else_is_service() {
        for (category, marketing, expect) in [
            (Some("AUTHENTICATION"), false, Priority::Urgent),
            (Some("authentication"), true, Priority::Urgent),
            (Some("MARKETING"), false, Priority::Bulk),
            (Some("UTILITY"), true, Priority::Bulk),
            (Some("UTILITY"), false, Priority::Service),
            (None, true, Priority::Bulk),
            (None, false, Priority::Service),
        ] {
            assert_eq!(
                usual_priority(category, marketing),
                expect,
                "{category:?} {marketing}"
            );
        }
    }
}
