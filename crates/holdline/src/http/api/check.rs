//! Compares a JSON value with the schema that the API documents for it, and names every fault with
//! its JSON Pointer. The schema comes from the code, so documentation and check cannot differ.
//! Knows the part of JSON Schema that our types need; reads no values into the faults.

use super::problem::{FAULTS_MAX, FieldFault};
use serde_json::Value;

/// Farthest a misspelt name may be from the one it is taken for.
const EDITS_MAX: usize = 3;

/// The faults of `value` against the component `name` of `document`.
pub(crate) fn check(document: &Value, name: &str, value: &Value) -> Vec<FieldFault> {
    let pointer = format!("/components/schemas/{name}");
    let mut checker = Checker {
        document,
        faults: Vec::new(),
    };
    match document.pointer(&pointer) {
        Some(schema) => checker.value(schema, value, ""),
        None => unreachable!("every body type is a component of the document"),
    }
    checker.faults
}

/// The known name nearest to `name`, if one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|it| (edits(name, it), it)).min()?;
    let length = name.chars().count().max(near.1.len());
    (near.0 <= EDITS_MAX && near.0 * 2 <= length).then_some(near.1)
}

/// How to mend an unknown name.
pub(crate) fn propose<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

struct Checker<'a> {
    document: &'a Value,
    faults: Vec<FieldFault>,
}

impl<'a> Checker<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value, at: &str) {
        if self.faults.len() >= FAULTS_MAX {
            return;
        }
        let schema = self.resolve(schema);
        if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
            return self.one_of(branches, value, at);
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|name| is_a(name, value)) {
            let wanted = types.iter().filter(|name| **name != "null").copied();
            let wanted = wanted.collect::<Vec<_>>().join(" or ");
            return self.fault(
                at,
                format!("is not of type {wanted}"),
                format!("give {wanted}"),
            );
        }
        match value {
            Value::Object(fields) => self.object(schema, fields, at),
            Value::Array(items) => self.array(schema, items, at),
            Value::String(text) => self.text(schema, text, at),
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or(0.0), at),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn one_of(&mut self, branches: &'a [Value], value: &Value, at: &str) {
        let fits = |branch: &&Value| {
            let types = types(self.resolve(branch));
            types.is_empty() || types.iter().any(|name| is_a(name, value))
        };
        match branches.iter().find(fits) {
            Some(branch) => self.value(branch, value, at),
            None => {
                let names = branches
                    .iter()
                    .flat_map(|branch| types(self.resolve(branch)));
                let wanted: Vec<_> = names.filter(|name| *name != "null").collect();
                let wanted = wanted.join(" or ");
                self.fault(
                    at,
                    format!("is not of type {wanted}"),
                    format!("give {wanted}"),
                );
            }
        }
    }

    fn object(&mut self, schema: &'a Value, fields: &serde_json::Map<String, Value>, at: &str) {
        for name in texts(schema, "required").filter(|name| !fields.contains_key(*name)) {
            self.fault(&join(at, name), "is required".into(), "add it".into());
        }
        let Some(known) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        for (name, value) in fields {
            match known.get(name) {
                Some(schema) => self.value(schema, value, &join(at, name)),
                None if closed => {
                    let fix = propose(name, known.keys().map(String::as_str));
                    self.fault(&join(at, name), "is not known here".into(), fix);
                }
                None => {}
            }
        }
    }

    fn array(&mut self, schema: &'a Value, items: &[Value], at: &str) {
        let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
        let length = items.len() as u64;
        if let Some(min) = limit("minItems").filter(|min| length < *min) {
            self.fault(
                at,
                "has too few items".into(),
                format!("give at least {min}"),
            );
        }
        if let Some(max) = limit("maxItems").filter(|max| length > *max) {
            return self.fault(
                at,
                "has too many items".into(),
                format!("give at most {max}"),
            );
        }
        if let Some(item_schema) = schema.get("items") {
            for (ix, item) in items.iter().enumerate() {
                self.value(item_schema, item, &format!("{at}/{ix}"));
            }
        }
    }

    fn text(&mut self, schema: &'a Value, text: &str, at: &str) {
        let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
        let length = text.chars().count() as u64;
        if let Some(min) = limit("minLength").filter(|min| length < *min) {
            self.fault(
                at,
                "is too short".into(),
                format!("give at least {min} characters"),
            );
        }
        if let Some(max) = limit("maxLength").filter(|max| length > *max) {
            self.fault(
                at,
                "is too long".into(),
                format!("give at most {max} characters"),
            );
        }
        if schema.get("enum").is_some() && !texts(schema, "enum").any(|known| known == text) {
            let fix = propose(text, texts(schema, "enum"));
            self.fault(at, "is not one of the known words".into(), fix);
        }
    }

    fn number(&mut self, schema: &'a Value, number: f64, at: &str) {
        let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
        if let Some(min) = limit("minimum").filter(|min| number < *min) {
            self.fault(at, "is too small".into(), format!("give {min} or more"));
        }
        if let Some(max) = limit("maximum").filter(|max| number > *max) {
            self.fault(at, "is too large".into(), format!("give {max} or less"));
        }
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let named = schema.get("$ref").and_then(Value::as_str);
        let target = named.and_then(|path| self.document.pointer(path.strip_prefix('#')?));
        target.unwrap_or(schema)
    }

    fn fault(&mut self, at: &str, message: String, fix: String) {
        self.faults.push(FieldFault::new(at, message, fix));
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn texts<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = &'a str> + Clone {
    let items = schema
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_str)
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        _ => true,
    }
}

/// A JSON Pointer one step deeper, with `~` and `/` escaped.
fn join(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Levenshtein's distance.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, a) in left.chars().take(64).enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (ix, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[ix + 1];
            row[ix + 1] = changed.min(diagonal + 1).min(row[ix] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn document() -> Value {
        json!({"components": {"schemas": {
            "Order": {
                "type": "object",
                "required": ["to"],
                "additionalProperties": false,
                "properties": {
                    "to": {"type": "string", "minLength": 2},
                    "priority": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/P"}]},
                    "wait": {"oneOf": [{"type": "integer", "maximum": 9}, {"type": "string"}]},
                    "hops": {
                        "type": ["array", "null"],
                        "maxItems": 2,
                        "items": {"type": "boolean"},
                    },
                },
            },
            "P": {"type": "string", "enum": ["urgent", "bulk"]},
        }}})
    }

    fn check_order(value: Value, expect: Expect) {
        let lines: Vec<String> = check(&document(), "Order", &value)
            .into_iter()
            .map(|fault| format!("{} {}: {}", fault.field, fault.message, fault.fix))
            .collect();
        expect.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn what_fits_has_no_fault() {
        check_order(
            json!({"to": "me", "priority": null, "wait": "1s", "hops": null}),
            expect![""],
        );
        check_order(
            json!({"to": "me", "priority": "bulk", "wait": 9}),
            expect![""],
        );
    }

    #[test]
    fn every_fault_is_named_at_once_with_its_place() {
        check_order(
            json!({"priorty": 1, "priority": "urgant", "wait": 10, "hops": [true, 1], "a/b": 0}),
            expect![[r#"
                /to is required: add it
                /priorty is not known here: did you mean `priority`?
                /priority is not one of the known words: did you mean `urgent`?
                /wait is too large: give 9 or less
                /hops/1 is not of type boolean: give boolean
                /a~1b is not known here: use one of: to, priority, wait, hops"#]],
        );
    }

    #[test]
    fn a_wrong_type_names_the_types_that_fit() {
        check_order(
            json!({"to": 5, "wait": [], "hops": [1, 2, 3]}),
            expect![[r#"
                /to is not of type string: give string
                /wait is not of type integer or string: give integer or string
                /hops has too many items: give at most 2"#]],
        );
        check_order(json!([]), expect![" is not of type object: give object"]);
    }
}
