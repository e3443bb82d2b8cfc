//! The client against a scripted site: what is asked, what is kept, and what counts as unknown.

use crate::feeds::{FeedAnswer, FeedClient, FeedConfig, FeedFormat, FeedLevel};
use crate::test_peers::{Answer, HttpPeer, closed_port};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const ORGS: &str = r#"[{"id":"whatsapp-business-api","services":[
    {"id":4,"name":"Cloud API","status":"No known issues"}]}]"#;
const SUMMARY: &str = r#"{"status":{"indicator":"none"},"incidents":[]}"#;

fn client(url: &str, format: FeedFormat) -> FeedClient {
    FeedClient::new(FeedConfig {
        timeout_ms: 400,
        user_agent: "feed-test".into(),
        ..FeedConfig::new("test", url, format)
    })
    .unwrap()
}

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Answer::Reply {
        status,
        headers: headers.iter().map(owned).collect(),
        body: body.into(),
    }
}

fn level(answer: FeedAnswer) -> FeedLevel {
    match answer {
        FeedAnswer::Seen(reading) => reading.level,
        other @ (FeedAnswer::Unchanged | FeedAnswer::Unknown(_)) => panic!("{other:?}"),
    }
}

fn check_unknown(answer: FeedAnswer, expect: &str) {
    match answer {
        FeedAnswer::Unknown(why) => assert!(why.contains(expect), "{why}"),
        other @ (FeedAnswer::Unchanged | FeedAnswer::Seen(_)) => panic!("{other:?}"),
    }
}

/// A site that answers each call by its number, from 0.
async fn by_turn(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> HttpPeer {
    let turn = Arc::new(AtomicUsize::new(0));
    HttpPeer::start(move |_| script(turn.fetch_add(1, Ordering::SeqCst))).await
}

#[tokio::test]
async fn metastatus_is_read_from_its_two_files_and_only_anew_when_changed() {
    let peer = HttpPeer::start(|call| match call.path.as_str() {
        "/data/orgs.json" if call.header("if-none-match") == Some("\"o1\"") => {
            reply(304, &[("ETag", "\"o1\"")], "")
        }
        "/data/orgs.json" => reply(200, &[("ETag", "\"o1\"")], ORGS),
        "/data/outages/whatsapp-business-api.json" => {
            let date = "Tue, 10 Mar 2026 12:00:00 GMT";
            if call.header("if-modified-since") == Some(date) {
                reply(304, &[], "")
            } else {
                reply(200, &[("Last-Modified", date)], "[]")
            }
        }
        _ => reply(200, &[], "<html>"),
    })
    .await;
    let mut client = client(&format!("{}/", peer.url), FeedFormat::Metastatus);
    assert_eq!(level(client.fetch().await), FeedLevel::Green);
    assert_eq!(client.fetch().await, FeedAnswer::Unchanged);
    assert_eq!(peer.calls().len(), 4);
    assert_eq!(peer.last().header("user-agent"), Some("feed-test"));
    assert_eq!(peer.last().method, "GET");
}

#[tokio::test]
async fn one_changed_file_is_read_together_with_the_kept_one() {
    let outage = r#"[{"id":1,"service_id":4,"status":"High disruptions"}]"#;
    let turn = Arc::new(AtomicUsize::new(0));
    let peer = HttpPeer::start(move |call| {
        let first = turn.fetch_add(1, Ordering::SeqCst) < 2;
        match (call.path.as_str(), first) {
            ("/data/orgs.json", true) => reply(200, &[("ETag", "a")], ORGS),
            ("/data/orgs.json", false) => reply(304, &[], ""),
            (_, true) => reply(200, &[("ETag", "b")], "[]"),
            (_, false) => reply(200, &[("ETag", "c")], outage),
        }
    })
    .await;
    let mut client = client(&peer.url, FeedFormat::Metastatus);
    assert_eq!(level(client.fetch().await), FeedLevel::Green);
    let FeedAnswer::Seen(reading) = client.fetch().await else {
        panic!("not seen");
    };
    assert_eq!(reading.incidents[0].services, ["Cloud API"]);
    assert_eq!(reading.level, FeedLevel::High);
}

#[tokio::test]
async fn after_an_unknown_the_next_answer_comes_whole() {
    let peer = by_turn(|turn| match turn {
        1 => reply(503, &[], "busy"),
        _ => reply(200, &[("ETag", "\"s\"")], SUMMARY),
    })
    .await;
    let mut client = client(&peer.url, FeedFormat::Statuspage);
    assert_eq!(level(client.fetch().await), FeedLevel::Green);
    check_unknown(client.fetch().await, "answered 503");
    assert_eq!(peer.last().header("if-none-match"), Some("\"s\""));
    assert_eq!(level(client.fetch().await), FeedLevel::Green);
    assert_eq!(peer.last().header("if-none-match"), None);
    assert_eq!(peer.last().path, "/api/v2/summary.json");
}

#[tokio::test]
async fn what_is_no_feed_is_unknown() {
    for (answer, why) in [
        (Answer::html(200), "a web page"),
        (Answer::html(502), "answered 502"),
        (reply(404, &[], SUMMARY), "answered 404"),
        (reply(304, &[], ""), "answered 304"),
        (reply(204, &[], ""), "answered 204"),
        (reply(200, &[], ""), "not JSON"),
        (reply(200, &[], &SUMMARY[..20]), "not JSON"),
        (reply(200, &[], "{}"), "no status.indicator"),
        (reply(302, &[], ""), "without a location"),
        (Answer::Hang, "no whole answer"),
        (Answer::Close, "no whole answer"),
        (Answer::Torn, "no whole answer"),
    ] {
        let peer = HttpPeer::start(move |_| answer.clone()).await;
        check_unknown(client(&peer.url, FeedFormat::Statuspage).fetch().await, why);
    }
    let nobody = format!("http://127.0.0.1:{}", closed_port());
    check_unknown(
        client(&nobody, FeedFormat::Syndication).fetch().await,
        "not sent",
    );
}

#[tokio::test]
async fn a_huge_body_is_unknown_even_when_its_beginning_is_fine() {
    let huge = format!("{SUMMARY}{}", " ".repeat(1024 * 1024));
    let peer = HttpPeer::start(move |_| reply(200, &[], &huge)).await;
    let answer = client(&peer.url, FeedFormat::Statuspage).fetch().await;
    check_unknown(answer, "longer than");
}

#[tokio::test]
async fn redirects_are_followed_a_few_times_and_never_into_a_private_network() {
    let peer = HttpPeer::start(|call| match call.path.as_str() {
        "/old" => reply(301, &[("Location", "/new")], ""),
        "/new" => reply(200, &[], "<rss><channel/></rss>"),
        "/away" => reply(302, &[("Location", "http://127.0.0.2:9/")], ""),
        "/file" => reply(302, &[("Location", "file:///etc/hosts")], ""),
        _ => reply(302, &[("Location", "/loop")], ""),
    })
    .await;
    let fetch = |path: &str| {
        let mut client = client(&format!("{}{path}", peer.url), FeedFormat::Syndication);
        async move { client.fetch().await }
    };
    assert_eq!(level(fetch("/old").await), FeedLevel::Green);
    check_unknown(fetch("/away").await, "private network");
    check_unknown(fetch("/file").await, "a redirect to file");
    let before = peer.calls().len();
    check_unknown(fetch("/loop").await, "more than 3 redirects");
    assert_eq!(peer.calls().len() - before, 4);
}

#[tokio::test]
async fn an_address_of_a_json_file_is_asked_as_it_stands() {
    let bare = r#"{"status":{"indicator":"critical"}}"#;
    let peer = HttpPeer::start(move |_| Answer::json(200, bare)).await;
    let url = format!("{}/api/v1/status.json", peer.url);
    let mut client = client(&url, FeedFormat::Statuspage);
    assert_eq!(level(client.fetch().await), FeedLevel::High);
    assert_eq!(peer.last().path, "/api/v1/status.json");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |change: fn(&mut FeedConfig)| {
        let mut config = FeedConfig::new("x", "https://status.example", FeedFormat::Metastatus);
        change(&mut config);
        FeedClient::new(config).unwrap_err().to_string()
    };
    assert!(refused(|config| config.url = "ftp://x".into()).contains("url"));
    assert!(refused(|config| config.url = String::new()).contains("url"));
    assert!(refused(|config| config.org = Some("../x".into())).contains("org"));
    assert!(refused(|config| config.timeout_ms = 0).contains("timeout_ms"));
    assert!(refused(|config| config.ca_file = Some("/no/such".into())).contains("PEM"));
}
