//! Which endpoints an event goes to. An app gets what concerns its own messages and its senders;
//! of its Cloud API endpoints the one with the narrowest scope wins, as at Meta.

use crate::ports::ops::Op;
use crate::ports::records::{EndpointForm, EndpointRecord, Event, EventKind};
use holdline_core::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) struct Endpoints {
    list: RwLock<Arc<Vec<EndpointRecord>>>,
    /// WABA of each phone-number id.
    wabas: BTreeMap<String, String>,
    /// Senders of each app; an app without entry has none, and no events.
    app_senders: BTreeMap<String, Vec<String>>,
}

impl Endpoints {
    pub(crate) fn new(
        list: Vec<EndpointRecord>,
        wabas: BTreeMap<String, String>,
        app_senders: BTreeMap<String, Vec<String>>,
    ) -> Self {
        Self {
            list: RwLock::new(Arc::new(list)),
            wabas,
            app_senders,
        }
    }

    pub(crate) fn replace(&self, list: Vec<EndpointRecord>) {
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
    }

    pub(crate) fn get(&self, id: &str) -> Option<EndpointRecord> {
        self.list()
            .iter()
            .find(|endpoint| endpoint.id == id)
            .cloned()
    }

    /// The event for the app that sent the message.
    pub(crate) fn hooks_for(
        &self,
        app: &str,
        sender: &str,
        subject: u128,
        event: &Event,
        now: Timestamp,
    ) -> Vec<Op> {
        let list = self.list();
        self.chosen(&list, app, sender, event)
            .map(|e| hook(e, subject, event, now))
            .collect()
    }

    /// The event for every app that has this sender.
    pub(crate) fn hooks_for_sender(
        &self,
        sender: &str,
        subject: u128,
        event: &Event,
        now: Timestamp,
    ) -> Vec<Op> {
        let list = self.list();
        let apps: BTreeSet<&str> = list.iter().map(|endpoint| endpoint.app.as_str()).collect();
        apps.into_iter()
            .filter(|app| self.has_sender(app, sender))
            .flat_map(|app| self.chosen(&list, app, sender, event))
            .map(|endpoint| hook(endpoint, subject, event, now))
            .collect()
    }

    /// The event for every endpoint that takes our own events.
    pub(crate) fn hooks_for_all(&self, subject: u128, event: &Event, now: Timestamp) -> Vec<Op> {
        let list = self.list();
        list.iter()
            .filter(|endpoint| self.app_senders.contains_key(&endpoint.app))
            .filter(|endpoint| endpoint.form == EndpointForm::Standard && wants(endpoint, event))
            .map(|endpoint| hook(endpoint, subject, event, now))
            .collect()
    }

    pub(crate) fn senders_of_waba(&self, waba: &str) -> Vec<String> {
        let of_waba = self
            .wabas
            .iter()
            .filter(|(_, known)| known.as_str() == waba);
        of_waba.map(|(sender, _)| sender.clone()).collect()
    }

    fn chosen<'a>(
        &'a self,
        list: &'a [EndpointRecord],
        app: &'a str,
        sender: &'a str,
        event: &'a Event,
    ) -> impl Iterator<Item = &'a EndpointRecord> {
        let of_app = move |endpoint: &&EndpointRecord| {
            endpoint.app == app && self.rank(endpoint, sender).is_some()
        };
        let cloud = list
            .iter()
            .filter(of_app)
            .filter(|endpoint| endpoint.form == EndpointForm::Cloud)
            .max_by_key(|endpoint| self.rank(endpoint, sender))
            .filter(move |endpoint| wants(endpoint, event));
        let standard = list
            .iter()
            .filter(of_app)
            .filter(move |e| e.form == EndpointForm::Standard && wants(e, event));
        cloud.into_iter().chain(standard)
    }

    /// How narrowly an endpoint's scope fits a sender; `None` = not at all.
    fn rank(&self, endpoint: &EndpointRecord, sender: &str) -> Option<u8> {
        match endpoint.scope.split_once(':') {
            Some(("phone", id)) => (id == sender).then_some(3),
            Some(("waba", id)) => {
                (self.wabas.get(sender).map(String::as_str) == Some(id)).then_some(2)
            }
            Some(_) => None,
            None => Some(1),
        }
    }

    fn has_sender(&self, app: &str, sender: &str) -> bool {
        self.app_senders
            .get(app)
            .is_some_and(|senders| senders.iter().any(|s| s == sender))
    }

    fn list(&self) -> Arc<Vec<EndpointRecord>> {
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn hook(endpoint: &EndpointRecord, subject: u128, event: &Event, now: Timestamp) -> Op {
    Op::Hook {
        endpoint: endpoint.id.clone(),
        subject,
        event: event.clone(),
        due_at: now,
    }
}

/// Cloud endpoints name webhook fields; standard ones name event types by their first word.
fn wants(endpoint: &EndpointRecord, event: &Event) -> bool {
    let field = match (&event.kind, endpoint.form) {
        (EventKind::Health { .. } | EventKind::Account { .. }, EndpointForm::Cloud) => {
            return false;
        }
        (EventKind::Health { .. } | EventKind::Account { .. }, EndpointForm::Standard) => "route",
        (EventKind::Passed { .. }, EndpointForm::Standard) => return false,
        (EventKind::Passed { field, .. }, EndpointForm::Cloud) => field,
        (
            EventKind::Status { .. } | EventKind::Failed { .. } | EventKind::Inbound { .. },
            EndpointForm::Cloud,
        ) => "messages",
        (
            EventKind::Status { .. } | EventKind::Failed { .. } | EventKind::Inbound { .. },
            EndpointForm::Standard,
        ) => "message",
    };
    endpoint.fields.is_empty()
        || endpoint
            .fields
            .iter()
            .any(|known| known.split('.').next() == Some(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::id::InboundId;

    fn endpoint(id: &str, app: &str, scope: &str) -> EndpointRecord {
        EndpointRecord {
            id: id.to_owned(),
            app: app.to_owned(),
            form: EndpointForm::Standard,
            url: String::from("https://app.example.com/events"),
            secret: String::new().into(),
            verify_token: None,
            scope: scope.to_owned(),
            fields: Vec::new(),
            created_at: Timestamp(0),
        }
    }

    fn check(ops: &[Op], expect: &[&str]) {
        let told: Vec<&str> = ops
            .iter()
            .map(|op| {
                let Op::Hook { endpoint, .. } = op else {
                    panic!("only hooks are made")
                };
                endpoint.as_str()
            })
            .collect();
        assert_eq!(told, expect);
    }

    fn known() -> Endpoints {
        let list = vec![
            endpoint("both", "shop", "app"),
            endpoint("second", "shop", "phone:2"),
            endpoint("narrow", "till", "app"),
            endpoint("none", "closed", "app"),
            endpoint("gone", "removed", "app"),
        ];
        let senders = |ids: &[&str]| ids.iter().map(|id| String::from(*id)).collect();
        let apps = [
            ("shop", senders(&["1", "2"])),
            ("till", senders(&["1"])),
            ("closed", senders(&[])),
        ];
        let apps = apps.map(|(app, senders)| (String::from(app), senders));
        Endpoints::new(list, BTreeMap::new(), apps.into())
    }

    #[test]
    fn what_people_write_goes_to_the_apps_that_have_the_sender() {
        let inbound = InboundId(1);
        let event = Event {
            at: Timestamp(0),
            kind: EventKind::Inbound { inbound },
        };
        let told = |sender| known().hooks_for_sender(sender, 1, &event, Timestamp(0));
        check(&told("1"), &["both", "narrow"]);
        check(&told("2"), &["both", "second"]);
        check(&told("3"), &[]);
    }
}
