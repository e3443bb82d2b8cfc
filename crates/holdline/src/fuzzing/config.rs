//! Laws of the configuration: any text is read or refused with faults that say where and how to
//! mend, and no secret is ever shown.

use crate::config::{Config, Faults};
use holdline_channels::fuzzing::text;

const SECRET: &str = "hunter2-hunter2";
const SECRETS: [(&str, &str); 3] = [
    ("HOLDLINE_WHATSAPP_APP_SECRET", SECRET),
    ("HOLDLINE_WHATSAPP_VERIFY_TOKEN", SECRET),
    ("HOLDLINE_WHATSAPP_ACCESS_TOKEN", SECRET),
];

pub(super) fn file(input: &[u8]) {
    let text = text(input);
    // A key that ends so names a file to be read, which an input must not choose.
    if text.contains("_file") || text.contains(SECRET) {
        return;
    }
    match (
        Config::from_toml_str(&text, &SECRETS),
        Config::from_toml_str(&text, &SECRETS),
    ) {
        (Ok(config), Ok(_)) => assert!(!format!("{config:?}").contains(SECRET)),
        (Err(faults), Err(again)) => {
            assert_eq!(faults, again);
            sound(&faults);
        }
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("the same text is read and refused"),
    }
}

fn sound(faults: &Faults) {
    assert!(!faults.all().is_empty());
    for fault in faults.all() {
        assert!(!fault.what.is_empty() && !fault.mend.is_empty(), "{fault}");
        assert!(!fault.to_string().contains(SECRET), "a secret in a fault");
    }
}

/// Lines `NAME=value`.
pub(super) fn env(input: &[u8]) {
    let text = text(input);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let fits = |(name, _): &(&str, &str)| !name.ends_with("_FILE");
    let pairs: Vec<(&str, &str)> = pairs.filter(fits).collect();
    if let Err(faults) = Config::from_toml_str("", &pairs) {
        sound(&faults);
    }
}
