//! Templates of an account: list with pages, create, edit, delete, and the review that approves
//! them. Decides only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::account::{health_status, success};
use super::graph_error::{GraphError, Outcome};
use super::state::{TEMPLATES_MAX, Template};
use super::{Call, after};
use crate::outage::{Behaviour, Provider};
use crate::providers::Reply;
use crate::text::select;
use crate::world::{Event, World};

const PAGE_DEFAULT: usize = 25;
const PAGE_MAX: usize = 250;
const CATEGORIES: [&str; 3] = ["AUTHENTICATION", "MARKETING", "UTILITY"];
const FIELDS_DEFAULT: [&str; 7] = [
    "name",
    "parameter_format",
    "components",
    "language",
    "status",
    "category",
    "id",
];

pub(crate) fn collection(world: &mut World, call: &Call, waba_id: &str) -> Outcome {
    match call.method.as_str() {
        "GET" => list(world, call, waba_id),
        "POST" => create(world, call, waba_id),
        "DELETE" => delete(world, call, waba_id),
        _ => Err(super::account::no_such_edge("message_templates")),
    }
}

pub(crate) fn node(world: &mut World, call: &Call, id: u64) -> Outcome {
    if call.method == http::Method::POST {
        return edit(world, call, id);
    }
    let place = world
        .whatsapp
        .templates
        .iter()
        .position(|template| template.id == id);
    let Some(place) = place else {
        return Err(GraphError::unknown_object("GET", &id.to_string()).into());
    };
    let waba_id = world.whatsapp.templates[place].waba_id.clone();
    let mut health = health_status(world, call, None, &waba_id);
    let paused = are_paused(world, call, &waba_id);
    judge_template(&mut health, id, paused);
    let mut item = item_of(&world.whatsapp.templates[place], paused);
    item["health_status"] = health;
    Ok(Reply::json(
        200,
        &select(&item, call.params.text("fields"), &FIELDS_DEFAULT),
    ))
}

/// Approves a template whose review is over and tells the receiver.
pub(crate) fn reviewed(world: &mut World, id: u64, now_ms: u64) {
    let found = world
        .whatsapp
        .templates
        .iter_mut()
        .find(|template| template.id == id);
    let Some(template) = found.filter(|template| template.status == "PENDING") else {
        return;
    };
    template.status = "APPROVED".into();
    let value = json!({
        "event": "APPROVED", "message_template_id": template.id,
        "message_template_name": template.name, "message_template_language": template.language,
        "message_template_category": template.category, "reason": "NONE"
    });
    let waba_id = template.waba_id.clone();
    after::account_event(
        world,
        &waba_id,
        "message_template_status_update",
        value,
        now_ms,
    );
}

fn list(world: &mut World, call: &Call, waba_id: &str) -> Outcome {
    let paused = are_paused(world, call, waba_id);
    let params = &call.params;
    let fits = |item: &Value| {
        [
            ("name", "name"),
            ("status", "status"),
            ("category", "category"),
            ("language", "language"),
        ]
        .iter()
        .all(|(param, field)| {
            params.text(param).is_none_or(|wanted| {
                item[*field]
                    .as_str()
                    .is_some_and(|actual| actual.eq_ignore_ascii_case(wanted))
            })
        })
    };
    let items: Vec<Value> = world
        .whatsapp
        .templates
        .iter()
        .filter(|template| template.waba_id == waba_id)
        .map(|template| item_of(template, paused))
        .filter(fits)
        .collect();
    let limit = params
        .text("limit")
        .and_then(|t| t.parse().ok())
        .unwrap_or(PAGE_DEFAULT);
    let limit = limit.clamp(1, PAGE_MAX);
    let start = params
        .text("after")
        .and_then(place_of)
        .unwrap_or(0)
        .min(items.len());
    let end = (start + limit).min(items.len());
    let data: Vec<Value> = items[start..end]
        .iter()
        .map(|item| select(item, params.text("fields"), &FIELDS_DEFAULT))
        .collect();
    let mut body = json!({"data": data});
    if start < end {
        body["paging"] = json!({"cursors": {"before": cursor(start), "after": cursor(end)}});
        if end < items.len() {
            body["paging"]["next"] = next_url(world, call, limit, end).into();
        }
    }
    if let Some(wanted) = params.text("summary") {
        body["summary"] = summary(world, waba_id, wanted);
    }
    Ok(Reply::json(200, &body))
}

/// Counts of the whole account, whatever the list is filtered by.
fn summary(world: &World, waba_id: &str, wanted: &str) -> Value {
    let templates = world.whatsapp.templates.iter();
    let count = templates.filter(|it| it.waba_id == waba_id).count();
    let all = json!({
        "total_count": count, "message_template_count": count,
        "message_template_limit": TEMPLATES_MAX, "are_translations_complete": true
    });
    select(&all, Some(wanted), &[])
}

fn next_url(world: &World, call: &Call, limit: usize, end: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for name in [
        "fields", "summary", "name", "status", "category", "language",
    ] {
        if let Some(value) = call.params.text(name) {
            query.append_pair(name, value);
        }
    }
    query.append_pair("limit", &limit.to_string());
    query.append_pair("after", &cursor(end));
    format!(
        "{}/{}?{}",
        world.whatsapp.base_url,
        call.path,
        query.finish()
    )
}

fn create(world: &mut World, call: &Call, waba_id: &str) -> Outcome {
    let mut template = from_params(call, waba_id)?;
    let state = &world.whatsapp;
    if state
        .template(waba_id, &template.name, &template.language)
        .is_some()
    {
        return Err(
            GraphError::new(400, 2_388_023, "Template already exists in this language")
                .details("choose another name or language, or edit the existing template")
                .into(),
        );
    }
    if state.templates.len() >= TEMPLATES_MAX {
        return Err(GraphError::invalid("The account has reached its template limit").into());
    }
    template.id = world.draws.digits(16).parse().unwrap_or(1);
    let (id, category) = (template.id, template.category.clone());
    world.whatsapp.templates.push(template);
    if world.config.whatsapp.approve_templates {
        let wait_ms = world.wait_ms(world.config.timing.template_review_ms);
        world.schedule(call.now_ms, wait_ms, Event::TemplateReviewed(id));
    }
    let body = json!({"id": id.to_string(), "status": "PENDING", "category": category});
    Ok(Reply::json(200, &body))
}

fn from_params(call: &Call, waba_id: &str) -> Result<Template, GraphError> {
    let needed = |name| {
        call.params
            .text(name)
            .ok_or_else(|| GraphError::missing_top(name))
    };
    let name = needed("name")?;
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || name.len() > 512 || !name.bytes().all(good) {
        return Err(GraphError::invalid(
            "Param name may only have lower-case letters, digits and underscores",
        ));
    }
    let category = needed("category")?.to_ascii_uppercase();
    if !CATEGORIES.contains(&category.as_str()) {
        let why = "Param category must be one of {AUTHENTICATION, MARKETING, UTILITY}";
        return Err(GraphError::invalid(why));
    }
    let components = call
        .params
        .values
        .get("components")
        .filter(|value| value.is_array());
    Ok(Template {
        id: 0,
        waba_id: waba_id.to_owned(),
        name: name.to_owned(),
        language: needed("language")?.to_owned(),
        category,
        status: "PENDING".into(),
        components: components
            .cloned()
            .ok_or_else(|| GraphError::missing_top("components"))?,
        parameter_format: call
            .params
            .text("parameter_format")
            .unwrap_or("POSITIONAL")
            .to_ascii_uppercase(),
        ttl_s: call
            .params
            .values
            .get("message_send_ttl_seconds")
            .and_then(Value::as_i64),
    })
}

fn edit(world: &mut World, call: &Call, id: u64) -> Outcome {
    let found = world
        .whatsapp
        .templates
        .iter_mut()
        .find(|template| template.id == id);
    if let Some(template) = found {
        if let Some(components) = call
            .params
            .values
            .get("components")
            .filter(|v| v.is_array())
        {
            template.components = components.clone();
        }
        if let Some(category) = call.params.text("category") {
            template.category = category.to_ascii_uppercase();
        }
    }
    Ok(success())
}

fn delete(world: &mut World, call: &Call, waba_id: &str) -> Outcome {
    let Some(name) = call.params.text("name") else {
        return Err(GraphError::missing_top("name").into());
    };
    let id = call.params.text("hsm_id").map(str::to_owned);
    let before = world.whatsapp.templates.len();
    world.whatsapp.templates.retain(|template| {
        let named = template.waba_id == waba_id && template.name == name;
        !(named && id.as_ref().is_none_or(|id| *id == template.id.to_string()))
    });
    if world.whatsapp.templates.len() == before {
        let why = "Message template not found";
        return Err(GraphError::new(404, 100, why).into());
    }
    Ok(success())
}

/// A template's health has an entity of its own, before those of the account.
fn judge_template(health: &mut Value, id: u64, paused: bool) {
    let mut entity = json!({
        "entity_type": "MESSAGE_TEMPLATE", "id": id.to_string(), "can_send_message": "AVAILABLE"
    });
    if paused {
        entity["can_send_message"] = "BLOCKED".into();
        entity["errors"] = json!([{
            "error_code": 132_015, "error_description": "Template is paused due to low quality",
            "possible_solution": "Edit the template or use another"
        }]);
        health["can_send_message"] = "BLOCKED".into();
    }
    if let Some(entities) = health["entities"].as_array_mut() {
        entities.insert(0, entity);
    }
}

fn are_paused(world: &mut World, call: &Call, waba_id: &str) -> bool {
    let mut subject = call.subject();
    subject.waba_id = Some(waba_id);
    subject.message_type = Some("template");
    world
        .outage(Provider::Whatsapp, &subject, |b| {
            b == Behaviour::TemplatePaused
        })
        .is_some()
}

fn item_of(template: &Template, paused: bool) -> Value {
    let status = if paused {
        "PAUSED"
    } else {
        template.status.as_str()
    };
    let mut item = json!({
        "name": template.name, "parameter_format": template.parameter_format,
        "components": template.components, "language": template.language, "status": status,
        "category": template.category, "id": template.id.to_string(),
        "quality_score": {"score": "UNKNOWN"}
    });
    if let Some(ttl_s) = template.ttl_s {
        item["message_send_ttl_seconds"] = ttl_s.into();
    }
    item
}

fn cursor(place: usize) -> String {
    STANDARD.encode(format!("t{place}"))
}

fn place_of(cursor: &str) -> Option<usize> {
    let bytes = STANDARD.decode(cursor).ok()?;
    std::str::from_utf8(&bytes)
        .ok()?
        .strip_prefix('t')?
        .parse()
        .ok()
}
