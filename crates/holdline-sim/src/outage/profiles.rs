//! The table of outage profiles: name, what it does, what happens when it ends. Pure data.

use super::Provider;

/// What a profile does to the provider it is switched on for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Reset,
    Swallow,
    ServerError,
    HtmlError,
    UnknownError,
    Slow,
    WithholdSent,
    WithholdDelivered,
    DropWebhooks,
    DelayWebhooks,
    DisorderWebhooks,
    SwallowAfterAccept,
    ErrorAfterAccept,
    FeatureError,
    InboundSilent,
    ContractChange,
    TokenExpired,
    AccountLocked,
    Payment,
    RateLimited,
    PairLimited,
    TemplatePaused,
    /// Accepted, then failed for the recipient with this code (mail: refused at RCPT).
    RecipientFault(RecipientFault),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecipientFault {
    Unreachable,
    WindowClosed,
    Withheld,
    Temporary,
}

/// One named way to fail.
#[derive(Debug, Clone)]
pub struct Profile {
    pub name: &'static str,
    pub description: &'static str,
    /// What happens to whatever was withheld when the profile ends.
    pub at_end: &'static str,
    pub providers: &'static [Provider],
    pub(crate) behaviour: Behaviour,
    /// Only these message types are touched; empty means all.
    pub(crate) types: &'static [&'static str],
    /// Country prefix used when the scope names none.
    pub(crate) prefix: Option<&'static str>,
}

const ALL: &[Provider] = &[Provider::Whatsapp, Provider::Sms, Provider::Email];
const PHONES: &[Provider] = &[Provider::Whatsapp, Provider::Sms];
const WHATSAPP: &[Provider] = &[Provider::Whatsapp];
const EMAIL: &[Provider] = &[Provider::Email];
const MEDIA: &[&str] = &["image", "video", "audio", "document", "sticker", "media"];
const NOTHING: &str = "Nothing was withheld; service is back at once.";
const LATE: &str = "Everything withheld comes out late, spread over the release time.";

use Behaviour as B;

/// Every profile that can be switched on.
pub const PROFILES: &[Profile] = &[
    profile(
        "hard_down",
        "Connections are reset at accept and open ones cut; nothing is reachable.",
        NOTHING,
        ALL,
        B::Reset,
    ),
    profile(
        "blackhole",
        "Connections are accepted and never answered; nothing is processed.",
        "Held connections are closed without an answer.",
        ALL,
        B::Swallow,
    ),
    profile(
        "server_errors",
        "Every call fails: WhatsApp code 2 with 500 or 503, SMS 500/503, mail 421/451.",
        NOTHING,
        ALL,
        B::ServerError,
    ),
    profile(
        "html_5xx",
        "A proxy in front answers 502, 503 or 504 with HTML or an empty body.",
        NOTHING,
        PHONES,
        B::HtmlError,
    ),
    profile(
        "unknown_errors",
        "Sends fail with 131000 (SMS: 500); nothing is processed.",
        NOTHING,
        PHONES,
        B::UnknownError,
    ),
    profile(
        "latency",
        "Everything works but answers take seconds (delay_ms sets the median, 6000 by default).",
        NOTHING,
        ALL,
        B::Slow,
    ),
    profile(
        "accepted_not_delivered",
        "Sends are accepted; no status follows and nothing reaches the phone or mailbox.",
        LATE,
        ALL,
        B::WithholdSent,
    ),
    profile(
        "sent_not_delivered",
        "Sends are accepted and reported sent; nothing reaches the phone.",
        LATE,
        PHONES,
        B::WithholdDelivered,
    ),
    profile(
        "webhooks_stopped",
        "People receive and write, but no webhook is posted.",
        "Webhooks of that time are lost for good; message history still knows.",
        PHONES,
        B::DropWebhooks,
    ),
    profile(
        "webhooks_delayed",
        "Webhooks wait until the end, or for delay_ms when given; timestamps stay the \
         original ones.",
        LATE,
        PHONES,
        B::DelayWebhooks,
    ),
    profile(
        "webhooks_duplicated_reordered",
        "Each webhook is posted twice, each copy after its own random wait.",
        "Copies already waiting are still posted.",
        PHONES,
        B::DisorderWebhooks,
    ),
    profile(
        "timeout_after_accept",
        "Sends are processed and delivered, but the call is never answered.",
        "Unanswered calls are closed without an answer.",
        ALL,
        B::SwallowAfterAccept,
    ),
    profile(
        "error_after_accept",
        "Sends are processed and delivered, but answered with an unknown error.",
        NOTHING,
        ALL,
        B::ErrorAfterAccept,
    ),
    typed(
        "media_only",
        "Media messages, uploads and downloads fail with 131016; text and templates work.",
        MEDIA,
        B::FeatureError,
    ),
    typed(
        "template_only",
        "Template messages fail with 131016; free-form messages work.",
        &["template"],
        B::FeatureError,
    ),
    typed(
        "marketing_only",
        "Marketing templates fail with 131016; all else works.",
        &["marketing"],
        B::FeatureError,
    ),
    typed(
        "inbound_type_silent",
        "Inbound documents (or the scope's message type) produce no webhook; all else \
         does. They are lost for good.",
        &["document"],
        B::InboundSilent,
    ),
    typed(
        "contract_change",
        "Media look-ups that carry phone_number_id are refused with code 100, as after a \
         changed contract.",
        &[],
        B::ContractChange,
    ),
    Profile {
        prefix: Some("7"),
        ..profile(
            "regional",
            "Accepted and sent, but nothing arrives for one country prefix (7 unless the \
             scope says).",
            LATE,
            PHONES,
            B::WithholdDelivered,
        )
    },
    profile(
        "own_token_expired",
        "Our credential is refused (WhatsApp 190/463 with 401, SMS 20003, mail 535); \
         other tokens work.",
        NOTHING,
        ALL,
        B::TokenExpired,
    ),
    profile(
        "account_locked",
        "Our account is locked (WhatsApp 131031 with 403, SMS 20005, mail 554 5.7.1).",
        NOTHING,
        ALL,
        B::AccountLocked,
    ),
    profile(
        "payment",
        "Sends fail for a payment problem (131042).",
        NOTHING,
        WHATSAPP,
        B::Payment,
    ),
    profile(
        "rate_limited",
        "Every send is throttled (WhatsApp 130429, SMS 20429, both 429 with Retry-After; \
         mail 450 4.7.1).",
        NOTHING,
        ALL,
        B::RateLimited,
    ),
    profile(
        "pair_limited",
        "Sends to the person in scope are throttled (131056).",
        NOTHING,
        WHATSAPP,
        B::PairLimited,
    ),
    typed(
        "template_paused",
        "Templates are paused for low quality (132015).",
        &["template"],
        B::TemplatePaused,
    ),
    profile(
        "recipient_unreachable",
        "Accepted, then failed for the recipient (131026; SMS 30003 or 30005; mail 550 at RCPT).",
        NOTHING,
        ALL,
        B::RecipientFault(RecipientFault::Unreachable),
    ),
    profile(
        "window_closed",
        "Free-form messages are accepted, then fail with 131047; templates work.",
        NOTHING,
        WHATSAPP,
        B::RecipientFault(RecipientFault::WindowClosed),
    ),
    profile(
        "recipient_withheld",
        "Accepted, then withheld for engagement (131049).",
        NOTHING,
        WHATSAPP,
        B::RecipientFault(RecipientFault::Withheld),
    ),
    profile(
        "recipient_temporary",
        "Recipients are refused for now (mail 450 4.2.0).",
        NOTHING,
        EMAIL,
        B::RecipientFault(RecipientFault::Temporary),
    ),
];

const fn profile(
    name: &'static str,
    description: &'static str,
    at_end: &'static str,
    providers: &'static [Provider],
    behaviour: Behaviour,
) -> Profile {
    Profile {
        name,
        description,
        at_end,
        providers,
        behaviour,
        types: &[],
        prefix: None,
    }
}

const fn typed(
    name: &'static str,
    description: &'static str,
    types: &'static [&'static str],
    behaviour: Behaviour,
) -> Profile {
    Profile {
        types,
        ..profile(name, description, NOTHING, WHATSAPP, behaviour)
    }
}
