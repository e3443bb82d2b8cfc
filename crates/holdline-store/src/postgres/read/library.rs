//! Reads of media, templates and tokens.

use super::page;
use crate::postgres::connect::Client;
use crate::postgres::statement::{Statement, text};
use crate::rows::Result;
use crate::rows::access::{
    MEDIA_COLUMNS, TEMPLATE_COLUMNS, TOKEN_COLUMNS, media_from, template_from, token_from,
};
use holdline_core::Timestamp;
use holdline_engine::ports::records::{MediaRecord, TemplateRecord, TokenRecord};

pub(in crate::postgres) async fn media(c: &Client, id: &str) -> Result<Option<MediaRecord>> {
    let sql = format!("SELECT {MEDIA_COLUMNS} FROM media WHERE id = $1");
    Statement::new(sql).one(text(id)).first(c, media_from).await
}

pub(in crate::postgres) async fn media_expired(
    c: &Client,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<MediaRecord>> {
    let sql = format!(
        "SELECT {MEDIA_COLUMNS} FROM media WHERE expires_at < $1
         ORDER BY expires_at, id LIMIT $2"
    );
    let statement = Statement::new(sql).one(now.0).one(page(limit));
    statement.all(c, media_from).await
}

pub(in crate::postgres) async fn media_alias(
    c: &Client,
    media: &str,
    sender: &str,
    now: Timestamp,
) -> Result<Option<String>> {
    let sql = "SELECT provider_id FROM media_alias
         WHERE media = $1 AND sender = $2 AND until > $3";
    let statement = Statement::new(sql).one(text(media)).one(text(sender));
    statement.one(now.0).first(c, |row| row.get(0)).await
}

pub(in crate::postgres) async fn templates(c: &Client, waba: &str) -> Result<Vec<TemplateRecord>> {
    let sql = format!(
        "SELECT {TEMPLATE_COLUMNS} FROM template WHERE waba = $1 ORDER BY name, language, id"
    );
    let statement = Statement::new(sql).one(text(waba));
    statement.all(c, template_from).await
}

pub(in crate::postgres) async fn token_by_hash(
    c: &Client,
    hash: &[u8; 32],
) -> Result<Option<TokenRecord>> {
    let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE hash = $1 ORDER BY id LIMIT 1");
    let statement = Statement::new(sql).one(&hash[..]);
    statement.first(c, token_from).await
}

pub(in crate::postgres) async fn tokens(c: &Client) -> Result<Vec<TokenRecord>> {
    let sql = format!("SELECT {TOKEN_COLUMNS} FROM token ORDER BY id");
    Statement::new(sql).all(c, token_from).await
}
