//! `token create|list|revoke`: the tokens by which apps sign in. Works on the store itself, also
//! while a server runs. A token is shown once, when it is made; the store keeps its hash.

use super::output::table;
use super::{Context, Exit, Output};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is printed once and cannot be shown again
    Create(CreateArgs),
    /// The tokens there are, without their secrets
    List,
    /// Make a token useless at once
    Revoke(RevokeArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CreateArgs {
    /// A name to know it by
    #[arg(long)]
    pub(crate) name: String,
    /// Phone number id that it may send from; may be repeated [default: all]
    #[arg(long = "sender", value_name = "ID")]
    pub(crate) senders: Vec<String>,
    /// Days after which it ends [default: never]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) expires_days: Option<u32>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Id of the token, as `token list` shows it
    pub(crate) id: String,
}

/// One token as the list shows it.
#[derive(Clone, Debug)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) senders: Vec<String>,
    pub(crate) created_at: String,
    pub(crate) expires_at: Option<String>,
    pub(crate) revoked_at: Option<String>,
}

pub(crate) async fn run(command: TokenCommand, context: &Context) -> anyhow::Result<Exit> {
    let name = match command {
        TokenCommand::Create(_) => "token create",
        TokenCommand::List => "token list",
        TokenCommand::Revoke(_) => "token revoke",
    };
    super::serve::unwired(name, context)
}

/// The token alone on the standard output, so that it can be piped; the rest is said beside it.
pub(crate) fn print_created(out: &Output, row: &TokenRow, token: &str) {
    if out.json {
        let mut value = row_json(row);
        value["token"] = json!(token);
        return out.value(&value);
    }
    eprintln!(
        "token {} ({}) was made; keep it now, it cannot be shown again:",
        row.id, row.name
    );
    out.line(token);
}

pub(crate) fn print_list(out: &Output, rows: &[TokenRow]) {
    if out.json {
        return out.value(&rows.iter().map(row_json).collect());
    }
    out.line(listed(rows));
}

fn listed(rows: &[TokenRow]) -> String {
    let titles = ["TOKEN", "NAME", "SENDERS", "CREATED", "EXPIRES", "REVOKED"];
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let cells = |row: &TokenRow| {
        let senders = if row.senders.is_empty() {
            "all".into()
        } else {
            row.senders.join(", ")
        };
        let (expires, revoked) = (or_dash(&row.expires_at), or_dash(&row.revoked_at));
        vec![
            row.id.clone(),
            row.name.clone(),
            senders,
            row.created_at.clone(),
            expires,
            revoked,
        ]
    };
    table(&titles, rows.iter().map(cells))
}

fn row_json(row: &TokenRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "senders": row.senders,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_list_shows_scope_and_ends() {
        let row = TokenRow {
            id: "t1".into(),
            name: "shop".into(),
            senders: Vec::new(),
            created_at: "2026-01-01".into(),
            expires_at: None,
            revoked_at: Some("2026-02-01".into()),
        };
        let scoped = TokenRow {
            senders: vec!["1".into(), "2".into()],
            ..row.clone()
        };
        expect![[r#"
             TOKEN  NAME  SENDERS  CREATED     EXPIRES  REVOKED
             t1     shop  all      2026-01-01  -        2026-02-01
             t1     shop  1, 2     2026-01-01  -        2026-02-01"#]]
        .assert_eq(&listed(&[row, scoped]));
    }
}
