//! `routes`: the health of each route, with its reason, by the API.

use super::Remote;
use crate::cli::{Context, Exit};
use clap::Args;

const COLUMNS: [(&str, &str); 6] = [
    ("ROUTE", "name"),
    ("HEALTH", "health"),
    ("SINCE", "since"),
    ("WAITING", "waiting"),
    ("IN FLIGHT", "in_flight"),
    ("REASON", "reason"),
];

#[derive(Debug, Args)]
pub(crate) struct RoutesArgs {
    #[command(flatten)]
    remote: Remote,
}

pub(crate) async fn run(args: RoutesArgs, context: &Context) -> anyhow::Result<Exit> {
    let page = args.remote.api()?.get(&["routes"], &[]).await?;
    context.out.page(&page, &COLUMNS, "");
    Ok(Exit::Done)
}
