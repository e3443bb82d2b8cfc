//! Laws of contact lists and addresses: an address has one form, a line is a row or faults, and a
//! fault repeats nothing of the line.

use crate::http::api::contacts::address::{KINDS, normal};
use crate::http::api::contacts::columns::Row;
use crate::http::api::contacts::rows::{Found, read};
use holdline_channels::fuzzing::{parts, text};
use tokio::sync::mpsc;

/// Which kind, and the address.
pub(super) fn address(input: &[u8]) {
    let Some((kind, written)) = input.split_first() else {
        return;
    };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    for country in [None, Some("US"), Some("DE")] {
        if let Ok(value) = normal(kind, &text(written), country) {
            assert_eq!(normal(kind, &value, None).as_ref(), Ok(&value), "one form");
            assert!(value.len() <= 254 && !value.chars().any(char::is_control));
        }
    }
}

/// Country and list.
pub(super) fn list(input: &[u8]) {
    let [country, list] = parts(input);
    let country = Some(text(country).into_owned()).filter(|it| !it.is_empty());
    let lines = list.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    let (found_tx, mut found_rx) = mpsc::channel(list.len() + 16);
    read(list, country, &found_tx);
    drop(found_tx);
    let mut before = 1;
    while let Ok(found) = found_rx.try_recv() {
        let line = match found {
            Found::Header(faults) => {
                assert!(!faults.is_empty() && found_rx.try_recv().is_err());
                return;
            }
            Found::Row(row) => {
                sound(&row);
                row.line
            }
            Found::Bad(faults) => faults.first().expect("a bad line has a fault").line,
        };
        assert!(
            line > before && line <= lines,
            "line {line} of {lines} after {before}"
        );
        before = line;
    }
}

fn sound(row: &Row) {
    assert!(row.external_id.is_some() || !row.addresses.is_empty());
    for address in &row.addresses {
        let again = normal(address.channel, &address.value, None);
        assert_eq!(
            again.as_ref(),
            Ok(&address.value),
            "an address is stored in its one form"
        );
    }
}
