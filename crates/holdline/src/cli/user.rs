//! `user list|reset`: the people who may sign in to the console. For whoever has the machine and
//! has lost the way in: works on the store itself, also while a server runs.

use super::output::table;
use super::{Context, Exit};
use crate::clock::{SystemClock, SystemIds};
use crate::http::api::values::rfc3339;
use crate::http::console::hash_password;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use holdline_engine::ports::records::{AuditRecord, UserRecord};
use holdline_engine::ports::{Clock as _, Group, Ids as _, Op, Store};
use serde_json::{Value, json};

/// Random bytes of a first password: 20 characters to type.
const PASSWORD_BYTES: usize = 15;
const ACTOR: &str = "command line";

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// The people who may sign in to the console
    List,
    /// Give somebody a new password, ask them for no code, and let them in again
    Reset(ResetArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ResetArgs {
    /// Name of the person, as `user list` shows it
    pub(crate) name: String,
}

pub(crate) async fn run(command: UserCommand, context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let store = crate::wiring::open_beside(&config.storage).await?;
    match command {
        UserCommand::List => list(&*store, context).await,
        UserCommand::Reset(args) => reset(&*store, &args.name, context).await,
    }
}

async fn list(store: &dyn Store, context: &Context) -> anyhow::Result<Exit> {
    let users = store.users().await?;
    if context.out.json {
        let rows: Vec<Value> = users.iter().map(json_of).collect();
        context.out.value(&json!({ "data": rows }));
        return Ok(Exit::Done);
    }
    let cells = users.iter().map(|user| {
        vec![
            user.name.clone(),
            user.role.name().to_owned(),
            if user.totp.is_some() { "yes" } else { "no" }.to_owned(),
            rfc3339(user.created_at),
            user.disabled_at.map_or_else(|| "-".into(), rfc3339),
        ]
    });
    let heads = ["NAME", "ROLE", "CODE", "SINCE", "SHUT OUT"];
    context.out.line(table(&heads, cells));
    Ok(Exit::Done)
}

fn json_of(user: &UserRecord) -> Value {
    json!({
        "name": user.name,
        "role": user.role.name(),
        "code": user.totp.is_some(),
        "created_at": rfc3339(user.created_at),
        "disabled_at": user.disabled_at.map(rfc3339),
    })
}

async fn reset(store: &dyn Store, name: &str, context: &Context) -> anyhow::Result<Exit> {
    let users = store.users().await?;
    let known = users.into_iter().find(|it| it.name == name);
    let user = known.with_context(|| {
        format!("there is nobody named {name}; `holdline user list` shows who there is")
    })?;
    let mut bytes = [0; PASSWORD_BYTES];
    getrandom::fill(&mut bytes)?;
    let password = URL_SAFE_NO_PAD.encode(bytes);
    let hash = hash_password(&password).context("the password cannot be hashed")?;
    let sessions = store.sessions().await?;
    let theirs = sessions.iter().filter(|it| it.user == name);
    let mut ops: Vec<Op> = theirs.map(|it| Op::SessionEnd(it.hash)).collect();
    let at = SystemClock.now();
    ops.push(Op::Audit(AuditRecord {
        id: SystemIds.id(at),
        at,
        actor: ACTOR.to_owned(),
        action: "user.reset".to_owned(),
        subject: name.to_owned(),
        reason: String::new(),
        detail: String::new(),
    }));
    ops.push(Op::User(UserRecord {
        password: hash,
        totp: None,
        disabled_at: None,
        version: user.version + 1,
        ..user
    }));
    for result in store.commit(vec![Group(ops)].into()).await? {
        let changed = |_| anyhow::anyhow!("{name} was changed at the same moment: try again");
        result.map_err(changed)?;
    }
    if context.out.json {
        let facts = json!({ "name": name, "password": password });
        context.out.value(&facts);
    } else {
        eprintln!("{name} signs in with this password and should change it then:");
        context.out.line(password);
    }
    Ok(Exit::Done)
}
