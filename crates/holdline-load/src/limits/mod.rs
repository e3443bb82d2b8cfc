//! `limits`: placeholder for the first build.
use crate::row::Row;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct LimitsArgs {
    /// Print the verdict as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(_: &LimitsArgs) -> anyhow::Result<Vec<Row>> {
    Ok(Vec::new())
}
