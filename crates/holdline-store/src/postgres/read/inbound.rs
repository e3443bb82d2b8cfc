//! Reads of what came in.

use super::{in_partitions, page, set};
use crate::postgres::connect::Client;
use crate::postgres::statement::{Statement, text, uuid};
use crate::rows::Result;
use crate::rows::inbound::{INBOUND_COLUMNS, RAW_COLUMNS, inbound_from, raw_from};
use holdline_core::ChannelKind;
use holdline_core::id::InboundId;
use holdline_engine::ports::Partitions;
use holdline_engine::ports::records::{InboundRecord, RawInbound};

pub(in crate::postgres) async fn raw_open(
    c: &Client,
    partitions: Partitions,
    after: Option<u128>,
    limit: usize,
) -> Result<Vec<RawInbound>> {
    let of = in_partitions("partition", "$1");
    let sql = format!(
        "SELECT {RAW_COLUMNS} FROM raw_inbound
         WHERE NOT done AND {of} AND ($2 IS NULL OR id > $2) ORDER BY id LIMIT $3"
    );
    let statement = Statement::new(sql).one(set(partitions));
    let statement = statement.one(after.map(uuid)).one(page(limit));
    statement.all(c, raw_from).await
}

pub(in crate::postgres) async fn by_id(c: &Client, id: InboundId) -> Result<Option<InboundRecord>> {
    let statement = Statement::new(select("i.id = $1")).one(uuid(id.0));
    statement.first(c, inbound_from).await
}

pub(in crate::postgres) async fn by_provider_id(
    c: &Client,
    channel: ChannelKind,
    provider_id: &str,
) -> Result<Option<InboundRecord>> {
    let statement = Statement::new(select("i.channel = $1 AND i.provider_id = $2"));
    let statement = statement.one(channel.as_str()).one(text(provider_id));
    statement.first(c, inbound_from).await
}

fn select(condition: &str) -> String {
    format!(
        "SELECT {INBOUND_COLUMNS}
         FROM inbound i LEFT JOIN body b ON b.id = i.id WHERE {condition}"
    )
}
