//! Turns environment variables into entries of known keys. Passes over variables of other programs
//! and of container platforms; refuses the rest that starts like ours and is no key.

use super::fault::{Faults, Origin};
use super::layer::{Entry, Layer, TABLES_MAX, join, propose};
use super::section::{ENV_PREFIX, Key};
use super::sections::SECTIONS;
use toml::Value;

/// Variables with this prefix that belong to the command line, not to the configuration.
const ENV_OF_COMMANDS: [&str; 3] = ["HOLDLINE_URL", "HOLDLINE_TOKEN", "HOLDLINE_CONFIG"];
/// Short names of keys that people expect.
const ENV_ALIASES: [(&str, &str); 1] = [("HOLDLINE_LOG", "HOLDLINE_LOG_LEVEL")];

impl Layer {
    pub(super) fn of_env(variables: &[(String, String)], faults: &mut Faults) -> Self {
        let mut layer = Self::default();
        for (name, text) in variables {
            let skip = !name.starts_with(ENV_PREFIX)
                || text.is_empty()
                || ENV_OF_COMMANDS.contains(&name.as_str());
            if !skip {
                layer.add_variable(name, text, faults);
            }
        }
        layer
    }

    fn add_variable(&mut self, name: &str, text: &str, faults: &mut Faults) {
        let alias = ENV_ALIASES.iter().find(|(short, _)| *short == name);
        let full = alias.map_or(name, |(_, full)| *full);
        let origin = Origin::Env(name.into());
        if let Some((table, path, key, in_file)) = key_of_variable(full) {
            let value = if in_file {
                Value::String(text.into())
            } else {
                key.form.of_text(text)
            };
            self.tables.entry(table).or_insert_with(|| origin.clone());
            self.entries.insert(path, Entry { value, origin });
        } else if !of_service_link(name, text) {
            let known = SECTIONS.iter().flat_map(|section| {
                let number = section.many.then_some(0);
                section
                    .names()
                    .map(move |key| section.env_name(number, &key))
            });
            let mend = propose(
                name,
                known,
                "unset it; `holdline config reference` lists all",
            );
            faults.add(origin, "", "no configuration key has this variable", &mend);
        }
    }
}

/// Table, full path, key, and whether the variable names a file.
fn key_of_variable(name: &str) -> Option<(String, String, &'static Key, bool)> {
    let rest = name.strip_prefix(ENV_PREFIX)?.to_lowercase();
    SECTIONS.iter().find_map(|section| {
        let mut rest = rest
            .strip_prefix(&section.path.replace('.', "_"))?
            .strip_prefix('_')?;
        let mut table = section.path.to_owned();
        if section.many {
            let (number, key) = rest.split_once('_')?;
            let number: usize = number.parse().ok().filter(|number| *number < TABLES_MAX)?;
            table = join(section.path, &number.to_string());
            rest = key;
        }
        let (key, in_file) = section.find(rest)?;
        Some((table.clone(), join(&table, rest), key, in_file))
    })
}

/// Container platforms set such variables for a service that is called `holdline`.
fn of_service_link(name: &str, text: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && text.contains("://"))
        || ["_TCP", "_UDP"]
            .iter()
            .any(|end| name.contains(&format!("{end}_")))
        || (name.contains("_PORT_") && (name.ends_with("_TCP") || name.ends_with("_UDP")))
}
