//! `store check`, `backup`, `restore` and `migrate`: care of the database. They work on the
//! database itself; all but restoring also while a server uses it.

mod backup;
mod check;
mod moving;

pub(crate) use backup::{BackupArgs, RestoreArgs, backup, restore};
pub(crate) use moving::{MigrateCommand, run as migrate};

use super::{Context, Exit};
use anyhow::Context as _;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Look the database over: damage, rows without owner, what nobody works on
    Check(check::CheckArgs),
}

pub(crate) async fn run(command: StoreCommand, context: &Context) -> anyhow::Result<Exit> {
    match command {
        StoreCommand::Check(args) => check::run(args, context).await,
    }
}

/// What stands in the way of a command: it could not even begin.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(crate) struct NotBegun(anyhow::Error);

/// Runs what blocks beside the runtime, with a bar on a terminal.
async fn with_bar<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&mut dyn FnMut(&'static str, u64)) -> T + Send + 'static,
) -> anyhow::Result<T> {
    let bar = bar(context);
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&mut |what, percent| {
            bar.set_message(what);
            bar.set_position(percent);
        });
        bar.finish_and_clear();
        done
    });
    done.await.context("the work did not end")
}

/// A bar from 0 to 100; only people see it.
fn bar(context: &Context) -> ProgressBar {
    let target = match context.out.json {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    };
    let bar = ProgressBar::with_draw_target(Some(100), target);
    let style = ProgressStyle::with_template("{bar:40} {percent}% {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The database file that the configuration names; only SQLite is a file.
fn database(context: &Context) -> anyhow::Result<(PathBuf, PathBuf)> {
    let storage = context.config()?.storage;
    let options = holdline_store::options_of(&storage.url).with_context(|| {
        "this works on SQLite files; for PostgreSQL use pg_basebackup with WAL archiving, and \
         pg_amcheck"
    })?;
    Ok((options.path, storage.media_dir))
}
