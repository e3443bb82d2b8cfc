//! The parameters of a call: the Graph API takes them from a JSON body, a form, a multipart body
//! or the query, and so do we. Bounded; keeps the bytes of a plain JSON body as they came.

use super::body::{self, Kind};
use axum::http::HeaderMap;
use bytes::Bytes;
use holdline_channels::whatsapp::wire::GraphError;
use serde_json::{Map, Value};

/// Most parameters in a form or a query.
const PAIRS_MAX: usize = 1_000;

/// All parameters of one call.
pub(crate) struct Params {
    pub(crate) object: Value,
    /// The parameters as one JSON object: the caller's own bytes where they were just that.
    pub(crate) bytes: Bytes,
}

impl Params {
    /// # Errors
    /// When the body is not of the kind it has to be.
    pub(crate) async fn read(
        headers: &HeaderMap,
        query: &[(String, String)],
        body: Bytes,
    ) -> Result<Self, GraphError> {
        let query: Vec<_> = query
            .iter()
            .filter(|(name, _)| name != "access_token")
            .collect();
        let given = match body::kind(headers, &body) {
            Kind::Json => {
                let object = serde_json::from_slice(&body).map_err(|_| GraphError::not_json())?;
                if query.is_empty() || !Value::is_object(&object) {
                    return Ok(Self {
                        object,
                        bytes: body,
                    });
                }
                object
            }
            Kind::Form => {
                let pairs = url::form_urlencoded::parse(&body).into_owned();
                object_of(
                    pairs
                        .filter(|(name, _)| name != "access_token")
                        .take(PAIRS_MAX),
                )
            }
            Kind::Multipart => object_of(body::multipart_pairs(headers, body).await?.into_iter()),
            Kind::Empty => Value::Object(Map::new()),
        };
        let mut all = object_of(query.into_iter().take(PAIRS_MAX).cloned());
        if let (Value::Object(all), Value::Object(given)) = (&mut all, given) {
            all.extend(given);
        }
        let bytes = Bytes::from(all.to_string());
        Ok(Self { object: all, bytes })
    }

    /// A text or a number as text; `null` and the empty text count as absent.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        text(self.object.get(name)?)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A list, written as a JSON array or with commas.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
            Some(value) => {
                let text = text(value).unwrap_or_default();
                let items = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                items.map(Into::into).collect()
            }
            None => Vec::new(),
        }
    }
}

/// The first value of a name in a query.
pub(crate) fn first<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = query
        .iter()
        .find(|(known, value)| known == name && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// A form's values are texts; those that are JSON objects or arrays are taken as such.
fn object_of(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let value = |text: String| {
        let nested = text.trim_start().starts_with(['{', '[']);
        let read = nested.then(|| serde_json::from_str(&text).ok()).flatten();
        read.unwrap_or(Value::String(text))
    };
    Value::Object(pairs.map(|(name, text)| (name, value(text))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use axum::http::header::CONTENT_TYPE;
    use serde_json::json;

    async fn read(kind: &'static str, query: &[(&str, &str)], body: &'static str) -> Params {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let query: Vec<_> = query.iter().map(own).collect();
        Params::read(&headers, &query, Bytes::from_static(body.as_bytes()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_json_body_alone_keeps_its_bytes() {
        let body = "{ \"b\" : 1,\n\"a\":\"caf\\u00e9\" }";
        let params = read("application/json", &[("access_token", "t")], body).await;
        assert_eq!(params.bytes, body);
        assert_eq!(params.text("b").as_deref(), Some("1"));
    }

    #[tokio::test]
    async fn query_form_and_multipart_make_the_same_object() {
        let expect = json!({"to": "1", "text": {"body": "hi"}});
        let form = "to=1&text=%7B%22body%22%3A%22hi%22%7D";
        assert_eq!(
            read("application/x-www-form-urlencoded", &[], form)
                .await
                .object,
            expect
        );
        let query = [("to", "1"), ("text", "{\"body\":\"hi\"}")];
        assert_eq!(read("text/plain", &query, "").await.object, expect);
        let multipart = "--x\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\n1\r\n\
                         --x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n\
                         {\"body\":\"hi\"}\r\n--x--\r\n";
        let kind = "multipart/form-data; boundary=x";
        assert_eq!(read(kind, &[], multipart).await.object, expect);
    }

    #[tokio::test]
    async fn the_body_wins_over_the_query() {
        let params = read(
            "application/json",
            &[("a", "1"), ("b", "2")],
            "{\"a\":\"3\"}",
        )
        .await;
        assert_eq!(params.object, json!({"a": "3", "b": "2"}));
    }

    #[tokio::test]
    async fn lists_come_with_commas_or_as_arrays() {
        let expect = ["messages".to_owned(), "calls".to_owned()];
        assert_eq!(
            read("", &[("fields", "messages, calls")], "")
                .await
                .list("fields"),
            expect
        );
        let query = [("fields", "[\"messages\",\"calls\"]")];
        assert_eq!(read("", &query, "").await.list("fields"), expect);
    }
}
