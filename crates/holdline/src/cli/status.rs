//! `routes`: the health of each route, by the API. `doctor`: what can be checked of an installation
//! from here and by asking its providers; it changes nothing.

use super::output::{Tone, table};
use super::{Context, Exit, Remote, providers};
use crate::config::Config;
use crate::tls::TlsReloader;
use clap::Args;
use serde_json::json;
use std::path::Path;

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

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Look at this machine only, ask no provider
    #[arg(long)]
    pub(crate) offline: bool,
}

/// What one check found; `fix` is empty when nothing is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) tone: Tone,
    pub(crate) found: String,
    pub(crate) fix: String,
}

impl Finding {
    pub(crate) fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            tone: Tone::Good,
            found: found.into(),
            fix: String::new(),
        }
    }

    pub(crate) fn bad(check: &'static str, found: impl Into<String>, fix: &str) -> Self {
        Self {
            check,
            tone: Tone::Bad,
            found: found.into(),
            fix: fix.into(),
        }
    }

    pub(crate) fn doubtful(check: &'static str, found: impl Into<String>, fix: &str) -> Self {
        Self {
            check,
            tone: Tone::Doubtful,
            found: found.into(),
            fix: fix.into(),
        }
    }
}

pub(crate) async fn routes(args: RoutesArgs, context: &Context) -> anyhow::Result<Exit> {
    let page = args.remote.api()?.get(&["routes"], &[]).await?;
    context.out.page(&page, &COLUMNS, "");
    Ok(Exit::Done)
}

pub(crate) async fn doctor(args: DoctorArgs, context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let mut findings = local_findings(&config);
    if !args.offline {
        findings.extend(providers::findings(&config).await);
    }
    Ok(print_findings(context, &findings))
}

/// Exit 1 when something is bad; what is doubtful does not fail.
pub(crate) fn print_findings(context: &Context, findings: &[Finding]) -> Exit {
    let word = |tone| match tone {
        Tone::Good => "ok",
        Tone::Doubtful => "warning",
        Tone::Bad => "failed",
    };
    if context.out.json {
        let one = |it: &Finding| {
            let result = word(it.tone);
            json!({"check": it.check, "result": result, "found": it.found, "fix": it.fix})
        };
        context.out.value(&findings.iter().map(one).collect());
    } else {
        let row = |it: &Finding| {
            let result = context.out.word(word(it.tone), it.tone);
            vec![
                it.check.to_owned(),
                result,
                it.found.clone(),
                it.fix.clone(),
            ]
        };
        context.out.line(table(
            &["CHECK", "RESULT", "FOUND", "FIX"],
            findings.iter().map(row),
        ));
    }
    let bad = findings.iter().any(|it| it.tone == Tone::Bad);
    if bad { Exit::Failed } else { Exit::Done }
}

fn local_findings(config: &Config) -> Vec<Finding> {
    let mut findings = vec![Finding::good("configuration", "sound")];
    let database = config.storage.sqlite_path();
    let folder = database.parent().unwrap_or(Path::new(""));
    findings.push(writable("database folder", folder));
    findings.push(writable("media folder", &config.storage.media_dir));
    findings.extend(tls(config));
    findings.push(channels(config));
    findings
}

fn writable(check: &'static str, folder: &Path) -> Finding {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let shown = folder.display();
    // A folder that is not there yet is made at start, inside the nearest one that is.
    let existing = folder
        .ancestors()
        .find(|it| it.as_os_str().is_empty() || it.exists());
    let existing = existing
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match existing.metadata() {
        Ok(data) if !data.is_dir() => Finding::bad(
            check,
            format!("{shown} is no folder"),
            "name another in [storage]",
        ),
        Ok(data) if data.permissions().readonly() => Finding::bad(
            check,
            format!("{shown} is read-only"),
            "let this user write there",
        ),
        Ok(_) => Finding::good(check, shown.to_string()),
        Err(error) => Finding::bad(check, format!("{shown}: {error}"), "make it readable"),
    }
}

fn tls(config: &Config) -> Option<Finding> {
    let certificate = config.http.tls_certificate.as_ref()?;
    let key = config.http.tls_key.as_ref()?;
    Some(match TlsReloader::open(certificate, key) {
        Ok(_) => Finding::good("TLS certificate", certificate.display().to_string()),
        Err(error) => {
            let fix = "mend http.tls_certificate and http.tls_key";
            Finding::bad("TLS certificate", format!("{error:#}"), fix)
        }
    })
}

fn channels(config: &Config) -> Finding {
    let on = [
        ("whatsapp", !config.whatsapp_senders.is_empty()),
        ("sms", config.sms.enabled),
        ("email", config.email.enabled),
    ];
    let on: Vec<_> = on
        .into_iter()
        .filter_map(|(name, on)| on.then_some(name))
        .collect();
    let none_fix = "add a [[whatsapp.sender]], or enable [sms] or [email]";
    match on.as_slice() {
        [] => Finding::bad("channels", "none is set up", none_fix),
        [only] => {
            let fix = "set up a second channel: without one there is nothing to fail over to";
            Finding::doubtful("channels", format!("only {only} is set up"), fix)
        }
        several => Finding::good("channels", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_channel_is_doubtful_and_none_is_bad() {
        let tone = |env: &[(&str, &str)]| channels(&Config::from_toml_str("", env).unwrap()).tone;
        assert_eq!(tone(&[]), Tone::Bad);
        let sms = [
            ("HOLDLINE_SMS_ENABLED", "true"),
            ("HOLDLINE_SMS_ACCOUNT_SID", "AC1"),
            ("HOLDLINE_SMS_AUTH_TOKEN", "t"),
            ("HOLDLINE_SMS_FROM", "+15550100"),
        ];
        assert_eq!(tone(&sms), Tone::Doubtful);
        let email = [
            ("HOLDLINE_EMAIL_ENABLED", "true"),
            ("HOLDLINE_EMAIL_HOST", "localhost"),
            ("HOLDLINE_EMAIL_FROM", "a@b"),
        ];
        assert_eq!(tone(&[&sms[..], &email[..]].concat()), Tone::Good);
    }

    #[test]
    fn a_folder_to_be_made_is_fine_and_a_file_in_its_place_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(writable("x", &dir.path().join("a/b")).tone, Tone::Good);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(writable("x", &file).tone, Tone::Bad);
        assert_eq!(writable("x", &file.join("below")).tone, Tone::Bad);
    }
}
