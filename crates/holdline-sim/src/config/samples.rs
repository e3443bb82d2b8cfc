//! The templates a sandbox starts with: one plain, one with every usual part, one with a code.

use serde_json::{Value, json};

use super::{TemplateSeed, approved};

impl TemplateSeed {
    /// One plain template, one with every usual part, one with a code.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        vec![hello_world(), order_update(), login_code()]
    }

    fn new(name: &str, category: &str, components: Value) -> Self {
        Self {
            name: name.into(),
            language: "en_US".into(),
            category: category.into(),
            status: approved(),
            components,
        }
    }
}

fn hello_world() -> TemplateSeed {
    let body = "Welcome and congratulations!! This message demonstrates your ability to send a \
                WhatsApp message notification.";
    TemplateSeed::new(
        "hello_world",
        "UTILITY",
        json!([
            {"type": "HEADER", "format": "TEXT", "text": "Hello World"},
            {"type": "BODY", "text": body},
            {"type": "FOOTER", "text": "WhatsApp Business Platform sample message"}
        ]),
    )
}

fn order_update() -> TemplateSeed {
    TemplateSeed::new(
        "order_update",
        "UTILITY",
        json!([
            {
                "type": "HEADER", "format": "TEXT", "text": "Order {{1}}",
                "example": {"header_text": ["A-17"]}
            },
            {
                "type": "BODY",
                "text": "Hello {{1}}, your order {{2}} is on its way and arrives on {{3}}.",
                "example": {"body_text": [["Ann", "A-17", "Friday"]]}
            },
            {"type": "FOOTER", "text": "Reply STOP to end these notices"},
            {"type": "BUTTONS", "buttons": [
                {"type": "QUICK_REPLY", "text": "Thank you"},
                {"type": "QUICK_REPLY", "text": "Change date"},
                {
                    "type": "URL", "text": "Track", "example": ["A-17"],
                    "url": "https://shop.example/track/{{1}}"
                }
            ]}
        ]),
    )
}

fn login_code() -> TemplateSeed {
    let url = "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}";
    TemplateSeed::new(
        "login_code",
        "AUTHENTICATION",
        json!([
            {
                "type": "BODY", "text": "*{{1}}* is your verification code.",
                "add_security_recommendation": true, "example": {"body_text": [["123456"]]}
            },
            {
                "type": "FOOTER", "text": "This code expires in 10 minutes.",
                "code_expiration_minutes": 10
            },
            {"type": "BUTTONS", "buttons": [
                {"type": "URL", "text": "Copy code", "url": url, "example": ["123456"]}
            ]}
        ]),
    )
}
