//! How far a trouble reaches: the smallest scope that covers what fails and little that works.

use super::{Play, fails};
use crate::ChannelKind;
use crate::health::scope::{Feature, NumberIx};
use crate::health::signal::Evidence;
use crate::health::verdict::Health;

const WHATSAPP: ChannelKind = ChannelKind::WHATSAPP;

#[test]
fn management_that_fails_alone_is_named_so_and_takes_no_message_with_it() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    play.probes[0] = fails();
    for _ in 0..300 {
        play.live(1, &[(text, Evidence::Works)]);
        assert!(play.health(text) <= Health::Suspect, "{:?}", play.changes());
        let whole = play.board.standing_of(NumberIx(0)).health;
        assert_eq!(whole, play.health(text), "messages meet nothing else");
    }
    assert_eq!(play.said[0].name, "whatsapp/106/management");
    assert!(
        play.said
            .iter()
            .all(|it| it.scope.feature == Some(Feature::Management))
    );
    assert!(
        play.said[0].reason.contains("probes failed"),
        "{}",
        play.said[0].reason
    );
}

#[test]
fn media_that_fail_alone_are_named_so() {
    let (mut play, text) = Play::simple();
    let media = play.route(0, Feature::Media, 49);
    play.live(60, &[(text, Evidence::Works), (media, Evidence::Works)]);
    play.live(40, &[(text, Evidence::Works), (media, fails())]);
    assert_eq!(play.last_name(), "whatsapp/106/media/+49");
    assert_eq!(
        (play.health(text), play.health(media)),
        (Health::Up, Health::Down)
    );
}

#[test]
fn one_country_that_fails_is_named() {
    let (mut play, germany) = Play::simple();
    let brazil = play.route(0, Feature::Session, 55);
    play.live(60, &[(germany, Evidence::Works), (brazil, Evidence::Works)]);
    play.live(40, &[(germany, Evidence::Works), (brazil, fails())]);
    assert_eq!(play.last_name(), "whatsapp/106/session/+55");
    assert_eq!(
        (play.health(germany), play.health(brazil)),
        (Health::Up, Health::Down)
    );
    assert_eq!(
        play.said[0].scope_words,
        "text messages to +55 by whatsapp 106"
    );
}

#[test]
fn two_countries_that_fail_are_the_feature_and_with_the_probes_the_number() {
    let (mut play, germany) = Play::simple();
    let brazil = play.route(0, Feature::Session, 55);
    play.live(60, &[(germany, Evidence::Works), (brazil, Evidence::Works)]);
    play.live(8, &[(germany, fails()), (brazil, fails())]);
    assert_eq!(play.last_name(), "whatsapp/106/session");
    assert!(
        play.said
            .last()
            .unwrap()
            .reason
            .contains("it reaches further")
    );
    play.probes[0] = fails();
    play.live(8, &[(germany, fails()), (brazil, fails())]);
    assert!(
        play.said.iter().any(|it| it.name == "whatsapp/106/all"),
        "{:?}",
        play.changes()
    );
    assert_eq!(play.board.episodes().len(), 1, "one trouble, however wide");
}

#[test]
fn two_numbers_that_fail_are_their_account_and_two_accounts_the_provider() {
    for (account, name) in [
        ("A", "whatsapp/waba:A/session/+49"),
        ("B", "whatsapp/*/session/+49"),
    ] {
        let mut play = Play::new(&[(WHATSAPP, "106", "A"), (WHATSAPP, "107", account)]);
        let routes = [
            play.route(0, Feature::Session, 49),
            play.route(1, Feature::Session, 49),
        ];
        play.live(60, &routes.map(|route| (route, Evidence::Works)));
        play.live(30, &routes.map(|route| (route, fails())));
        assert_eq!(play.last_name(), name, "{:?}", play.changes());
        assert_eq!(routes.map(|route| play.health(route)), [Health::Down; 2]);
        assert_eq!(play.board.episodes().len(), 1);
    }
}

#[test]
fn a_number_that_works_keeps_the_trouble_of_another_small() {
    let mut play = Play::new(&[(WHATSAPP, "106", "A"), (WHATSAPP, "107", "A")]);
    let (one, other) = (
        play.route(0, Feature::Session, 49),
        play.route(1, Feature::Session, 49),
    );
    play.live(60, &[(one, Evidence::Works), (other, Evidence::Works)]);
    play.live(60, &[(one, fails()), (other, Evidence::Works)]);
    assert_eq!(
        (play.health(one), play.health(other)),
        (Health::Down, Health::Up)
    );
    assert_eq!(play.last_name(), "whatsapp/106/session/+49");
}
