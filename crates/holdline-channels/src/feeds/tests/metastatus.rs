//! metastatus: golden samples, and what is made of a changed shape.

use super::{NOW, check, check_unknown, good, only};
use crate::feeds::FeedLevel::{Green, High, Low, Medium};
use crate::feeds::metastatus::parse;
use crate::feeds::reading::{Parsed, Shape};
use holdline_core::Timestamp;
use serde_json::{Value, json};

const ORG: &str = "whatsapp-business-api";

fn read(orgs: &Value, outages: &Value) -> Shape<Parsed> {
    let (orgs, outages) = (orgs.to_string(), outages.to_string());
    parse(orgs.as_bytes(), outages.as_bytes(), ORG, NOW)
}

/// All well but for the Cloud API, which is as given.
fn orgs(cloud_api: &str) -> Value {
    json!([
        {"id": "graph-api", "name": "Graph API", "rss_file_paths": [],
         "services": [{"id": 3, "name": "Platform Status", "status": "High disruptions"}]},
        {"id": ORG, "name": "WhatsApp Business Platform",
         "rss_file_paths": ["outage-events-feed-whatsapp-business-api.rss"],
         "services": [
            {"id": 4, "name": "Cloud API", "status": cloud_api},
            {"id": 6, "name": "WhatsApp Business Account Management",
             "status": "No known issues"},
            {"id": 7, "name": "WhatsApp Flows", "status": "Resolved"}]}
    ])
}

fn outage(status: &str) -> Value {
    json!([{"id": 91, "service_id": 4, "status": status, "time": "2026-03-10T11:00:00+00:00",
        "posts": [
            {"description": "We are looking into it.", "time": "2026-03-10T11:10:00+00:00"},
            {"description": "Messages are delayed.", "time": "2026-03-10T11:40:00+00:00"}]}])
}

#[test]
fn all_well_is_green_only_when_both_files_say_so() {
    check(read(&orgs("No known issues"), &json!([])), Green, &[]);
    check(read(&orgs("Resolved"), &outage("Resolved")), Green, &[]);
}

#[test]
fn an_open_outage_is_read_with_its_service_times_and_newest_post() {
    let incident = only(read(&orgs("High disruptions"), &outage("High disruptions")));
    assert_eq!((incident.id.as_str(), incident.level), ("91", High));
    assert_eq!(incident.title, "Messages are delayed.");
    assert_eq!(incident.services, ["Cloud API"]);
    assert_eq!(incident.began_at, Some(Timestamp(NOW.0 - 3_600_000)));
    assert_eq!(incident.updated_at, Some(Timestamp(NOW.0 - 1_200_000)));
}

#[test]
fn each_severity_has_its_level_and_an_unknown_one_is_medium() {
    for (word, level) in [
        ("Low disruptions", Low),
        ("Medium disruptions", Medium),
        ("High disruptions", High),
        ("Catastrophic weather", Medium),
    ] {
        let parsed = good(read(&orgs("No known issues"), &outage(word)));
        assert_eq!(parsed.reading.level, level, "{word}");
        let unknown = word.starts_with("Cata").then(|| word.to_owned());
        assert_eq!(parsed.unknown, unknown.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_service_in_trouble_counts_without_an_outage() {
    let sample = read(&orgs("Medium disruptions"), &json!([]));
    check(sample, Medium, &[(Medium, "Cloud API: Medium disruptions")]);
    let worse = read(&orgs("High disruptions"), &outage("Low disruptions"));
    check(
        worse,
        High,
        &[
            (High, "Cloud API: High disruptions"),
            (Low, "Messages are delayed."),
        ],
    );
}

#[test]
fn missing_and_renamed_parts_are_borne() {
    let bare = json!([{"service_id": 99}]);
    let incident = only(read(&orgs("No known issues"), &bare));
    assert_eq!(
        (incident.level, incident.services),
        (Medium, vec!["99".into()])
    );
    assert_eq!((incident.began_at, incident.updated_at), (None, None));

    let in_posts = json!([{"id": "a", "posts": [
        {"status": "High disruptions", "time": 1_773_136_800, "description": "Down"},
        {"status": "Low disruptions", "time": 1_773_140_400_000_i64}]}]);
    check(
        read(&orgs("No known issues"), &in_posts),
        Low,
        &[(Low, "outage")],
    );
    let told = json!([{"posts": [{"description": "This has been resolved."}]}]);
    check(read(&orgs("No known issues"), &told), Green, &[]);

    let wrapped = json!({"data": orgs("No known issues"), "version": 2});
    let outages = json!({"outages": outage("Low disruptions")});
    assert_eq!(good(read(&wrapped, &outages)).reading.level, Low);
    let time = json!([{"id": 1, "status": "Low disruptions", "time": "soon"}]);
    let odd = only(read(&orgs("No known issues"), &time));
    assert_eq!(odd.began_at, None);
}

#[test]
fn maintenance_counts_once_it_has_begun() {
    let at = |time: &str| json!([{"id": 1, "status": "Scheduled maintenance", "time": time}]);
    let begun = at("2026-03-10T11:59:00Z");
    assert_eq!(good(read(&orgs("OK"), &begun)).reading.level, Low);
    check(read(&orgs("OK"), &at("2026-03-11T00:00:00Z")), Green, &[]);
    check(
        read(&orgs("OK"), &json!([{"status": "Scheduled"}])),
        Green,
        &[],
    );
}

#[test]
fn what_is_not_understood_is_unknown_never_green() {
    let well = orgs("No known issues");
    check_unknown(read(&json!([]), &json!([])), "none with id");
    check_unknown(read(&json!([{"id": ORG}]), &json!([])), "has a status");
    let stateless = json!([{"id": ORG, "services": [{"id": 4, "name": "Cloud API"}]}]);
    check_unknown(read(&stateless, &json!([])), "has a status");
    let odd = json!([{"id": ORG, "services": "many"}]);
    check_unknown(read(&odd, &json!([])), "services is not a list");
    check_unknown(read(&well, &json!({})), "outages: there is no list");
    check_unknown(read(&well, &Value::Null), "there is no list");
    check_unknown(read(&well, &json!(["down"])), "not an object");

    let well = well.to_string();
    let page = b"<!doctype html><html><body>metastatus</body></html>";
    check_unknown(parse(page, b"[]", ORG, NOW), "a web page");
    check_unknown(parse(well.as_bytes(), page, ORG, NOW), "a web page");
    check_unknown(parse(well.as_bytes(), b"", ORG, NOW), "not JSON");
    let torn = &well.as_bytes()[..well.len() / 2];
    check_unknown(parse(torn, b"[]", ORG, NOW), "not JSON");
}

#[test]
fn what_is_kept_is_bounded_and_the_gravest_stays() {
    let mut many: Vec<Value> = (0..200)
        .map(|id| json!({"id": id, "status": "Low disruptions", "service_id": 4}))
        .collect();
    many.push(
        json!({"id": "last", "status": "High disruptions", "posts": [
        {"description": "x".repeat(2_000)}]}),
    );
    let reading = good(read(&orgs("OK"), &Value::Array(many))).reading;
    assert_eq!((reading.level, reading.incidents.len()), (High, 50));
    assert_eq!(reading.incidents[0].id, "last");
    assert_eq!(reading.incidents[0].title.chars().count(), 300);
    let endless = Value::Array(vec![json!({}); 5_001]);
    check_unknown(read(&orgs("OK"), &endless), "more than 5000");
}
