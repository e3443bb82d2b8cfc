//! People: an address belongs to one person, and what use teaches about it is kept.

use super::fixtures::{address, at, contact, contact_id, put, try_put};
use crate::ports::ops::{AddressNote, ContactSave};
use crate::ports::records::{AddressRecord, ContactRecord};
use crate::ports::{Conflict, Op, Store};
use holdline_core::ChannelKind;
use holdline_core::contact::Consent;
use std::sync::Arc;

const SMS: ChannelKind = ChannelKind::SMS;
const EMAIL: ChannelKind = ChannelKind::EMAIL;

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    every_value_of_a_person_comes_back(&*new_store().await).await;
    seeing_a_person_again_changes_nothing_known(&*new_store().await).await;
    saving_replaces_the_addresses(&*new_store().await).await;
    an_address_of_somebody_else_is_refused(&*new_store().await).await;
    a_withdrawal_outlives_every_save_that_does_not_lift_it(&*new_store().await).await;
    a_note_changes_only_what_it_names(&*new_store().await).await;
    people_come_in_pages(&*new_store().await).await;
    people_are_found_by_the_beginning_of_what_is_known(&*new_store().await).await;
    who_is_at_hand_is_as_he_is_stored(&*new_store().await).await;
}

async fn people_are_found_by_the_beginning_of_what_is_known(store: &dyn Store) {
    let named = |n, name: &str, external_id: &str, addresses: &[(ChannelKind, &str)]| {
        let name = Some(holdline_core::Redacted::new(name.to_owned()));
        let external_id = Some(external_id.to_owned());
        ContactRecord {
            name,
            external_id,
            ..contact(n, addresses)
        }
    };
    let people = [
        named(
            1,
            "Ada Lovelace",
            "c-1",
            &[(SMS, "+1555"), (EMAIL, "ada@example.com")],
        ),
        named(2, "adam", "C-2", &[(ChannelKind::WHATSAPP, "+1556")]),
        named(3, "Bob", "c-10", &[(EMAIL, "bob@example.com")]),
        contact(4, &[]),
    ];
    put(store, people.iter().map(save).collect()).await;
    let check = async |text: &str, expect: &[i64]| {
        let found = store.find_contacts(text, None, 9).await.expect("reads");
        let expect: Vec<_> = expect
            .iter()
            .map(|n| people[*n as usize - 1].clone())
            .collect();
        assert_eq!(found, expect, "{text}");
    };
    check("ADA", &[1, 2]).await;
    check("ada ", &[1]).await;
    check("c-1", &[1, 3]).await;
    check("+155", &[1, 2]).await;
    check("bob@", &[3]).await;
    check("%", &[]).await;
    let next = store.find_contacts("ada", Some(contact_id(1)), 9).await;
    assert_eq!(next.expect("reads"), [people[1].clone()]);
    let one = store.find_contacts("ada", None, 1).await.expect("reads");
    assert_eq!(one, [people[0].clone()]);
}

async fn every_value_of_a_person_comes_back(store: &dyn Store) {
    let full = |channel, value: &str, consent| AddressRecord {
        verified_at: Some(at(1)),
        consent,
        unreachable_until: Some(at(2)),
        last_inbound_at: Some(at(3)),
        ..address(channel, value)
    };
    let mut person = contact(1, &[(ChannelKind::WHATSAPP, "+1555")]);
    let kinds = [SMS, EMAIL, crate::ports::records::WA_USER];
    for (channel, consent) in kinds.into_iter().zip(Consent::ALL) {
        person.addresses.push(full(channel, "Value @ +1", consent));
    }
    let bare = ContactRecord {
        name: None,
        external_id: None,
        ..contact(2, &[])
    };
    put(store, vec![save(&person), save(&bare)]).await;
    assert_eq!(known(store, 1).await, person);
    assert_eq!(known(store, 2).await, bare);
    let found = store
        .contact_by_address(EMAIL, "Value @ +1")
        .await
        .expect("reads");
    assert_eq!(found, Some(person));
    assert_eq!(
        store
            .contact_by_address(EMAIL, "value @ +1")
            .await
            .expect("reads"),
        None
    );
    assert_eq!(store.contact(contact_id(3)).await.expect("reads"), None);
}

async fn seeing_a_person_again_changes_nothing_known(store: &dyn Store) {
    let first = contact(1, &[(SMS, "+1")]);
    put(store, vec![see(&first)]).await;
    assert_eq!(known(store, 1).await, first);
    let mut again = contact(1, &[(SMS, "+1"), (EMAIL, "a@b")]);
    (again.name, again.external_id) = (None, None);
    again.addresses[0].consent = Consent::Withdrawn;
    put(store, vec![see(&again)]).await;
    let wanted = contact(1, &[(SMS, "+1"), (EMAIL, "a@b")]);
    assert_eq!(
        known(store, 1).await,
        wanted,
        "the new address came, the old stayed"
    );
    put(
        store,
        vec![see(&contact(2, &[(EMAIL, "a@b"), (SMS, "+2")]))],
    )
    .await;
    assert_eq!(
        known(store, 1).await,
        wanted,
        "nobody takes an address away"
    );
    assert_eq!(known(store, 2).await, contact(2, &[(SMS, "+2")]));
}

async fn saving_replaces_the_addresses(store: &dyn Store) {
    put(
        store,
        vec![save(&contact(1, &[(SMS, "+1"), (EMAIL, "a@b")]))],
    )
    .await;
    let mut changed = contact(1, &[(EMAIL, "c@d"), (SMS, "+1")]);
    (changed.name, changed.updated_at) = (None, at(500));
    put(store, vec![save(&changed)]).await;
    assert_eq!(known(store, 1).await, changed);
    assert_eq!(
        store.contact_by_address(EMAIL, "a@b").await.expect("reads"),
        None
    );
    put(store, vec![save(&contact(2, &[(EMAIL, "a@b")]))]).await;
    let twice = contact(1, &[(SMS, "+1"), (SMS, "+1")]);
    put(store, vec![save(&twice)]).await;
    assert_eq!(
        known(store, 1).await,
        contact(1, &[(SMS, "+1")]),
        "named twice is once"
    );
}

async fn an_address_of_somebody_else_is_refused(store: &dyn Store) {
    put(store, vec![save(&contact(1, &[(SMS, "+1")]))]).await;
    let thief = contact(2, &[(EMAIL, "a@b"), (SMS, "+1")]);
    let expect = Conflict::AddressTaken {
        channel: SMS,
        owner: contact_id(1),
    };
    assert_eq!(try_put(store, vec![save(&thief)]).await, Err(expect));
    assert_eq!(store.contact(contact_id(2)).await.expect("reads"), None);
    assert_eq!(
        store.contact_by_address(EMAIL, "a@b").await.expect("reads"),
        None
    );
    assert_eq!(known(store, 1).await, contact(1, &[(SMS, "+1")]));
}

async fn a_withdrawal_outlives_every_save_that_does_not_lift_it(store: &dyn Store) {
    let mut stopped = contact(1, &[(SMS, "+1"), (EMAIL, "a@b")]);
    stopped.addresses[0].consent = Consent::Withdrawn;
    stopped.addresses[0].last_inbound_at = Some(at(3));
    put(store, vec![save(&stopped)]).await;
    let without = contact(1, &[(EMAIL, "c@d")]);
    put(store, vec![save(&without)]).await;
    let mut wanted = without.clone();
    wanted.addresses.push(stopped.addresses[0].clone());
    assert_eq!(known(store, 1).await, wanted, "left out, it stays");
    let mut given = contact(1, &[(SMS, "+1")]);
    given.addresses[0].consent = Consent::Given;
    put(store, vec![save(&given)]).await;
    let mut wanted = given.clone();
    wanted.addresses[0].consent = Consent::Withdrawn;
    assert_eq!(known(store, 1).await, wanted, "nobody gave it anew");
    put(
        store,
        vec![save_lifting(&given, &[(SMS, "+2"), (EMAIL, "+1")])],
    )
    .await;
    assert_eq!(known(store, 1).await, wanted, "another address was named");
    put(store, vec![save_lifting(&given, &[(SMS, "+1")])]).await;
    assert_eq!(known(store, 1).await, given, "given anew for this very one");
}

/// A store need not have anybody at hand; whom it has, it has as the last commit left him.
async fn who_is_at_hand_is_as_he_is_stored(store: &dyn Store) {
    let said = |channel, value: &str, consent| {
        Op::AddressNote(Box::new(AddressNote {
            contact: contact_id(1),
            channel,
            value: value.to_owned(),
            unreachable_until: None,
            last_inbound_at: None,
            consent: Some(consent),
        }))
    };
    let changes = [
        see(&contact(1, &[(SMS, "+1")])),
        see(&contact(1, &[(SMS, "+1"), (EMAIL, "a@b")])),
        said(SMS, "+1", Consent::Given),
        save(&contact(1, &[(EMAIL, "a@b"), (SMS, "+2")])),
        save(&contact(2, &[(SMS, "+1")])),
        save(&contact(1, &[(EMAIL, "c@d")])),
        see(&contact(2, &[(SMS, "+2")])),
        said(EMAIL, "c@d", Consent::Withdrawn),
    ];
    let places = [(SMS, "+1"), (SMS, "+2"), (EMAIL, "a@b"), (EMAIL, "c@d")];
    for change in changes {
        put(store, vec![change]).await;
        for (channel, value) in places {
            let at_hand = || {
                store
                    .contact_at_hand(channel, value)
                    .map(Arc::unwrap_or_clone)
            };
            let before = at_hand();
            let address = [(channel, value.to_owned())];
            let stored = store.contacts_by_address(&address).await;
            let stored = stored.expect("reads").pop().flatten();
            for at_hand in [before, at_hand()] {
                assert!(
                    at_hand.is_none() || at_hand == stored,
                    "{value}: {at_hand:?}"
                );
            }
        }
    }
}

async fn a_note_changes_only_what_it_names(store: &dyn Store) {
    put(
        store,
        vec![save(&contact(1, &[(SMS, "+1"), (EMAIL, "a@b")]))],
    )
    .await;
    let silent = AddressNote {
        contact: contact_id(1),
        channel: SMS,
        value: "+1".to_owned(),
        unreachable_until: None,
        last_inbound_at: None,
        consent: None,
    };
    let notes = [
        AddressNote {
            unreachable_until: Some(at(7)),
            ..silent.clone()
        },
        AddressNote {
            last_inbound_at: Some(at(8)),
            ..silent.clone()
        },
        AddressNote {
            consent: Some(Consent::Given),
            ..silent.clone()
        },
        AddressNote {
            value: "+2".to_owned(),
            consent: Some(Consent::Withdrawn),
            ..silent.clone()
        },
        silent,
    ];
    put(
        store,
        notes
            .into_iter()
            .map(|note| Op::AddressNote(Box::new(note)))
            .collect(),
    )
    .await;
    let mut wanted = contact(1, &[(SMS, "+1"), (EMAIL, "a@b")]);
    wanted.addresses[0].unreachable_until = Some(at(7));
    wanted.addresses[0].last_inbound_at = Some(at(8));
    wanted.addresses[0].consent = Consent::Given;
    assert_eq!(known(store, 1).await, wanted);
}

async fn people_come_in_pages(store: &dyn Store) {
    let everybody: Vec<_> = (1..=5)
        .map(|n| contact(n, &[(SMS, &format!("+{n}"))]))
        .collect();
    put(store, everybody.iter().map(save).collect()).await;
    let first = store.list_contacts(None, 2).await.expect("reads");
    assert_eq!(first, everybody[..2]);
    let rest = store
        .list_contacts(Some(contact_id(2)), 10)
        .await
        .expect("reads");
    assert_eq!(rest, everybody[2..]);
}

fn save(contact: &ContactRecord) -> Op {
    save_lifting(contact, &[])
}

fn save_lifting(contact: &ContactRecord, lifts: &[(ChannelKind, &str)]) -> Op {
    let lifts = lifts.iter();
    Op::ContactSave(Box::new(ContactSave {
        contact: contact.clone(),
        lifts: lifts
            .map(|(channel, value)| (*channel, (*value).to_owned().into()))
            .collect(),
    }))
}

fn see(contact: &ContactRecord) -> Op {
    Op::ContactSeen(Box::new(contact.clone()))
}

async fn known(store: &dyn Store, n: i64) -> ContactRecord {
    store
        .contact(contact_id(n))
        .await
        .expect("reads")
        .expect("is known")
}
