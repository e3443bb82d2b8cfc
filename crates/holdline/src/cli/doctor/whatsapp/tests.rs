//! What is said about the provider's answers, each as the Graph API shapes it.

use super::*;
use crate::cli::output::Tone;
use serde_json::json;

fn sender() -> WhatsappSender {
    WhatsappSender {
        phone_number_id: "106".into(),
        waba_id: "102".into(),
        display_phone_number: "15550783881".into(),
        verified_name: None,
        access_token: None,
    }
}

fn check_number(node: &Value, tone: Tone, says: &str) {
    let finding = judge_number(&sender(), node);
    assert_eq!(finding.tone, tone, "{finding:?}");
    let text = format!("{} {}", finding.found, finding.fix);
    assert!(text.contains(says), "{says} in {text}");
}

fn node(can_send_message: &str, quality_rating: &str) -> Value {
    json!({
        "id": "106", "display_phone_number": "+1 555-078-3881", "quality_rating": quality_rating,
        "health_status": {"can_send_message": can_send_message, "entities": [
            {"entity_type": "PHONE_NUMBER", "can_send_message": "AVAILABLE"},
            {"entity_type": "WABA", "can_send_message": can_send_message, "errors": [
                {"error_code": 141_006, "possible_solution": "Mend the payment method"}
            ]}
        ]}
    })
}

#[test]
fn a_number_is_judged_by_its_health() {
    check_number(
        &node("AVAILABLE", "GREEN"),
        Tone::Good,
        "106 is +1 555-078-3881",
    );
    check_number(
        &node("LIMITED", "GREEN"),
        Tone::Doubtful,
        "Mend the payment method",
    );
    check_number(
        &node("BLOCKED", "GREEN"),
        Tone::Bad,
        "Mend the payment method",
    );
    check_number(&node("AVAILABLE", "RED"), Tone::Doubtful, "quality");
    let other = json!({"id": "106", "display_phone_number": "+1 555 0100"});
    check_number(&other, Tone::Doubtful, "not the number configured");
    check_number(&json!({"id": "106"}), Tone::Good, "15550783881");
}

#[test]
fn each_refusal_has_a_fix_of_its_own() {
    let look = |class, code| {
        let fault = Fault::new(class, code, "Error validating access token");
        failed(NUMBER, "106", &GraphFailure::Refused { status: 401, fault })
    };
    let token = look(FaultClass::Account, "190");
    assert_eq!(token.tone, Tone::Bad);
    assert_eq!(token.found, "106: 190: Error validating access token");
    assert!(token.fix.contains("own credential") && token.fix.contains("access_token_file"));
    assert!(
        look(FaultClass::Account, "10")
            .fix
            .contains("whatsapp_business_management")
    );
    assert!(
        look(FaultClass::Account, "200")
            .fix
            .contains("whatsapp_business_management")
    );
    assert!(
        look(FaultClass::Request, "100")
            .fix
            .contains("phone_number_id")
    );
    assert!(look(FaultClass::Platform, "2").fix.contains("outage"));
    assert_eq!(look(FaultClass::Throttled, "80007").tone, Tone::Doubtful);
}

#[test]
fn our_app_must_be_among_those_that_get_webhooks() {
    let apps = || {
        Ok(vec![
            json!({"whatsapp_business_api_data": {"id": "670", "name": "Shop"}}),
        ])
    };
    assert_eq!(webhooks("102", Some("670"), apps()).tone, Tone::Good);
    assert_eq!(webhooks("102", None, apps()).tone, Tone::Good);
    let missing = webhooks("102", Some("671"), apps());
    assert_eq!(missing.tone, Tone::Doubtful);
    assert_eq!(missing.found, "102: app 671 does not get them, but 670");
    for app in [None, Some("670")] {
        assert_eq!(
            webhooks("102", app, Ok(Vec::new())).found,
            "102: no app gets them"
        );
    }
}

#[test]
fn templates_are_counted_and_none_is_doubtful() {
    let items = |states: &[&str]| Ok(states.iter().map(|it| json!({"status": it})).collect());
    let some = templates("102", items(&["APPROVED", "PAUSED"]));
    assert_eq!(
        (some.tone, some.found.as_str()),
        (Tone::Good, "102: 1 of 2 are approved")
    );
    assert_eq!(templates("102", items(&["REJECTED"])).tone, Tone::Doubtful);
    assert_eq!(templates("102", items(&[])).tone, Tone::Doubtful);
}
