//! Reads `orgs.json` and `outages/{org}.json` of metastatus. Both must be understood: the one
//! says how the services are, the other what is open. Never reads anything but its arguments.

use holdline_core::Timestamp;
use serde_json::Value;

use super::json;
use super::reading::{FeedIncident, FeedLevel, Gather, Parsed, Shape};
use super::words::{Meaning, meaning, says_over};

struct Service {
    id: Option<String>,
    name: String,
    status: Option<String>,
    time: Option<Timestamp>,
}

/// The state of one organization.
pub(crate) fn parse(orgs: &[u8], outages: &[u8], org: &str, now: Timestamp) -> Shape<Parsed> {
    let services = services(&json::document(orgs)?, org)?;
    let outages = json::document(outages)?;
    let mut gather = Gather::new();
    for outage in json::list(&outages, "outages")? {
        let incident = incident(outage, &services, now, &mut gather)?;
        incident.into_iter().for_each(|one| gather.add(one));
    }
    for service in &services {
        add_service(service, now, &mut gather);
    }
    Ok(gather.done())
}

fn services(orgs: &Value, org: &str) -> Shape<Vec<Service>> {
    let found = json::list(orgs, "orgs")?
        .iter()
        .find(|value| json::text(value, &["id"]).is_some_and(|id| id.eq_ignore_ascii_case(org)))
        .ok_or_else(|| format!("orgs: there is none with id {org}"))?;
    let listed = json::named(found, &["services"])?.unwrap_or_default();
    let services: Vec<Service> = listed.iter().filter_map(service).collect();
    if services.iter().any(|service| service.status.is_some()) {
        Ok(services)
    } else {
        Err(format!("orgs: no service of {org} has a status"))
    }
}

fn service(value: &Value) -> Option<Service> {
    let id = json::text(value, &["id"]);
    Some(Service {
        name: json::text(value, &["name"]).or_else(|| id.clone())?,
        id,
        status: json::text(value, &["status"]),
        time: json::time(value, &["time", "updated_at"]),
    })
}

fn incident(
    outage: &Value,
    services: &[Service],
    now: Timestamp,
    gather: &mut Gather,
) -> Shape<Option<FeedIncident>> {
    if !outage.is_object() {
        return Err("outages: an entry is not an object".into());
    }
    let post = newest_post(outage);
    let of_post = |names: &[&str]| post.and_then(|post| json::text(post, names));
    let status = json::text(outage, &["status"]).or_else(|| of_post(&["status"]));
    let service_id = json::text(outage, &["service_id"]);
    let service = services
        .iter()
        .find(|service| service.id.is_some() && service.id == service_id);
    let service = service.map(|service| service.name.clone()).or(service_id);
    let began_at = json::time(outage, &["time", "start_time", "created_at"]);
    let said = of_post(&["description"]).or_else(|| json::text(outage, &["description"]));
    let told_over = status.is_none() && said.as_deref().is_some_and(says_over);
    let level = level(status.as_deref(), began_at, now, gather);
    let Some(level) = level.filter(|level| *level > FeedLevel::Green && !told_over) else {
        return Ok(None);
    };
    let headline = || Some(format!("{}: {}", service.as_ref()?, status.as_ref()?));
    let title = said.or_else(headline).unwrap_or_else(|| "outage".into());
    let id = json::text(outage, &["id"]);
    Ok(Some(FeedIncident {
        id: id.unwrap_or_else(|| derived_id(service.as_deref(), began_at)),
        title,
        level,
        services: service.into_iter().collect(),
        began_at,
        updated_at: post
            .and_then(|post| json::time(post, &["time"]))
            .or(began_at),
        resolved: false,
    }))
}

/// The post with the latest time; without times the last one.
fn newest_post(outage: &Value) -> Option<&Value> {
    let posts = outage.get("posts")?.as_array()?;
    posts.iter().max_by_key(|post| json::time(post, &["time"]))
}

/// A service that is not well although no outage says so.
fn add_service(service: &Service, now: Timestamp, gather: &mut Gather) {
    let Some(status) = &service.status else {
        return;
    };
    let Some(level) = level(Some(status), service.time, now, gather) else {
        return;
    };
    if level == FeedLevel::Green || gather.covers(&service.name, level) {
        return;
    }
    let id = service.id.as_deref().unwrap_or(&service.name);
    gather.add(FeedIncident {
        id: format!("service:{id}"),
        title: format!("{}: {status}", service.name),
        level,
        services: vec![service.name.clone()],
        began_at: service.time,
        updated_at: service.time,
        resolved: false,
    });
}

/// How bad an entry is; none when it is over or has not begun.
fn level(
    status: Option<&str>,
    time: Option<Timestamp>,
    now: Timestamp,
    gather: &mut Gather,
) -> Option<FeedLevel> {
    let Some(word) = status else {
        return Some(FeedLevel::Medium);
    };
    match meaning(word) {
        Meaning::Level(level) => Some(level),
        Meaning::Over => None,
        Meaning::Scheduled if time.is_some_and(|time| time <= now) => Some(FeedLevel::Low),
        Meaning::Scheduled => None,
        Meaning::Unknown => {
            gather.note_unknown(word);
            Some(FeedLevel::Medium)
        }
    }
}

fn derived_id(service: Option<&str>, began_at: Option<Timestamp>) -> String {
    let began_ms = began_at.map_or(0, |time| time.0);
    format!("{}@{began_ms}", service.unwrap_or("all"))
}
