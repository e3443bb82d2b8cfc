//! `doctor`: looks over an installation before the first message is lost: this machine, the
//! database, the server, and the providers. Sends nothing to anybody and changes nothing.

mod database;
mod local;
mod providers;
mod server;
mod whatsapp;

use super::output::{Tone, table};
use super::{Context, Exit};
use crate::channels;
use crate::config::Config;
use clap::Args;
use serde_json::json;

const TITLES: [&str; 4] = ["CHECK", "RESULT", "FOUND", "FIX"];

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Look at this machine only, ask no provider
    #[arg(long)]
    offline: bool,
}

/// What one check found; `fix` is empty when nothing is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    check: &'static str,
    tone: Tone,
    found: String,
    fix: String,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Tone::Good, found, "")
    }

    fn doubtful(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, Tone::Doubtful, found, fix)
    }

    fn bad(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, Tone::Bad, found, fix)
    }

    fn new(
        check: &'static str,
        tone: Tone,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            check,
            tone,
            found: found.into(),
            fix: fix.into(),
        }
    }
}

pub(crate) async fn run(args: DoctorArgs, context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let findings = examine(&config, args.offline).await;
    print(context, &findings);
    Ok(exit_of(&findings))
}

/// Asks the providers once, at the start of a server, and logs what needs mending.
pub(crate) async fn log_at_start(config: Config) {
    let public_base = config.http.public_base(config.http.listen);
    let Ok(channels) = channels::build(&config, &public_base) else {
        return;
    };
    let mut findings = whatsapp::findings(&config).await;
    findings.extend(providers::findings(&config, &channels).await);
    for finding in findings.iter().filter(|finding| finding.tone != Tone::Good) {
        let (check, found, fix) = (finding.check, &finding.found, &finding.fix);
        tracing::warn!(check, %found, %fix, "doctor");
    }
}

async fn examine(config: &Config, offline: bool) -> Vec<Finding> {
    let mut findings = local::findings(config);
    let public_base = config.http.public_base(config.http.listen);
    let built = channels::build(config, &public_base);
    if let Err(error) = &built {
        let fix = "mend the setting that is named";
        findings.push(Finding::bad("channel settings", error.to_string(), fix));
    }
    if let Some(options) = config.storage.postgres()
        && !offline
    {
        findings.extend(database::findings(config, options).await);
    }
    findings.extend(server::findings(config, offline).await);
    if let Ok(channels) = built
        && !offline
    {
        let others = providers::findings(config, &channels);
        let (whatsapp, others) = tokio::join!(whatsapp::findings(config), others);
        findings.extend(whatsapp.into_iter().chain(others));
    }
    findings
}

fn print(context: &Context, findings: &[Finding]) {
    if context.out.json {
        let one = |it: &Finding| {
            let result = word(it.tone);
            json!({"check": it.check, "result": result, "found": it.found, "fix": it.fix})
        };
        return context.out.value(&findings.iter().map(one).collect());
    }
    let row = |it: &Finding| {
        let result = context.out.word(word(it.tone), it.tone);
        vec![
            it.check.to_owned(),
            result,
            it.found.clone(),
            it.fix.clone(),
        ]
    };
    context.out.line(table(&TITLES, findings.iter().map(row)));
}

fn word(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "ok",
        Tone::Doubtful => "warning",
        Tone::Bad => "failed",
    }
}

/// What is doubtful does not fail.
fn exit_of(findings: &[Finding]) -> Exit {
    let bad = findings.iter().any(|it| it.tone == Tone::Bad);
    if bad { Exit::Failed } else { Exit::Done }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_bad_fails() {
        let good = Finding::good("a", "b");
        let doubtful = Finding::doubtful("a", "b", "c");
        let bad = Finding::bad("a", "b", "c");
        assert_eq!(exit_of(&[good.clone(), doubtful]), Exit::Done);
        assert_eq!(exit_of(&[good, bad]), Exit::Failed);
    }
}
