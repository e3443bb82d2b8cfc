//! What happens in a run, as a list: messages, what people do, faults. Made from a seed, written
//! down as JSON, and made shorter when it fails. Plain data.

mod make;

pub use make::{HEAL_SLACK_MS, script_of};
pub(crate) use make::{OWN, branch};

use crate::Provider;
use serde::{Deserialize, Serialize};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Every draw of the run comes from it: orders, latencies, ids.
    pub seed: u64,
    pub nodes: u8,
    /// Faults end then at the latest; from then on everything must come to its end.
    pub heal_at_ms: u64,
    /// Open messages beyond which apps are told to come back.
    pub open_messages_max: usize,
    /// Waiting messages of one priority that a node keeps in memory.
    pub window_max: usize,
    pub items: Vec<Item>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub at_ms: u64,
    pub act: Act,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// An app sends a message.
    Send(Send),
    /// A person does something.
    Person { person: u8, does: Does },
    /// A provider fails by one of the sandbox's profiles.
    Outage {
        profile: String,
        provider: Provider,
        percent: Option<u8>,
        for_ms: u64,
    },
    /// A network fails some of the calls over it.
    Net {
        between: Between,
        does: NetFault,
        percent: u8,
        for_ms: u64,
    },
    /// The store fails some of the calls of a node, or of all.
    Store {
        does: StoreFault,
        node: Option<u8>,
        percent: u8,
        for_ms: u64,
    },
    /// A node dies at once, and is started again.
    Crash { node: u8, down_ms: u64 },
    /// A node is asked to stop, and is started again.
    Restart { node: u8, down_ms: u64 },
    /// A node's clock is set wrong, and set right again.
    Clock { node: u8, by_ms: i64, for_ms: u64 },
    /// An app refuses some of the webhooks posted to it.
    AppFails { app: u8, percent: u8, for_ms: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The number of the request; the text names it.
    pub ask: u32,
    pub app: u8,
    pub person: u8,
    /// 0 emergency to 3 bulk.
    pub priority: u8,
    /// With a key the app asks again until it knows.
    pub key: Option<u32>,
    /// A second request with the same key and another body.
    pub clash: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// The phone is off.
    Leaves,
    /// It is on again, and everything works.
    Returns,
    /// No WhatsApp at this number.
    Blocks,
    /// The handset cannot be reached by SMS.
    LosesSms,
    Writes,
    WritesSms,
    Stops,
    Starts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Between {
    /// A node's call to a provider.
    Whatsapp,
    Sms,
    /// A provider's webhook to a node.
    Hooks,
    /// A node's webhook to an app.
    Apps,
    /// An app's request to a node.
    Callers,
    /// Nodes and the rest of the world, in both directions.
    World,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetFault {
    /// No connection: nothing was sent, and the caller knows.
    Refuse,
    LoseRequest,
    LoseAnswer,
    /// The connection is cut after the request has left.
    Cut,
    /// Both ways take seconds.
    Slow,
    /// The request arrives long after the caller has given up.
    Late,
    /// Arrives twice (webhooks only; no client of ours repeats a request by itself).
    Repeat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreFault {
    /// Not reachable: nothing is read or written.
    Away,
    /// Takes seconds for each call.
    Stalls,
    /// No space: reads work.
    Full,
    /// The answer to a commit is lost; half of those have happened.
    Ambiguous,
    /// The answer is lost and the commit happens later all the same. Never drawn: no store may do
    /// so as long as a commit that is repeated is not told from the first.
    LateCommit,
    /// Reads fail, writes do not.
    Unreadable,
}

impl Act {
    /// A word for tables and traces.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Send(_) => String::from("send"),
            Self::Person { does, .. } => format!("person_{}", word(does)),
            Self::Outage {
                profile, provider, ..
            } => format!("outage_{}_{profile}", provider.name()),
            Self::Net { between, does, .. } => format!("net_{}_{}", word(between), word(does)),
            Self::Store { does, .. } => format!("store_{}", word(does)),
            Self::Crash { .. } => String::from("crash"),
            Self::Restart { .. } => String::from("restart"),
            Self::Clock { .. } => String::from("clock_jump"),
            Self::AppFails { .. } => String::from("app_fails"),
        }
    }

    /// Something that nobody wants.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::Send(_) | Self::Person { .. } => false,
            Self::Outage { .. }
            | Self::Net { .. }
            | Self::Store { .. }
            | Self::Crash { .. }
            | Self::Restart { .. }
            | Self::Clock { .. }
            | Self::AppFails { .. } => true,
        }
    }
}

fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
