//! Reads a Graph path: any version or none, doubled and trailing slashes; then what it names.
//! Pure: knows the shapes of paths, not which ids exist.

/// What a path names, whatever the method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/{phone}/messages` and `/{phone}/marketing_messages`.
    Messages { phone: String, marketing: bool },
    /// `/{phone}/media`
    Media { phone: String },
    /// `/{waba}/message_templates`
    Templates { waba: String },
    /// `/{waba}/phone_numbers`
    PhoneNumbers { waba: String },
    /// `/{waba}/subscribed_apps`
    SubscribedApps { waba: String },
    /// `/{app}/subscriptions`
    Subscriptions { app: String },
    /// `/oauth/access_token`
    AccessToken,
    /// `/{id}`: a phone number, a medium, a template or anything else.
    Node { id: String },
    /// What only the provider knows; the id is that of the object it belongs to.
    Other { id: String },
    /// No path at all.
    Nothing,
}

impl Target {
    pub(crate) fn of(path: &str) -> Self {
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if parts.first().is_some_and(|part| is_version(part)) {
            parts.remove(0);
        }
        match parts.as_slice() {
            [] => Self::Nothing,
            ["oauth", "access_token"] => Self::AccessToken,
            [id] => Self::Node { id: (*id).into() },
            [id, edge] if is_id(id) => Self::edge((*id).into(), edge),
            [id, ..] => Self::Other { id: (*id).into() },
        }
    }

    fn edge(id: String, edge: &str) -> Self {
        match edge {
            "messages" => Self::Messages {
                phone: id,
                marketing: false,
            },
            "marketing_messages" => Self::Messages {
                phone: id,
                marketing: true,
            },
            "media" => Self::Media { phone: id },
            "message_templates" => Self::Templates { waba: id },
            "phone_numbers" => Self::PhoneNumbers { waba: id },
            "subscribed_apps" => Self::SubscribedApps { waba: id },
            "subscriptions" => Self::Subscriptions { app: id },
            _ => Self::Other { id },
        }
    }
}

/// The path without what varies between clients: what idempotency keys are bound to.
pub(crate) fn plain(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    let mut parts: Vec<&str> = parts.collect();
    if parts.first().is_some_and(|part| is_version(part)) {
        parts.remove(0);
    }
    format!("/{}", parts.join("/"))
}

/// The version that a path names.
pub(crate) fn version(path: &str) -> Option<String> {
    let first = path.split('/').find(|part| !part.is_empty());
    first.filter(|part| is_version(part)).map(str::to_lowercase)
}

/// `v`, digits, a dot, digits.
fn is_version(part: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let split = part
        .strip_prefix(['v', 'V'])
        .and_then(|numbers| numbers.split_once('.'));
    split.is_some_and(|(major, minor)| digits(major) && digits(minor))
}

fn is_id(part: &str) -> bool {
    part.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str], expect: &Target) {
        for path in paths {
            assert_eq!(&Target::of(path), expect, "{path}");
        }
    }

    #[test]
    fn version_and_slashes_make_no_difference() {
        let messages = Target::Messages {
            phone: "106".into(),
            marketing: false,
        };
        check(
            &[
                "/v23.0/106/messages",
                "/v1.0/106/messages/",
                "//v99.12//106//messages//",
                "/106/messages",
                "106/messages",
            ],
            &messages,
        );
        assert_eq!(plain("//v23.0/106/messages/"), "/106/messages");
        assert_eq!(version("/v23.0/106"), Some("v23.0".into()));
        assert_eq!(version("/106/messages"), None);
    }

    #[test]
    fn each_shape_is_told_from_the_others() {
        let id = || "1".to_owned();
        check(
            &["/v23.0/1/marketing_messages"],
            &Target::Messages {
                phone: id(),
                marketing: true,
            },
        );
        check(&["/1/media"], &Target::Media { phone: id() });
        check(&["/v2.0/1/", "/1"], &Target::Node { id: id() });
        check(
            &["/v23.0/1/message_templates"],
            &Target::Templates { waba: id() },
        );
        check(&["/1/subscriptions"], &Target::Subscriptions { app: id() });
        check(
            &["/v26.0/oauth/access_token", "/oauth/access_token"],
            &Target::AccessToken,
        );
        check(
            &["/1/whatsapp_business_profile", "/1/a/b"],
            &Target::Other { id: id() },
        );
        check(&["", "/", "/v23.0"], &Target::Nothing);
    }

    #[test]
    fn what_only_looks_like_a_version_is_an_id() {
        check(&["/v23"], &Target::Node { id: "v23".into() });
        check(&["/v.0"], &Target::Node { id: "v.0".into() });
    }
}
