//! People's documents stop coming while all else does: noticed only with a history, which is given
//! to the server as an earlier run would have left it.

use super::{quick, until_scope, words};
use crate::stack::{PHONE_ID, Stack, until_true};
use holdline_core::health::{Board, BoardConfig, InboundKind, NumberConfig, Signal};
use holdline_core::{ChannelKind, Timestamp};
use holdline_engine::ports::records::BaselineRecord;
use holdline_engine::ports::{Group, Op, Store as _};
use holdline_sim::PersonSend;
use holdline_store::{options_of, sqlite};

/// Three days of five documents and a text each second.
fn three_days() -> Vec<BaselineRecord> {
    let mut board = Board::new(BoardConfig::default());
    let config = NumberConfig {
        sender: PHONE_ID.to_owned(),
        account: Some(crate::stack::WABA_ID.to_owned()),
        receipts: true,
        probes: false,
        configured: true,
        ..NumberConfig::default()
    };
    let number = board.add_number(ChannelKind::WHATSAPP, &config, Timestamp(0));
    let seconds = 3 * 86_400;
    for second in 0..seconds {
        let at = Timestamp(second * 1_000);
        let kinds = [InboundKind::Document; 5];
        for kind in kinds.into_iter().chain([InboundKind::Text]) {
            board.observe(&Signal::Inbound { number, at, kind });
        }
        board.tick(at, 1);
    }
    let saved_at = Timestamp(seconds * 1_000);
    let learned = board
        .learned()
        .into_iter()
        .map(|(key, values)| BaselineRecord {
            key,
            saved_at,
            values: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        });
    learned.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_stop_coming_are_named() {
    let mut stack = Stack::start_with(quick()).await;
    stack.stop().await;
    let url = format!(
        "sqlite:{}",
        stack.folder.path().join("data/holdline.db").display()
    );
    let store = sqlite::open(options_of(&url).expect("a store"))
        .await
        .expect("opens");
    let ops = three_days().into_iter().map(Op::Baseline).collect();
    store.commit(vec![Group(ops)].into()).await.expect("kept")[0]
        .clone()
        .expect("no conflict");
    drop(store);
    stack.serve().await;
    stack.outage("inbound_type_silent");
    let talking = async {
        let mut pace = tokio::time::interval(std::time::Duration::from_millis(500));
        for number in 0..200 {
            pace.tick().await;
            let send = PersonSend::text(&format!("hello {number}"));
            stack
                .sandbox
                .person_sends("+16505550001", send)
                .expect("sent");
        }
    };
    let name = format!("{PHONE_ID}/inbound");
    let scope = tokio::select! {
        scope = until_scope(&stack, &name, "degraded") => scope,
        () = talking => panic!("all said in vain"),
    };
    assert!(words(&scope).contains("document"), "{scope}");
    until_true("what people write reaches the app", || {
        !stack.receiver.messages().is_empty()
    })
    .await;
}
