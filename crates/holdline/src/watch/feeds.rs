//! Follows one status feed: asks every so often, tells the engine what is open on it, and keeps
//! for people what it said. A feed that cannot be read is unknown, and is told as unknown.

use super::{FeedState, grade, pause};
use crate::clock::SystemIds;
use crate::config::{Config, Feed, FeedForm};
use crate::http::state::AppState;
use holdline_channels::BuildError;
use holdline_channels::feeds::{
    FeedAnswer, FeedClient, FeedConfig, FeedFormat, FeedIncident, FeedLevel, FeedReading,
    feature_of, poll_after_ms,
};
use holdline_core::health::Feature;
use holdline_core::health::board::{FeedIncident as Told, FeedSeen};
use holdline_core::{ChannelKind, Timestamp};
use holdline_engine::ports::Ids as _;
use holdline_engine::request;
use std::time::Duration;
use tokio::sync::watch;

/// What messages leave by.
const MESSAGES: [Feature; 6] = [
    Feature::Session,
    Feature::Marketing,
    Feature::Utility,
    Feature::Authentication,
    Feature::Template,
    Feature::Media,
];

/// The loop of one feed.
pub(super) struct Follower {
    state: AppState,
    name: String,
    channel: ChannelKind,
    every_ms: u64,
    client: FeedClient,
    /// What was open when it was last understood.
    last: Vec<FeedIncident>,
}

impl Follower {
    /// One for each feed that is followed.
    pub(super) fn all(state: &AppState) -> Result<Vec<Self>, BuildError> {
        let feeds = state.config.feeds();
        let mut all = Vec::new();
        for feed in &feeds {
            if let Some(channel) = ChannelKind::new(&feed.channel) {
                all.push(Self {
                    state: state.clone(),
                    name: feed.name.clone(),
                    channel,
                    every_ms: feed.every_s.saturating_mul(1_000),
                    client: FeedClient::new(feed_config(&state.config, feed))?,
                    last: Vec::new(),
                });
            }
        }
        Ok(all)
    }

    pub(super) async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = self.poll() => {}
                _ = shutdown.changed() => return,
            }
            let wait_ms = poll_after_ms(self.every_ms, SystemIds.draw());
            if !pause(Duration::from_millis(wait_ms), &mut shutdown).await {
                return;
            }
        }
    }

    async fn poll(&mut self) {
        let answer = self.client.fetch().await;
        let at = self.state.engine.now();
        let had_open = !self.last.is_empty();
        let incidents = match answer {
            FeedAnswer::Unchanged => Some(told(&self.last)),
            FeedAnswer::Seen(reading) => {
                self.last = open_in(reading);
                Some(told(&self.last))
            }
            FeedAnswer::Unknown(why) => {
                self.show_unknown(why);
                None
            }
        };
        if incidents.is_some() {
            self.show(at);
        }
        self.tell(at, incidents).await;
        if had_open || !self.last.is_empty() {
            self.grade().await;
        }
    }

    async fn tell(&self, at: Timestamp, incidents: Option<Vec<Told>>) {
        let seen = FeedSeen {
            name: self.name.clone(),
            channel: self.channel,
            at,
            incidents,
        };
        self.state.engine.tell(request::Told::Feed(seen)).await;
    }

    /// It tells of something, or has ceased to: outages may have been told of since.
    async fn grade(&self) {
        if let Err(error) = grade::renew(&self.state).await {
            tracing::warn!(%error, "feeds could not be graded; tried again");
        }
    }

    fn show(&self, at: Timestamp) {
        let titles = self.last.iter().map(|incident| incident.title.clone());
        self.state.feeds.change(&self.name, |status| {
            status.incidents = titles.collect();
            status.state = match status.incidents.is_empty() {
                true => FeedState::Green,
                false => FeedState::Open,
            };
            (status.seen_at, status.error) = (Some(at), None);
        });
    }

    fn show_unknown(&self, why: String) {
        self.state.feeds.change(&self.name, |status| {
            if status.state != FeedState::Unknown {
                tracing::warn!(
                    feed = self.name,
                    why,
                    "a status feed cannot be read any more"
                );
            }
            status.state = FeedState::Unknown;
            status.incidents = Vec::new();
            status.error = Some(why);
        });
    }
}

fn feed_config(config: &Config, feed: &Feed) -> FeedConfig {
    let format = match feed.format {
        FeedForm::Metastatus => FeedFormat::Metastatus,
        FeedForm::Statuspage => FeedFormat::Statuspage,
        FeedForm::Syndication => FeedFormat::Syndication,
    };
    FeedConfig {
        org: feed.org.clone(),
        user_agent: config.net.user_agent.clone(),
        ca_file: config.net.ca_certificates.clone(),
        ..FeedConfig::new(&feed.name, feed.url.as_str(), format)
    }
}

/// What is open. A page that is not green and names no incident has one without details.
fn open_in(reading: FeedReading) -> Vec<FeedIncident> {
    if reading.incidents.is_empty() && reading.level > FeedLevel::Green {
        return vec![FeedIncident {
            id: String::new(),
            title: "a disruption without details".to_owned(),
            level: reading.level,
            services: Vec::new(),
            began_at: None,
            updated_at: None,
            resolved: false,
        }];
    }
    reading.incidents
}

/// As the board takes it: without what bears on nothing that we send.
fn told(incidents: &[FeedIncident]) -> Vec<Told> {
    let told = |incident: &FeedIncident| {
        Some(Told {
            title: incident.title.clone(),
            features: features_of(&incident.services)?,
            began_at: incident.began_at,
        })
    };
    incidents.iter().filter_map(told).collect()
}

/// Empty: all. `None`: it bears on nothing that we send.
fn features_of(services: &[String]) -> Option<Vec<Feature>> {
    let mut features = Vec::new();
    for service in services {
        match feature_of(service) {
            Some("messages") => features.extend(MESSAGES),
            Some("marketing") => features.push(Feature::Marketing),
            Some("management" | "onboarding") => features.push(Feature::Management),
            Some("calling" | "flows") => {}
            Some(_) | None => return Some(Vec::new()),
        }
    }
    features.sort_unstable();
    features.dedup();
    (services.is_empty() || !features.is_empty()).then_some(features)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(services: &[&str], expect: Option<&[Feature]>) {
        let services: Vec<String> = services.iter().map(|&it| it.to_owned()).collect();
        let features = features_of(&services);
        assert_eq!(features.as_deref(), expect, "{services:?}");
    }

    #[test]
    fn services_stand_for_what_we_send() {
        check(&["Cloud API"], Some(&MESSAGES));
        check(&["Marketing Messages API"], Some(&[Feature::Marketing]));
        check(&["Embedded Signup"], Some(&[Feature::Management]));
        check(&["Cloud API - Calling"], None);
        check(&["Cloud API - Calling", "WhatsApp Flows"], None);
        check(
            &["WhatsApp Flows", "Marketing Messages API"],
            Some(&[Feature::Marketing]),
        );
        check(&["Cloud API - Calling", "Graph"], Some(&[]));
        check(&[], Some(&[]));
    }

    #[test]
    fn a_page_that_is_not_green_has_something_open() {
        let reading = |level| FeedReading {
            level,
            incidents: Vec::new(),
        };
        assert_eq!(open_in(reading(FeedLevel::Green)), []);
        let open = open_in(reading(FeedLevel::Low));
        assert_eq!((open.len(), told(&open)[0].features.len()), (1, 0));
    }
}
