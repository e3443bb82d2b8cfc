//! The kinds of error that the API tells apart: a stable slug, an HTTP status, a title, and how a
//! caller mends it. The documentation lists the same table.

use axum::http::StatusCode;

/// What kind of error it is. Its slug ends the `type` address, which leads to the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Malformed,
    Invalid,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    KeyReused,
    AddressTaken,
    AlreadyEnded,
    NoRoute,
    NoConsent,
    TooLarge,
    MediaType,
    Busy,
    Unavailable,
}

struct Row {
    kind: Kind,
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    mend: &'static str,
}

/// In the order of [`Kind`].
const TABLE: [Row; 15] = [
    Row {
        kind: Kind::Malformed,
        status: StatusCode::BAD_REQUEST,
        slug: "malformed",
        title: "The request cannot be read",
        mend: "Send what the error names.",
    },
    Row {
        kind: Kind::Invalid,
        status: StatusCode::UNPROCESSABLE_ENTITY,
        slug: "invalid",
        title: "Some fields are not valid",
        mend: "Mend every field that `errors` lists; they are listed all at once.",
    },
    Row {
        kind: Kind::Unauthorized,
        status: StatusCode::UNAUTHORIZED,
        slug: "unauthorized",
        title: "No valid token",
        mend: "Send `Authorization: Bearer <token>` with a token from `holdline token create`.",
    },
    Row {
        kind: Kind::Forbidden,
        status: StatusCode::FORBIDDEN,
        slug: "forbidden",
        title: "The token does not reach so far",
        mend: "Use a token whose scope includes this sender.",
    },
    Row {
        kind: Kind::NotFound,
        status: StatusCode::NOT_FOUND,
        slug: "not-found",
        title: "There is no such thing",
        mend: "Check the id and the path.",
    },
    Row {
        kind: Kind::MethodNotAllowed,
        status: StatusCode::METHOD_NOT_ALLOWED,
        slug: "method-not-allowed",
        title: "This path does not take that method",
        mend: "See the list of operations for the methods of each path.",
    },
    Row {
        kind: Kind::KeyReused,
        status: StatusCode::CONFLICT,
        slug: "idempotency-key-reused",
        title: "The idempotency key was used for another request",
        mend: "Use a new key for a new message; repeat a request with the same body.",
    },
    Row {
        kind: Kind::AddressTaken,
        status: StatusCode::CONFLICT,
        slug: "address-taken",
        title: "An address belongs to another contact",
        mend: "Change the contact that has the address, or leave the address out.",
    },
    Row {
        kind: Kind::AlreadyEnded,
        status: StatusCode::CONFLICT,
        slug: "already-ended",
        title: "The message has ended",
        mend: "Nothing needs to be done: read the message to see how it ended.",
    },
    Row {
        kind: Kind::NoRoute,
        status: StatusCode::UNPROCESSABLE_ENTITY,
        slug: "no-route",
        title: "No channel can take it",
        mend: "Give the contact an address on a configured channel, or name another channel.",
    },
    Row {
        kind: Kind::NoConsent,
        status: StatusCode::UNPROCESSABLE_ENTITY,
        slug: "no-consent",
        title: "The person withdrew consent",
        mend: "Do not send; the person can give consent again by writing START.",
    },
    Row {
        kind: Kind::TooLarge,
        status: StatusCode::PAYLOAD_TOO_LARGE,
        slug: "too-large",
        title: "The body is too large",
        mend: "Send less at a time.",
    },
    Row {
        kind: Kind::MediaType,
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        slug: "media-type",
        title: "This media type is not taken here",
        mend: "Set Content-Type to the type that the operation names.",
    },
    Row {
        kind: Kind::Busy,
        status: StatusCode::TOO_MANY_REQUESTS,
        slug: "busy",
        title: "Too much is waiting",
        mend: "Try again after the seconds that Retry-After names. Nothing was kept.",
    },
    Row {
        kind: Kind::Unavailable,
        status: StatusCode::SERVICE_UNAVAILABLE,
        slug: "unavailable",
        title: "It cannot be stored now",
        mend: "Try again after the seconds that Retry-After names. Nothing was kept.",
    },
];

impl Kind {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.kind)
    }

    pub(crate) const fn slug(self) -> &'static str {
        TABLE[self as usize].slug
    }

    pub(crate) const fn title(self) -> &'static str {
        TABLE[self as usize].title
    }

    /// How a caller mends it.
    pub(crate) const fn mend(self) -> &'static str {
        TABLE[self as usize].mend
    }

    pub(crate) const fn status(self) -> StatusCode {
        TABLE[self as usize].status
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_stands_in_its_own_row_under_its_own_slug() {
        assert!(
            Kind::all()
                .enumerate()
                .all(|(ix, kind)| kind as usize == ix)
        );
        let slugs: BTreeSet<_> = Kind::all().map(Kind::slug).collect();
        assert_eq!(slugs.len(), TABLE.len());
        assert!(Kind::all().all(|kind| kind.status().as_u16() >= 400));
    }
}
