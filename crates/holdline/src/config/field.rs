//! How one value becomes a typed field: the types a key may have, what each accepts, and in which
//! words a wrong value is refused. Never repeats the wrong value of a secret.

use crate::secret::Secret;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use toml::Value;
use url::Url;

/// The TOML form of a type, for reading it from a variable and for the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Number,
    Flag,
    List,
    Secret,
}

impl Form {
    /// A variable is text: read it as this form. What does not fit stays text and is refused later.
    pub(super) fn of_text(self, text: &str) -> Value {
        let as_text = || Value::String(text.into());
        match self {
            Self::Text | Self::Secret => as_text(),
            Self::Number => text.parse().map_or_else(|_| as_text(), Value::Integer),
            Self::Flag => text.parse().map_or_else(|_| as_text(), Value::Boolean),
            Self::List => {
                let parts = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                Value::Array(parts.map(|part| Value::String(part.into())).collect())
            }
        }
    }
}

/// A type that a key may have.
pub(crate) trait Field: Sized {
    const FORM: Form;
    /// What is accepted, for the reference and for refusals.
    const WANT: &'static str;
    /// Whether a key of this type may stay unset.
    const OPTIONAL: bool = false;

    /// `None` when the value is not what [`Self::WANT`] says.
    fn read(value: &Value) -> Option<Self>;

    fn unset() -> Option<Self> {
        None
    }
}

impl<T: Field> Field for Option<T> {
    const FORM: Form = T::FORM;
    const WANT: &'static str = T::WANT;
    const OPTIONAL: bool = true;

    fn read(value: &Value) -> Option<Self> {
        T::read(value).map(Some)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }
}

macro_rules! field {
    ($type:ty, $form:ident, $want:literal, |$value:ident| $read:expr) => {
        impl Field for $type {
            const FORM: Form = Form::$form;
            const WANT: &'static str = $want;

            fn read($value: &Value) -> Option<Self> {
                $read
            }
        }
    };
}

field!(String, Text, "text", |value| filled(value).map(Into::into));
field!(PathBuf, Text, "a path", |value| filled(value)
    .map(Into::into));
field!(bool, Flag, "true or false", |value| value.as_bool());
field!(u64, Number, "a whole number", |value| value
    .as_integer()?
    .try_into()
    .ok());
field!(u32, Number, "a whole number", |value| value
    .as_integer()?
    .try_into()
    .ok());
field!(u16, Number, "a whole number", |value| value
    .as_integer()?
    .try_into()
    .ok());
field!(usize, Number, "a whole number", |value| value
    .as_integer()?
    .try_into()
    .ok());
field!(
    SocketAddr,
    Text,
    "an address with a port, such as 127.0.0.1:8080",
    |value| value.as_str().and_then(|text| text.parse().ok())
);
field!(
    Url,
    Text,
    "a URL that starts with http:// or https://",
    |value| http_url(value)
);
field!(Secret, Secret, "text", |value| filled(value)
    .map(Secret::new));

impl Field for Vec<String> {
    const FORM: Form = Form::List;
    const WANT: &'static str = "a list of texts";
    const OPTIONAL: bool = true;

    fn read(value: &Value) -> Option<Self> {
        value
            .as_array()?
            .iter()
            .map(|item| filled(item).map(Into::into))
            .collect()
    }

    fn unset() -> Option<Self> {
        Some(Self::new())
    }
}

impl Field for Vec<IpNet> {
    const FORM: Form = Form::List;
    const WANT: &'static str = "a list of addresses or networks, such as 10.0.0.0/8";
    const OPTIONAL: bool = true;

    fn read(value: &Value) -> Option<Self> {
        let net = |text: &str| {
            let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
            text.parse().ok().or_else(one)
        };
        let items = value.as_array()?.iter();
        items.map(|item| net(item.as_str()?.trim())).collect()
    }

    fn unset() -> Option<Self> {
        Some(Self::new())
    }
}

fn filled(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}

fn http_url(value: &Value) -> Option<Url> {
    let url = Url::parse(value.as_str()?).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain).then_some(url)
}

/// A key that takes one of a few words.
macro_rules! choice {
    (
        $(#[doc = $about:literal])+
        $name:ident { $($(#[doc = $doc:literal])* $variant:ident = $word:literal),+ $(,)? }
        $want:literal
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[doc = $doc])* $variant),+ }

        impl crate::config::field::Field for $name {
            const FORM: crate::config::field::Form = crate::config::field::Form::Text;
            const WANT: &'static str = $want;

            fn read(value: &toml::Value) -> Option<Self> {
                match value.as_str()? {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(super) use choice;
