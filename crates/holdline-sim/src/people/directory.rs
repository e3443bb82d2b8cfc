//! Keeps people and what they received, within bounds. Facts about a person that nobody set (name,
//! user id) are derived from the address, so they are the same in every run.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{
    Attempts, INBOX_MAX, MailReach, PEOPLE_MAX, PersonChange, PersonView, Received, SmsReach,
    WhatsappReach,
};
use crate::config::AutoReply;
use crate::draws::stable;
use crate::ring::Ring;
use crate::text::{canonical, is_user_id};
use crate::world::Event;

/// Received messages shown of one person.
const RECEIVED_PER_PERSON_MAX: usize = 1_000;
const NAMES: [&str; 12] = [
    "Ann", "Bohdan", "Chiara", "Dele", "Emeka", "Fatima", "Goran", "Hana", "Inés", "João", "Kim",
    "Ľubica",
];

#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) user_id: String,
    pub(crate) whatsapp: WhatsappReach,
    pub(crate) sms: SmsReach,
    pub(crate) email: MailReach,
    pub(crate) reads: Option<bool>,
    pub(crate) auto_reply: Option<AutoReply>,
    pub(crate) opted_out_of_sms: bool,
    pub(crate) last_inbound_ms: Option<u64>,
    /// The business number they last heard from.
    pub(crate) last_number: Option<String>,
    /// What waits for a phone that is off.
    pub(crate) waiting: Vec<Event>,
    attempts: Attempts,
    received: VecDeque<u64>,
    received_total: u64,
}

impl Person {
    fn new(address: &str) -> Self {
        let fact = stable(address);
        Self {
            name: NAMES[(fact % NAMES.len() as u64) as usize].to_owned(),
            user_id: user_id(address, fact),
            whatsapp: WhatsappReach::default(),
            sms: SmsReach::default(),
            email: MailReach::default(),
            reads: None,
            auto_reply: None,
            opted_out_of_sms: false,
            last_inbound_ms: None,
            last_number: None,
            waiting: Vec::new(),
            attempts: Attempts::default(),
            received: VecDeque::new(),
            received_total: 0,
        }
    }

    fn change(&mut self, address: &str, change: PersonChange) {
        self.name = change
            .name
            .unwrap_or_else(|| std::mem::take(&mut self.name));
        self.whatsapp = change.whatsapp.unwrap_or(self.whatsapp);
        self.sms = change.sms.unwrap_or(self.sms);
        self.email = change.email.unwrap_or(self.email);
        self.reads = change.reads.or(self.reads);
        if let Some(text) = change.auto_reply {
            let reply = AutoReply {
                address: address.to_owned(),
                text,
                press: None,
                after_ms: 500,
            };
            self.auto_reply = Some(reply).filter(|reply| !reply.text.is_empty());
        }
    }
}

#[derive(Debug)]
pub(crate) struct People {
    all: BTreeMap<String, Person>,
    arrivals: VecDeque<String>,
    by_user_id: HashMap<String, String>,
    inbox: Ring<Received>,
}

impl People {
    pub(crate) fn new(auto_reply: &[AutoReply]) -> Self {
        let mut people = Self {
            all: BTreeMap::new(),
            arrivals: VecDeque::new(),
            by_user_id: HashMap::new(),
            inbox: Ring::new(INBOX_MAX),
        };
        for reply in auto_reply {
            people.person(&canonical(&reply.address)).auto_reply = Some(reply.clone());
        }
        people
    }

    /// The person at a canonical address, made on first mention.
    pub(crate) fn person(&mut self, address: &str) -> &mut Person {
        if !self.all.contains_key(address) {
            self.admit(address);
        }
        self.all
            .entry(address.to_owned())
            .or_insert_with(|| Person::new(address))
    }

    pub(crate) fn find(&self, address: &str) -> Option<&Person> {
        self.all.get(address)
    }

    /// The phone number behind a user id, if that person is known.
    pub(crate) fn phone_of(&self, user_id: &str) -> Option<&str> {
        self.by_user_id.get(user_id).map(String::as_str)
    }

    pub(crate) fn attempted(&mut self, address: &str, provider: crate::Provider) {
        self.person(address).attempts.count(provider);
    }

    pub(crate) fn change(&mut self, address: &str, change: PersonChange) -> Vec<Event> {
        let person = self.person(address);
        person.change(address, change);
        if person.whatsapp == WhatsappReach::Offline {
            return Vec::new();
        }
        std::mem::take(&mut person.waiting)
    }

    pub(crate) fn receive(&mut self, address: &str, mut received: Received) {
        received.seq = self.inbox.next_seq();
        let (seq, _) = self.inbox.push(received);
        let person = self.person(address);
        person.received_total += 1;
        person.received.push_back(seq);
        if person.received.len() > RECEIVED_PER_PERSON_MAX {
            person.received.pop_front();
        }
    }

    /// What this person received, newest first, as far as it is still kept.
    pub(crate) fn received<'a>(&'a self, address: &str) -> impl Iterator<Item = &'a Received> {
        let numbers = self
            .all
            .get(address)
            .into_iter()
            .flat_map(|p| p.received.iter().rev());
        numbers.filter_map(|seq| self.inbox.get(*seq))
    }

    pub(crate) fn view(&self, address: &str) -> Option<PersonView> {
        let mut view = self.summary(address)?;
        view.received = self.received(address).cloned().collect();
        view.received.reverse();
        Some(view)
    }

    /// Everyone known, without what they received.
    pub(crate) fn summaries(&self, max: usize) -> Vec<PersonView> {
        self.all
            .keys()
            .take(max)
            .filter_map(|address| self.summary(address))
            .collect()
    }

    fn summary(&self, address: &str) -> Option<PersonView> {
        let person = self.all.get(address)?;
        Some(PersonView {
            address: address.to_owned(),
            name: person.name.clone(),
            user_id: person.user_id.clone(),
            whatsapp: person.whatsapp,
            sms: person.sms,
            email: person.email,
            attempts: person.attempts,
            received_total: person.received_total,
            received: Vec::new(),
        })
    }

    fn admit(&mut self, address: &str) {
        if self.arrivals.len() >= PEOPLE_MAX
            && let Some(oldest) = self.arrivals.pop_front()
            && let Some(person) = self.all.remove(&oldest)
        {
            self.by_user_id.remove(&person.user_id);
        }
        self.arrivals.push_back(address.to_owned());
        if !is_user_id(address) {
            self.by_user_id
                .insert(user_id(address, stable(address)), address.to_owned());
        }
    }
}

fn user_id(address: &str, fact: u64) -> String {
    if is_user_id(address) {
        return address.to_owned();
    }
    format!(
        "{}.{}{:010}",
        country(address),
        1_000_000_000 + fact % 9_000_000_000,
        fact >> 34
    )
}

fn country(digits: &str) -> &'static str {
    const PREFIXES: &[(&str, &str)] = &[
        ("234", "NG"),
        ("254", "KE"),
        ("351", "PT"),
        ("353", "IE"),
        ("358", "FI"),
        ("380", "UA"),
        ("420", "CZ"),
        ("421", "SK"),
        ("966", "SA"),
        ("971", "AE"),
        ("972", "IL"),
        ("20", "EG"),
        ("27", "ZA"),
        ("30", "GR"),
        ("31", "NL"),
        ("32", "BE"),
        ("33", "FR"),
        ("34", "ES"),
        ("36", "HU"),
        ("39", "IT"),
        ("40", "RO"),
        ("41", "CH"),
        ("43", "AT"),
        ("44", "GB"),
        ("45", "DK"),
        ("46", "SE"),
        ("47", "NO"),
        ("48", "PL"),
        ("49", "DE"),
        ("51", "PE"),
        ("52", "MX"),
        ("54", "AR"),
        ("55", "BR"),
        ("56", "CL"),
        ("57", "CO"),
        ("60", "MY"),
        ("61", "AU"),
        ("62", "ID"),
        ("63", "PH"),
        ("64", "NZ"),
        ("65", "SG"),
        ("66", "TH"),
        ("81", "JP"),
        ("82", "KR"),
        ("84", "VN"),
        ("90", "TR"),
        ("91", "IN"),
        ("92", "PK"),
        ("7", "RU"),
        ("1", "US"),
    ];
    PREFIXES
        .iter()
        .find(|(prefix, _)| digits.starts_with(prefix))
        .map_or("ZZ", |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_leads_back_to_the_phone() {
        let mut people = People::new(&[]);
        let id = people.person("16505551234").user_id.clone();
        assert!(
            id.starts_with("US.") && id[3..].bytes().all(|b| b.is_ascii_digit()),
            "{id}"
        );
        assert_eq!(people.phone_of(&id), Some("16505551234"));
        assert_eq!(people.phone_of("US.1"), None);
    }

    #[test]
    fn what_waited_for_a_phone_comes_out_when_it_is_back() {
        let mut people = People::new(&[]);
        let state = |whatsapp| PersonChange {
            whatsapp: Some(whatsapp),
            ..PersonChange::default()
        };
        people.change("1", state(WhatsappReach::Offline));
        people.person("1").waiting.push(Event::WhatsappDelivered(4));
        assert!(people.change("1", PersonChange::default()).is_empty());
        assert_eq!(people.change("1", state(WhatsappReach::Normal)).len(), 1);
    }
}
