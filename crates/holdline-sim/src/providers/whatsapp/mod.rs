//! The virtual WhatsApp Cloud API: finds what a call is about, lets outages have their way, then
//! hands it to the endpoint. Decides only.

mod account;
pub(crate) mod after;
mod call;
mod faults;
mod graph_error;
mod ids;
mod media;
mod send;
mod state;
mod templates;

pub(crate) use account::handshake_done;
pub(crate) use call::{Call, Node};
use graph_error::{GraphError, Outcome, Refusal};
pub(crate) use state::State;
use state::StoredMedia;
pub(crate) use templates::reviewed as template_reviewed;

use crate::hooks::{Covered, HookState};
use crate::outage::Provider;
use crate::providers::{Answer, ApiRequest, Reply};
use crate::world::World;

pub(crate) fn answer(world: &mut World, request: &ApiRequest, now_ms: u64) -> Answer {
    let call = Call::of(world, request, now_ms);
    let (endpoint, outcome) = match faults::before(world, &call) {
        Some(fault) => (call.endpoint(), Err(fault)),
        None => serve(world, &call),
    };
    let (answer, code) = settle(world, outcome);
    let answer = faults::after(world, &call, answer);
    world
        .requests
        .count(Provider::Whatsapp, endpoint, outcome_name(&answer, code));
    answer
}

/// Writes down in the messages' history what became of the webhooks about them. What was delivered
/// stays so, whatever becomes of a second copy.
pub(crate) fn note_hooks(world: &mut World, covers: &[Covered], state: HookState) {
    for (key, place) in covers {
        let event = world
            .whatsapp
            .message_mut(*key)
            .and_then(|sent| sent.history.get_mut(*place));
        if let Some(event) = event.filter(|event| event.hook != HookState::Delivered) {
            event.hook = state;
        }
    }
}

fn serve(world: &mut World, call: &Call) -> (&'static str, Outcome) {
    let endpoint = call.endpoint();
    if endpoint == "oauth/access_token" {
        return (endpoint, account::app_token(world, call));
    }
    let refused = call.refuse_token().or_else(|| call.refuse_json());
    if let Some(error) = refused {
        return (endpoint, Err(error.into()));
    }
    if let Some(fault) = faults::of_account(world, call) {
        return (endpoint, Err(fault));
    }
    (endpoint, route(world, call))
}

fn route(world: &mut World, call: &Call) -> Outcome {
    let method = call.method.as_str();
    match (&call.node, call.edge.as_str()) {
        (Node::Download, _) => media::download(world, call),
        (Node::Number(id), "messages" | "marketing_messages") if method == "POST" => {
            send::post(world, call, id)
        }
        (Node::Number(_), "media") if method == "POST" => media::upload(world, call),
        (Node::Number(id), edge) => account::number(world, call, id, edge),
        (Node::Waba(id), "message_templates") => templates::collection(world, call, id),
        (Node::Waba(id), edge) => account::waba(world, call, id, edge),
        (Node::App, "subscriptions") => account::subscriptions(world, call),
        (Node::Template(id), "") => templates::node(world, call, *id),
        (Node::Media(id), "") if method == "GET" => media::info(world, call, id),
        (Node::Media(id), "") if method == "DELETE" => media::delete(world, id),
        (Node::Unknown(id), "") => Err(GraphError::unknown_object(method, id).into()),
        (Node::Unknown(id), "messages") => Err(GraphError::unknown_object(method, id).into()),
        (_, edge) => Err(account::no_such_edge(edge)),
    }
}

fn settle(world: &mut World, outcome: Outcome) -> (Answer, Option<u32>) {
    match outcome {
        Ok(mut reply) => {
            reply.delay_ms = world.wait_ms(world.config.timing.reply_ms);
            (Answer::Reply(reply), None)
        }
        Err(Refusal::Graph(error)) => {
            let mut reply: Reply = error.reply(&mut world.draws);
            reply.delay_ms = world.wait_ms(world.config.timing.reply_ms);
            (Answer::Reply(reply), Some(error.code))
        }
        Err(Refusal::Other(answer)) => (answer, None),
    }
}

fn outcome_name(answer: &Answer, code: Option<u32>) -> String {
    match (answer, code) {
        (Answer::Reply(reply), Some(code)) => format!("{}/{code}", reply.status),
        (Answer::Reply(reply), None) => reply.status.to_string(),
        (Answer::Handshake(_), _) => "handshake".into(),
        (Answer::Reset, _) => "reset".into(),
        (Answer::Hang, _) => "hang".into(),
    }
}
