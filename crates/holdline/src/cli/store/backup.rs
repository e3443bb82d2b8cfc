//! `backup` and `restore`: copies of the database with its media, and the way back.

use super::{Context, Exit, database, with_bar};
use crate::clock::SystemClock;
use crate::http::api::values::{parse_rfc3339, rfc3339};
use crate::upkeep::backup::{backup_name, now};
use clap::Args;
use holdline_core::Timestamp;
use holdline_engine::ports::Clock as _;
use holdline_store::sqlite::upkeep::backup::{
    self as store, BackupOrder, Made, RestoreOrder, Restored,
};
use serde_json::json;
use std::path::PathBuf;

const AFTER_RESTORE: &str = "\
Stop the server first. What stands in the place of the database is set aside, never deleted.
After it the server takes up what was open at that instant: what was sent later may be sent again,
and receipts of it find no message. Hold the routes first if that matters:
docs/guides/operate-store.md.";

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Folder that gets one folder for each backup
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Delete the oldest backups beyond so many [default: all stay]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_RESTORE)]
pub(crate) struct RestoreArgs {
    /// Folder of backups
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The instant to go back to, such as 2026-11-25T14:00:00Z [default: the newest]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
    /// Set a database aside that stands in its place
    #[arg(long)]
    replace: bool,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    parse_rfc3339(text).ok_or_else(|| "write it as 2026-11-25T14:00:00Z".to_owned())
}

pub(crate) async fn backup(args: BackupArgs, context: &Context) -> anyhow::Result<Exit> {
    let (database, media_dir) = database(context)?;
    let order = BackupOrder {
        database,
        media_dir,
        to: args.to,
        name: backup_name(SystemClock.now()),
        clock: now,
        keep: args.keep.map(usize::from),
    };
    let made = with_bar(context, move |progress| {
        store::backup(&order, None, progress)
    });
    let made = made.await??;
    print_made(&made, context);
    Ok(match made.media_missing.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn print_made(made: &Made, context: &Context) {
    let (path, manifest) = (made.path.display().to_string(), &made.manifest);
    let made_at = rfc3339(manifest.made_at());
    if context.out.json {
        return context.out.value(&json!({
            "path": path, "made_at": made_at, "schema": manifest.schema,
            "bytes": manifest.database.bytes, "sha256": manifest.database.sha256,
            "rows": manifest.rows, "media": manifest.media.len(),
            "media_missing": made.media_missing, "deleted": made.deleted,
        }));
    }
    let messages = manifest.rows.get("message").copied().unwrap_or_default();
    context.out.line(format_args!(
        "{path}\nstate of {made_at}, verified: {messages} messages, {} files of media, {} bytes",
        manifest.media.len(),
        manifest.database.bytes
    ));
    tell_missing(&made.media_missing, "were not in the media folder");
}

pub(crate) async fn restore(args: RestoreArgs, context: &Context) -> anyhow::Result<Exit> {
    let (database, media_dir) = database(context)?;
    let order = RestoreOrder {
        from: args.from,
        at: args.at,
        database,
        media_dir,
        replace: args.replace,
        now: SystemClock.now(),
    };
    let restored = with_bar(context, move |progress| store::restore(&order, progress));
    let restored = restored.await??;
    print_restored(&restored, context);
    Ok(match restored.media_missing.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn print_restored(restored: &Restored, context: &Context) {
    let at = rfc3339(restored.at);
    let aside = restored
        .aside
        .as_ref()
        .map(|path| path.display().to_string());
    let rows: serde_json::Map<_, _> = restored
        .rows
        .iter()
        .map(|(table, count)| ((*table).to_owned(), json!(count)))
        .collect();
    if context.out.json {
        return context.out.value(&json!({
            "backup": restored.backup, "at": at, "rows": rows, "media": restored.media,
            "media_missing": restored.media_missing, "aside": aside,
        }));
    }
    let messages = rows.get("message").cloned().unwrap_or_default();
    context.out.line(format_args!(
        "restored and verified: state of {at}, {messages} messages, {} files of media",
        restored.media
    ));
    if let Some(aside) = aside {
        context
            .out
            .line(format_args!("what stood there before: {aside}"));
    }
    tell_missing(&restored.media_missing, "are not in the backup");
}

fn tell_missing(missing: &[String], why: &str) {
    if !missing.is_empty() {
        let some = missing
            .iter()
            .take(5)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        eprintln!("{} files of media {why}, such as {some}", missing.len());
    }
}
