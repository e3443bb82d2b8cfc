//! Asks a webhook address to prove itself before it gets anything: it must give the challenge
//! back. Says which of address, token, status or body was wrong; never repeats what it answered.

use super::Callback;
use crate::http::state::AppState;
use aws_lc_rs::rand;
use holdline_channels::http::{Request, TransportError};
use holdline_channels::whatsapp::wire::GraphError;
use holdline_channels::whatsapp::wire::ids::digits_from;
use url::Url;

/// Less than the whole call may take, so that the app is told why.
const ANSWER_TIME_MS: u32 = 3_000;
const ANSWER_BYTES_MAX: usize = 4_096;
const CHALLENGE_DIGITS: usize = 10;
const URL_CHARS_MAX: usize = 2_000;

/// # Errors
/// Code 2200 with what the receiver must mend.
pub(super) async fn check(state: &AppState, callback: &Callback) -> Result<(), GraphError> {
    let challenge = challenge()?;
    let url = address(&callback.url, &callback.verify_token, &challenge)?;
    let request = Request::get(url, "(webhook handshake)")
        .timeout_ms(ANSWER_TIME_MS)
        .response_bytes_max(ANSWER_BYTES_MAX);
    let answer = state
        .guarded
        .send(request)
        .await
        .map_err(|error| failed(&unreachable(&error)))?;
    let given = String::from_utf8_lossy(&answer.body);
    judge(answer.status, given.trim(), &challenge).map_err(|why| failed(&why))
}

/// The address with the three parameters, whatever query it has already.
fn address(url: &str, token: &str, challenge: &str) -> Result<Url, GraphError> {
    let parsed = Url::parse(url).ok().filter(|_| url.len() <= URL_CHARS_MAX);
    let web = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let mut url = web.ok_or_else(|| failed("the address is no http:// or https:// URL"))?;
    url.query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.challenge", challenge)
        .append_pair("hub.verify_token", token);
    Ok(url)
}

fn judge(status: u16, given: &str, challenge: &str) -> Result<(), String> {
    match status {
        200..=299 if given == challenge => Ok(()),
        200..=299 if given.is_empty() => {
            Err("body: the answer is empty; answer with the value of hub.challenge alone".into())
        }
        200..=299 => Err(format!(
            "body: the answer ({} characters) is not the challenge; answer with the value of \
             hub.challenge alone, as plain text",
            given.chars().count()
        )),
        401 | 403 => Err(format!(
            "token: the receiver answered HTTP {status}; its verify token is probably another \
             than the verify_token of this request"
        )),
        _ => Err(format!(
            "status: the receiver answered HTTP {status}; it must answer 200"
        )),
    }
}

fn unreachable(error: &TransportError) -> String {
    format!("address: the receiver did not answer: {error}")
}

fn failed(why: &str) -> GraphError {
    let title = "Callback verification failed";
    GraphError::new(400, 2200, title).with_details(format!("{title}: {why}"))
}

fn challenge() -> Result<String, GraphError> {
    let mut draw = [0; 16];
    rand::fill(&mut draw).map_err(|_| GraphError::unavailable(1))?;
    Ok(digits_from(u128::from_be_bytes(draw), CHALLENGE_DIGITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_join_a_query_that_is_there() {
        let url = address("https://app.example/hook?tenant=7", "a b", "123").unwrap();
        let expect = "https://app.example/hook?tenant=7&hub.mode=subscribe&hub.challenge=123\
                      &hub.verify_token=a+b";
        assert_eq!(url.as_str(), expect);
        assert!(address("app.example/hook", "t", "1").is_err());
        assert!(address("file:///etc/hosts", "t", "1").is_err());
    }

    #[test]
    fn the_operator_is_told_what_was_wrong() {
        assert_eq!(judge(200, "123", "123"), Ok(()));
        for (status, given, word) in [
            (200, "", "body"),
            (200, "ok", "body"),
            (403, "", "token"),
            (404, "123", "status"),
        ] {
            assert!(
                judge(status, given, "123").unwrap_err().starts_with(word),
                "{status}"
            );
        }
    }
}
