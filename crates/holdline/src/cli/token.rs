//! `token create|list|revoke`: the tokens by which apps sign in. Works on the store itself, also
//! while a server runs. A token is shown once, when it is made; the store keeps its hash.

use super::output::table;
use super::{Context, Exit, Output};
use crate::clock::{SystemClock, SystemIds};
use crate::config::Config;
use crate::http::api::values::rfc3339;
use crate::http::auth::{DEFAULT_APP, FRESH, app_may_use, hash_token, is_app};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use holdline_engine::ports::records::TokenRecord;
use holdline_engine::ports::{Clock as _, Group, Ids as _, Op, Store};
use serde_json::{Value, json};

/// Random bytes of a token: 256 bits cannot be guessed, so a plain hash is enough to keep it.
const TOKEN_BYTES: usize = 32;

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
    /// Id of the app that uses it: its webhooks go to this app
    #[arg(long, value_name = "ID", default_value = DEFAULT_APP)]
    pub(crate) app: String,
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
    pub(crate) app: String,
    pub(crate) senders: Vec<String>,
    pub(crate) created_at: String,
    pub(crate) revoked_at: Option<String>,
}

pub(crate) async fn run(command: TokenCommand, context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let store = crate::wiring::open_beside(&config.storage).await?;
    match command {
        TokenCommand::Create(args) => {
            check(&config, &args)?;
            create(&*store, args, context).await
        }
        TokenCommand::List => list(&*store, context).await,
        TokenCommand::Revoke(args) => revoke(&*store, &args.id, context).await,
    }
}

/// A token for an app or a sender that is not there would be good for nothing, or one day for
/// something that nobody meant.
fn check(config: &Config, args: &CreateArgs) -> anyhow::Result<()> {
    let app = &args.app;
    let apps = config.apps.iter().map(|app| app.id.as_str());
    let apps = std::iter::once(DEFAULT_APP).chain(apps.filter(|id| *id != DEFAULT_APP));
    anyhow::ensure!(
        is_app(config, app),
        "--app: there is no app {app}; add it to the configuration as [[app]], or use one of: {}",
        apps.collect::<Vec<_>>().join(", ")
    );
    let usable = config.whatsapp_senders.iter();
    let usable = usable.filter(|sender| app_may_use(config, app, sender));
    let usable: Vec<&str> = usable.map(|it| it.phone_number_id.as_str()).collect();
    for id in &args.senders {
        anyhow::ensure!(
            usable.contains(&id.as_str()),
            "--sender: app {app} has no sender {id}; it has: {}",
            if usable.is_empty() {
                "none".to_owned()
            } else {
                usable.join(", ")
            }
        );
    }
    Ok(())
}

async fn create(store: &dyn Store, args: CreateArgs, context: &Context) -> anyhow::Result<Exit> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)?;
    let token = format!("hl_{}", URL_SAFE_NO_PAD.encode(bytes));
    let record = TokenRecord {
        id: format!("tok_{:012x}", SystemIds.draw() >> 16),
        name: args.name,
        hash: hash_token(&token),
        app: args.app,
        senders: args.senders,
        created_at: SystemClock.now(),
        revoked_at: None,
    };
    let row = row_of(&record);
    write(store, Op::Token(record)).await?;
    print_created(&context.out, &row, &token);
    Ok(Exit::Done)
}

async fn list(store: &dyn Store, context: &Context) -> anyhow::Result<Exit> {
    let rows: Vec<TokenRow> = store.tokens().await?.iter().map(row_of).collect();
    print_list(&context.out, &rows);
    Ok(Exit::Done)
}

async fn revoke(store: &dyn Store, id: &str, context: &Context) -> anyhow::Result<Exit> {
    let known = store
        .tokens()
        .await?
        .into_iter()
        .any(|token| token.id == id);
    anyhow::ensure!(
        known,
        "there is no token {id}; `holdline token list` shows them"
    );
    let at = SystemClock.now();
    write(
        store,
        Op::TokenRevoke {
            id: id.to_owned(),
            at,
        },
    )
    .await?;
    // By then no server takes it any more.
    tokio::time::sleep(FRESH).await;
    if context.out.json {
        context
            .out
            .value(&json!({"id": id, "revoked_at": rfc3339(at)}));
    } else {
        eprintln!("token {id} is revoked");
    }
    Ok(Exit::Done)
}

async fn write(store: &dyn Store, op: Op) -> anyhow::Result<()> {
    let results = store.commit(vec![Group(vec![op])].into()).await?;
    for result in results {
        result.map_err(|conflict| anyhow::anyhow!("refused: {conflict:?}"))?;
    }
    Ok(())
}

fn row_of(record: &TokenRecord) -> TokenRow {
    TokenRow {
        id: record.id.clone(),
        name: record.name.clone(),
        app: record.app.clone(),
        senders: record.senders.clone(),
        created_at: rfc3339(record.created_at),
        revoked_at: record.revoked_at.map(rfc3339),
    }
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
    let titles = ["TOKEN", "NAME", "APP", "SENDERS", "CREATED", "REVOKED"];
    let cells = |row: &TokenRow| {
        let all = row.senders.is_empty();
        let senders = if all {
            "all".to_owned()
        } else {
            row.senders.join(", ")
        };
        let revoked = row.revoked_at.clone().unwrap_or_else(|| "-".to_owned());
        let created = row.created_at.clone();
        vec![
            row.id.clone(),
            row.name.clone(),
            row.app.clone(),
            senders,
            created,
            revoked,
        ]
    };
    table(&titles, rows.iter().map(cells))
}

fn row_json(row: &TokenRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "app": row.app,
        "senders": row.senders,
        "created_at": row.created_at,
        "revoked_at": row.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_list_shows_app_scope_and_end() {
        let row = TokenRow {
            id: "t1".into(),
            name: "shop".into(),
            app: "default".into(),
            senders: Vec::new(),
            created_at: "2026-01-01".into(),
            revoked_at: Some("2026-02-01".into()),
        };
        let scoped = TokenRow {
            senders: vec!["1".into(), "2".into()],
            revoked_at: None,
            ..row.clone()
        };
        expect![[r#"
             TOKEN  NAME  APP      SENDERS  CREATED     REVOKED
             t1     shop  default  all      2026-01-01  2026-02-01
             t1     shop  default  1, 2     2026-01-01  -"#]]
        .assert_eq(&listed(&[row, scoped]));
    }
}
