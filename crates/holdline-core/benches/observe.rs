//! The time of one observation, by criterion: a first attempt with its answer and receipts, and
//! the look that follows.

use criterion::{Criterion, criterion_group, criterion_main};
use holdline_core::health::{
    Board, BoardConfig, Country, Ended, Evidence, Feature, LeafKey, NumberConfig, ReceiptSign,
    Signal,
};
use holdline_core::{ChannelKind, Timestamp};

fn observe(c: &mut Criterion) {
    let mut at = Timestamp(1_700_000_000_000);
    let mut board = Board::new(BoardConfig::default());
    let config = NumberConfig {
        sender: "106540352242922".into(),
        receipts: true,
        configured: true,
        ..NumberConfig::default()
    };
    let number = board.add_number(ChannelKind::WHATSAPP, &config, at);
    let key = LeafKey {
        number,
        feature: Feature::Session,
        country: Country(49),
    };
    let route = board.leaf(key, at);
    let mut recipient = 0;
    c.bench_function("one message: five observations and a look", |bencher| {
        bencher.iter(|| {
            (at, recipient) = (at.plus_ms(50), recipient + 1);
            board.observe(&Signal::Started { route, at });
            board.observe(&Signal::Ended(Ended {
                route,
                at,
                started_at: Some(at),
                first: true,
                recipient,
                evidence: Some(Evidence::Works),
            }));
            board.observe(&Signal::Accepted { route, at });
            for kind in [ReceiptSign::Sent, ReceiptSign::Delivered] {
                board.observe(&Signal::Receipt {
                    route,
                    accepted_at: at,
                    at,
                    kind,
                });
            }
            if board.wake_at(at) <= at {
                board.tick(at, u64::from(recipient));
            }
        });
    });
}

criterion_group!(benches, observe);
criterion_main!(benches);
