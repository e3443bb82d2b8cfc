//! Statuspage v2 and its relatives: golden samples, and what is made of a changed shape.

use super::{NOW, check, check_unknown, good, only};
use crate::feeds::FeedLevel::{Green, High, Low, Medium};
use crate::feeds::reading::{Parsed, Shape};
use crate::feeds::statuspage::parse;
use holdline_core::Timestamp;
use serde_json::{Value, json};

fn read(page: &Value) -> Shape<Parsed> {
    parse(page.to_string().as_bytes(), true, NOW)
}

fn summary(indicator: &str) -> Value {
    json!({
        "page": {"id": "kctbh9vrtdwd", "name": "Provider", "url": "https://status.example",
            "updated_at": "2026-03-10T11:58:00.000Z"},
        "status": {"indicator": indicator, "description": "All Systems Operational"},
        "components": [
            {"id": "g1", "name": "APIs", "status": "operational", "group": true},
            {"id": "c1", "name": "Messaging API", "status": "operational", "group": false,
             "group_id": "g1", "only_show_if_degraded": false}],
        "incidents": [],
        "scheduled_maintenances": []
    })
}

fn with(indicator: &str, name: &str, entry: Value) -> Value {
    let mut page = summary(indicator);
    page[name] = json!([entry]);
    page
}

fn incident(status: &str, impact: &str) -> Value {
    json!({"id": "p31zjtct2jer", "name": "Delayed messages", "status": status,
        "impact": impact, "created_at": "2026-03-10T11:00:00.000Z",
        "updated_at": "2026-03-10T11:30:00.000Z",
        "components": [{"id": "c1", "name": "Messaging API"}],
        "incident_updates": [
            {"status": "identified", "body": "Found", "created_at": "2026-03-10T11:30:00.000Z"}]})
}

#[test]
fn the_indicator_gives_the_level() {
    for (indicator, level) in [
        ("none", Green),
        ("minor", Low),
        ("major", Medium),
        ("critical", High),
        ("maintenance", Low),
        ("spicy", Medium),
    ] {
        check(read(&summary(indicator)), level, &[]);
    }
    assert_eq!(good(read(&summary("spicy"))).unknown, ["spicy"]);
}

#[test]
fn an_open_incident_is_read_whole() {
    let page = with("major", "incidents", incident("identified", "critical"));
    let found = only(read(&page));
    assert_eq!((found.id.as_str(), found.level), ("p31zjtct2jer", High));
    assert_eq!(found.title, "Delayed messages");
    assert_eq!(found.services, ["Messaging API"]);
    assert_eq!(found.began_at, Some(Timestamp(NOW.0 - 3_600_000)));
    assert_eq!(found.updated_at, Some(Timestamp(NOW.0 - 1_800_000)));
}

#[test]
fn closed_incidents_are_left_out_and_open_ones_without_impact_are_low() {
    for status in ["resolved", "postmortem", "Completed"] {
        let page = with("none", "incidents", incident(status, "major"));
        check(read(&page), Green, &[]);
    }
    for status in ["investigating", "identified", "monitoring", "pondering"] {
        let page = with("none", "incidents", incident(status, "none"));
        check(read(&page), Low, &[(Low, "Delayed messages")]);
    }
    let page = with("none", "incidents", incident("investigating", "weird"));
    assert_eq!(good(read(&page)).unknown, ["weird"]);
    assert_eq!(only(read(&page)).level, Medium);
}

#[test]
fn maintenance_counts_only_while_it_runs() {
    let planned = |status: &str, at: &str| {
        let entry = json!({"id": "m", "name": "Move", "status": status, "scheduled_for": at});
        with("none", "scheduled_maintenances", entry)
    };
    let (past, future) = ("2026-03-10T11:00:00Z", "2026-03-12T11:00:00Z");
    check(read(&planned("scheduled", future)), Green, &[]);
    check(read(&planned("completed", past)), Green, &[]);
    check(read(&planned("in_progress", past)), Low, &[(Low, "Move")]);
    check(read(&planned("verifying", past)), Low, &[(Low, "Move")]);
    check(
        read(&planned("hammering", past)),
        Medium,
        &[(Medium, "Move")],
    );
    check(read(&planned("hammering", future)), Green, &[]);
    let listed = json!({"id": "m", "name": "Move", "status": "scheduled",
        "impact": "maintenance", "scheduled_for": future});
    check(read(&with("none", "incidents", listed)), Green, &[]);
}

#[test]
fn a_component_in_trouble_counts_without_an_incident() {
    let component = json!({"id": "c1", "name": "Messaging API", "status": "partial_outage",
        "group": false});
    let page = with("none", "components", component);
    check(
        read(&page),
        Medium,
        &[(Medium, "Messaging API: partial_outage")],
    );
    let mut covered = page;
    covered["incidents"] = json!([incident("investigating", "critical")]);
    check(read(&covered), High, &[(High, "Delayed messages")]);
}

#[test]
fn clones_with_events_are_read_alike() {
    let mut page = summary("minor");
    page.as_object_mut().unwrap().shift_remove("incidents");
    page["events"] = json!([
        {"id": 7, "title": "Slow", "event_updates": [
            {"status": "investigating", "created_at": "2026-03-10T10:00:00Z"}]},
        {"id": 8, "title": "Gone", "event_updates": [
            {"status": "resolved", "created_at": "2026-03-10T11:00:00Z"},
            {"status": "investigating", "created_at": "2026-03-10T10:00:00Z"}]},
        {"id": 9, "title": "Gone too", "event_updates": [
            {"status": "resolved"}, {"status": "investigating"}]}]);
    check(read(&page), Medium, &[(Medium, "Slow")]);
}

#[test]
fn a_bare_indicator_is_enough_only_where_no_summary_was_asked_for() {
    let bare = json!({"status": {"indicator": "none", "description": "Fine"}});
    check_unknown(read(&bare), "no list of incidents");
    check(parse(bare.to_string().as_bytes(), false, NOW), Green, &[]);
    let null = json!({"status": {"indicator": "none"}, "incidents": null});
    check_unknown(read(&null), "no list of incidents");
}

#[test]
fn resource_pages_are_read_by_their_aggregate_state() {
    let page = |state: &str, report: Value| {
        json!({"data": {"id": "1", "type": "status_page",
                "attributes": {"company_name": "P", "aggregate_state": state}},
            "included": [
                {"id": "5", "type": "status_page_resource",
                 "attributes": {"public_name": "SMS", "status": "operational"}},
                {"id": "9", "type": "status_report", "attributes": report}]})
    };
    let report = |ends_at: Value| {
        json!({"title": "SMS down", "report_type": "manual", "aggregate_state": "downtime",
            "starts_at": "2026-03-10T11:00:00.000Z", "ends_at": ends_at})
    };
    let open = page("downtime", report(Value::Null));
    check(read(&open), High, &[(High, "SMS down")]);
    let over = page("operational", report(json!("2026-03-10T11:30:00Z")));
    check(read(&over), Green, &[]);
    let mut to_come = report(Value::Null);
    to_come["starts_at"] = json!("2026-03-11T11:00:00Z");
    to_come["report_type"] = json!("maintenance");
    check(read(&page("operational", to_come)), Green, &[]);
    let mut stateless = page("operational", report(Value::Null));
    stateless["data"]["attributes"] = json!({"company_name": "P"});
    check_unknown(read(&stateless), "aggregate_state");
}

#[test]
fn what_is_not_understood_is_unknown_never_green() {
    for page in [json!({}), json!([]), json!(null), json!({"status": "ok"})] {
        check_unknown(read(&page), "no status.indicator");
    }
    let mut page = summary("none");
    page["incidents"] = json!("none");
    check_unknown(read(&page), "incidents is not a list");
    page["incidents"] = json!(["x"]);
    check_unknown(read(&page), "not an object");
    check_unknown(parse(b"<html></html>", true, NOW), "a web page");
    let whole = summary("none").to_string();
    let torn = &whole.as_bytes()[..whole.len() - 1];
    check_unknown(parse(torn, true, NOW), "not JSON");
}
