//! Text forms used on the wire: ASCII-only JSON, digits of a phone number, selected Graph fields.

use serde_json::{Map, Value};

/// JSON as the platform sends it: ASCII only, `\uXXXX` in lower case, slashes escaped.
pub(crate) fn ascii_json(value: &Value) -> Vec<u8> {
    let plain = value.to_string();
    let mut out = String::with_capacity(plain.len() + 32);
    for c in plain.chars() {
        match c {
            '/' => out.push_str("\\/"),
            ' '..='~' => out.push(c),
            other => push_escaped(&mut out, other),
        }
    }
    out.into_bytes()
}

fn push_escaped(out: &mut String, c: char) {
    let mut units = [0u16; 2];
    for unit in c.encode_utf16(&mut units) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}

pub(crate) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The one spelling of an address: lower-case mailbox, user id as is, else the digits only.
pub(crate) fn canonical(address: &str) -> String {
    let trimmed = address.trim();
    if trimmed.contains('@') {
        trimmed.to_ascii_lowercase()
    } else if is_user_id(trimmed) {
        trimmed.to_owned()
    } else {
        digits(trimmed)
    }
}

/// Business-scoped user ids start with a country and a dot.
pub(crate) fn is_user_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 3 && bytes[2] == b'.' && bytes[..2].iter().all(u8::is_ascii_uppercase)
}

/// The top-level names in a Graph `fields` parameter; nested selections are dropped.
pub(crate) fn field_names(fields: &str) -> Vec<String> {
    let mut depth = 0i32;
    let mut names = vec![String::new()];
    for c in fields.chars() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => {
                if let Some(name) = names.last_mut() {
                    name.push(c);
                }
            }
            _ => {}
        }
    }
    let clean = |name: String| name.split('.').next().unwrap_or_default().trim().to_owned();
    names
        .into_iter()
        .map(clean)
        .filter(|name| !name.is_empty())
        .collect()
}

/// Keeps the asked fields of a node, and always its id.
pub(crate) fn select(node: &Value, fields: Option<&str>, default: &[&str]) -> Value {
    let names: Vec<String> = match fields {
        Some(fields) => field_names(fields),
        None => default.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut out = Map::new();
    for name in names.iter().map(String::as_str).chain(["id"]) {
        if let Some(value) = node.get(name) {
            out.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_ascii_and_reads_back() {
        let value = json!({"t": "café ✓ 😀 a/b \u{7f}"});
        let bytes = ascii_json(&value);
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.is_ascii());
        assert_eq!(text, r#"{"t":"caf\u00e9 \u2713 \ud83d\ude00 a\/b \u007f"}"#);
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value);
    }

    #[test]
    fn nested_fields_are_not_top_level_fields() {
        let names = field_names("id,events{delivery_status,timestamp},name.limit(3) ,x");
        assert_eq!(names, ["id", "events", "name", "x"]);
    }

    #[test]
    fn addresses_have_one_spelling() {
        assert_eq!(canonical("+1 (650) 555-1234"), "16505551234");
        assert_eq!(canonical(" Ann@Example.ORG "), "ann@example.org");
        assert_eq!(
            canonical("US.13491208655302741918"),
            "US.13491208655302741918"
        );
    }
}
