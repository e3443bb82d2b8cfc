//! The status page: late, silent about our own faults, in three shapes, and breakable.

use holdline_channels::feeds::{FeedAnswer, FeedClient, FeedConfig, FeedFormat, FeedLevel};
use holdline_sim::{FeedFault, OutageOrder, Provider};
use reqwest::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::support::{Bench, answer, quick, text_body};

const OUTAGES: &str = "/data/outages/whatsapp-business-api.json";
const HISTORY: &str = "/data/outages/whatsapp-business-api.history.json";
const ORGS: &str = "/data/orgs.json";
const SUMMARY: &str = "/api/v2/summary.json";
const RSS: &str = "/outage-events-feed-whatsapp-business-api.rss";

async fn bench(lag_ms: u64) -> Bench {
    let mut config = quick();
    config.feed_lag_ms = lag_ms;
    Bench::with(config).await
}

fn url(bench: &Bench, path: &str) -> String {
    format!("{}{path}", bench.sandbox.urls().status)
}

async fn get(bench: &Bench, path: &str) -> Value {
    let (status, body) = answer(bench.http.get(url(bench, path))).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn text(bench: &Bench, path: &str) -> (u16, String) {
    let response = bench.http.get(url(bench, path)).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn control(bench: &Bench, change: Value) -> (u16, Value) {
    answer(bench.http.post(bench.control("feed")).json(&change)).await
}

fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

/// The status of each service of the platform.
async fn services(bench: &Bench) -> Vec<(String, String)> {
    let orgs = get(bench, ORGS).await;
    let org = orgs
        .as_array()
        .unwrap()
        .iter()
        .find(|org| org["id"] == "whatsapp-business-api")
        .unwrap();
    let of = |service: &Value, name: &str| service[name].as_str().unwrap().to_owned();
    let services = org["services"].as_array().unwrap().iter();
    services
        .map(|service| (of(service, "name"), of(service, "status")))
        .collect()
}

#[tokio::test]
async fn without_trouble_all_is_well() {
    let bench = bench(0).await;
    assert_eq!(get(&bench, OUTAGES).await, json!([]));
    assert_eq!(get(&bench, HISTORY).await, json!([]));
    let services = services(&bench).await;
    assert!(services.len() >= 6, "{services:?}");
    assert!(
        services
            .iter()
            .all(|(_, status)| status == "No known issues")
    );
    let summary = get(&bench, SUMMARY).await;
    assert_eq!(summary["status"]["indicator"], "none");
    assert_eq!(summary["incidents"], json!([]));
    let (status, feed) = text(&bench, RSS).await;
    assert_eq!((status, feed.contains("<item>")), (200, false), "{feed}");
}

#[tokio::test]
async fn an_outage_is_shown_only_after_the_lag_and_goes_as_late() {
    let bench = bench(600_000).await;
    let id = bench.outage("hard_down");
    assert_eq!(get(&bench, OUTAGES).await, json!([]), "the page is late");

    bench.sandbox.set_feed_lag(0);
    let outages = get(&bench, OUTAGES).await;
    assert_eq!(outages[0]["service_id"], 4, "{outages}");
    assert_eq!(outages[0]["status"], "High disruptions");
    assert_eq!(count(&outages[0]["posts"]), 1);
    let cloud_api = ("Cloud API".into(), "High disruptions".into());
    assert!(services(&bench).await.contains(&cloud_api));
    let summary = get(&bench, SUMMARY).await;
    assert_eq!(summary["status"]["indicator"], "critical");
    assert_eq!(
        summary["incidents"][0]["components"][0]["name"],
        "Cloud API"
    );
    assert_eq!(summary["components"][0]["status"], "major_outage");
    let (_, feed) = text(&bench, RSS).await;
    assert!(feed.contains("<item><title>Cloud API</title>"), "{feed}");

    bench.sandbox.stop_outage(id);
    assert_eq!(get(&bench, OUTAGES).await, json!([]));
    let history = get(&bench, HISTORY).await;
    assert_eq!(history[0]["status"], "Resolved");
    assert_eq!(count(&history[0]["posts"]), 2);
    let cloud_api = ("Cloud API".into(), "Resolved".into());
    assert!(services(&bench).await.contains(&cloud_api));
    assert_eq!(get(&bench, SUMMARY).await["status"]["indicator"], "none");
}

#[tokio::test]
async fn the_end_is_late_as_well() {
    let bench = bench(0).await;
    bench.outage("latency");
    assert_eq!(count(&get(&bench, OUTAGES).await), 1);
    bench.sandbox.stop_all_outages();
    bench.sandbox.set_feed_lag(600_000);
    assert_eq!(count(&get(&bench, OUTAGES).await), 0, "not known yet");
    bench.sandbox.set_feed_lag(0);
    assert_eq!(count(&get(&bench, OUTAGES).await), 0, "known and over");
    assert_eq!(count(&get(&bench, HISTORY).await), 1);
}

#[tokio::test]
async fn each_trouble_has_its_service_and_severity() {
    let bench = bench(0).await;
    for (profile, service, status) in [
        ("latency", 4, "Low disruptions"),
        ("sent_not_delivered", 4, "Medium disruptions"),
        ("html_5xx", 4, "High disruptions"),
        ("marketing_only", 8, "Low disruptions"),
    ] {
        let id = bench.outage(profile);
        let outages = get(&bench, OUTAGES).await;
        assert_eq!(outages[0]["service_id"], service, "{profile}");
        assert_eq!(outages[0]["status"], status, "{profile}");
        bench.sandbox.stop_outage(id);
    }
}

#[tokio::test]
async fn our_own_faults_and_other_providers_are_not_on_it() {
    let bench = bench(0).await;
    for profile in [
        "own_token_expired",
        "account_locked",
        "payment",
        "rate_limited",
        "pair_limited",
        "template_paused",
        "recipient_unreachable",
        "window_closed",
        "recipient_withheld",
    ] {
        bench.outage(profile);
    }
    let sms = OutageOrder::new("hard_down").on(Provider::Sms);
    bench.sandbox.start_outage(sms).unwrap();
    assert_eq!(get(&bench, HISTORY).await, json!([]));
    assert_eq!(get(&bench, SUMMARY).await["status"]["indicator"], "none");
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let bench = bench(0).await;
    for path in [ORGS, OUTAGES, SUMMARY, RSS] {
        let first = bench.http.get(url(&bench, path)).send().await.unwrap();
        let tag = first.headers()[ETAG].clone();
        let again = || {
            let call = bench.http.get(url(&bench, path));
            call.header(IF_NONE_MATCH, tag.clone()).send()
        };
        let same = again().await.unwrap();
        assert_eq!(same.status(), 304, "{path}");
        assert_eq!(same.headers()[ETAG], tag);
        let id = bench.outage("server_errors");
        assert_eq!(again().await.unwrap().status(), 200, "{path}");
        bench.sandbox.stop_outage(id);
    }
    let posted = bench.http.post(url(&bench, ORGS)).send().await.unwrap();
    assert_eq!(posted.status(), 405);
}

#[tokio::test]
async fn the_control_sets_the_lag_and_breaks_and_mends_the_page() {
    let bench = bench(600_000).await;
    bench.outage("server_errors");
    let good = (200, json!({"success": true}));
    assert_eq!(control(&bench, json!({"lag_ms": 0})).await, good);
    assert_eq!(count(&get(&bench, OUTAGES).await), 1);

    control(&bench, json!({"broken": "html"})).await;
    let (status, page) = text(&bench, OUTAGES).await;
    assert_eq!((status, page.starts_with("<!DOCTYPE html>")), (200, true));
    control(&bench, json!({"broken": "500"})).await;
    assert_eq!(text(&bench, SUMMARY).await.0, 500);
    control(&bench, json!({"broken": "shape"})).await;
    assert!(get(&bench, ORGS).await.is_object());
    assert!(get(&bench, SUMMARY).await["status"].is_null());
    assert!(!text(&bench, RSS).await.1.contains("<rss"));
    control(&bench, json!({"broken": null})).await;
    assert_eq!(count(&get(&bench, OUTAGES).await), 1, "the lag stayed");

    assert_eq!(control(&bench, json!({"broken": "twice"})).await.0, 400);
    assert_eq!(control(&bench, json!({"lag": 1})).await.0, 400);
    bench.sandbox.set_feed_fault(Some(FeedFault::ServerError));
    assert_eq!(text(&bench, RSS).await.0, 500);
}

fn reader(bench: &Bench, format: FeedFormat) -> FeedClient {
    let path = match format {
        FeedFormat::Metastatus | FeedFormat::Statuspage => "",
        FeedFormat::Syndication => RSS,
    };
    FeedClient::new(FeedConfig::new("sandbox", url(bench, path), format)).unwrap()
}

/// The level and the services named, of a feed that must have changed.
async fn seen(reader: &mut FeedClient) -> (FeedLevel, Vec<String>) {
    match reader.fetch().await {
        FeedAnswer::Seen(reading) => {
            let incidents = reading.incidents.into_iter();
            (
                reading.level,
                incidents.flat_map(|incident| incident.services).collect(),
            )
        }
        other @ (FeedAnswer::Unchanged | FeedAnswer::Unknown(_)) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn our_reader_understands_the_page_in_every_format() {
    let cloud_api = vec!["Cloud API".to_owned()];
    for (format, level, services) in [
        (FeedFormat::Metastatus, FeedLevel::High, cloud_api.clone()),
        (FeedFormat::Statuspage, FeedLevel::High, cloud_api),
        // RSS has neither severity nor services.
        (FeedFormat::Syndication, FeedLevel::Medium, Vec::new()),
    ] {
        let bench = bench(0).await;
        let mut reader = reader(&bench, format);
        assert_eq!(seen(&mut reader).await, (FeedLevel::Green, Vec::new()));
        assert_eq!(reader.fetch().await, FeedAnswer::Unchanged);
        let id = bench.outage("hard_down");
        assert_eq!(seen(&mut reader).await, (level, services), "{format:?}");
        bench.sandbox.stop_outage(id);
        assert_eq!(seen(&mut reader).await.0, FeedLevel::Green);
        for fault in [FeedFault::Html, FeedFault::ServerError, FeedFault::Shape] {
            bench.sandbox.set_feed_fault(Some(fault));
            let broken = reader.fetch().await;
            assert!(
                matches!(broken, FeedAnswer::Unknown(_)),
                "{format:?} {fault:?}: {broken:?}"
            );
        }
        bench.sandbox.set_feed_fault(None);
        assert_eq!(seen(&mut reader).await.0, FeedLevel::Green);
    }
}

#[tokio::test]
async fn the_page_answers_while_the_platform_is_down_and_shows_a_shell_elsewhere() {
    let bench = bench(0).await;
    bench.outage("server_errors");
    assert!(bench.send(&text_body("16505551234", "x")).await.0 >= 500);
    assert_eq!(count(&get(&bench, OUTAGES).await), 1);
    let (status, page) = text(&bench, "/no/such/page").await;
    assert_eq!((status, page.contains("<html>")), (200, true));
    let about = answer(bench.http.get(bench.control("").trim_end_matches('/'))).await;
    assert_eq!(about.1["status"], bench.sandbox.urls().status);
}
