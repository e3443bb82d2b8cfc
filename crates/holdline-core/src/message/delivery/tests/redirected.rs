//! An operator sends a message by another hop.

use super::*;

fn redirect(story: &mut Story, ms: i64, hop: u8) {
    story.at(ms, |machine, c| machine.handle_redirected(hop, c));
}

#[test]
fn a_waiting_message_goes_by_the_hop_that_was_asked_for() {
    let mut story = Story::new(two_hops(Priority::Bulk));
    story.world.health[0] = Health::Down;
    story.due(0);
    assert!(story.sent.is_empty(), "this priority waits");
    redirect(&mut story, 10, 1);
    assert_eq!(story.sent, [1]);
    assert!(story.machine.is_spent(0), "it does not go back");
}

#[test]
fn what_is_placed_moves_and_what_is_on_its_way_does_not() {
    let mut story = Story::new(two_hops(Priority::Service));
    story.due(0);
    redirect(&mut story, 5, 1);
    assert_eq!(story.sent, [0], "in flight: it may arrive");
    story.outcome(10, 1, accepted());
    redirect(&mut story, 20, 1);
    assert_eq!(story.sent, [0, 1]);
    assert!(!story.machine.can_redirect(0), "given up");
}

#[test]
fn nothing_happens_for_a_hop_that_is_not_there_or_was_given_up() {
    let mut story = Story::new(two_hops(Priority::Service));
    let before = story.machine.clone();
    redirect(&mut story, 0, 7);
    assert_eq!(story.machine, before);
    story.due(1).outcome(2, 1, accepted());
    redirect(&mut story, 3, 0);
    assert_eq!(story.sent, [0], "it is on that hop");
}
