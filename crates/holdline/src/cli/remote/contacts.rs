//! `contacts import|list|show`: people, by the API of a running server.

use super::Remote;
use crate::cli::output::plain;
use crate::cli::{Context, Exit};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Largest file to import.
const IMPORT_BYTES_MAX: u64 = 64 * 1024 * 1024;
const COLUMNS: [(&str, &str); 4] = [
    ("CONTACT", "id"),
    ("NAME", "name"),
    ("KEY", "external_id"),
    ("UPDATED", "updated_at"),
];
const BAD_COLUMNS: [(&str, &str); 2] = [("LINE", "line"), ("PROBLEM", "problem")];

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
            let page = args.remote.api()?.get(&["contacts"], &query).await?;
            context.out.page(&page, &COLUMNS);
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
    let report = api
        .post_csv(&["contacts", "import"], read(&args.file)?)
        .await?;
    let none = Vec::new();
    let bad = report
        .get("bad_lines")
        .and_then(Value::as_array)
        .unwrap_or(&none);
    if context.out.json {
        context.out.value(&report);
    } else {
        let count = |key| plain(report.get(key).unwrap_or(&Value::Null));
        let (created, updated) = (count("created"), count("updated"));
        let bad_count = bad.len();
        let told = format!("{created} created, {updated} updated, {bad_count} bad lines");
        context.out.line(told);
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
