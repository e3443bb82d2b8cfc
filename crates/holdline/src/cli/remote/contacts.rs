//! `contacts import|list|show`: people, by the API of a running server.

use super::Remote;
use crate::cli::output::plain;
use crate::cli::{Context, Exit};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use futures_util::{StreamExt as _, stream};
use holdline_channels::http::Body;
use holdline_engine::ports::blobs::Pieces;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Largest file to import.
const IMPORT_BYTES_MAX: u64 = 64 * 1024 * 1024;
const COLUMNS: [(&str, &str); 5] = [
    ("CONTACT", "id"),
    ("NAME", "name"),
    ("KEY", "external_id"),
    ("CHANNELS", "channels"),
    ("UPDATED", "updated_at"),
];
const BAD_COLUMNS: [(&str, &str); 4] = [
    ("LINE", "line"),
    ("COLUMN", "column"),
    ("WHAT IS WRONG", "message"),
    ("FIX", "fix"),
];
/// Size of the pieces in which a file is sent.
const PIECE_BYTES: usize = 64 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum ContactsCommand {
    /// Bring in people from a CSV file; bad lines are reported, good ones are taken
    Import(ImportArgs),
    /// The people we know
    List(ListArgs),
    /// One person with all addresses
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    remote: Remote,
    /// The file, with a head line; `-` reads the standard input
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    remote: Remote,
    /// Most people to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Only contacts after this one
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    remote: Remote,
    /// Id of the contact
    id: String,
}

pub(crate) async fn run(command: ContactsCommand, context: &Context) -> anyhow::Result<Exit> {
    match command {
        ContactsCommand::Import(args) => import(args, context).await,
        ContactsCommand::List(args) => {
            let mut query = vec![("limit", args.limit.to_string())];
            query.extend(args.after.map(|after| ("after", after)));
            let mut page = args.remote.api()?.get(&["contacts"], &query).await?;
            if !context.out.json {
                name_channels(&mut page);
            }
            context.out.page(&page, &COLUMNS, "--after");
            Ok(Exit::Done)
        }
        ContactsCommand::Show(args) => {
            let contact = args.remote.api()?.get(&["contacts", &args.id], &[]).await?;
            context.out.value(&contact);
            Ok(Exit::Done)
        }
    }
}

async fn import(args: ImportArgs, context: &Context) -> anyhow::Result<Exit> {
    let api = args.remote.api()?;
    let file = read(&args.file)?;
    let bar = bar(file.len() as u64, context);
    let body = Body::Stream {
        length: Some(file.len() as u64),
        pieces: pieces(file, bar.clone()),
    };
    let report = api.post_csv(&["contacts", "import"], body).await;
    bar.finish_and_clear();
    let report = report?;
    let bad = report
        .get("faults")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if context.out.json {
        context.out.value(&report);
    } else {
        context.out.line(told(&report));
        if !bad.is_empty() {
            context.out.records(bad, &BAD_COLUMNS);
        }
    }
    Ok(if bad.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn told(report: &Value) -> String {
    let counts = ["imported", "updated", "unchanged", "bad"];
    let count = |key: &&str| format!("{} {key}", plain(report.get(*key).unwrap_or(&Value::Null)));
    counts.iter().map(count).collect::<Vec<_>>().join(", ")
}

/// A bar on a terminal; elsewhere, and beside JSON, nothing is drawn.
fn bar(length: u64, context: &Context) -> ProgressBar {
    let target = if context.out.json {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The server takes pieces as fast as it stores their lines, so the bar tells how far it is.
fn pieces(file: Bytes, bar: ProgressBar) -> Pieces {
    let starts = (0..file.len()).step_by(PIECE_BYTES);
    let piece = move |start: usize| {
        let piece = file.slice(start..file.len().min(start + PIECE_BYTES));
        bar.inc(piece.len() as u64);
        Ok(piece)
    };
    stream::iter(starts).map(piece).boxed()
}

/// The channels by which a person can be reached, in one word for the table.
fn name_channels(page: &mut Value) {
    let items = page.get_mut("data").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        let addresses = item.get("addresses").and_then(Value::as_array);
        let mut names: Vec<String> = addresses
            .into_iter()
            .flatten()
            .filter_map(|address| Some(address.get("channel")?.as_str()?.to_owned()))
            .collect();
        names.dedup();
        item["channels"] = names.into();
    }
}

fn read(path: &Path) -> anyhow::Result<Bytes> {
    let mut bytes = Vec::new();
    let limit = IMPORT_BYTES_MAX + 1;
    let done = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    done.with_context(|| format!("{} cannot be read", path.display()))?;
    if bytes.len() as u64 > IMPORT_BYTES_MAX {
        bail!("{} is larger than 64 MiB; split it", path.display());
    }
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn a_file_is_sent_whole_in_pieces_and_the_bar_follows() {
        let file = Bytes::from(vec![b'x'; 2 * PIECE_BYTES + 5]);
        let bar = ProgressBar::hidden();
        let sent: Vec<_> = pieces(file.clone(), bar.clone()).collect().await;
        let sent: Vec<u8> = sent.into_iter().flat_map(|it| it.unwrap()).collect();
        assert_eq!(sent, file);
        assert_eq!(bar.position(), file.len() as u64);
    }

    #[test]
    fn a_table_names_the_channels_of_a_person_once() {
        let channel = |name: &str| json!({"channel": name});
        let addresses = [channel("sms"), channel("sms"), channel("email")];
        let mut page = json!({"data": [{"id": "1", "addresses": addresses}]});
        name_channels(&mut page);
        assert_eq!(page["data"][0]["channels"], json!(["sms", "email"]));
    }

    #[test]
    fn a_report_is_told_in_one_line() {
        let report = json!({"imported": 3, "updated": 1, "unchanged": 0, "bad": 2});
        assert_eq!(told(&report), "3 imported, 1 updated, 0 unchanged, 2 bad");
    }
}
