//! Stories in which every route is bad.

use super::*;

#[test]
fn between_two_bad_routes_a_message_moves_once_and_not_to_and_fro() {
    let mut story = Story::new(two_hops(Priority::Emergency));
    story.world.health = [Health::Degraded; 2];
    story.due(0);
    for second in 1_u16..=12 {
        let ms = i64::from(second) * 4_000;
        story.outcome(ms, second, rejected(FaultClass::Platform));
        story.due(ms + 3_999);
    }
    let moves = story.sent.windows(2).filter(|it| it[0] != it[1]).count();
    assert!(moves <= 2, "{:?}", story.sent);
    assert!(story.sent.len() > 6, "{:?}", story.sent);
}

#[test]
fn a_suspect_route_that_has_used_up_patience_is_still_taken_when_it_is_the_only_one() {
    let mut story = Story::new(delivery(Priority::Emergency, vec![hop(WHATSAPP)]));
    story.due(0).outcome(10, 1, rejected(FaultClass::Platform));
    story.world.health[0] = Health::Suspect;
    story.due(6_000);
    assert_eq!(story.sent, [0, 0]);
}
