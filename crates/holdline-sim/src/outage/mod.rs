//! Which outages are on and whom they touch. Decides only; what a fault looks like on the wire is
//! the provider's affair.

mod profiles;
mod scope;

use serde::{Deserialize, Serialize};

pub(crate) use profiles::{Behaviour, RecipientFault};
pub use profiles::{PROFILES, Profile};
pub use scope::Scope;
pub(crate) use scope::Subject;

use crate::draws::Draws;

/// Outages on at one time.
pub(crate) const OUTAGES_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Whatsapp,
    Sms,
    Email,
}

impl Provider {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

pub type OutageId = u64;

/// What is asked for when an outage is started.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutageOrder {
    pub profile: String,
    /// WhatsApp when absent, if the profile knows it; else the profile's first provider.
    #[serde(default)]
    pub provider: Option<Provider>,
    #[serde(default)]
    pub scope: Scope,
    #[serde(default)]
    pub delay_ms: Option<u64>,
}

impl OutageOrder {
    #[must_use]
    pub fn new(profile: &str) -> Self {
        Self {
            profile: profile.to_owned(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn on(self, provider: Provider) -> Self {
        Self {
            provider: Some(provider),
            ..self
        }
    }

    #[must_use]
    pub fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }
}

/// An outage that is on.
#[derive(Debug, Clone, Serialize)]
pub struct Outage {
    pub id: OutageId,
    pub profile: &'static str,
    pub provider: Provider,
    pub scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    pub started_ms: u64,
    #[serde(skip)]
    pub(crate) behaviour: Behaviour,
    #[serde(skip)]
    types: &'static [&'static str],
}

impl Outage {
    fn touches(&self, provider: Provider, subject: &Subject<'_>) -> bool {
        self.provider == provider && self.covers_types(subject) && self.scope.covers(subject)
    }

    /// A profile's own types hold unless the scope names another.
    fn covers_types(&self, subject: &Subject<'_>) -> bool {
        self.types.is_empty()
            || self.scope.message_type.is_some()
            || self.types.iter().any(|wanted| subject.is_type(wanted))
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OutageError {
    #[error("profile: there is none named {0:?}; GET /control/profiles lists them")]
    UnknownProfile(String),
    #[error("provider: profile {profile} cannot be used on {provider}; it knows {known}")]
    WrongProvider {
        profile: &'static str,
        provider: &'static str,
        known: String,
    },
    #[error("scope.percent: {0} is not between 1 and 100")]
    Percent(u8),
    #[error("{OUTAGES_MAX} outages are on already; end one first")]
    TooMany,
}

/// The outages that are on, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Board {
    active: Vec<Outage>,
    last: OutageId,
}

impl Board {
    pub(crate) fn start(&mut self, order: OutageOrder, now_ms: u64) -> Result<u64, OutageError> {
        let profile = find_profile(&order.profile)?;
        let provider = pick_provider(profile, order.provider)?;
        if let Some(percent) = order.scope.percent.filter(|p| !(1..=100).contains(p)) {
            return Err(OutageError::Percent(percent));
        }
        if self.active.len() >= OUTAGES_MAX {
            return Err(OutageError::TooMany);
        }
        self.last += 1;
        self.active.push(Outage {
            id: self.last,
            profile: profile.name,
            provider,
            scope: scope_for(profile, order.scope),
            delay_ms: order.delay_ms,
            started_ms: now_ms,
            behaviour: profile.behaviour,
            types: profile.types,
        });
        Ok(self.last)
    }

    pub(crate) fn stop(&mut self, id: OutageId) -> bool {
        let before = self.active.len();
        self.active.retain(|outage| outage.id != id);
        self.active.len() < before
    }

    pub(crate) fn all(&self) -> &[Outage] {
        &self.active
    }

    /// The first outage that hits this subject and does what is looked for.
    pub(crate) fn hit(
        &self,
        draws: &mut Draws,
        provider: Provider,
        subject: &Subject<'_>,
        looked_for: fn(Behaviour) -> bool,
    ) -> Option<&Outage> {
        self.active.iter().find(|outage| {
            looked_for(outage.behaviour)
                && outage.touches(provider, subject)
                && draws.percent(outage.scope.share())
        })
    }

    /// Whether the whole provider is cut off or swallowing, before a byte is read.
    pub(crate) fn connection_fault(&self, provider: Provider) -> Option<Behaviour> {
        self.active
            .iter()
            .filter(|o| o.provider == provider && o.scope.is_everything())
            .map(|outage| outage.behaviour)
            .find(|b| matches!(b, Behaviour::Reset | Behaviour::Swallow))
    }
}

fn find_profile(name: &str) -> Result<&'static Profile, OutageError> {
    PROFILES
        .iter()
        .find(|profile| profile.name == name)
        .ok_or_else(|| OutageError::UnknownProfile(name.chars().take(80).collect()))
}

fn pick_provider(profile: &Profile, asked: Option<Provider>) -> Result<Provider, OutageError> {
    let provider = asked.unwrap_or(profile.providers[0]);
    if profile.providers.contains(&provider) {
        return Ok(provider);
    }
    let known: Vec<&str> = profile.providers.iter().map(|p| p.name()).collect();
    Err(OutageError::WrongProvider {
        profile: profile.name,
        provider: provider.name(),
        known: known.join(", "),
    })
}

/// Fills in what a profile implies when the order leaves it open.
fn scope_for(profile: &Profile, mut scope: Scope) -> Scope {
    if scope.country_prefix.is_none() && scope.address.is_none() {
        scope.country_prefix = profile.prefix.map(str::to_owned);
    }
    if profile.behaviour == Behaviour::TokenExpired && scope.token.is_none() {
        scope.token = Some(0);
    }
    scope
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_have_distinct_names_and_say_what_they_do() {
        let mut names: Vec<&str> = PROFILES.iter().map(|p| p.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PROFILES.len());
        assert!(
            PROFILES
                .iter()
                .all(|p| p.description.len() > 20 && p.at_end.len() > 20)
        );
    }

    #[test]
    fn bad_orders_are_refused_with_the_way_out() {
        let mut board = Board::default();
        let unknown = board.start(OutageOrder::new("nope"), 0).unwrap_err();
        assert!(unknown.to_string().contains("/control/profiles"));
        let wrong = board
            .start(OutageOrder::new("payment").on(Provider::Sms), 0)
            .unwrap_err();
        assert!(wrong.to_string().contains("it knows whatsapp"), "{wrong}");
        let scope = Scope {
            percent: Some(0),
            ..Scope::default()
        };
        let percent = board
            .start(OutageOrder::new("latency").within(scope), 0)
            .unwrap_err();
        assert_eq!(percent, OutageError::Percent(0));
    }

    #[test]
    fn the_own_token_is_the_first_unless_said_otherwise() {
        let mut board = Board::default();
        board
            .start(OutageOrder::new("own_token_expired"), 0)
            .unwrap();
        let looked_for = |b| b == Behaviour::TokenExpired;
        let hit = |token| {
            let subject = Subject {
                token: Some(token),
                ..Subject::default()
            };
            board
                .hit(&mut Draws::new(1), Provider::Whatsapp, &subject, looked_for)
                .is_some()
        };
        assert!(hit(0));
        assert!(!hit(1));
    }
}
