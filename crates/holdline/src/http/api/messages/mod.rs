//! Messages: what callers send to us about them. Validation is in [`send`], [`recipient`] and
//! [`plan`]; what we tell about them in [`view`].

pub(crate) mod content;
pub(crate) mod plan;
pub(crate) mod preview;
pub(crate) mod read;
pub(crate) mod recipient;
pub(crate) mod references;
pub(crate) mod send;
#[cfg(test)]
mod tests;
pub(crate) mod view;

use super::values::Span;
use serde::Deserialize;
use utoipa::ToSchema;

/// A message to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendMessage {
    pub(crate) to: To,
    /// The sender (phone-number id). May be left out when the token reaches exactly one.
    #[schema(example = "106540352242922", min_length = 1, max_length = 64)]
    pub(crate) from: Option<String>,
    /// Short for a `message` of type text.
    #[schema(example = "Your order is ready.", min_length = 1, max_length = 4096)]
    pub(crate) text: Option<String>,
    /// The message as the WhatsApp Cloud API shapes it: `type`, the object of that type, `context`.
    /// The recipient is given by `to` of the request, not in here.
    #[schema(value_type = Option<Object>)]
    pub(crate) message: Option<serde_json::Value>,
    /// Channels to try one after the other. Left out: the configured order, over the addresses of
    /// the contact.
    #[schema(min_items = 1, max_items = 8)]
    pub(crate) plan: Option<Vec<Hop>>,
    /// How urgent it is. Left out: `service`; of templates, what their category says.
    pub(crate) priority: Option<PriorityName>,
    /// The class of the data in it. Left out: `personal`.
    #[schema(example = "personal", min_length = 1, max_length = 64)]
    pub(crate) data_class: Option<String>,
    /// What may follow an attempt whose fate is unknown. Left out: what the priority says.
    pub(crate) duplicate_rule: Option<DuplicateRuleName>,
    /// Nothing is sent after this time (RFC 3339).
    #[schema(example = "2027-01-31T12:00:00Z")]
    pub(crate) expires_at: Option<String>,
    /// The same, counted from now. Only one of the two.
    pub(crate) expires_in: Option<Span>,
    /// Given back in events about the message.
    #[schema(max_length = 512)]
    pub(crate) callback_data: Option<String>,
}

/// To whom: exactly one of `contact`, `phone`, `email`, `wa_user`, or `channel` with `address`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct To {
    /// Id of a contact.
    #[schema(min_length = 32, max_length = 32)]
    pub(crate) contact: Option<String>,
    /// A phone number with country code, for WhatsApp and SMS.
    #[schema(example = "+16505551234", min_length = 1, max_length = 64)]
    pub(crate) phone: Option<String>,
    /// A mail address.
    #[schema(example = "ada@example.com", min_length = 1, max_length = 254)]
    pub(crate) email: Option<String>,
    /// A WhatsApp business-scoped user id.
    #[schema(example = "US.13491208655302741918", min_length = 1, max_length = 140)]
    pub(crate) wa_user: Option<String>,
    /// A channel by name, together with `address`.
    #[schema(example = "sms", min_length = 1, max_length = 12)]
    pub(crate) channel: Option<String>,
    /// The address on `channel`.
    #[schema(min_length = 1, max_length = 254)]
    pub(crate) address: Option<String>,
}

/// One hop of a plan. What is left out takes the configured default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hop {
    /// A configured channel on which the contact has an address.
    #[schema(example = "sms", min_length = 1, max_length = 12)]
    pub(crate) channel: String,
    /// How long to wait for success on this hop before the next one is tried.
    pub(crate) after: Option<Span>,
    /// What counts as success here.
    pub(crate) success: Option<SuccessName>,
    /// Kinds of refusal that lead on to the next hop.
    #[schema(max_items = 7)]
    pub(crate) on: Option<Vec<FaultClassName>>,
    /// How long this hop may be tried at all.
    pub(crate) ttl: Option<Span>,
    /// Another template to use on this hop: its name, or name/language.
    #[schema(example = "order_ready/en_US", min_length = 1, max_length = 512)]
    pub(crate) template: Option<String>,
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident of $core:ty { $($word:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name { $($word),+ }

        impl From<$name> for $core {
            fn from(name: $name) -> Self {
                match name { $($name::$word => Self::$word),+ }
            }
        }

        impl From<$core> for $name {
            fn from(value: $core) -> Self {
                match value { $(<$core>::$word => Self::$word),+ }
            }
        }
    )+};
}

words! {
    /// How urgent a message is, most urgent first.
    PriorityName of holdline_core::message::Priority { Emergency, Urgent, Service, Bulk }
    /// What may follow an attempt whose fate is unknown: `tolerate` a second copy after the
    /// ambiguity window, `reconcile` first, or `never` send again.
    DuplicateRuleName of holdline_core::message::DuplicateRule { Tolerate, Reconcile, Never }
    /// How far a message must get on a hop.
    SuccessName of holdline_core::message::Success { Accepted, Sent, Delivered, Read }
    /// Whose fault a refusal is.
    FaultClassName of holdline_core::message::FaultClass {
        Platform, Throttled, Account, Request, Recipient, Engagement, Template,
    }
}
