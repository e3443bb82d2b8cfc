//! `store check`: prints what a look at the database found, and mends on request what is safe.

use super::{Context, Exit, NotBegun, database, with_bar};
use crate::cli::output::{Tone, table};
use crate::clock::SystemClock;
use crate::http::api::values::rfc3339;
use clap::Args;
use holdline_engine::ports::Clock as _;
use holdline_store::sqlite::upkeep::{self, Finding, Kind, Report};
use serde_json::{Value, json};
use std::path::Path;

const MIB: f64 = 1024.0 * 1024.0;
const AFTER_HELP: &str = "\
Repair deletes rows that nobody can reach any more (attempts, receipts, decisions, texts and
providers' media ids whose owner is gone), brings back persons whose row is missing, and sets the
marks of the queues of events right. It never touches messages and deliveries, and nothing at all
in a damaged file. It may run beside a server.

Exit codes:
  0  sound
  1  something was found, and not all of it was mended
  2  the database could not be looked at";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CheckArgs {
    /// Mend what can be mended without losing anything
    #[arg(long)]
    repair: bool,
}

pub(crate) async fn run(args: CheckArgs, context: &Context) -> anyhow::Result<Exit> {
    let (path, _) = database(context)?;
    let first = look(&path, context).await?;
    let repairable = first.findings.iter().any(|finding| finding.repairable);
    if !args.repair || !repairable {
        print(&first, &[], context);
        return Ok(exit_of(&first));
    }
    let found = first.findings.clone();
    let file = path.clone();
    let mended = with_bar(context, move |_| upkeep::repair(&file, &found)).await??;
    let after = look(&path, context).await?;
    print(&after, &mended, context);
    Ok(exit_of(&after))
}

async fn look(path: &Path, context: &Context) -> anyhow::Result<Report> {
    let path = path.to_path_buf();
    let now = SystemClock.now();
    let looked = with_bar(context, move |progress| upkeep::check(&path, now, progress));
    looked.await?.map_err(|error| NotBegun(error.into()).into())
}

fn exit_of(report: &Report) -> Exit {
    match report.findings.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    }
}

fn print(report: &Report, mended: &[(&'static str, u64)], context: &Context) {
    if context.out.json {
        return context.out.value(&as_json(report, mended));
    }
    for (code, rows) in mended {
        context.out.line(format_args!("mended {rows} rows: {code}"));
    }
    let rows = report.findings.iter().map(|it| row(it, context));
    match report.findings.is_empty() {
        true => context.out.line(context.out.word("sound", Tone::Good)),
        false => context
            .out
            .line(table(&["FOUND", "ROWS", "WHAT", "SUCH AS", "FIX"], rows)),
    }
    context.out.line(format_args!("\n{}", counts(report)));
}

fn row(finding: &Finding, context: &Context) -> Vec<String> {
    let tone = match finding.kind {
        Kind::Damage | Kind::Orphan => Tone::Bad,
        Kind::Stuck => Tone::Doubtful,
    };
    vec![
        context.out.word(finding.code, tone),
        finding.count.to_string(),
        finding.words.to_owned(),
        finding.samples.join(", "),
        finding.mend.to_owned(),
    ]
}

fn counts(report: &Report) -> String {
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / MIB);
    let rows = report.rows.iter().filter(|(_, count)| *count > 0);
    let rows: Vec<String> = rows
        .map(|(table, count)| format!("{count} {table}"))
        .collect();
    let since = report.open_since.map_or_else(String::new, |at| {
        format!(", the oldest since {}", rfc3339(at))
    });
    format!(
        "rows: {}\nopen: {}{since}\nfile: {}, of which {} free; log: {}; schema {}",
        rows.join(", "),
        report.open,
        mib(report.file_bytes),
        mib(report.free_bytes),
        mib(report.log_bytes),
        report.schema,
    )
}

fn as_json(report: &Report, mended: &[(&'static str, u64)]) -> Value {
    let finding = |it: &Finding| {
        json!({
            "code": it.code, "kind": it.kind.name(), "words": it.words, "count": it.count,
            "samples": it.samples, "fix": it.mend, "repairable": it.repairable,
        })
    };
    let by_name = |rows: &[(&'static str, u64)]| -> serde_json::Map<String, Value> {
        let one = |(name, count): &(&str, u64)| ((*name).to_owned(), json!(count));
        rows.iter().map(one).collect()
    };
    json!({
        "sound": report.findings.is_empty(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "mended": by_name(mended),
        "rows": by_name(&report.rows),
        "open": report.open,
        "open_since": report.open_since.map(rfc3339),
        "file_bytes": report.file_bytes,
        "log_bytes": report.log_bytes,
        "free_bytes": report.free_bytes,
        "schema": report.schema,
    })
}
