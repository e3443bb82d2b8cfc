//! The one answer to "may it leave by this route now": what operators say first, then whether we
//! ourselves are cut off, then the trouble that covers the route.

use super::Board;
use crate::Timestamp;
use crate::health::leaf::{Leaf, Mood};
use crate::health::scope::{NumberIx, Scope};
use crate::health::verdict::{EpisodeId, Health};
use crate::routing::RouteIx;
use alloc::string::String;

/// The health of a route at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub health: Health,
    pub since: Timestamp,
    /// The trouble that it comes from.
    pub episode: Option<EpisodeId>,
    /// An operator keeps everything where it is.
    pub held: bool,
}

/// An operator's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldKind {
    /// Nothing leaves by it, and nothing moves away from it.
    Hold,
    /// It counts as Up, whatever is seen.
    Up,
    /// It counts as Down, whatever is seen.
    Down,
}

impl HoldKind {
    pub const ALL: [Self; 3] = [Self::Hold, Self::Up, Self::Down];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An operator's word about a scope, until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub scope: Scope,
    pub kind: HoldKind,
    pub reason: String,
    pub set_at: Timestamp,
    pub until: Timestamp,
}

impl Standing {
    /// Suspect since then; otherwise Up, since its last trouble ended.
    fn suspected(since: Option<Timestamp>, well_since: Timestamp) -> Self {
        Self {
            health: since.map_or(Health::Up, |_| Health::Suspect),
            since: since.unwrap_or(well_since),
            episode: None,
            held: false,
        }
    }
}

impl Board {
    /// How a route stands now.
    #[must_use]
    pub fn standing(&self, route: RouteIx) -> Standing {
        let leaf = self.leaf_at(route);
        self.overruled(&leaf.scope)
            .or_else(|| self.worst(&leaf.scope, |scope, leaf| scope.covers(leaf)))
            .unwrap_or_else(|| {
                let told = || self.feeds.matching(&leaf.scope).is_some();
                let since = suspected(leaf).or_else(|| told().then_some(Timestamp(0)));
                Standing::suspected(since, self.well_since(&leaf.scope))
            })
    }

    /// How a sender stands as a whole: the worst of what messages by it meet.
    #[must_use]
    pub fn standing_of(&self, number: NumberIx) -> Standing {
        let whole = self.scope_of(number);
        let sends = |scope: &Scope, whole: &Scope| {
            scope.meets(whole) && scope.feature.is_none_or(|feature| feature.sends())
        };
        let met = |leaf: &&Leaf| {
            let sends = leaf.scope.feature.is_none_or(|feature| feature.sends());
            leaf.key.number == number && sends
        };
        let mut leaves = self.leaves.iter().filter(met);
        self.overruled(&whole)
            .or_else(|| self.worst(&whole, sends))
            .unwrap_or_else(|| {
                Standing::suspected(leaves.find_map(suspected), self.well_since(&whole))
            })
    }

    /// When the last trouble of the past hour that bore on this scope ended.
    fn well_since(&self, scope: &Scope) -> Timestamp {
        let past = self.past.iter().filter(|(known, ..)| known.meets(scope));
        past.map(|(.., at)| *at).max().unwrap_or_default()
    }

    /// An operator speaks; a later word on the same scope replaces an earlier one.
    pub fn hold(&mut self, hold: Hold) {
        self.holds.retain(|known| known.scope != hold.scope);
        self.holds.push(hold);
    }

    /// The operator's word is taken back; false when there was none.
    pub fn release(&mut self, scope: &Scope) -> bool {
        let before = self.holds.len();
        self.holds.retain(|known| known.scope != *scope);
        self.holds.len() < before
    }

    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    pub(super) fn expire_holds(&mut self, now: Timestamp) {
        self.holds.retain(|hold| now < hold.until);
    }

    fn overruled(&self, scope: &Scope) -> Option<Standing> {
        let hold = self
            .holds
            .iter()
            .rev()
            .find(|hold| hold.scope.covers(scope))?;
        let health = match hold.kind {
            HoldKind::Hold | HoldKind::Up => Health::Up,
            HoldKind::Down => Health::Down,
        };
        let held = hold.kind == HoldKind::Hold;
        Some(Standing {
            health,
            since: hold.set_at,
            episode: None,
            held,
        })
    }

    fn worst(&self, scope: &Scope, bears: impl Fn(&Scope, &Scope) -> bool) -> Option<Standing> {
        let episodes = self.episodes.iter().filter(|it| bears(&it.scope, scope));
        episodes
            .max_by_key(|it| it.severity())
            .map(|episode| Standing {
                health: episode.health,
                since: episode.since,
                episode: Some(episode.id),
                held: false,
            })
    }
}

/// Since when a leaf is suspected; `None` while it is calm.
fn suspected(leaf: &Leaf) -> Option<Timestamp> {
    match leaf.mood {
        Mood::Calm => None,
        Mood::Suspect { since } | Mood::Failing { since } => Some(since),
    }
}
