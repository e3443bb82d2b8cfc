//! What `store check` finds in files that were spoilt on purpose, and what it mends.

use crate::fixtures::{accept, group, options};
use crate::images::work::Work;
use holdline_core::contact::Consent;
use holdline_core::{ChannelKind, ContactId, Redacted, Timestamp};
use holdline_engine::ports::records::{AddressRecord, ContactRecord};
use holdline_engine::ports::{Group, Op, Store};
use holdline_store::sqlite::upkeep::{self, Report};
use holdline_store::{SqliteStore, sqlite};
use rusqlite::Connection;
use std::path::Path;

/// Long after the instants of the workload.
const NOW: Timestamp = Timestamp(1_000);

/// An id of nothing.
const STRAY: &str = "x'0123456789abcdef0123456789abcdef'";

/// What is spoilt, the finding that it gives with its count, and whether that can be mended.
const SPOILT: &[(&str, &str, u64, bool)] = &[
    (
        "DELETE FROM delivery WHERE id IN (SELECT id FROM message LIMIT 2)",
        "message_without_delivery",
        2,
        false,
    ),
    (
        "INSERT INTO delivery SELECT STRAY, contact, 5, since, until, hop, \
         hop_since, tries, attempts, spent, told, told_failed, priority, expires_at \
         FROM delivery LIMIT 1",
        "delivery_without_message",
        1,
        false,
    ),
    (
        "DELETE FROM body WHERE id = (SELECT MIN(id) FROM delivery WHERE state < 4)",
        "open_without_body",
        1,
        false,
    ),
    (
        "UPDATE attempt SET message = STRAY WHERE message = (SELECT MIN(message) \
         FROM attempt)",
        "attempt_without_message",
        1,
        true,
    ),
    (
        "UPDATE receipt SET message = STRAY WHERE message = (SELECT MIN(message) \
         FROM receipt) AND place = 0",
        "receipt_without_message",
        1,
        true,
    ),
    (
        "UPDATE decision SET message = STRAY WHERE message = (SELECT MIN(message) \
         FROM decision) AND place = 0",
        "decision_without_message",
        1,
        true,
    ),
    (
        "INSERT INTO body VALUES (STRAY, 'x')",
        "body_without_owner",
        1,
        true,
    ),
    (
        "INSERT INTO media_alias VALUES ('7', 's', 'p', 9)",
        "alias_without_media",
        1,
        true,
    ),
    ("DELETE FROM contact", "contact_missing", 1, true),
    (
        "UPDATE message SET expires_at = -86400000 WHERE id = (SELECT MIN(id) FROM delivery \
         WHERE state < 4)",
        "open_past_expiry",
        1,
        false,
    ),
    (
        "UPDATE delivery SET state = 1, since = -3600000 WHERE id = (SELECT MIN(id) FROM \
         delivery WHERE state < 4)",
        "in_flight_long",
        1,
        false,
    ),
    (
        "UPDATE raw_inbound SET received_at = -3600000 WHERE id = (SELECT MIN(id) FROM \
         raw_inbound WHERE done = 0)",
        "webhook_not_read",
        1,
        false,
    ),
    (
        "UPDATE hook SET due_at = -86400000 WHERE seq = (SELECT MIN(seq) FROM hook)",
        "event_not_posted",
        1,
        false,
    ),
    (
        "UPDATE hook SET head = 0 WHERE seq = (SELECT MAX(seq) FROM hook)",
        "event_head_missing",
        1,
        true,
    ),
    (
        "INSERT INTO hook SELECT NULL, endpoint, subject, event, created_at, due_at, tries, \
         error, 1, NULL FROM hook LIMIT 1",
        "event_head_wrong",
        1,
        true,
    ),
];

/// Contact 1, to whom all messages of the workload go.
fn person() -> Op {
    let address = AddressRecord {
        channel: ChannelKind::SMS,
        value: Redacted::new("+15550100".to_owned()),
        verified_at: None,
        consent: Consent::Withdrawn,
        unreachable_until: None,
        last_inbound_at: None,
    };
    Op::ContactSeen(Box::new(ContactRecord {
        id: ContactId(1),
        name: None,
        external_id: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        addresses: vec![address],
    }))
}

async fn busy(directory: &Path) -> SqliteStore {
    let store = sqlite::open(options(directory)).await.unwrap();
    store
        .commit(vec![Group(vec![person()])].into())
        .await
        .unwrap();
    let mut work = Work::new(3);
    for _ in 0..20 {
        work.turn(&store).await;
    }
    store
}

fn look(directory: &Path, now: Timestamp) -> Report {
    upkeep::check(&directory.join("h.db"), now, &mut |_, _| {}).unwrap()
}

fn codes(report: &Report) -> Vec<(&'static str, u64)> {
    let one = |finding: &upkeep::Finding| (finding.code, finding.count);
    report.findings.iter().map(one).collect()
}

fn spoil(directory: &Path, sql: &str) {
    let connection = Connection::open(directory.join("h.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_store_at_work_is_sound_and_its_rows_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let store = busy(directory.path()).await;
    let mut heard = Vec::new();
    let path = directory.path().join("h.db");
    let report = upkeep::check(&path, NOW, &mut |_, percent| heard.push(percent)).unwrap();
    assert_eq!(codes(&report), []);
    assert!(heard.is_sorted() && heard.last() == Some(&100), "{heard:?}");
    let open = store
        .waiting(
            holdline_engine::ports::Partitions::ALL,
            holdline_core::message::Priority::Service,
            None,
            1_000,
        )
        .await
        .unwrap();
    assert_eq!(report.open, open.len() as u64);
    assert_eq!(report.open_since, Some(open[0].message.created_at));
    let rows = |table| {
        report
            .rows
            .iter()
            .find(|(name, _)| *name == table)
            .unwrap()
            .1
    };
    assert!(rows("message") >= report.open && rows("attempt") > 0 && rows("hook") > 0);
}

#[tokio::test]
async fn each_kind_of_trouble_is_found_and_only_what_is_safe_is_mended() {
    for (sql, code, count, repairable) in SPOILT {
        let directory = tempfile::tempdir().unwrap();
        drop(busy(directory.path()).await);
        spoil(directory.path(), &sql.replace("STRAY", STRAY));
        let before = look(directory.path(), NOW);
        let found = before.findings.iter().find(|it| it.code == *code);
        let found = found.unwrap_or_else(|| panic!("{code}: {:?}", codes(&before)));
        assert_eq!(
            (found.count, found.repairable),
            (*count, *repairable),
            "{code}"
        );
        assert_eq!(found.samples.len() as u64, *count, "{code}");
        let mended = upkeep::repair(&directory.path().join("h.db"), &before.findings).unwrap();
        let after = look(directory.path(), NOW);
        let left = codes(&after).contains(&(*code, *count));
        assert_eq!(left, !*repairable, "{code}: {mended:?} {:?}", codes(&after));
    }
}

#[tokio::test]
async fn a_person_who_comes_back_by_repair_keeps_the_word_given() {
    let directory = tempfile::tempdir().unwrap();
    let store = busy(directory.path()).await;
    spoil(directory.path(), "DELETE FROM contact");
    let findings = look(directory.path(), NOW).findings;
    let mended = upkeep::repair(&directory.path().join("h.db"), &findings).unwrap();
    assert_eq!(mended, [("contact_missing", 1)]);
    let person = store
        .contact_by_address(ChannelKind::SMS, "+15550100")
        .await;
    let person = person.unwrap().expect("there again");
    assert_eq!(person.addresses[0].consent, Consent::Withdrawn);
}

#[tokio::test]
async fn marks_in_any_disorder_are_mended_into_one_first_event_a_queue() {
    let directory = tempfile::tempdir().unwrap();
    let store = busy(directory.path()).await;
    let again = |n| Group(vec![group(n).0.remove(1)]);
    let more: Vec<Group> = (0..30).chain(0..30).map(again).collect();
    store.commit(more.into()).await.unwrap();
    spoil(directory.path(), "UPDATE hook SET head = (seq % 3 = 0)");
    let path = directory.path().join("h.db");
    upkeep::repair(&path, &look(directory.path(), NOW).findings).unwrap();
    assert_eq!(codes(&look(directory.path(), NOW)), []);
}

#[tokio::test]
async fn a_damaged_file_is_told_and_nothing_is_mended_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite::open(options(directory.path())).await.unwrap();
    let rows: Vec<Group> = (0..200).map(|n| Group(vec![accept(n, 900)])).collect();
    store.commit(rows.into()).await.unwrap();
    store.close().await.unwrap();
    spoil(
        directory.path(),
        "PRAGMA writable_schema = ON;
         DELETE FROM sqlite_schema WHERE name = 'message_app';",
    );
    let report = look(directory.path(), NOW);
    assert_eq!(report.findings[0].code, "damaged");
    let path = directory.path().join("h.db");
    let error = upkeep::repair(&path, &report.findings)
        .unwrap_err()
        .to_string();
    assert!(error.contains("restore a backup"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("h.db");
    let error = upkeep::check(&path, NOW, &mut |_, _| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("there is no database"), "{error}");
    assert!(!path.exists());
}
