//! `migrate sqlite-to-postgres`: shows a move of the store to another database, and says what is to
//! be done next.

use super::{Context, Exit, NotBegun, bar};
use crate::cli::output::{Tone, table};
use crate::config::Storage;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use holdline_store::transfer::{self, Move, MoveState, Moved, Step, Sum, TableMoved};
use holdline_store::{PostgresOptions, is_postgres, options_of};
use serde_json::{Value, json};

const AFTER_HELP: &str = "\
Run it while the server works: the bulk is copied, and the server goes on. Then stop the server and
run the same again: what has changed since is copied, both sides are compared by count and hash, and
the file is marked as moved, so that no server starts on it again. A run that was broken off is run
again and goes on where it stopped. The password comes from storage.password_file or
HOLDLINE_STORAGE_PASSWORD.

Exit codes:
  0  done: copied as far as it goes beside a server, or moved
  1  failed, or both sides differ
  2  it could not be begun: from where or to where is not said, or not understood";

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Move the store from SQLite to PostgreSQL, also while a server uses it
    SqliteToPostgres(MoveArgs),
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct MoveArgs {
    /// The file, as sqlite:PATH [default: storage.url, where it is one]
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The database, as postgres://USER@HOST/DATABASE [default: storage.url, where it is one]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Only compare both sides; change nothing
    #[arg(long, conflicts_with = "undo")]
    check: bool,
    /// Let the file be used again, as long as no server has worked on PostgreSQL
    #[arg(long)]
    undo: bool,
    /// With --undo: even so, or without PostgreSQL
    #[arg(long, requires = "undo")]
    force: bool,
}

pub(crate) async fn run(command: MigrateCommand, context: &Context) -> anyhow::Result<Exit> {
    let MigrateCommand::SqliteToPostgres(args) = command;
    let storage = context.config()?.storage;
    let order = order(&args, &storage).map_err(NotBegun)?;
    if args.undo {
        transfer::undo(&order, args.force).await?;
        return Ok(print_undone(&order, context));
    }
    let bar = bar(context);
    let mut progress = |step: Step| {
        bar.set_message(format!("{} {}", step.what, step.table));
        bar.set_position(step.done.saturating_mul(100) / step.all.max(1));
    };
    let moved = match args.check {
        true => transfer::compare(&order, &mut progress).await,
        false => transfer::copy(&order, &mut progress).await,
    };
    bar.finish_and_clear();
    let moved = moved?;
    match context.out.json {
        true => context.out.value(&as_json(&moved)),
        false => print(&moved, context),
    }
    Ok(match moved.state {
        MoveState::Behind | MoveState::Ready | MoveState::Same => Exit::Done,
        MoveState::Differs => Exit::Failed,
    })
}

/// One of both may come from the configuration; its password is that of PostgreSQL in any case.
fn order(args: &MoveArgs, storage: &Storage) -> anyhow::Result<Move> {
    let configured = |postgres: bool| {
        let url = Some(&storage.url).filter(|url| is_postgres(url) == postgres);
        url.cloned()
    };
    let from = args.from.clone().or_else(|| configured(false));
    let from = from.context("--from is missing: name the file, as sqlite:PATH")?;
    let to = args.to.clone().or_else(|| configured(true));
    let to = to.context("--to is missing: name the database, as postgres://USER@HOST/DATABASE")?;
    anyhow::ensure!(is_postgres(&to), "--to names no database of PostgreSQL");
    let options = PostgresOptions::from_url(&to).context("--to")?;
    anyhow::ensure!(
        args.to.is_none() || !options.has_password(),
        "--to holds a password, which others on this machine can see: give it by \
         storage.password_file or HOLDLINE_STORAGE_PASSWORD"
    );
    Ok(Move {
        from: options_of(&from).context("--from")?.path,
        to: match &storage.password {
            Some(password) => options.with_password(password.expose()),
            None => options,
        },
    })
}

fn print_undone(order: &Move, context: &Context) -> Exit {
    let from = order.from.display().to_string();
    match context.out.json {
        true => context.out.value(&json!({"state": "undone", "from": from})),
        false => context.out.line(format_args!(
            "{from} may be used again; let storage.url name it: url = \"sqlite:{from}\""
        )),
    }
    Exit::Done
}

fn print(moved: &Moved, context: &Context) {
    let some = |it: &&TableMoved| it.source.rows > 0 || it.deleted > 0 || it.differs();
    let rows = moved.tables.iter().filter(some).map(|it| row(it, context));
    let titles = ["TABLE", "ROWS", "WRITTEN", "DELETED", "CHECKED", "SHA-256"];
    context.out.line(table(&titles, rows));
    let to = &moved.to;
    context.out.line(match moved.state {
        MoveState::Behind => format!(
            "\ncopied to {to}, while a server uses the file. Next: stop the server and run the \
             same again"
        ),
        MoveState::Ready => format!(
            "\nmoved to {to}: counts and hashes are the same, and no server starts on the file \
             any more. Next: let storage.url name PostgreSQL, and start the server"
        ),
        MoveState::Same => format!("\n{to} holds the same"),
        MoveState::Differs => format!("\n{to} differs in: {}", differing(moved).join(", ")),
    });
}

fn row(moved: &TableMoved, context: &Context) -> Vec<String> {
    let checked = match &moved.target {
        None => "-".to_owned(),
        Some(target) if *target == moved.source => context.out.word("same", Tone::Good),
        Some(target) => {
            let word = context.out.word("differs", Tone::Bad);
            format!("{word}: {} rows", target.rows)
        }
    };
    vec![
        moved.name.to_owned(),
        moved.source.rows.to_string(),
        moved.written.to_string(),
        moved.deleted.to_string(),
        checked,
        moved.source.sha256.chars().take(16).collect(),
    ]
}

fn differing(moved: &Moved) -> Vec<&'static str> {
    let tables = moved.tables.iter().filter(|it| it.differs());
    tables.map(|it| it.name).collect()
}

fn as_json(moved: &Moved) -> Value {
    let sum = |it: &Sum| json!({"rows": it.rows, "sha256": it.sha256});
    let one = |it: &TableMoved| {
        json!({
            "table": it.name, "written": it.written, "deleted": it.deleted,
            "source": sum(&it.source), "target": it.target.as_ref().map(sum),
            "differs": it.differs(),
        })
    };
    json!({
        "to": moved.to,
        "state": match moved.state {
            MoveState::Behind => "behind",
            MoveState::Ready => "ready",
            MoveState::Same => "same",
            MoveState::Differs => "differs",
        },
        "differs": differing(moved),
        "tables": moved.tables.iter().map(one).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn args(from: Option<&str>, to: Option<&str>) -> MoveArgs {
        MoveArgs {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            check: false,
            undo: false,
            force: false,
        }
    }

    #[test]
    fn what_is_not_given_comes_from_the_configuration() {
        let postgres = "postgres://u@db1:7,db2:8/d?sslmode=disable";
        let place = "db1:7,db2:8/d";
        for (url, from, to, expect) in [
            ("sqlite:a.db", None, Some(postgres), Ok("a.db")),
            (postgres, Some("sqlite:b.db"), None, Ok("b.db")),
            (
                "sqlite:a.db",
                Some("sqlite:c.db"),
                Some(postgres),
                Ok("c.db"),
            ),
            ("sqlite:a.db", None, None, Err("--to is missing")),
            (postgres, None, None, Err("--from is missing")),
            (
                "sqlite:a.db",
                None,
                Some("sqlite:b.db"),
                Err("no database of PostgreSQL"),
            ),
            (
                "sqlite:a.db",
                Some("b.db"),
                Some(postgres),
                Err("no known kind"),
            ),
            (
                "sqlite:a.db",
                None,
                Some("postgres://u:secret@h/d"),
                Err("holds a password"),
            ),
        ] {
            let env = [("HOLDLINE_STORAGE_URL", url)];
            let storage = Config::from_toml_str("", &env).unwrap().storage;
            match (order(&args(from, to), &storage), expect) {
                (Ok(order), Ok(path)) => {
                    assert_eq!(order.from.to_str(), Some(path));
                    assert_eq!(order.to.place(), place);
                }
                (Err(error), Err(says)) => {
                    let error = format!("{error:#}");
                    assert!(error.contains(says) && !error.contains("secret"), "{error}");
                }
                (got, expect) => panic!("{got:?} is not {expect:?}"),
            }
        }
    }
}
