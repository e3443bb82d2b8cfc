//! `route hold|force|release`: what an operator says of a scope, by the API; `audit`: who said
//! what. Decides nothing: the server checks the name, the reason and the time.

use super::Remote;
use crate::cli::output::plain;
use crate::cli::{Context, Exit};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

const COLUMNS: [(&str, &str); 6] = [
    ("AT", "at"),
    ("WHO", "actor"),
    ("DID", "action"),
    ("SCOPE", "subject"),
    ("REASON", "reason"),
    ("DETAIL", "detail"),
];

#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// Keep everything where it is: nothing leaves by the scope, nothing moves away from it
    Hold(HoldArgs),
    /// Overrule what is seen: the scope counts as up, or as down
    Force(ForceArgs),
    /// Take back what was said of a scope
    Release(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    #[command(flatten)]
    remote: Remote,
    /// Name of the scope, as `holdline routes` shows it: channel/sender/feature[/+country]
    name: String,
    /// Why, for whoever reads it later
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    one: OneArgs,
    /// How long it is good, 1s to 7d; then it ends by itself
    #[arg(long = "for", value_name = "SPAN")]
    good_for: String,
}

#[derive(Debug, Args)]
pub(crate) struct ForceArgs {
    #[command(flatten)]
    hold: HoldArgs,
    /// What the scope is to count as
    #[arg(long, value_parser = ["up", "down"], value_name = "STATE")]
    state: String,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    remote: Remote,
    /// Most rows to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Only rows older than this one
    #[arg(long, value_name = "ID")]
    before: Option<String>,
}

pub(crate) async fn run(command: RouteCommand, context: &Context) -> anyhow::Result<Exit> {
    match command {
        RouteCommand::Hold(args) => say(args, "hold", context).await,
        RouteCommand::Force(args) => say(args.hold, &args.state, context).await,
        RouteCommand::Release(args) => release(args, context).await,
    }
}

pub(crate) async fn audit(args: AuditArgs, context: &Context) -> anyhow::Result<Exit> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.before.map(|before| ("before", before)));
    let page = args.remote.api()?.get(&["audit"], &query).await?;
    context.out.page(&page, &COLUMNS, "--before");
    Ok(Exit::Done)
}

async fn say(args: HoldArgs, kind: &str, context: &Context) -> anyhow::Result<Exit> {
    let HoldArgs { one, good_for } = args;
    let body = json!({
        "route": one.name, "kind": kind, "reason": one.reason, "for": good_for,
    });
    let hold = one
        .remote
        .api()?
        .post(&["routes", "hold"], &body, None)
        .await?;
    if context.out.json {
        context.out.value(&hold);
    } else {
        let part = |key: &str| plain(hold.get(key).unwrap_or(&Value::Null));
        let (route, kind, until) = (part("route"), part("kind"), part("until"));
        context
            .out
            .line(format_args!("{route} {kind} until {until}"));
    }
    Ok(Exit::Done)
}

async fn release(args: OneArgs, context: &Context) -> anyhow::Result<Exit> {
    let body = json!({"route": args.name, "reason": args.reason});
    let api = args.remote.api()?;
    let released = api.post(&["routes", "release"], &body, None).await?;
    if context.out.json {
        context.out.value(&released);
    } else {
        let route = plain(released.get("route").unwrap_or(&Value::Null));
        context.out.line(format_args!("{route} released"));
    }
    Ok(Exit::Done)
}
