//! One trouble from its beginning to its end: the scope, the state, and the test by which it ends.
//! Holds numbers; what moves it from state to state is in `progress`.

mod progress;

use crate::Timestamp;
use crate::health::leaf::Strand;
use crate::health::scope::Scope;
use crate::health::stats::Sprt;
use crate::health::verdict::{Course, EpisodeId, Health};
use alloc::string::String;

#[derive(Clone, Debug)]
pub struct Episode {
    pub id: EpisodeId,
    pub scope: Scope,
    pub health: Health,
    pub since: Timestamp,
    pub course: Course,
    pub reason: String,
    pub strand: Strand,
    /// Probes failed too, so that a probe that works says something.
    pub probes_failed: bool,
    pub transport: bool,
    /// Times it fell back while being tested, with those of the hour before.
    pub relapses: u32,
    /// Not tested before.
    pub hold_until: Timestamp,
    pub test: Sprt,
    pub probe_test: Sprt,
    /// Tests passed; an incident on the provider's feed asks for two.
    pub passes: u32,
    /// The last failure seen in it.
    pub failed_at: Timestamp,
}

impl Episode {
    #[must_use]
    pub fn new(id: EpisodeId, scope: Scope, health: Health, now: Timestamp) -> Self {
        Self {
            id,
            scope,
            health,
            since: now,
            course: Course::default(),
            reason: String::new(),
            strand: Strand::Sends,
            probes_failed: false,
            transport: false,
            relapses: 0,
            hold_until: now,
            test: Sprt::default(),
            probe_test: Sprt::default(),
            passes: 0,
            failed_at: now,
        }
    }

    /// The fault is our account's, not the provider's.
    #[must_use]
    pub fn is_account(&self) -> bool {
        self.course.account_code.is_some()
    }

    /// Its leaves gather no evidence of their own: the test decides.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        matches!(
            self.health,
            Health::Down | Health::Recovering | Health::AccountFault
        )
    }

    pub fn begin_test(&mut self) {
        self.test = Sprt::default();
        self.probe_test = Sprt::default();
        self.passes = 0;
    }

    /// Time alone may change its state within a look.
    #[must_use]
    pub fn moves_by_itself(&self) -> bool {
        matches!(self.health, Health::Degraded | Health::Recovering)
    }

    /// The clock was set back to `now`: nothing of it lies later.
    pub fn not_after(&mut self, now: Timestamp) {
        let course = &mut self.course;
        let times = [
            &mut course.suspect_at,
            &mut course.degraded_at,
            &mut course.down_at,
        ];
        times
            .into_iter()
            .flatten()
            .for_each(|at| *at = (*at).min(now));
        self.since = self.since.min(now);
        self.failed_at = self.failed_at.min(now);
        self.hold_until = self.hold_until.min(now);
    }

    /// How bad it is for a message that it covers.
    #[must_use]
    pub fn severity(&self) -> u8 {
        match self.health {
            Health::Up => 0,
            Health::Suspect => 1,
            Health::Degraded => 2,
            Health::Recovering => 3,
            Health::AccountFault => 4,
            Health::Down => 5,
            Health::SelfImpaired => 6,
        }
    }
}
