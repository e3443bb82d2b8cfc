//! STOP, START and HELP by SMS: a stop holds for every later hop, whoever planned it; the app sees
//! what the person wrote.

use crate::scenarios::{self, until_ended, until_health};
use crate::stack::{Options, Stack, until, until_true};
use holdline_sim::{PersonSend, Provider, twilio_signature};
use serde_json::{Value, json};

const PERSON: &str = "+16505554001";
const MAIL: &str = "ann@people.test";
const HELP: &str = "Shop: reply STOP to end these texts. Questions: https://shop.example/help";

/// As elsewhere, but a slow receipt is no reason to go on to the mailbox.
fn quick() -> Options {
    scenarios::quick().with("failover", "receipt_wait_service_ms = 20000")
}

/// The person writes an SMS, and the app hears of it.
async fn writes(stack: &Stack, words: &str) {
    let before = stack.receiver.messages().len();
    let send = PersonSend::text(words).over(Provider::Sms);
    stack.sandbox.person_sends(PERSON, send).expect("sent");
    until_true("it reaches the app", || {
        stack.receiver.messages().len() > before
    })
    .await;
    let got = stack.receiver.messages();
    assert_eq!(got.len(), before + 1);
    let message = &got[before]["messages"][0];
    assert_eq!(message["type"], "text", "{message}");
    assert_eq!(message["text"]["body"], words);
    assert_eq!(message["from"], "16505554001");
}

/// A person with a WhatsApp number and a mailbox, made by our own API.
async fn with_mailbox(stack: &Stack) {
    let addresses = json!([
        {"channel": "whatsapp", "value": PERSON},
        {"channel": "email", "value": MAIL},
    ]);
    let request = stack.http.post(format!("{}/api/v1/contacts", stack.url));
    let contact = json!({"name": "Ann", "addresses": addresses});
    let response = request
        .bearer_auth(&stack.token)
        .json(&contact)
        .send()
        .await
        .expect("answer");
    assert_eq!(
        response.status(),
        201,
        "{}",
        response.text().await.unwrap_or_default()
    );
}

/// Sends, waits for the end, and gives the channel it went by and the channels of its plan.
async fn sent_by(stack: &Stack, text: &str) -> (String, Vec<String>) {
    let id = stack.send_text(PERSON, text).await;
    let message = until_ended(stack, &id).await;
    assert_eq!(message["state"], "delivered", "{message}");
    let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let plan = message["plan"].as_array().into_iter().flatten();
    (
        text_of(&message["channel"]),
        plan.map(|hop| text_of(&hop["channel"])).collect(),
    )
}

/// How many SMS to the person the provider was asked to send.
fn texts(stack: &Stack) -> u64 {
    stack
        .sandbox
        .person(PERSON)
        .map_or(0, |person| person.attempts.sms)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_stop_failover_goes_by_mail_and_after_start_by_sms_again() {
    let stack = Stack::start_with(quick()).await;
    with_mailbox(&stack).await;
    stack.outage("server_errors");
    assert_eq!(sent_by(&stack, "first").await.0, "sms");
    writes(&stack, "STOP").await;
    let (channel, plan) = sent_by(&stack, "second").await;
    assert_eq!(
        (channel.as_str(), plan.contains(&"sms".to_owned())),
        ("email", false),
        "{plan:?}"
    );
    assert_eq!(texts(&stack), 1);
    until_true("the mail arrives", || {
        stack
            .received(MAIL)
            .iter()
            .any(|(_, text)| text.contains("second"))
    })
    .await;
    writes(&stack, "START").await;
    assert_eq!(sent_by(&stack, "third").await.0, "sms");
    assert_eq!(texts(&stack), 2);
}

/// Replaces the person by our own API, and gives its answer.
async fn rewrite(stack: &Stack, addresses: Value) -> Value {
    let path = format!("/contacts?channel=sms&address=%2B{}", &PERSON[1..]);
    let found = stack.api(&path).await;
    let id = found["data"][0]["id"].as_str().expect("is known");
    let url = format!("{}/api/v1/contacts/{id}", stack.url);
    let request = stack.http.put(url).bearer_auth(&stack.token);
    let written = json!({"name": "Ann", "addresses": addresses});
    let response = request.json(&written).send().await.expect("answer");
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_outlives_writes_and_lists_that_leave_it_out_or_say_otherwise() {
    let stack = Stack::start_with(quick()).await;
    with_mailbox(&stack).await;
    stack.outage("server_errors");
    assert_eq!(sent_by(&stack, "first").await.0, "sms");
    writes(&stack, "STOP").await;
    let whatsapp = json!({"channel": "whatsapp", "value": PERSON});
    let mail = json!({"channel": "email", "value": MAIL});
    let kept = rewrite(&stack, json!([whatsapp, mail])).await;
    let sms = &kept["addresses"][2];
    assert_eq!(
        (&sms["channel"], &sms["consent"]),
        (&json!("sms"), &json!("withdrawn")),
        "{kept}"
    );
    let list = format!("whatsapp,sms,sms_consent\n{PERSON},{PERSON},given\n");
    let url = format!("{}/api/v1/contacts/import", stack.url);
    let request = stack.http.post(url).header("content-type", "text/csv");
    let response = request.bearer_auth(&stack.token).body(list).send().await;
    assert_eq!(response.expect("answer").status(), 200);
    let (channel, plan) = sent_by(&stack, "second").await;
    assert_eq!(channel, "email");
    assert!(!plan.contains(&"sms".to_owned()), "{plan:?}");
    assert_eq!(texts(&stack), 1);
    let given = json!({"channel": "sms", "value": PERSON, "consent": "given"});
    let lifted = rewrite(&stack, json!([whatsapp, mail, given])).await;
    assert_eq!(lifted["addresses"][2]["consent"], "given", "{lifted}");
    // The carrier keeps a list of its own until the person writes START; the plan is ours.
    let (_, plan) = sent_by(&stack, "third").await;
    assert!(plan.contains(&"sms".to_owned()), "{plan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_stop_a_message_without_another_way_is_held_and_says_so() {
    let stack = Stack::start_with(quick()).await;
    stack.outage("server_errors");
    assert_eq!(sent_by(&stack, "first").await.0, "sms");
    writes(&stack, "Stop.").await;
    for number in 0..8 {
        stack
            .send_text(&format!("+1650555410{number}"), "makes the outage certain")
            .await;
    }
    until_health(&stack, "whatsapp", "down").await;
    let id = stack.send_text(PERSON, "second").await;
    let held = until("the message says that it is held", || async {
        let message = stack.message(&id).await;
        let decisions = message["timeline"]["decisions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        (!decisions.is_empty()).then_some(message)
    })
    .await;
    assert_eq!(held["state"], "waiting", "{held}");
    assert!(
        held["waits_for"]
            .as_str()
            .is_some_and(|words| !words.is_empty()),
        "{held}"
    );
    let plan = held["plan"].as_array().expect("a plan");
    assert!(
        plan.iter().all(|hop| hop["channel"] == "whatsapp"),
        "{held}"
    );
    stack.mend();
    assert_eq!(until_ended(&stack, &id).await["channel"], "whatsapp");
    assert_eq!(texts(&stack), 1, "the person said stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_holds_for_messages_that_are_under_way() {
    let stack = Stack::start_with(quick()).await;
    with_mailbox(&stack).await;
    stack.outage("accepted_not_delivered");
    let id = stack.send_text(PERSON, "under way").await;
    until("WhatsApp takes it", || async {
        (stack.message(&id).await["state"] == "placed").then_some(())
    })
    .await;
    writes(&stack, "STOP").await;
    let message = until_ended(&stack, &id).await;
    assert_eq!(message["channel"], "email", "{message}");
    assert_eq!(texts(&stack), 0, "the person said stop before it was moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stopped_gets_no_sms_by_a_plan_either() {
    let stack = Stack::start_with(quick()).await;
    let order = json!({"to": {"phone": PERSON}, "text": "hi", "plan": [{"channel": "sms"}]});
    let send = || {
        let request = stack.http.post(format!("{}/api/v1/messages", stack.url));
        request.bearer_auth(&stack.token).json(&order).send()
    };
    assert_eq!(send().await.expect("an answer").status(), 201);
    until_true("the SMS arrives", || texts(&stack) == 1).await;
    writes(&stack, "unsubscribe").await;
    let refused = send().await.expect("an answer");
    assert_eq!(refused.status(), 422);
    let problem: Value = refused.json().await.expect("JSON");
    assert!(
        problem["type"]
            .as_str()
            .is_some_and(|it| it.contains("no-consent")),
        "{problem}"
    );
    assert_eq!(texts(&stack), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_only_contain_stop_stop_nothing() {
    let stack = Stack::start_with(quick()).await;
    writes(&stack, "please stop by at five").await;
    stack.outage("server_errors");
    assert_eq!(sent_by(&stack, "see you at five").await.0, "sms");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_is_answered_with_the_configured_text_once() {
    let options: Options = quick().with("sms", &format!("help_text = \"{HELP}\""));
    let stack = Stack::start_with(options).await;
    writes(&stack, "HELP").await;
    until_true("the answer arrives", || !stack.received(PERSON).is_empty()).await;
    assert_eq!(
        stack.received(PERSON),
        [("sms".to_owned(), HELP.to_owned())]
    );
    writes(&stack, "thanks").await;
    stack.send_text(PERSON, "you are welcome").await;
    until_true("a later message arrives", || {
        stack.received(PERSON).len() > 1
    })
    .await;
    let answers = stack
        .received(PERSON)
        .iter()
        .filter(|(_, text)| text == HELP)
        .count();
    assert_eq!(answers, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_webhook_is_not_answered_twice() {
    let options: Options = quick().with("sms", &format!("help_text = \"{HELP}\""));
    let stack = Stack::start_with(options).await;
    let fields = [
        ("MessageSid", "SM00000000000000000000000000000009"),
        ("From", PERSON),
        ("To", "+15005550006"),
        ("Body", "HELP"),
        ("SmsStatus", "received"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let hook = format!("{}/hooks/sms", stack.url);
    let signature = twilio_signature("sandbox-auth-token", &hook, &fields);
    for _ in 0..3 {
        let request = stack
            .http
            .post(&hook)
            .header("X-Twilio-Signature", &signature);
        assert_eq!(
            request
                .form(&fields)
                .send()
                .await
                .expect("an answer")
                .status(),
            200
        );
    }
    until_true("the app sees it", || !stack.receiver.messages().is_empty()).await;
    writes(&stack, "thanks").await;
    until_true("the answer arrives", || !stack.received(PERSON).is_empty()).await;
    stack.send_text(PERSON, "you are welcome").await;
    until_true("a later message arrives", || {
        stack.received(PERSON).len() > 1
    })
    .await;
    assert_eq!(
        stack
            .received(PERSON)
            .iter()
            .filter(|(_, text)| text == HELP)
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn help_without_a_configured_text_is_left_to_the_app() {
    let stack = Stack::start_with(quick()).await;
    writes(&stack, "help").await;
    stack.send_text(PERSON, "we help").await;
    until_true("the app's answer arrives", || {
        !stack.received(PERSON).is_empty()
    })
    .await;
    assert_eq!(stack.received(PERSON).len(), 1);
}
