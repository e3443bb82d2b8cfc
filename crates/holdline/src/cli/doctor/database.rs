//! The database server, where the store is on PostgreSQL: whether it is reached and may be used,
//! and what of its settings loses messages.

use super::Finding;
use crate::clock::SystemClock;
use crate::config::Config;
use holdline_engine::ports::{Clock as _, StoreError};
use holdline_store::PostgresOptions;
use holdline_store::postgres::{Examined, SchemaState, examine};

const PATIENCE_MS: u64 = 5_000;
/// Connections of a server beside those that are set: signs of life, upkeep, hints.
const CONNECTIONS_BESIDE: i64 = 3;
/// From so much on people see times that are wrong.
const CLOCK_DOUBTFUL_MS: u64 = 1_000;

pub(super) async fn findings(
    config: &Config,
    options: Result<PostgresOptions, StoreError>,
) -> Vec<Finding> {
    const CHECK: &str = "database";
    let mut options = match options {
        Ok(options) => options,
        Err(error) => return vec![Finding::bad(CHECK, error.to_string(), "mend storage.url")],
    };
    options.patience_ms = PATIENCE_MS;
    match examine(&options, || SystemClock.now()).await {
        Ok(found) => {
            let mut all = vec![reached(CHECK, &options.place(), &found)];
            all.extend(judge(config, &found));
            all
        }
        Err(error) => {
            let fix = "start it, or mend storage.url, storage.password and the way there";
            vec![Finding::bad(CHECK, error.to_string(), fix)]
        }
    }
}

fn reached(check: &'static str, place: &str, found: &Examined) -> Finding {
    let shown = format!("PostgreSQL {} at {place}", found.version);
    match found.is_supported {
        true => Finding::good(check, shown),
        false => Finding::bad(check, shown, "use PostgreSQL 13 or newer"),
    }
}

fn judge(config: &Config, found: &Examined) -> Vec<Finding> {
    vec![
        encoding(found),
        schema(found),
        rights(found),
        disk(found),
        standby(found),
        clock(found),
        connections(config, found),
    ]
}

fn encoding(found: &Examined) -> Finding {
    const CHECK: &str = "database encoding";
    match found.encoding.as_str() {
        "UTF8" => Finding::good(CHECK, "UTF8"),
        other => {
            let fix = "make another: createdb --encoding=UTF8 --template=template0 NAME";
            Finding::bad(CHECK, other, fix)
        }
    }
}

fn schema(found: &Examined) -> Finding {
    const CHECK: &str = "database schema";
    if found.is_unfinished {
        let fix = "run `holdline migrate sqlite-to-postgres` to its end";
        return Finding::bad(CHECK, "an unfinished copy of a store of SQLite", fix);
    }
    match &found.schema {
        SchemaState::Missing => Finding::good(CHECK, "none yet; the first start makes it"),
        SchemaState::Older(version) => Finding::good(
            CHECK,
            format!("{version}; the next start brings it up to date"),
        ),
        SchemaState::Known(version) => Finding::good(CHECK, version.to_string()),
        SchemaState::Refused(why) => Finding::bad(CHECK, why, "run the holdline it is for"),
    }
}

/// Without the right nothing can be begun; later it is needed only by the next version.
fn rights(found: &Examined) -> Finding {
    const CHECK: &str = "database rights";
    let needed = match found.schema {
        SchemaState::Missing | SchemaState::Older(_) => true,
        SchemaState::Known(_) | SchemaState::Refused(_) => false,
    };
    let cannot = "the user may make no tables";
    let fix = "make the user the owner of the database, or GRANT CREATE ON SCHEMA public TO it";
    match (found.may_create, needed) {
        (true, _) => Finding::good(CHECK, "may make tables"),
        (false, true) => Finding::bad(CHECK, cannot, fix),
        (false, false) => {
            let fix = format!("before the next version: {fix}");
            Finding::doubtful(CHECK, cannot, fix)
        }
    }
}

fn disk(found: &Examined) -> Finding {
    const CHECK: &str = "database sync";
    match found.fsync {
        true => Finding::good(CHECK, "commits wait for the disk"),
        false => Finding::bad(
            CHECK,
            "fsync is off: a crash of its machine loses messages",
            "set fsync = on in postgresql.conf",
        ),
    }
}

fn standby(found: &Examined) -> Finding {
    const CHECK: &str = "database standby";
    let names = &found.standbys;
    if names.is_empty() {
        let fix = "set synchronous_standby_names, unless the newest messages may be lost with the \
                   database server";
        return Finding::doubtful(CHECK, "commits wait for none", fix);
    }
    let waits = matches!(
        found.synchronous_commit.as_str(),
        "on" | "remote_apply" | "remote_write" | "off"
    );
    match found.standbys_following {
        _ if !waits => {
            let found = format!(
                "{names}, but synchronous_commit is {}",
                found.synchronous_commit
            );
            Finding::doubtful(CHECK, found, "set synchronous_commit = on")
        }
        Some(0) => {
            let found = format!("{names}, but none follows: commits wait in vain");
            Finding::bad(
                CHECK,
                found,
                "start the standby, or empty synchronous_standby_names",
            )
        }
        Some(_) | None => Finding::good(CHECK, format!("commits wait for {names}")),
    }
}

fn clock(found: &Examined) -> Finding {
    const CHECK: &str = "database clock";
    let off_ms = found.clock_ahead_ms;
    let way = if off_ms < 0 { "behind" } else { "ahead of" };
    let shown = format!("{} ms {way} this machine's", off_ms.unsigned_abs());
    match off_ms.unsigned_abs() >= CLOCK_DOUBTFUL_MS {
        true => Finding::doubtful(CHECK, shown, "let both machines keep time by NTP"),
        false => Finding::good(CHECK, shown),
    }
}

fn connections(config: &Config, found: &Examined) -> Finding {
    const CHECK: &str = "database connections";
    let storage = &config.storage;
    let set = i64::from(storage.write_connections) + i64::from(storage.read_connections);
    let needed = set + CONNECTIONS_BESIDE;
    let (free, all) = (found.connections_free, found.connections_max);
    let shown = format!("{free} of {all} free, a server needs {needed}");
    if free >= needed {
        return Finding::good(CHECK, shown);
    }
    let fix = "raise max_connections, or lower storage.read_connections; no fault if the servers \
               that there are have theirs already";
    Finding::doubtful(CHECK, shown, fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Tone;

    fn sound() -> Examined {
        Examined {
            version: "15.4".to_owned(),
            is_supported: true,
            encoding: "UTF8".to_owned(),
            schema: SchemaState::Known(1),
            is_unfinished: false,
            fsync: true,
            synchronous_commit: "on".to_owned(),
            standbys: "s1".to_owned(),
            standbys_following: Some(1),
            clock_ahead_ms: -20,
            may_create: true,
            connections_max: 97,
            connections_free: 90,
        }
    }

    fn tones(change: impl Fn(&mut Examined)) -> Vec<(&'static str, Tone)> {
        let mut found = sound();
        change(&mut found);
        let config = Config::from_toml_str("", &[]).unwrap();
        let mut all = vec![reached("database", "h:1/d", &found)];
        all.extend(judge(&config, &found));
        for finding in &all {
            let mended = finding.tone != Tone::Good;
            assert_eq!(mended, !finding.fix.is_empty(), "{finding:?}");
        }
        let bad = all.into_iter().filter(|it| it.tone != Tone::Good);
        bad.map(|it| (it.check, it.tone)).collect()
    }

    #[test]
    fn each_thing_that_is_wrong_is_found_and_nothing_else() {
        type Change = fn(&mut Examined);
        let cases: &[(Change, &[(&str, Tone)])] = &[
            (|_| {}, &[]),
            (|it| it.is_supported = false, &[("database", Tone::Bad)]),
            (
                |it| it.encoding = "LATIN1".to_owned(),
                &[("database encoding", Tone::Bad)],
            ),
            (|it| it.schema = SchemaState::Missing, &[]),
            (
                |it| it.is_unfinished = true,
                &[("database schema", Tone::Bad)],
            ),
            (
                |it| it.schema = SchemaState::Refused("newer".to_owned()),
                &[("database schema", Tone::Bad)],
            ),
            (
                |it| it.may_create = false,
                &[("database rights", Tone::Doubtful)],
            ),
            (
                |it| {
                    it.may_create = false;
                    it.schema = SchemaState::Older(1);
                },
                &[("database rights", Tone::Bad)],
            ),
            (|it| it.fsync = false, &[("database sync", Tone::Bad)]),
            (
                |it| it.standbys.clear(),
                &[("database standby", Tone::Doubtful)],
            ),
            (|it| it.standbys_following = None, &[]),
            (
                |it| it.standbys_following = Some(0),
                &[("database standby", Tone::Bad)],
            ),
            (
                |it| it.synchronous_commit = "local".to_owned(),
                &[("database standby", Tone::Doubtful)],
            ),
            (
                |it| it.clock_ahead_ms = -1_500,
                &[("database clock", Tone::Doubtful)],
            ),
            (
                |it| it.connections_free = 8,
                &[("database connections", Tone::Doubtful)],
            ),
            (|it| it.connections_free = 9, &[]),
        ];
        for (change, expect) in cases {
            assert_eq!(tones(change), *expect);
        }
    }
}
