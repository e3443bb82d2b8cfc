//! Reads Statuspage v2 summaries and what their relatives answer: `events` in place of
//! `incidents`, JSON:API with an `aggregate_state`, a bare `status.indicator`. Never takes an
//! answer without a state for a healthy one.

use holdline_core::Timestamp;
use serde_json::Value;

use super::json;
use super::reading::{FeedIncident, FeedLevel, Gather, Parsed, Shape};
use super::words::{Meaning, meaning};

const INCIDENTS: &[&str] = &["incidents", "events"];
const UPDATES: &[&str] = &["incident_updates", "event_updates", "updates"];
const BEGAN: &[&str] = &["started_at", "starts_at", "scheduled_for", "created_at"];

/// The state of a page. A `summary` must list its incidents; a mere state need not.
pub(crate) fn parse(body: &[u8], summary: bool, now: Timestamp) -> Shape<Parsed> {
    let page = json::document(body)?;
    let mut gather = Gather::new();
    if let Some(attributes) = page.pointer("/data/attributes") {
        read_resources(&page, attributes, now, &mut gather)?;
    } else {
        read_summary(&page, summary, now, &mut gather)?;
    }
    Ok(gather.done())
}

fn read_summary(page: &Value, summary: bool, now: Timestamp, gather: &mut Gather) -> Shape<()> {
    let status = page.get("status").unwrap_or(&Value::Null);
    let indicator = json::text(status, &["indicator"]).ok_or("there is no status.indicator")?;
    let incidents = json::named(page, INCIDENTS)?;
    if summary && incidents.is_none() {
        return Err("there is no list of incidents".into());
    }
    let overall = whole_level(&indicator, gather);
    gather.at_least(overall);
    for incident in incidents.unwrap_or_default() {
        add_incident(incident, now, gather)?;
    }
    let planned = json::named(page, &["scheduled_maintenances"])?;
    for maintenance in planned.unwrap_or_default() {
        add_maintenance(maintenance, now, gather);
    }
    for component in json::named(page, &["components"])?.unwrap_or_default() {
        let is_group = component.get("group").and_then(Value::as_bool) == Some(true);
        if !is_group {
            add_component(component, component, gather);
        }
    }
    Ok(())
}

fn read_resources(
    page: &Value,
    attributes: &Value,
    now: Timestamp,
    gather: &mut Gather,
) -> Shape<()> {
    let state =
        json::text(attributes, &["aggregate_state"]).ok_or("there is no aggregate_state")?;
    let overall = whole_level(&state, gather);
    gather.at_least(overall);
    let included = json::named(page, &["included"])?.unwrap_or_default();
    for resource in included {
        let inner = resource.get("attributes").unwrap_or(&Value::Null);
        match resource.get("type").and_then(Value::as_str) {
            Some("status_report") => add_report(resource, inner, now, gather),
            Some("status_page_resource") => add_component(resource, inner, gather),
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// The level of the whole page. What is over or yet to come does not make it bad.
fn whole_level(word: &str, gather: &mut Gather) -> FeedLevel {
    match meaning(word) {
        Meaning::Level(level) => level,
        Meaning::Over | Meaning::Scheduled => FeedLevel::Green,
        Meaning::Unknown => unknown(word, gather),
    }
}

fn add_incident(incident: &Value, now: Timestamp, gather: &mut Gather) -> Shape<()> {
    if !incident.is_object() {
        return Err("an incident is not an object".into());
    }
    let status = json::text(incident, &["status"]).or_else(|| newest_status(incident));
    if is_over(status.as_deref(), incident) {
        return Ok(());
    }
    let to_come = json::time(incident, BEGAN).is_none_or(|begins| begins > now);
    if status.as_deref().map(meaning) == Some(Meaning::Scheduled) && to_come {
        return Ok(());
    }
    let impact = json::text(incident, &["impact", "impact_override", "severity"]);
    let level = impact.map_or(FeedLevel::Medium, |word| whole_level(&word, gather));
    // An open incident without impact is still one.
    let level = level.max(FeedLevel::Low);
    gather.add(open(incident, level));
    Ok(())
}

fn add_maintenance(maintenance: &Value, now: Timestamp, gather: &mut Gather) {
    let status = json::text(maintenance, &["status"]);
    if is_over(status.as_deref(), maintenance) {
        return;
    }
    let word = status.unwrap_or_default();
    let begun = json::time(maintenance, &["scheduled_for", "starts_at"])
        .is_some_and(|begins| begins <= now);
    match meaning(&word) {
        Meaning::Over | Meaning::Scheduled => {}
        Meaning::Level(_) => gather.add(open(maintenance, FeedLevel::Low)),
        Meaning::Unknown if begun => {
            let level = unknown(&word, gather);
            gather.add(open(maintenance, level));
        }
        Meaning::Unknown => {}
    }
}

fn add_component(resource: &Value, component: &Value, gather: &mut Gather) {
    let name = json::text(component, &["name", "public_name"]);
    let status = json::text(component, &["status"]);
    let (Some(name), Some(status)) = (name, status) else {
        return;
    };
    let level = whole_level(&status, gather);
    if level == FeedLevel::Green || gather.covers(&name, level) {
        return;
    }
    let id = json::text(resource, &["id"]).unwrap_or_else(|| name.clone());
    let updated_at = json::time(component, &["updated_at"]);
    gather.add(FeedIncident {
        id: format!("component:{id}"),
        title: format!("{name}: {status}"),
        level,
        services: vec![name],
        began_at: None,
        updated_at,
        resolved: false,
    });
}

/// A report of a JSON:API page: open between its start and its end.
fn add_report(resource: &Value, report: &Value, now: Timestamp, gather: &mut Gather) {
    let ended = json::time(report, &["ends_at"]).is_some_and(|end| end <= now);
    let to_come = json::time(report, &["starts_at"]).is_some_and(|begins| begins > now);
    let state = json::text(report, &["aggregate_state"]);
    if ended || to_come || is_over(state.as_deref(), report) {
        return;
    }
    let maintenance = json::text(report, &["report_type"]).as_deref() == Some("maintenance");
    let level = match state {
        _ if maintenance => FeedLevel::Low,
        None => FeedLevel::Medium,
        Some(word) => whole_level(&word, gather).max(FeedLevel::Low),
    };
    let id = json::text(resource, &["id"]).unwrap_or_default();
    gather.add(FeedIncident {
        id,
        ..open(report, level)
    });
}

fn is_over(status: Option<&str>, entry: &Value) -> bool {
    match status.map(meaning) {
        Some(Meaning::Over) => true,
        Some(Meaning::Level(_) | Meaning::Scheduled) => false,
        Some(Meaning::Unknown) | None => json::time(entry, &["resolved_at"]).is_some(),
    }
}

fn newest_status(incident: &Value) -> Option<String> {
    let updates = json::named(incident, UPDATES).ok()??;
    // Without times the first one, as pages list the newest first.
    let newest = updates
        .iter()
        .rev()
        .max_by_key(|update| json::time(update, &["created_at", "updated_at"]))?;
    json::text(newest, &["status"])
}

fn open(entry: &Value, level: FeedLevel) -> FeedIncident {
    let title = json::text(entry, &["name", "title"]).unwrap_or_else(|| "incident".into());
    let began_at = json::time(entry, BEGAN);
    let components = json::named(entry, &["components"]).ok().flatten();
    let names = components
        .unwrap_or_default()
        .iter()
        .filter_map(|component| json::text(component, &["name"]));
    FeedIncident {
        id: json::text(entry, &["id", "shortlink"]).unwrap_or_else(|| title.clone()),
        title,
        level,
        services: names.collect(),
        began_at,
        updated_at: json::time(entry, &["updated_at"]).or(began_at),
        resolved: false,
    }
}

fn unknown(word: &str, gather: &mut Gather) -> FeedLevel {
    gather.note_unknown(word);
    FeedLevel::Medium
}
