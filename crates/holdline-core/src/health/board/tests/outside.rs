//! What is learned beside traffic: receipts and history, the account's own status, feeds, our own
//! network, and the word of an operator.

use super::{Play, fails};
use crate::health::board::{
    AccountWord, FeedIncident, FeedSeen, Hold, HoldKind, NetworkSeen, Wish,
};
use crate::health::scope::{Feature, NumberIx};
use crate::health::signal::Evidence;
use crate::health::verdict::Health;
use crate::{ChannelKind, Timestamp};
use alloc::vec;

const NUMBER: NumberIx = NumberIx(0);

fn tell(play: &mut Play, open: bool) {
    let incident = FeedIncident {
        title: "Sending".into(),
        features: vec![],
        began_at: None,
    };
    play.board.feed_seen(FeedSeen {
        name: "metastatus".into(),
        channel: ChannelKind::WHATSAPP,
        at: play.now,
        incidents: Some(if open { vec![incident] } else { vec![] }),
    });
}

fn look_at_network(play: &mut Play, controls: bool) {
    let (at, words) = (play.now, "control hosts".into());
    play.board.network_seen(NetworkSeen {
        at,
        controls: Some(controls),
        words,
    });
}

#[test]
fn accepted_but_not_delivered_is_noticed_and_asked_about() {
    let (mut play, text) = Play::simple();
    play.live(120, &[(text, Evidence::Works)]);
    assert!(play.said.is_empty(), "{:?}", play.changes());
    play.board.take_wishes();
    play.delivers = false;
    play.live(20, &[(text, Evidence::Works)]);
    let asks = |wish: &Wish| matches!(wish, Wish::History { .. });
    assert!(play.board.take_wishes().iter().any(asks));
    play.live(60, &[(text, Evidence::Works)]);
    assert!(
        play.reached(Health::Degraded) && play.reached(Health::Down),
        "{:?}",
        play.changes()
    );
    let course = &play.said[0].course;
    assert!(course.signal.ends_with("_receipts"), "{}", course.signal);
    assert!(
        play.reason_of(Health::Degraded)
            .contains("receipts came where")
    );
}

#[test]
fn receipts_that_history_knows_of_are_a_loss_of_webhooks() {
    let (mut play, text) = Play::simple();
    play.live(120, &[(text, Evidence::Works)]);
    play.delivers = false;
    play.live(25, &[(text, Evidence::Works)]);
    assert!(play.reached(Health::Degraded), "{:?}", play.changes());
    play.board.history_seen(NUMBER, true, play.now);
    play.live(60, &[(text, Evidence::Works)]);
    assert_eq!(
        play.health(text),
        Health::Up,
        "messages are sent as ever: {:?}",
        play.changes()
    );
    let last = play
        .said
        .iter()
        .find(|it| it.scope.feature == Some(Feature::Inbound))
        .unwrap();
    assert_eq!(
        (last.name.as_str(), last.to),
        ("whatsapp/106/inbound", Health::Degraded)
    );
    play.delivers = true;
    play.live(60, &[(text, Evidence::Works)]);
    assert!(
        play.board.episodes().is_empty(),
        "webhooks come again: {:?}",
        play.changes()
    );
}

#[test]
fn an_account_that_is_refused_is_our_fault_at_once_and_never_an_outage() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    let refused = Evidence::AccountRefused {
        code: "131042".into(),
    };
    play.live(1, &[(text, refused.clone())]);
    assert_eq!(play.health(text), Health::AccountFault);
    assert!(
        play.board
            .take_wishes()
            .iter()
            .any(|it| matches!(it, Wish::Account { .. }))
    );
    play.board
        .account_seen(NUMBER, AccountWord::Blocked, "payment missing", play.now);
    play.live(900, &[(text, refused)]);
    assert!(
        play.said
            .iter()
            .all(|it| !matches!(it.to, Health::Degraded | Health::Down))
    );
    let confirmed = play
        .said
        .iter()
        .find(|it| it.course.account_confirmed)
        .unwrap();
    assert!(confirmed.reason.contains("payment missing"));
    let tests = play
        .said
        .iter()
        .filter(|it| it.to == Health::Recovering)
        .count();
    assert!(
        (1..15).contains(&tests),
        "{tests} tests in a quarter of an hour"
    );
    play.live(1_800, &[(text, Evidence::Works)]);
    assert_eq!(play.health(text), Health::Up);
}

#[test]
fn a_blocked_account_explains_what_looked_like_an_outage() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    play.live(6, &[(text, Evidence::fails("1"))]);
    assert_eq!(play.health(text), Health::Degraded);
    play.board
        .account_seen(NUMBER, AccountWord::Blocked, "restricted", play.now);
    assert_eq!(play.health(text), Health::AccountFault);
    play.live(60, &[(text, Evidence::fails("1"))]);
    assert!(!play.reached(Health::Down), "{:?}", play.changes());
}

#[test]
fn a_feed_alone_makes_suspect_and_no_more() {
    let (mut play, text) = Play::simple();
    tell(&mut play, true);
    play.live(600, &[(text, Evidence::Works)]);
    assert_eq!(play.health(text), Health::Suspect);
    tell(&mut play, false);
    assert_eq!(play.health(text), Health::Up);
    assert!(play.said.is_empty());
}

#[test]
fn a_feed_shortens_the_way_down_and_asks_for_two_tests() {
    let mut lengths = vec![];
    for told in [false, true] {
        let (mut play, text) = Play::simple();
        play.live(60, &[(text, Evidence::Works)]);
        tell(&mut play, told);
        let begun = play.now;
        play.live(30, &[(text, fails())]);
        let down = play.said.iter().find(|it| it.to == Health::Down).unwrap();
        let down_ms = down.at.since_ms(begun);
        if told {
            assert_eq!(down.course.feed.as_ref().unwrap().0, "metastatus");
        }
        play.live(300, &[(text, Evidence::Works)]);
        let last = play.said.last().unwrap();
        assert_eq!(last.to, Health::Up);
        let tested = play
            .said
            .iter()
            .rfind(|it| it.to == Health::Recovering)
            .unwrap();
        lengths.push((down_ms, last.at.since_ms(tested.at)));
    }
    assert!(lengths[1].0 + 8_000 < lengths[0].0, "{lengths:?}");
    assert!(lengths[1].1 > lengths[0].1 * 3 / 2, "{lengths:?}");
}

#[test]
fn when_nobody_is_reached_it_is_us_and_nobody_else_is_blamed() {
    let numbers = [
        (ChannelKind::WHATSAPP, "106", "A"),
        (ChannelKind::SMS, "+49", "B"),
    ];
    let mut play = Play::new(&numbers);
    let (text, sms) = (
        play.route(0, Feature::Session, 49),
        play.route(1, Feature::Session, 49),
    );
    let both = |evidence: Evidence| [(text, evidence.clone()), (sms, evidence)];
    play.live(60, &both(Evidence::Works));
    play.probes = vec![Evidence::fails("connect"); 2];
    play.live(60, &both(Evidence::fails("connect")));
    assert_eq!(
        [play.health(text), play.health(sms)],
        [Health::SelfImpaired; 2]
    );
    assert!(!play.reached(Health::Down), "{:?}", play.changes());
    look_at_network(&mut play, true);
    play.probes = vec![Evidence::Works; 2];
    play.live(60, &both(Evidence::Works));
    assert_eq!(
        [play.health(text), play.health(sms)],
        [Health::Up; 2],
        "{:?}",
        play.changes()
    );
    assert!(
        play.board.episodes().is_empty(),
        "{:?}",
        play.board.episodes()
    );
}

#[test]
fn controls_that_fell_silent_too_say_that_it_is_us() {
    let (mut play, text) = Play::simple();
    look_at_network(&mut play, true);
    play.live(60, &[(text, Evidence::Works)]);
    play.probes = vec![Evidence::fails("connect")];
    play.live(8, &[(text, Evidence::fails("connect"))]);
    look_at_network(&mut play, false);
    play.live(20, &[(text, Evidence::fails("connect"))]);
    assert_eq!(play.health(text), Health::SelfImpaired);
    assert!(!play.reached(Health::Down));
}

#[test]
fn an_operator_overrules_until_it_expires() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    let scope = play.board.scope_of(NUMBER);
    for (kind, health, held) in [
        (HoldKind::Down, Health::Down, false),
        (HoldKind::Up, Health::Up, false),
        (HoldKind::Hold, Health::Up, true),
    ] {
        let (set_at, until) = (play.now, play.now.plus_ms(10_000));
        play.board.hold(Hold {
            scope,
            kind,
            reason: "drill".into(),
            set_at,
            until,
        });
        play.live(8, &[]);
        let standing = play.board.standing(text);
        assert_eq!((standing.health, standing.held), (health, held), "{kind:?}");
        assert_eq!(play.board.standing_of(NUMBER).health, health);
        play.live(4, &[]);
        assert!(play.board.holds().is_empty() && !play.board.standing(text).held);
    }
    let (set_at, until) = (play.now, Timestamp::MAX);
    play.board.hold(Hold {
        scope,
        kind: HoldKind::Down,
        reason: "drill".into(),
        set_at,
        until,
    });
    assert!(play.board.release(&scope) && !play.board.release(&scope));
    assert_eq!(play.health(text), Health::Up);
}
