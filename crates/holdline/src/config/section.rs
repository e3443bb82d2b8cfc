//! The key tables: one declaration gives a section its typed struct, its reader, its entry in the
//! reference, its bounds and the names of its environment variables. Reads no file itself.

use super::field::Form;

/// Start of every environment variable that sets a key.
pub(crate) const ENV_PREFIX: &str = "HOLDLINE_";

/// One key of a section.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) want: &'static str,
    pub(crate) optional: bool,
    /// As it would stand in the file.
    pub(crate) default: Option<&'static str>,
    pub(crate) bounds: Option<(u64, u64)>,
    pub(crate) doc: &'static [&'static str],
}

impl Key {
    pub(crate) fn secret(&self) -> bool {
        self.form == Form::Secret
    }

    /// The key that names a file with the secret in it.
    pub(crate) fn file_name(&self) -> String {
        format!("{}_file", self.name)
    }
}

/// One table of the file, or one array of tables.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) path: &'static str,
    pub(crate) many: bool,
    pub(crate) doc: &'static [&'static str],
    pub(crate) keys: &'static [Key],
}

impl Section {
    /// The variable of a key; `number` is the place in an array of tables.
    pub(crate) fn env_name(&self, number: Option<usize>, key: &str) -> String {
        let path = self.path.replace('.', "_");
        let number = number.map_or_else(String::new, |number| format!("{number}_"));
        format!("{ENV_PREFIX}{path}_{number}{key}").to_uppercase()
    }

    /// Finds a key by its name, or the secret whose file the name gives.
    pub(crate) fn find(&self, name: &str) -> Option<(&'static Key, bool)> {
        let plain = self
            .keys
            .iter()
            .find(|key| key.name == name)
            .map(|key| (key, false));
        let in_file = || {
            let base = name.strip_suffix("_file")?;
            self.keys
                .iter()
                .find(|key| key.secret() && key.name == base)
                .map(|key| (key, true))
        };
        plain.or_else(in_file)
    }

    /// Every name that may stand in the file.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.keys.iter().map(|key| {
            if key.secret() {
                key.file_name()
            } else {
                key.name.into()
            }
        })
    }
}

/// Declares a section. A line is `key: Type = default, least to most;`, the last two optional.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident at $path:literal many $many:literal {
            $($(#[doc = $doc:literal])+ $key:ident: $ty:ty $(= $default:tt)?
                $(, $least:literal to $most:literal)?;)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        pub(crate) struct $name {
            $($(#[doc = $doc])+ pub(crate) $key: $ty,)+
        }

        impl $name {
            pub(crate) const SECTION: crate::config::section::Section =
                crate::config::section::Section {
                    path: $path,
                    many: $many,
                    doc: &[$($about),+],
                    keys: &[$(crate::config::section::section!(@key $key, $ty,
                        [$($default)?], [$($least, $most)?], [$($doc),+])),+],
                };

            /// `None` when a key is wrong; the reader then holds the faults.
            pub(crate) fn read(
                reader: &mut crate::config::reader::Reader,
                at: &str,
            ) -> Option<Self> {
                $(let $key: Option<$ty> = reader.take(at, stringify!($key), &Self::SECTION);)+
                Some(Self { $($key: $key?),+ })
            }
        }
    };
    (@key $key:ident, $ty:ty, [$($default:tt)?], $bounds:tt, $doc:tt) => {
        crate::config::section::Key {
            name: stringify!($key),
            form: <$ty as crate::config::field::Field>::FORM,
            want: <$ty as crate::config::field::Field>::WANT,
            optional: <$ty as crate::config::field::Field>::OPTIONAL,
            default: crate::config::section::section!(@default $($default)?),
            bounds: crate::config::section::section!(@bounds $bounds),
            doc: &$doc,
        }
    };
    (@default) => { None };
    (@default $default:tt) => { Some(stringify!($default)) };
    (@bounds []) => { None };
    (@bounds [$least:literal, $most:literal]) => { Some(($least, $most)) };
}
pub(super) use section;
