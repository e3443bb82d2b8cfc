//! Parameters of a call, wherever they are: query, JSON, form or multipart body. Pure parsing.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::ApiRequest;
use super::multipart;

/// A file part of a multipart body.
#[derive(Debug, Clone)]
pub(crate) struct FilePart {
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct Params {
    pub(crate) values: Map<String, Value>,
    pub(crate) file: Option<FilePart>,
    /// The body was announced as JSON and is not.
    pub(crate) bad_json: bool,
}

impl Params {
    /// Query first, body over it. Form and query values that hold JSON are read as JSON.
    pub(crate) fn of(request: &ApiRequest) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs(request.query.as_bytes()) {
            params.values.insert(name, loose(value));
        }
        params.read_body(request);
        params
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    fn read_body(&mut self, request: &ApiRequest) {
        let kind = request.header("content-type").unwrap_or("application/json");
        if let Some(boundary) = multipart::boundary(kind) {
            self.read_parts(&request.body, &boundary);
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            for (name, value) in pairs(&request.body) {
                self.values.insert(name, loose(value));
            }
        } else if !request.body.is_empty() {
            match serde_json::from_slice(&request.body) {
                Ok(Value::Object(object)) => self.values.extend(object),
                Ok(_) | Err(_) => self.bad_json = true,
            }
        }
    }

    fn read_parts(&mut self, body: &Bytes, boundary: &str) {
        for part in multipart::parts(body, boundary) {
            if part.is_file || part.name == "file" {
                self.file = Some(FilePart {
                    content_type: part.content_type,
                    bytes: part.bytes,
                });
            } else {
                let text = String::from_utf8_lossy(&part.bytes).into_owned();
                self.values.insert(part.name, loose(text));
            }
        }
    }
}

/// Decoded name and value pairs of a query or form.
pub(crate) fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(bytes)
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect()
}

fn loose(text: String) -> Value {
    if text.starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str(&text)
    {
        return value;
    }
    Value::String(text)
}
