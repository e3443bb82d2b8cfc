//! Each endpoint of an app takes every event at least once, and those of one subject in order.

use crate::deterministic::checkers::{Checker, End, Rules};
use crate::deterministic::chronicle::Wrong;
use crate::deterministic::facts::{Fact, Heard, News};
use crate::deterministic::{APPS, app_name, endpoints_of};
use holdline_core::MessageId;
use holdline_core::message::{End as Ended, State};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
struct Line {
    taken: BTreeSet<i64>,
    refused: BTreeSet<i64>,
}

#[derive(Default)]
pub(crate) struct Apps {
    lines: BTreeMap<(String, u128), Line>,
    arrived: BTreeSet<(String, MessageId)>,
    failed: BTreeSet<(String, MessageId)>,
}

impl Apps {
    fn heard(&mut self, heard: &Heard) -> Result<(), Wrong> {
        let place = (heard.endpoint.clone(), heard.subject);
        let line = self.lines.entry(place).or_default();
        let (seq, first) = (heard.seq, !line.knows(heard.seq));
        if first && line.last().is_some_and(|last| last > seq) {
            let what = format!("event {seq} comes to {} after a later one", heard.endpoint);
            return Err(Wrong {
                message: heard_of(heard),
                what,
            });
        }
        let open = line
            .refused
            .range(..seq)
            .find(|it| !line.taken.contains(it));
        if let Some(open) = open.filter(|_| first) {
            let what = format!(
                "event {seq} comes to {} before {open} was taken",
                heard.endpoint
            );
            return Err(Wrong {
                message: heard_of(heard),
                what,
            });
        }
        let kept = if heard.taken {
            &mut line.taken
        } else {
            &mut line.refused
        };
        kept.insert(seq);
        if heard.taken {
            self.keep(heard);
        }
        Ok(())
    }

    fn keep(&mut self, heard: &Heard) {
        match &heard.news {
            News::Progress { message, word } if word == "delivered" || word == "read" => {
                self.arrived.insert((heard.endpoint.clone(), *message));
            }
            News::Failed { message } => {
                self.failed.insert((heard.endpoint.clone(), *message));
            }
            News::Progress { .. } | News::Wrote { .. } | News::Health { .. } | News::Other => {}
        }
    }
}

impl Line {
    fn knows(&self, seq: i64) -> bool {
        self.taken.contains(&seq) || self.refused.contains(&seq)
    }

    fn last(&self) -> Option<i64> {
        self.taken.last().max(self.refused.last()).copied()
    }
}

fn heard_of(heard: &Heard) -> Option<MessageId> {
    match &heard.news {
        News::Progress { message, .. } | News::Failed { message } => Some(*message),
        News::Wrote { .. } | News::Health { .. } | News::Other => None,
    }
}

impl Checker for Apps {
    fn name(&self) -> &'static str {
        "apps_hear_everything_in_order"
    }

    fn see(&mut self, _: u64, fact: &Fact, _: &Rules) -> Result<(), Wrong> {
        match fact {
            Fact::Heard(heard) => self.heard(heard),
            _other => Ok(()),
        }
    }

    fn end(&mut self, end: &End, _: &Rules) -> Result<(), Wrong> {
        if end.hooks_dropped > 0 {
            let what = format!("{} events were given up within an hour", end.hooks_dropped);
            return Err(Wrong::of(what));
        }
        for (id, stored) in &end.messages {
            let State::Ended { end, .. } = stored.delivery.state else {
                continue;
            };
            let heard = match end {
                Ended::Delivered => &self.arrived,
                Ended::Failed | Ended::Expired => &self.failed,
                Ended::Cancelled => continue,
            };
            let app = (0..APPS).find(|app| stored.message.app == app_name(*app));
            let deaf = app
                .into_iter()
                .flat_map(endpoints_of)
                .find(|endpoint| !heard.contains(&(endpoint.clone(), *id)));
            if let Some(endpoint) = deaf {
                let what = format!("{endpoint} was never told that it {}", end.name());
                return Err(Wrong::with(*id, what));
            }
        }
        Ok(())
    }
}
