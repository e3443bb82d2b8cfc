//! POST of a message: checks it, applies the limits, remembers it and starts its way to the
//! person. Decides only.

mod checks;
mod limits;
mod render;
mod template;

use serde_json::{Value, json};

pub(crate) use limits::Limits;

use super::call::recipient;
use super::graph_error::{GraphError, Outcome};
use super::state::Sent;
use super::{Call, ids};
use crate::outage::Provider;
use crate::providers::Reply;
use crate::text::is_user_id;
use crate::world::{Event, World};

pub(crate) fn post(world: &mut World, call: &Call, number_id: &str) -> Outcome {
    if call.params.text("messaging_product") != Some("whatsapp") {
        return Err(GraphError::missing_top("messaging_product").into());
    }
    if !call.is_send() {
        return mark_read(call);
    }
    let (address, by_user_id) = checked_recipient(world, call)?;
    world.people.attempted(&address, Provider::Whatsapp);
    let kind = checks::check(world, call)?;
    let (text, options) = content(world, call, &kind)?;
    refuse_excess(world, call, number_id, &address)?;
    let wamid = ids::outbound(&mut world.draws, &address);
    let reply = accepted(world, call, &wamid, &address, by_user_id);
    let category = call.subject().category.unwrap_or("service").to_owned();
    let sent = Sent {
        wamid,
        number_id: number_id.to_owned(),
        waba_id: call.subject().waba_id.unwrap_or_default().to_owned(),
        to: address,
        is_template: kind == "template",
        kind,
        category,
        text,
        options,
        raw: Value::Object(call.params.values.clone()),
        opaque: call
            .params
            .text("biz_opaque_callback_data")
            .map(str::to_owned),
        history: Vec::new(),
    };
    let key = world.whatsapp.remember(sent);
    let wait_ms = world.wait_ms(world.config.timing.sent_ms);
    world.schedule(call.now_ms, wait_ms, Event::WhatsappSent(key));
    Ok(reply)
}

fn mark_read(call: &Call) -> Outcome {
    if call.params.text("status") != Some("read") {
        return Err(GraphError::invalid("Param status must be one of {READ}").into());
    }
    let id = call.params.text("message_id").unwrap_or_default();
    if !id.starts_with("wamid.") {
        return Err(GraphError::bad_value("message_id", "is not the id of a message").into());
    }
    Ok(super::account::success())
}

fn checked_recipient(world: &World, call: &Call) -> Result<(String, bool), GraphError> {
    let Some((address, by_user_id)) = recipient(world, &call.params) else {
        return Err(GraphError::missing_top("to"));
    };
    if !is_user_id(&address) && !(5..=20).contains(&address.len()) {
        return Err(GraphError::bad_value("to", "is not a valid phone number"));
    }
    Ok((address, by_user_id))
}

fn content(world: &World, call: &Call, kind: &str) -> Result<render::Content, GraphError> {
    if kind == "template" {
        let waba_id = call.subject().waba_id.unwrap_or_default();
        return template::content(&world.whatsapp, waba_id, &call.params.values["template"]);
    }
    Ok(render::content(kind, &call.params.values))
}

fn refuse_excess(
    world: &mut World,
    call: &Call,
    number_id: &str,
    address: &str,
) -> Result<(), GraphError> {
    let config = &world.config.whatsapp;
    let (per_s, pair, now_ms) = (config.throughput_per_s, config.pair, call.now_ms);
    if world.is_full()
        || !world
            .whatsapp
            .limits
            .take_throughput(number_id, per_s, now_ms)
    {
        return Err(GraphError::throughput());
    }
    if !world
        .whatsapp
        .limits
        .take_pair(number_id, address, pair, now_ms)
    {
        return Err(GraphError::pair_rate());
    }
    Ok(())
}

fn accepted(world: &mut World, call: &Call, wamid: &str, to: &str, by_user_id: bool) -> Reply {
    let given = |name: &str| {
        call.params
            .values
            .get(name)
            .filter(|value| !value.is_null())
    };
    let input = given("to")
        .or_else(|| given("recipient"))
        .cloned()
        .unwrap_or_default();
    let input = input
        .as_str()
        .map_or_else(|| input.to_string(), str::to_owned);
    let contact = if by_user_id {
        json!({"input": input, "user_id": input})
    } else {
        json!({"input": input, "wa_id": to})
    };
    let mut message = json!({"id": wamid});
    if call.subject().message_type == Some("template") {
        message["message_status"] = "accepted".into();
    }
    world.people.person(to).last_number = call.number_id().map(str::to_owned);
    let body = json!({
        "messaging_product": "whatsapp", "contacts": [contact], "messages": [message]
    });
    Reply::json(200, &body)
}
