//! The virtual SMS provider: acceptance, callbacks, inbound texts, refusals, outages.

use holdline_sim::{OutageOrder, PersonChange, PersonSend, Provider, SmsReach, twilio_signature};
use serde_json::Value;

use crate::support::{Bench, SID, answer, hangs, until};

const FROM: (&str, &str) = ("From", "+15005550006");

fn value_of(form: &[(String, String)], name: &str) -> String {
    let found = form.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_text_is_queued_sent_delivered_with_signed_callbacks() {
    let bench = Bench::start().await;
    let callback = bench.receiver.url("/status?m=42");
    let form = [
        FROM,
        ("To", "+16505551234"),
        ("Body", "Grüße €"),
        ("StatusCallback", &callback),
    ];
    let (status, reply) = bench.sms(&form).await;
    assert_eq!(status, 201, "{reply}");
    let sid = reply["sid"].as_str().unwrap();
    assert!(sid.len() == 34 && sid.starts_with("SM"));
    assert_eq!(
        (&reply["status"], &reply["num_segments"]),
        (&"queued".into(), &"1".into())
    );
    until("all callbacks came", || {
        bench.receiver.forms("/status").len() == 3
    })
    .await;
    let forms = bench.receiver.forms("/status");
    let mut states: Vec<String> = forms.iter().map(|f| value_of(f, "MessageStatus")).collect();
    states.sort();
    assert_eq!(states, ["delivered", "queued", "sent"]);
    for (form, hook) in forms.iter().zip(bench.receiver.hooks()) {
        assert_eq!(value_of(form, "MessageSid"), sid);
        let expected = twilio_signature("sandbox-auth-token", &callback, form);
        assert_eq!(hook.header("x-twilio-signature"), expected);
    }
    let row = &bench.rows()[0];
    assert_eq!(
        (row.channel, row.address.as_str()),
        (Provider::Sms, "16505551234")
    );
    assert_eq!(
        (row.text.as_str(), row.opaque.as_deref()),
        ("Grüße €", Some(callback.as_str()))
    );
    let url = format!(
        "{}/2010-04-01/Accounts/{SID}/Messages/{sid}.json",
        bench.sandbox.urls().sms
    );
    let look = bench
        .http
        .get(url)
        .basic_auth(SID, Some("sandbox-auth-token"));
    assert_eq!(answer(look).await.1["status"], "delivered");
}

#[tokio::test]
async fn refusals_carry_the_providers_codes() {
    let bench = Bench::start().await;
    let to = ("To", "+16505551234");
    let long = "x".repeat(1_601);
    let cases: [(&[(&str, &str)], u64); 6] = [
        (&[FROM, ("Body", "x")], 21_604),
        (&[FROM, ("To", "12"), ("Body", "x")], 21_211),
        (&[to, ("Body", "x")], 21_603),
        (&[("From", "+15005550001"), to, ("Body", "x")], 21_606),
        (&[FROM, to], 21_602),
        (&[FROM, to, ("Body", &long)], 21_617),
    ];
    for (form, code) in cases {
        let (status, reply) = bench.sms(form).await;
        assert_eq!(
            (status, reply["code"].as_u64()),
            (400, Some(code)),
            "{reply}"
        );
        assert_eq!(reply["status"], 400);
        assert!(
            reply["more_info"]
                .as_str()
                .unwrap()
                .ends_with(&code.to_string())
        );
    }
    let url = format!(
        "{}/2010-04-01/Accounts/{SID}/Messages.json",
        bench.sandbox.urls().sms
    );
    let wrong = bench
        .http
        .post(url)
        .basic_auth(SID, Some("no"))
        .form(&[FROM, to]);
    let (status, reply) = answer(wrong).await;
    assert_eq!((status, &reply["code"]), (401, &20_003.into()));
}

#[tokio::test]
async fn people_text_back_and_can_opt_out() {
    let bench = Bench::start().await;
    let says = |text: &str| {
        let send = PersonSend::text(text).over(Provider::Sms);
        bench.sandbox.person_sends("+16505551234", send).unwrap()
    };
    let sid = says("1 please");
    until("it is posted", || {
        bench.receiver.forms("/inbound").len() == 1
    })
    .await;
    let form = bench.receiver.forms("/inbound").remove(0);
    assert_eq!(value_of(&form, "MessageSid"), sid);
    assert_eq!(value_of(&form, "From"), "+16505551234");
    assert_eq!(value_of(&form, "To"), "+15005550006");
    assert_eq!(
        (value_of(&form, "Body"), value_of(&form, "NumMedia")),
        ("1 please".into(), "0".into())
    );
    let hook = &bench.receiver.hooks()[0];
    let url = bench.receiver.url("/inbound");
    let expected = twilio_signature("sandbox-auth-token", &url, &form);
    assert_eq!(hook.header("x-twilio-signature"), expected);

    let form = [FROM, ("To", "+16505551234"), ("Body", "x")];
    says("stop");
    let (status, reply) = bench.sms(&form).await;
    assert_eq!((status, &reply["code"]), (400, &21_610.into()));
    says("START");
    assert_eq!(bench.sms(&form).await.0, 201);
}

#[tokio::test]
async fn dead_numbers_come_back_undelivered() {
    let bench = Bench::start().await;
    let callback = bench.receiver.url("/status");
    for (to, reach, code) in [
        ("+16505550001", SmsReach::Unreachable, "30003"),
        ("+16505550002", SmsReach::Unknown, "30005"),
    ] {
        let change = PersonChange {
            sms: Some(reach),
            ..PersonChange::default()
        };
        bench.sandbox.change_person(to, change).unwrap();
        let form = [
            FROM,
            ("To", to),
            ("Body", "x"),
            ("StatusCallback", &callback),
        ];
        assert_eq!(bench.sms(&form).await.0, 201);
        until("it is undelivered", || {
            bench.receiver.forms("/status").iter().any(|form| {
                value_of(form, "MessageStatus") == "undelivered"
                    && value_of(form, "ErrorCode") == code
            })
        })
        .await;
    }
    assert!(bench.rows().is_empty());
}

#[tokio::test]
async fn outages_hit_sms_alone() {
    let bench = Bench::start().await;
    let form = [FROM, ("To", "+16505551234"), ("Body", "x")];
    let start = |profile: &str| {
        bench
            .sandbox
            .start_outage(OutageOrder::new(profile).on(Provider::Sms))
            .unwrap()
    };
    for (profile, status, code) in [
        ("own_token_expired", 401, 20_003),
        ("account_locked", 403, 20_005),
        ("rate_limited", 429, 20_429),
    ] {
        let id = start(profile);
        let response = bench.sms_request(&form).send().await.unwrap();
        assert_eq!(response.status(), status, "{profile}");
        assert_eq!(
            response.headers().contains_key("retry-after"),
            status == 429
        );
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(body["code"], code);
        bench.sandbox.stop_outage(id);
    }
    for profile in ["server_errors", "unknown_errors", "html_5xx"] {
        let id = start(profile);
        let (status, _) = bench.sms(&form).await;
        assert!((500..505).contains(&status), "{profile} {status}");
        bench.text("16505551234", profile).await;
        bench.sandbox.stop_outage(id);
    }
    let id = start("hard_down");
    assert!(bench.sms_request(&form).send().await.is_err());
    bench.sandbox.stop_outage(id);
    let id = start("timeout_after_accept");
    let silent = [FROM, ("To", "+16505551234"), ("Body", "silent")];
    assert!(hangs(bench.sms_request(&silent).send()).await);
    bench.until_received("silent").await;
    bench.sandbox.stop_outage(id);
    let id = start("accepted_not_delivered");
    let late = [FROM, ("To", "+16505551234"), ("Body", "late")];
    assert_eq!(bench.sms(&late).await.0, 201);
    bench.text("16505551234", "marker").await;
    bench.until_received("marker").await;
    assert!(!bench.texts().contains(&"late".to_owned()));
    bench.sandbox.stop_outage(id);
    bench.until_received("late").await;
}
