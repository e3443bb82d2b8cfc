//! The provider's error shape: what it answers, by code, status, words and the way to mend it.
//! Never holds a value the app sent, only the path of the field: bodies and addresses stay unseen.

use serde_json::{Map, Value, json};

/// The kinds of error object that clients tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    OAuth,
    GraphMethod,
}

impl ErrorType {
    const fn name(self) -> &'static str {
        match self {
            Self::OAuth => "OAuthException",
            Self::GraphMethod => "GraphMethodException",
        }
    }
}

/// An error as the Graph API answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphError {
    pub http_status: u16,
    pub code: u32,
    pub subcode: Option<u32>,
    pub error_type: ErrorType,
    /// The code's own title, without the `(#code)` in front.
    pub title: String,
    /// What is wrong, where, and how to mend it.
    pub details: Option<String>,
    pub is_transient: bool,
    /// For the `Retry-After` header, which the server sets.
    pub retry_after_s: Option<u32>,
}

impl GraphError {
    #[must_use]
    pub fn new(http_status: u16, code: u32, title: &str) -> Self {
        Self {
            http_status,
            code,
            subcode: None,
            error_type: ErrorType::OAuth,
            title: title.into(),
            details: None,
            is_transient: false,
            retry_after_s: None,
        }
    }

    #[must_use]
    pub fn with_details(self, details: impl Into<String>) -> Self {
        Self {
            details: Some(details.into()),
            ..self
        }
    }

    #[must_use]
    pub fn with_subcode(self, subcode: u32) -> Self {
        Self {
            subcode: Some(subcode),
            ..self
        }
    }

    /// The body to answer; `fbtrace_id` names this answer in our logs.
    #[must_use]
    pub fn body(&self, fbtrace_id: &str) -> Vec<u8> {
        let mut error = Map::new();
        error.insert("message".into(), self.message().into());
        error.insert("type".into(), self.error_type.name().into());
        error.insert("code".into(), self.code.into());
        if let Some(subcode) = self.subcode {
            error.insert("error_subcode".into(), subcode.into());
        }
        if self.is_transient {
            error.insert("is_transient".into(), true.into());
        }
        if let Some(details) = &self.details {
            let data = json!({"messaging_product": "whatsapp", "details": details});
            error.insert("error_data".into(), data);
        }
        error.insert("fbtrace_id".into(), fbtrace_id.into());
        json!({ "error": Value::Object(error) })
            .to_string()
            .into_bytes()
    }

    /// `(#code) title`, as the provider writes it for all codes but those of tokens and objects.
    #[must_use]
    pub fn message(&self) -> String {
        match (self.code, self.subcode) {
            (190, _) | (100, Some(33)) => self.title.clone(),
            (code, _) => format!("(#{code}) {}", self.title),
        }
    }
}

/// The request: its shape, fields and values.
impl GraphError {
    /// A field of the wrong JSON type, or a body that is no object.
    #[must_use]
    pub fn invalid_parameter(path: &str, mend: &str) -> Self {
        Self::new(400, 100, "Invalid parameter").with_details(format!("Param {path} {mend}"))
    }

    #[must_use]
    pub fn missing(path: &str) -> Self {
        Self::new(400, 131_008, "Required parameter is missing")
            .with_details(format!("Param {path} is required: add it"))
    }

    #[must_use]
    pub fn invalid_value(path: &str, mend: &str) -> Self {
        Self::new(400, 131_009, "Parameter value is not valid")
            .with_details(format!("Param {path} {mend}"))
    }

    #[must_use]
    pub fn messaging_product() -> Self {
        Self::new(400, 100, "The parameter messaging_product is required.")
            .with_details("Param messaging_product must be \"whatsapp\"")
    }

    #[must_use]
    pub fn unsupported_type(allowed: &[&str]) -> Self {
        Self::new(400, 131_051, "Unsupported message type")
            .with_details(format!("Param type must be one of: {}", allowed.join(", ")))
    }

    #[must_use]
    pub fn not_json() -> Self {
        Self::new(400, 100, "Invalid parameter").with_details(
            "The body is not JSON: send one JSON object, UTF-8, Content-Type application/json",
        )
    }

    #[must_use]
    pub fn too_large(bytes_max: usize) -> Self {
        Self::new(413, 100, "Invalid parameter").with_details(format!(
            "The body is longer than {bytes_max} bytes: send less"
        ))
    }

    #[must_use]
    pub fn idempotency_conflict() -> Self {
        Self::new(409, 100, "Invalid parameter").with_details(
            "This Idempotency-Key was used with another body: use a new key for a new message",
        )
    }
}

/// Templates.
impl GraphError {
    #[must_use]
    pub fn template_unknown() -> Self {
        Self::new(
            404,
            132_001,
            "Template name does not exist in the translation",
        )
        .with_details(
            "No approved template has this template.name and template.language.code: check both",
        )
    }

    #[must_use]
    pub fn parameter_count(part: &str, given: usize, expected: usize) -> Self {
        Self::new(
            400,
            132_000,
            "Number of parameters does not match the expected number of params",
        )
        .with_details(format!(
            "{part}: number of parameters ({given}) does not match the expected number ({expected})"
        ))
    }

    #[must_use]
    pub fn parameter_format(part: &str, mend: &str) -> Self {
        Self::new(
            400,
            132_012,
            "Parameter format does not match format in the created template",
        )
        .with_details(format!("{part}: {mend}"))
    }
}

/// The caller, its objects and its pace.
impl GraphError {
    #[must_use]
    pub fn bad_token() -> Self {
        Self::new(
            401,
            190,
            "Invalid OAuth access token - Cannot parse access token",
        )
    }

    #[must_use]
    pub fn missing_token() -> Self {
        Self::new(
            401,
            190,
            "An access token is required to request this resource.",
        )
        .with_details("Send the header Authorization: Bearer <token>")
    }

    #[must_use]
    pub fn expired_token() -> Self {
        Self::new(
            401,
            190,
            "Error validating access token: Session has expired",
        )
        .with_subcode(463)
    }

    /// The token is good, but not for this object.
    #[must_use]
    pub fn permission() -> Self {
        Self::new(
            403,
            10,
            "Application does not have permission for this action",
        )
        .with_details("This token is not scoped to this object: use one that is")
    }

    /// The object of the path: an unknown phone number, account, media or template.
    #[must_use]
    pub fn unknown_object() -> Self {
        let title = "Unsupported request. Object does not exist, cannot be loaded due to missing \
                     permissions, or does not support this operation";
        let error = Self::new(400, 100, title).with_subcode(33);
        Self {
            error_type: ErrorType::GraphMethod,
            ..error
        }
        .with_details("The id in the path is not known here: check it")
    }

    #[must_use]
    pub fn unknown_path() -> Self {
        Self::new(400, 2500, "Unknown path components")
    }

    #[must_use]
    pub fn not_allowed_recipient() -> Self {
        Self::new(400, 131_030, "Recipient phone number not in allowed list")
            .with_details("Add the recipient to the allowed list of this test number")
    }

    #[must_use]
    pub fn throttled(retry_after_s: u32) -> Self {
        let error = Self::new(429, 130_429, "Rate limit hit").with_details(format!(
            "Too many messages wait at this number: try again in {retry_after_s} s"
        ));
        Self {
            retry_after_s: Some(retry_after_s),
            ..error
        }
    }

    /// We cannot store now (full disk, store down): nothing was accepted.
    #[must_use]
    pub fn unavailable(retry_after_s: u32) -> Self {
        let error = Self::new(503, 2, "Service temporarily unavailable").with_details(format!(
            "The message was not accepted: try again in {retry_after_s} s"
        ));
        Self {
            is_transient: true,
            retry_after_s: Some(retry_after_s),
            ..error
        }
    }

    #[must_use]
    pub fn media_upload(mend: &str) -> Self {
        Self::new(400, 131_053, "Media upload error").with_details(mend)
    }
}
