//! Asks the provider what else it can tell when messages seem to be lost. Reads only, but for the
//! echo, which writes from one number of ours to another.

use super::graph::{GraphClient, GraphFailure, reply};
use crate::say;
use crate::whatsapp::checks::{AccountHealth, EchoPair, MessageFate};
use crate::whatsapp::classify::classify;
use holdline_core::Timestamp;
use holdline_core::message::{Fault, FaultClass, Outcome};

/// The fields of a history that are read.
const HISTORY_FIELDS: &str = "id,message_id,\
    events{delivery_status,webhook_update_state,timestamp,error_description}";

/// Graph codes for an edge or an object that is not there.
const NOT_THERE: [&str; 3] = ["100", "2500", "12"];

impl GraphClient {
    /// Whether `sender` may send, as the provider judges our account.
    ///
    /// # Errors
    /// When the provider refuses or does not answer.
    pub async fn account_health(&self, sender: &str) -> Result<AccountHealth, GraphFailure> {
        let node = self.phone(sender, "id,health_status").await?;
        Ok(AccountHealth::of(&node))
    }

    /// How far a message of `sender` got; `None` where the provider keeps no history, or none of
    /// this message.
    ///
    /// # Errors
    /// When the provider refuses for another reason, or does not answer.
    pub async fn message_fate(
        &self,
        sender: &str,
        provider_id: &str,
    ) -> Result<Option<MessageFate>, GraphFailure> {
        let query = [("message_id", provider_id), ("fields", HISTORY_FIELDS)];
        let path = format!("{sender}/message_history");
        match self.get(&path, "/{phone}/message_history", &query).await {
            Ok(answer) => Ok(MessageFate::of(&answer, provider_id)),
            Err(GraphFailure::Refused { status, fault }) if is_missing(status, &fault) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Writes from one number of ours to another.
    pub async fn send_echo(&self, pair: &EchoPair, token: u64, now: Timestamp) -> Outcome {
        let body = pair.request(token, now);
        match self.post_message(&pair.from, body).await {
            Ok(answer) => classify(&reply(&answer), now),
            Err(error) => say::of_transport(&error),
        }
    }
}

/// A number that we may not see is another matter: that is a fault of the account.
fn is_missing(status: u16, fault: &Fault) -> bool {
    let no_edge = fault.class == FaultClass::Request && NOT_THERE.contains(&fault.code.as_str());
    let no_graph_error = fault.code.starts_with("http_");
    no_edge || (no_graph_error && matches!(status, 404 | 405 | 501))
}
