//! What can be seen from outside: by apps, providers, phones, and whoever pulls the plug. Plain
//! data; the checkers go by nothing else but this and the disk.

use holdline_core::health::Health;
use holdline_core::message::{Outcome, Priority, ReceiptKind};
use holdline_core::{AttemptKey, ChannelKind, MessageId};
use holdline_engine::ports::{Partition, Partitions};
use std::fmt;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// An app asks a node to take a message.
    Asks(Asks),
    /// The app got its answer, or none.
    Told { ask: AskId, told: Told },
    /// A node calls a provider. `health`: what it thinks of the route, and for how long.
    Leaves(Leaves),
    /// The call came to the provider; `on_disk`: the attempt was committed by then.
    Arrives {
        key: AttemptKey,
        channel: ChannelKind,
        on_disk: bool,
    },
    /// What the answer truly meant.
    Ends { key: AttemptKey, outcome: Outcome },
    /// The call was given up without an outcome: time, or the node died.
    Dropped { key: AttemptKey },
    /// It is on the person's phone.
    Reached {
        key: AttemptKey,
        channel: ChannelKind,
        text: String,
    },
    /// A provider's receipt was answered 200 by a node.
    Receipt {
        key: Option<AttemptKey>,
        provider_id: String,
        kind: ReceiptKind,
    },
    /// A provider's receipt was refused, because a node does not know whether the store has it: if
    /// it has, it is read all the same.
    MayBeKept { key: AttemptKey },
    /// A person wrote; `id` is the provider's.
    Wrote { id: String, person: u8 },
    /// A webhook with what a person wrote was answered 200 by a node.
    Stored { id: String },
    /// A webhook of ours came to an app.
    Heard(Heard),
    /// A node began, or ended, to live.
    Life { node: u8, lives: bool },
    /// Something of the script begins or ends.
    Act { name: String, begins: bool },
    /// A node has these partitions from now on, whoever had them before.
    Takes { node: u8, partitions: Partitions },
    /// A node's clock went by so much against true time.
    Clock { node: u8, by_ms: i64 },
    /// Messages open on the disk when one more was accepted.
    Open { count: usize },
    /// Posts of a node to apps under way at once, and those to one of them.
    Posting { all: usize, one: usize },
    /// The last fault is over.
    Healed,
    /// A loop of a node ended although nobody asked it to.
    LoopEnded { node: u8, name: &'static str },
}

/// A request of an app: its number, and whether it is the one that reuses a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AskId {
    pub(crate) ask: u32,
    pub(crate) clash: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Asks {
    pub(crate) id: AskId,
    pub(crate) app: u8,
    pub(crate) person: u8,
    pub(crate) priority: u8,
    pub(crate) key: Option<u32>,
    pub(crate) try_number: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Leaves {
    pub(crate) key: AttemptKey,
    pub(crate) channel: ChannelKind,
    pub(crate) sender: String,
    /// The worst trouble over its route, by name; the sender where there is none.
    pub(crate) scope: String,
    pub(crate) node: u8,
    pub(crate) partition: Partition,
    /// The recipient as the app wrote it.
    pub(crate) to: String,
    pub(crate) priority: Priority,
    pub(crate) health: Health,
    pub(crate) health_ms: u64,
}

/// What an app knows after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Accepted {
        id: MessageId,
        repeat: bool,
        /// The node that answered.
        by: u8,
    },
    /// The key was used for another request.
    KeyReused,
    /// Nothing was kept: come again.
    ComeAgain,
    /// Nothing was kept, for good.
    Refused(String),
    /// No answer came.
    Nothing,
}

/// An event as an app hears it.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) endpoint: String,
    pub(crate) seq: i64,
    pub(crate) subject: u128,
    pub(crate) news: News,
    /// The app took it, rather than refusing it.
    pub(crate) taken: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Progress { message: MessageId, word: String },
    Failed { message: MessageId },
    Wrote { id: String, inbound: u128 },
    Health { route: String, to: String },
    Other,
}

impl AskId {
    /// The text of its message.
    pub(crate) fn text(self) -> String {
        let kind = if self.clash { "clash" } else { "message" };
        format!("{kind} {}", self.ask)
    }
}

impl Fact {
    /// The messages it is about.
    pub(crate) fn message(&self) -> Option<MessageId> {
        match self {
            Self::Told {
                told: Told::Accepted { id, .. },
                ..
            } => Some(*id),
            Self::Leaves(Leaves { key, .. })
            | Self::Arrives { key, .. }
            | Self::Ends { key, .. }
            | Self::Dropped { key }
            | Self::Reached { key, .. }
            | Self::MayBeKept { key }
            | Self::Receipt { key: Some(key), .. } => Some(key.message),
            Self::Heard(Heard {
                news: News::Progress { message, .. } | News::Failed { message },
                ..
            }) => Some(*message),
            Self::Heard(_)
            | Self::Told { .. }
            | Self::Asks(_)
            | Self::Receipt { .. }
            | Self::Wrote { .. }
            | Self::Stored { .. }
            | Self::Life { .. }
            | Self::Act { .. }
            | Self::Takes { .. }
            | Self::Clock { .. }
            | Self::Posting { .. }
            | Self::Open { .. }
            | Self::Healed
            | Self::LoopEnded { .. } => None,
        }
    }
}

struct Key(AttemptKey);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.0.message, self.0.number)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asks(asks) => write!(
                f,
                "app {} asks for {:?} to person {} (priority {}, key {:?}, try {})",
                asks.app,
                asks.id.text(),
                asks.person,
                asks.priority,
                asks.key,
                asks.try_number
            ),
            Self::Told { ask, told } => write!(f, "told about {:?}: {told:?}", ask.text()),
            Self::Leaves(it) => write!(
                f,
                "{} leaves node {} by {} ({})",
                Key(it.key),
                it.node,
                it.channel,
                it.health.name()
            ),
            Self::Arrives {
                key,
                channel,
                on_disk,
            } => {
                write!(f, "{} arrives at {channel}, on disk: {on_disk}", Key(*key))
            }
            Self::Ends { key, outcome } => {
                let code = outcome.fault().map_or("", |fault| fault.code.as_str());
                write!(f, "{} ends: {} {code}", Key(*key), outcome.name())
            }
            Self::Dropped { key } => write!(f, "{} is given up", Key(*key)),
            Self::Reached { key, channel, text } => {
                write!(f, "{} is on the phone by {channel}: {text:?}", Key(*key))
            }
            Self::Receipt {
                key,
                provider_id,
                kind,
            } => self::receipt(f, key.as_ref(), provider_id, kind),
            Self::MayBeKept { key } => write!(f, "a receipt of {} may be kept", Key(*key)),
            Self::Wrote { id, person } => write!(f, "person {person} wrote {id}"),
            Self::Stored { id } => write!(f, "webhook with {id} answered 200"),
            Self::Heard(heard) => heard.fmt(f),
            Self::Life { node, lives } => {
                let what = if *lives { "lives" } else { "is gone" };
                write!(f, "node {node} {what}")
            }
            Self::Takes { node, partitions } => {
                write!(f, "node {node} takes {} partitions", partitions.len())
            }
            Self::Act { name, begins } => {
                write!(f, "{name} {}", if *begins { "begins" } else { "ends" })
            }
            Self::Clock { node, by_ms } => write!(f, "the clock of node {node} goes by {by_ms} ms"),
            Self::Posting { all, one } => write!(f, "{all} posts under way, {one} to one app"),
            Self::Open { count } => write!(f, "{count} messages are open"),
            Self::Healed => f.write_str("all faults are over"),
            Self::LoopEnded { node, name } => write!(f, "loop {name} of node {node} ended"),
        }
    }
}

fn receipt(
    f: &mut fmt::Formatter<'_>,
    key: Option<&AttemptKey>,
    provider_id: &str,
    kind: &ReceiptKind,
) -> fmt::Result {
    let word = match kind {
        ReceiptKind::Reached(progress) => progress.name(),
        ReceiptKind::Failed(_) => "failed",
    };
    match key {
        Some(key) => write!(f, "receipt {word} for {} answered 200", Key(*key)),
        None => write!(f, "receipt {word} for {provider_id} answered 200"),
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.taken { "takes" } else { "refuses" };
        write!(f, "{} {how} event {}: ", self.endpoint, self.seq)?;
        match &self.news {
            News::Progress { message, word } => write!(f, "{message} {word}"),
            News::Failed { message } => write!(f, "{message} failed"),
            News::Wrote { id, .. } => write!(f, "a person wrote {id}"),
            News::Health { route, to } => write!(f, "{route} is {to}"),
            News::Other => f.write_str("something else"),
        }
    }
}
