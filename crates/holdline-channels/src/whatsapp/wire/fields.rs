//! A JSON value that knows its path, so that every refusal names the field and how to mend it.
//! JSON `null` counts as absent everywhere. Never copies or changes what it reads.

use super::error::GraphError;
use serde_json::Value;
use url::Url;

type Read<T> = Result<T, GraphError>;

pub(crate) struct Field<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Field<'a> {
    pub(crate) fn root(value: &'a Value) -> Read<Self> {
        Self {
            value,
            path: String::new(),
        }
        .object()
    }

    /// This field, or this field's child `key`, as errors name it.
    pub(crate) fn path_of(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.into(),
            false => format!("{}.{key}", self.path),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self {
            value,
            path: self.path_of(key),
        })
    }

    pub(crate) fn need(&self, key: &str) -> Read<Self> {
        self.get(key)
            .ok_or_else(|| GraphError::missing(&self.path_of(key)))
    }

    pub(crate) fn need_object(&self, key: &str) -> Read<Self> {
        self.need(key)?.object()
    }

    pub(crate) fn get_object(&self, key: &str) -> Read<Option<Self>> {
        self.get(key).map(Self::object).transpose()
    }

    /// The objects of an array that is absent or has up to `max` items.
    pub(crate) fn objects(&self, key: &str, max: usize) -> Read<Vec<Self>> {
        let Some(field) = self.get(key) else {
            return Ok(Vec::new());
        };
        let items = field
            .value
            .as_array()
            .ok_or_else(|| field.wrong_type("an array"))?;
        if items.len() > max {
            return Err(field.invalid(&format!("has more than {max} items: remove some")));
        }
        items
            .iter()
            .enumerate()
            .map(|(at, value)| field.item(at, value))
            .collect()
    }

    /// The objects of an array that must have 1 to `max` items.
    pub(crate) fn need_objects(&self, key: &str, max: usize) -> Read<Vec<Self>> {
        let field = self.need(key)?;
        match self.objects(key, max)? {
            items if items.is_empty() => Err(field.invalid("is empty: give at least 1 item")),
            items => Ok(items),
        }
    }

    pub(crate) fn need_text(&self, key: &str, chars_max: usize) -> Read<&'a str> {
        let field = self.need(key)?;
        match field.text(chars_max)? {
            "" => Err(field.invalid("is empty: give at least 1 character")),
            text => Ok(text),
        }
    }

    pub(crate) fn get_text(&self, key: &str, chars_max: usize) -> Read<Option<&'a str>> {
        self.get(key).map(|field| field.text(chars_max)).transpose()
    }

    /// As `get_text`, where an empty text means the same as none.
    pub(crate) fn get_owned(&self, key: &str, chars_max: usize) -> Read<Option<String>> {
        let text = self.get_text(key, chars_max)?;
        Ok(text.filter(|text| !text.is_empty()).map(Into::into))
    }

    /// An id, which clients write as a string or as an integer.
    pub(crate) fn get_id(&self, key: &str, chars_max: usize) -> Read<Option<String>> {
        let Some(field) = self.get(key) else {
            return Ok(None);
        };
        if let Some(number) = field.value.as_u64() {
            return Ok(Some(number.to_string()));
        }
        match field.text(chars_max)? {
            "" => Err(field.invalid("is empty: give at least 1 character")),
            text => Ok(Some(text.into())),
        }
    }

    pub(crate) fn need_id(&self, key: &str, chars_max: usize) -> Read<String> {
        self.get_id(key, chars_max)?
            .ok_or_else(|| GraphError::missing(&self.path_of(key)))
    }

    pub(crate) fn flag(&self, key: &str) -> Read<bool> {
        let Some(field) = self.get(key) else {
            return Ok(false);
        };
        field
            .value
            .as_bool()
            .ok_or_else(|| field.wrong_type("true or false"))
    }

    /// A number, also written as a string, within `-limit..=limit`.
    pub(crate) fn need_number(&self, key: &str, limit: f64) -> Read<f64> {
        let field = self.need(key)?;
        let written = field
            .value
            .as_str()
            .and_then(|text| text.trim().parse().ok());
        let number = field
            .value
            .as_f64()
            .or(written)
            .ok_or_else(|| field.wrong_type("a number"))?;
        match number.abs() <= limit {
            true => Ok(number),
            false => Err(field.invalid(&format!("must be between -{limit} and {limit}"))),
        }
    }

    /// A place in a list, as an integer or as its digits.
    pub(crate) fn need_index(&self, key: &str, max: u8) -> Read<u8> {
        let field = self.need(key)?;
        let written = field.value.as_str().and_then(|text| text.parse().ok());
        let index = field
            .value
            .as_u64()
            .or(written)
            .and_then(|index| u8::try_from(index).ok());
        index.filter(|index| *index <= max).ok_or_else(|| {
            field.invalid(&format!(
                "must be an integer from 0 to {max}, as number or string"
            ))
        })
    }

    pub(crate) fn need_url(&self, key: &str) -> Read<&'a str> {
        let text = self.need_text(key, URL_CHARS_MAX)?;
        let web = Url::parse(text)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        match web {
            true => Ok(text),
            false => Err(GraphError::invalid_value(
                &self.path_of(key),
                "must be an absolute http or https URL",
            )),
        }
    }

    /// One of `allowed`, in any case.
    pub(crate) fn need_word(&self, key: &str, allowed: &[&'static str]) -> Read<&'static str> {
        let field = self.need(key)?;
        let text = field.text(WORD_CHARS_MAX)?;
        let known = allowed.iter().find(|word| word.eq_ignore_ascii_case(text));
        known
            .copied()
            .ok_or_else(|| field.invalid(&format!("must be one of: {}", allowed.join(", "))))
    }

    pub(crate) fn text(&self, chars_max: usize) -> Read<&'a str> {
        let text = self
            .value
            .as_str()
            .ok_or_else(|| self.wrong_type("a string"))?;
        // A text has at least as many bytes as characters: most need no counting.
        if text.len() > chars_max && text.chars().count() > chars_max {
            return Err(self.invalid(&format!(
                "must be at most {chars_max} characters long: shorten it"
            )));
        }
        Ok(text)
    }

    pub(crate) fn invalid(&self, mend: &str) -> GraphError {
        GraphError::invalid_value(&self.path, mend)
    }

    pub(crate) fn wrong_type(&self, wanted: &str) -> GraphError {
        let path = if self.path.is_empty() {
            "body"
        } else {
            &self.path
        };
        GraphError::invalid_parameter(path, &format!("must be {wanted}"))
    }

    fn item(&self, at: usize, value: &'a Value) -> Read<Self> {
        Self {
            value,
            path: format!("{}[{at}]", self.path),
        }
        .object()
    }

    fn object(self) -> Read<Self> {
        match self.value.is_object() {
            true => Ok(self),
            false => Err(self.wrong_type("an object")),
        }
    }
}

/// Longest URL taken, in characters.
pub(crate) const URL_CHARS_MAX: usize = 2048;

/// Longest id, name or label taken where the provider names no limit, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 512;

const WORD_CHARS_MAX: usize = 64;
