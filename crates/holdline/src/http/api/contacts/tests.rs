//! Contacts as they are written, one by one and as a list.

use super::columns::{LineFault, Row};
use super::known::merged;
use super::rows::{Found, bad_lines_of, read};
use super::save::addresses;
use super::*;
use crate::http::api::input::parse;
use expect_test::{Expect, expect};
use holdline_core::{ChannelKind, Timestamp};
use tokio::sync::mpsc;

/// The lines of a list, each in one line of words.
fn check_list(text: &[u8], expect: Expect) {
    let (found_tx, mut found_rx) = mpsc::channel(1_000);
    read(text, None, &found_tx);
    drop(found_tx);
    let mut shown = String::new();
    while let Ok(found) = found_rx.try_recv() {
        match found {
            Found::Row(row) => shown.push_str(&words(&row)),
            Found::Bad(faults) => faults.iter().for_each(|it| shown.push_str(&fault(it))),
            Found::Header(faults) => faults.iter().for_each(|it| {
                let fix: String = it.fix.chars().take(40).collect();
                shown.push_str(&format!("{} {}: {fix}\n", it.field, it.message));
            }),
        }
    }
    expect.assert_eq(&shown);
}

fn words(row: &Row) -> String {
    let mut words = format!("{}:", row.line);
    for text in [&row.name, &row.external_id] {
        words.push_str(&format!(" {}", text.as_deref().unwrap_or("-")));
    }
    for address in &row.addresses {
        let consent = address.consent.map_or("-", Consent::name);
        let verified = address
            .verified
            .map_or_else(|| "-".to_owned(), |it| it.to_string());
        words.push_str(&format!(
            "\n   {}={} {consent} {verified}",
            address.channel, address.value
        ));
    }
    words + "\n"
}

fn fault(fault: &LineFault) -> String {
    let column = fault.column.as_deref().unwrap_or("line");
    format!(
        "{}: {column} {}: {}\n",
        fault.line, fault.message, fault.fix
    )
}

#[test]
fn lines_are_read_by_their_columns_with_any_usual_separator() {
    check_list(
        b"name,external_id,whatsapp,sms,email,consent,verified,sms_consent\n\
          \"Lovelace, Ada\",c-1,+1 650-555-1234,16505551234,Ada@Example.com,yes,no,withdrawn\n\
          \n,c-2,,,,,,\n",
        expect![[r#"
            2: Lovelace, Ada c-1
               whatsapp=+16505551234 given false
               sms=+16505551234 withdrawn false
               email=Ada@example.com given false
            4: - c-2
        "#]],
    );
    check_list(
        b"\xEF\xBB\xBFName;E-Mail\r\nAda;ada@example.com\r\n",
        expect![[r#"
            column 2 its name is not known: did you mean `email`?
        "#]],
    );
    check_list(
        b"\xEF\xBB\xBFName;Email\r\nAda;ada@example.com\r\n",
        expect![[r#"
            2: Ada -
               email=ada@example.com - -
        "#]],
    );
}

#[test]
fn a_bad_header_stops_the_list_and_names_what_is_wrong() {
    check_list(
        b"nmae,email,email,colour\nx,y,z,w\n",
        expect![[r#"
            column 1 its name is not known: did you mean `name`?
            column 3 stands twice: keep one of the two
            column 4 its name is not known: use one of: name, external_id, whatsapp,
        "#]],
    );
    check_list(
        b"name,consent\n",
        expect![[r#"
            header names no kind of address: give at least one of: whatsapp, sms, ema
        "#]],
    );
    check_list(
        b"",
        expect![[r#"
            header the body is empty: send a CSV file whose first line names t
        "#]],
    );
}

#[test]
fn bad_lines_are_named_by_number_and_column_and_the_good_ones_go_on() {
    let mut list = b"email,sms,consent,verified\n".to_vec();
    list.extend(b"ada,12,maybe,perhaps\n\xFF\xFE@x.com,,,\na@b.com,,,,more\n,,yes,\nok@b.com,,,\n");
    list.extend(b"\"");
    list.extend([b'x'; 20_000]);
    check_list(
        &list,
        expect![[r#"
            2: verified is neither yes nor no: give yes or no
            2: consent is no consent: give one of: given, withdrawn, unknown
            2: sms has no known country code: write it as + and country code, as in +16505551234
            2: email is no mail address: write it as name@example.com
            3: email is not UTF-8: save the file as UTF-8
            4: line has more cells than the header: quote cells that hold the separator
            5: line has neither an address nor an external id: add one, or delete it
            6: - -
               email=ok@b.com - -
            7: line is too long: look for a quotation mark that is never closed
        "#]],
    );
}

fn write(json: &str) -> Vec<AddressWrite> {
    parse::<ContactWrite>(json.as_bytes())
        .ok()
        .unwrap()
        .addresses
}

#[test]
fn faults_of_addresses_are_named_by_their_place() {
    let written = write(
        r#"{"addresses": [{"channel": "fax", "value": "1"}, {"channel": "email", "value": "x"},
            {"channel": "sms", "value": "+16505551234"},
            {"channel": "sms", "value": "1 650 555 1234"}]}"#,
    );
    let problem = addresses(&written, &[], None, Timestamp(5)).unwrap_err();
    let shown: Vec<_> = problem
        .faults()
        .iter()
        .map(|it| format!("{} {}", it.field, it.message))
        .collect();
    expect![[r#"
        /addresses/0/channel is no kind of address
        /addresses/1/value is no mail address
        /addresses/3/value stands twice"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn an_address_that_stays_keeps_what_is_known_of_it() {
    let json = |rest: &str| {
        format!(r#"{{"addresses": [{{"channel": "sms", "value": "+16505551234"{rest}}}]}}"#)
    };
    let first = write(&json(r#", "verified": true, "consent": "given""#));
    let mut known = addresses(&first, &[], None, Timestamp(5)).unwrap();
    known[0].last_inbound_at = Some(Timestamp(4));
    let again = addresses(&write(&json("")), &known, None, Timestamp(9)).unwrap();
    assert_eq!(again[0].verified_at, Some(Timestamp(5)));
    assert_eq!(again[0].consent, Consent::Given);
    assert_eq!(again[0].last_inbound_at, Some(Timestamp(4)));
    let changed = write(&json(r#", "verified": false, "consent": "withdrawn""#));
    let changed = addresses(&changed, &again, None, Timestamp(9)).unwrap();
    assert_eq!(
        (changed[0].verified_at, changed[0].consent),
        (None, Consent::Withdrawn)
    );
}

#[test]
fn a_change_tells_null_from_what_is_left_out() {
    let change: ContactChange = parse(br#"{"name": null}"#).ok().unwrap();
    assert_eq!(change.name, Some(None));
    assert_eq!(change.external_id, None);
    assert!(change.addresses.is_none());
}

#[test]
fn a_list_does_not_undo_a_withdrawal() {
    let row = |consent| Row {
        line: 2,
        name: None,
        external_id: None,
        addresses: vec![super::columns::RowAddress {
            channel: ChannelKind::SMS,
            value: "+16505551234".to_owned(),
            consent: Some(consent),
            verified: None,
        }],
    };
    let stopped = merged(&row(Consent::Withdrawn), None, 1, Timestamp(1));
    assert_eq!(stopped.addresses[0].consent, Consent::Withdrawn);
    let again = merged(&row(Consent::Given), Some(stopped.clone()), 2, Timestamp(2));
    assert!(super::known::is_unchanged(&stopped, &again));
}

#[test]
fn only_consent_given_here_lifts_a_withdrawal_and_withdrawn_addresses_count() {
    let written = write(
        r#"{"addresses": [{"channel": "sms", "value": "+16505551234"},
            {"channel": "sms", "value": "+16505551235", "consent": "given"},
            {"channel": "sms", "value": "+16505551236", "consent": "unknown"}]}"#,
    );
    let records = addresses(&written, &[], None, Timestamp(5)).unwrap();
    let lifted = super::save::lifts(&written, &records);
    let values: Vec<_> = lifted.iter().map(|(_, it)| it.expose().as_str()).collect();
    assert_eq!(values, ["+16505551235"]);
    let known: Vec<_> = (0..18)
        .map(|n| AddressRecord {
            value: format!("+1650555{n:04}").into(),
            consent: Consent::Withdrawn,
            ..records[0].clone()
        })
        .collect();
    assert!(super::save::fits(&records[..2], &known).is_ok());
    assert!(super::save::fits(&records, &known).is_err());
}

#[test]
fn a_line_adds_to_a_person_and_takes_nothing_away() {
    let row = |name: Option<&str>, value: &str| Row {
        line: 2,
        name: name.map(str::to_owned),
        external_id: None,
        addresses: vec![super::columns::RowAddress {
            channel: ChannelKind::SMS,
            value: value.to_owned(),
            consent: None,
            verified: Some(true),
        }],
    };
    let first = merged(&row(Some("Ada"), "+16505551234"), None, 1, Timestamp(1));
    let again = merged(
        &row(None, "+16505551235"),
        Some(first.clone()),
        2,
        Timestamp(2),
    );
    assert_eq!(again.id, first.id);
    assert_eq!(again.name, first.name);
    assert_eq!(again.addresses.len(), 2);
    assert!(!super::known::is_unchanged(&first, &again));
    let same = merged(
        &row(None, "+16505551234"),
        Some(first.clone()),
        3,
        Timestamp(3),
    );
    assert!(super::known::is_unchanged(&first, &same));
}

#[test]
fn bad_lines_are_a_list_to_mend_and_send_again() {
    let list = b"name;sms;# old remark\n\nAda;+447700900001;x\nBob;12;y\n\
        \"Ceci;\nlia\";+447700900002;;too many\nDan;x;z\n";
    let (found_tx, mut found_rx) = mpsc::channel(1_000);
    read(&list[..], None, &found_tx);
    drop(found_tx);
    let mut faults = Vec::new();
    while let Ok(found) = found_rx.try_recv() {
        match found {
            Found::Bad(bad) => faults.extend(bad),
            Found::Row(row) => assert_eq!(row.name.as_deref(), Some("Ada")),
            Found::Header(_) => panic!("the header is good"),
        }
    }
    let bad = bad_lines_of(&list[..], &faults).unwrap();
    expect![[r#"
        # line;# what is wrong;name;sms
        4;sms has no known country code: write it as + and country code, as in +16505551234;Bob;12
        5;has more cells than the header: quote cells that hold the separator;"Ceci;
        lia";+447700900002;too many
        7;sms has characters that no phone number has: use digits, +, spaces and -().;Dan;x
    "#]]
    .assert_eq(&String::from_utf8(bad.clone()).unwrap());
    check_list(
        &bad,
        expect![[r#"
            2: sms has no known country code: write it as + and country code, as in +16505551234
            3: line has more cells than the header: quote cells that hold the separator
            5: sms has characters that no phone number has: use digits, +, spaces and -().
        "#]],
    );
}
