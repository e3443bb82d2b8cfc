//! The `fields` parameter: which fields an answer shows. Pure.

use serde_json::{Map, Value};

/// The names at the top level of `a,b,c{d,e}`.
pub(crate) fn read(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut name, mut depth) = (String::new(), 0_usize);
    for c in text.chars() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => names.push(std::mem::take(&mut name)),
            c if depth == 0 && !c.is_whitespace() => name.push(c),
            _ => {}
        }
    }
    names.push(name);
    // Modifiers such as `.limit(5)` belong to the field before the dot.
    let plain = |name: &String| name.split('.').next().unwrap_or_default().to_owned();
    names
        .iter()
        .map(plain)
        .filter(|name| !name.is_empty())
        .collect()
}

/// The wanted fields of an object; its id is always shown.
pub(crate) fn select(item: &Value, wanted: Option<&[String]>) -> Value {
    let (Some(wanted), Some(item)) = (wanted, item.as_object()) else {
        return item.clone();
    };
    let shown = |name: &str| name == "id" || wanted.iter().any(|wanted| wanted == name);
    let kept = item.iter().filter(|(name, _)| shown(name));
    Value::Object(
        kept.map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Map<_, _>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_read_without_what_is_nested() {
        let check = |text: &str, expect: &[&str]| assert_eq!(read(text), expect, "{text}");
        check("name", &["name"]);
        check(
            "id, name,owner{id,name},status",
            &["id", "name", "owner", "status"],
        );
        check("phones.limit(5){id},name", &["phones", "name"]);
        check("", &[]);
    }

    #[test]
    fn the_id_is_always_shown() {
        let item = json!({"id": "1", "name": "n", "status": "s"});
        assert_eq!(
            select(&item, Some(&["name".into()])),
            json!({"id": "1", "name": "n"})
        );
        assert_eq!(select(&item, None), item);
    }
}
