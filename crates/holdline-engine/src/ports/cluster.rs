//! How several nodes share one store: partitions, leases with epochs, and what a node hands to the
//! owner of another lease. Plain data; who takes what is decided in `crate::cluster`.
//!
//! A lease is a row with an epoch that grows at each change of hands. Who writes under a lease puts
//! an `Op::Fence` with the epoch it knows in front: once somebody else has the lease, such a group
//! conflicts and nothing of it happens, however late it comes.

use holdline_core::{ChannelKind, ContactId, Timestamp};
use std::fmt;

/// Into how many parts the work is divided.
pub const PARTITIONS: u8 = 64;
/// Most bytes of a node's name.
pub const NODE_NAME_MAX: usize = 64;

/// A part of the work: of a delivery by its contact, of an event to an app by its subject, of a raw
/// webhook by its own id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u8);

impl Partition {
    /// The same id is always in the same partition, on every node and in every version: the halves
    /// of the id are mixed by Fibonacci hashing (Knuth, TAOCP vol. 3, 6.4), the top 6 bits count.
    #[must_use]
    pub const fn of(id: u128) -> Self {
        let folded = (id >> 64) as u64 ^ id as u64;
        Self((folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as u8)
    }

    #[must_use]
    pub const fn of_contact(contact: ContactId) -> Self {
        Self::of(contact.0)
    }

    /// `None` from [`PARTITIONS`] on.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < PARTITIONS {
            Some(Self(number))
        } else {
            None
        }
    }

    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS).map(Self)
    }
}

/// A set of partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Partitions(pub u64);

impl Partitions {
    pub const ALL: Self = Self(u64::MAX);
    pub const NONE: Self = Self(0);

    #[must_use]
    pub const fn has(self, partition: Partition) -> bool {
        self.0 >> partition.0 & 1 == 1
    }

    #[must_use]
    pub const fn with(self, partition: Partition) -> Self {
        Self(self.0 | 1 << partition.0)
    }

    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub fn iter(self) -> impl Iterator<Item = Partition> {
        Partition::all().filter(move |partition| self.has(*partition))
    }
}

impl FromIterator<Partition> for Partitions {
    fn from_iter<T: IntoIterator<Item = Partition>>(partitions: T) -> Self {
        partitions.into_iter().fold(Self::NONE, Self::with)
    }
}

/// What one node at a time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lease {
    /// Drives the deliveries of a partition, posts its events, reads its raw webhooks.
    Partition(Partition),
    /// Decides the health of everything on a channel.
    Health(ChannelKind),
    /// Retention, template syncs and whatever else is to be done once.
    Upkeep,
}

const PARTITION_PREFIX: &str = "partition/";
const HEALTH_PREFIX: &str = "health/";
const UPKEEP: &str = "upkeep";

impl Lease {
    /// The lease of this name; `None` for what no version of this program writes.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == UPKEEP {
            return Some(Self::Upkeep);
        }
        if let Some(number) = name.strip_prefix(PARTITION_PREFIX) {
            return Partition::new(number.parse().ok()?).map(Self::Partition);
        }
        ChannelKind::new(name.strip_prefix(HEALTH_PREFIX)?).map(Self::Health)
    }
}

/// The name in the store: `partition/07`, `health/whatsapp`, `upkeep`.
impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(partition) => write!(f, "{PARTITION_PREFIX}{:02}", partition.0),
            Self::Health(channel) => write!(f, "{HEALTH_PREFIX}{}", channel.as_str()),
            Self::Upkeep => f.write_str(UPKEEP),
        }
    }
}

/// A sign of life of a node, with the leases it wants and those it gives back.
#[derive(Clone, Debug)]
pub struct Beat {
    pub node: String,
    /// Where others reach it, for people to read.
    pub url: String,
    /// By the node's clock. A store that several machines share goes by its own.
    pub now: Timestamp,
    /// What it holds is its own for so long without another beat.
    pub ttl_ms: u64,
    /// Taken where free or expired.
    pub take: Vec<Lease>,
    pub give: Vec<Lease>,
    /// It leaves: its leases are free at once and its row goes.
    pub leaves: bool,
}

/// A lease that the node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseHeld {
    pub lease: Lease,
    pub epoch: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    pub node: String,
    pub url: String,
    pub until: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    pub lease: Lease,
    /// Empty when nobody has it.
    pub node: String,
    pub epoch: i64,
    pub until: Timestamp,
}

/// All nodes and leases, those whose time is over too, and the clock they are to be judged by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterView {
    pub now: Timestamp,
    /// By name.
    pub nodes: Vec<NodeRecord>,
    /// By lease.
    pub leases: Vec<LeaseRecord>,
}

/// Something for whoever holds a lease, kept until it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffRecord {
    /// Time-ordered; written twice it is there once.
    pub id: u128,
    pub lease: Lease,
    pub at: Timestamp,
    /// JSON; the store does not read it.
    pub event: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_spread_evenly_over_partitions() {
        let mut counts = [0_u32; PARTITIONS as usize];
        for n in 0..64_000_u128 {
            counts[usize::from(Partition::of((n << 70) | (n * 7)).number())] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_250).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn the_partition_of_an_id_never_changes() {
        let known = [
            (0, 0),
            (1, 39),
            (u128::MAX, 0),
            (0x0192_5d2e_7a00_7000_8000_0000_0000_0001, 36),
        ];
        for (id, expect) in known {
            assert_eq!(Partition::of(id).number(), expect, "{id:x}");
        }
    }

    #[test]
    fn leases_are_read_by_their_names() {
        let health = Lease::Health(ChannelKind::WHATSAPP);
        for lease in Partition::all()
            .map(Lease::Partition)
            .chain([health, Lease::Upkeep])
        {
            assert_eq!(Lease::from_name(&lease.to_string()), Some(lease));
        }
        for unknown in [
            "",
            "partition/64",
            "partition/x",
            "health/",
            "health/W",
            "other",
        ] {
            assert_eq!(Lease::from_name(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: Partitions = [3, 63].into_iter().filter_map(Partition::new).collect();
        assert_eq!(
            set.iter().map(Partition::number).collect::<Vec<_>>(),
            [3, 63]
        );
        assert_eq!(Partitions::ALL.len(), usize::from(PARTITIONS));
        assert_eq!(Partitions::ALL.without(set).len(), 62);
    }
}
