//! Errors in the Graph shape: which status, code and words. Pure; the trace id is drawn by the
//! caller's generator.

use serde_json::{Value, json};

use crate::draws::Draws;
use crate::providers::{Answer, Reply};

#[derive(Debug, Clone)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: u32,
    kind: &'static str,
    subcode: Option<u32>,
    message: String,
    details: Option<String>,
    transient: bool,
    retry_after_s: Option<u64>,
}

/// Why a call did not get its normal reply.
#[derive(Debug)]
pub(crate) enum Refusal {
    Graph(GraphError),
    Other(Answer),
}

impl From<GraphError> for Refusal {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

pub(crate) type Outcome = Result<Reply, Refusal>;

impl GraphError {
    /// An error whose message starts with its number, as most do.
    pub(crate) fn new(status: u16, code: u32, message: &str) -> Self {
        Self {
            status,
            code,
            kind: "OAuthException",
            subcode: None,
            message: format!("(#{code}) {message}"),
            details: None,
            transient: false,
            retry_after_s: None,
        }
    }

    pub(crate) fn details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(400, 100, message)
    }

    pub(crate) fn missing_top(name: &str) -> Self {
        Self::new(400, 100, &format!("The parameter {name} is required."))
    }

    pub(crate) fn missing(path: &str) -> Self {
        Self::new(400, 131_008, "Required parameter is missing")
            .details(format!("{path} is required and missing"))
    }

    pub(crate) fn bad_value(path: &str, why: &str) -> Self {
        Self::new(400, 131_009, "Parameter value is not valid").details(format!("{path}: {why}"))
    }

    pub(crate) fn unknown_object(method: &str, id: &str) -> Self {
        let verb = method.to_ascii_lowercase();
        let mut error = Self::invalid("");
        error.kind = "GraphMethodException";
        error.subcode = Some(33);
        error.message = format!(
            "Unsupported {verb} request. Object with ID '{id}' does not exist, cannot be loaded \
             due to missing permissions, or does not support this operation."
        );
        error
    }

    pub(crate) fn bad_token() -> Self {
        Self::token(
            None,
            "Invalid OAuth access token - Cannot parse access token",
        )
    }

    pub(crate) fn expired_token() -> Self {
        Self::token(
            Some(463),
            "Error validating access token: Session has expired on Monday, 01-Jan-24 00:00:00 PST.",
        )
    }

    pub(crate) fn no_token() -> Self {
        let mut error = Self::new(401, 104, "");
        error.message = "An access token is required to request this resource.".into();
        error
    }

    pub(crate) fn unavailable(status: u16) -> Self {
        let mut error = Self::new(status, 2, "Service temporarily unavailable");
        error.transient = true;
        error
    }

    pub(crate) fn throughput() -> Self {
        Self::new(429, 130_429, "Rate limit hit")
            .details(
                "Message failed to send because there were too many messages sent from this \
                 phone number in a short period of time",
            )
            .retry_after(1)
    }

    pub(crate) fn pair_rate() -> Self {
        Self::new(
            400,
            131_056,
            "(Business Account, Consumer Account) pair rate limit hit",
        )
        .details(
            "Message failed to send because there were too many messages sent from this \
                 phone number to the same phone number in a short period of time",
        )
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub(crate) fn reply(&self, draws: &mut Draws) -> Reply {
        let mut error = json!({"message": self.message, "type": self.kind, "code": self.code});
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some(details) = &self.details {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        if self.transient {
            error["is_transient"] = Value::Bool(true);
        }
        error["fbtrace_id"] = format!("A{}", draws.letters(22)).into();
        let mut reply = Reply::json(self.status, &json!({"error": error}));
        reply.retry_after_s = self.retry_after_s;
        reply
    }

    fn token(subcode: Option<u32>, message: &str) -> Self {
        let mut error = Self::new(401, 190, "");
        error.subcode = subcode;
        error.message = message.to_owned();
        error
    }
}
