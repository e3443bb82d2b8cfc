//! What can be seen on this machine alone: the configuration, folders and room on their disks,
//! the certificate, the channels that are set up. Opens no socket.

use super::Finding;
use crate::config::Config;
use crate::tls::TlsReloader;
use rustix::fs::{Access, access, statvfs};
use std::path::Path;

const MIB: u64 = 1024 * 1024;
/// Room on a disk below which it is doubtful, and below which nothing can be accepted for long.
const ROOM_DOUBTFUL_MIB: u64 = 1024;
const ROOM_BAD_MIB: u64 = 64;
/// Part of its largest size from which on a database counts as nearly full.
const SIZE_DOUBTFUL_PERCENT: u64 = 85;

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = vec![Finding::good("configuration", "sound")];
    if let Some(database) = config.storage.sqlite_path() {
        let folder = nearest(database.parent().unwrap_or(Path::new("")));
        findings.push(writable("database folder", folder));
        findings.extend(room("database disk", folder));
        findings.extend(size(config, &database));
    }
    if let Some((spool, bytes_max)) = config.storage.spool() {
        findings.push(writable("spool folder", nearest(spool)));
        findings.extend(spool_room(nearest(spool), bytes_max));
    }
    let media = nearest(&config.storage.media_dir);
    findings.push(writable("media folder", media));
    findings.extend(room("media disk", media));
    findings.extend(tls(config));
    findings.push(channels(config));
    findings
}

/// The folder, or the nearest one above it that is there: the rest is made at start.
fn nearest(folder: &Path) -> &Path {
    let there = |it: &&Path| !it.as_os_str().is_empty() && it.exists();
    folder.ancestors().find(there).unwrap_or(Path::new("."))
}

fn writable(check: &'static str, folder: &Path) -> Finding {
    let shown = folder.display();
    if !folder.is_dir() {
        let found = format!("{shown} is no folder");
        return Finding::bad(check, found, "name another in [storage]");
    }
    match access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::good(check, shown.to_string()),
        Err(error) => Finding::bad(
            check,
            format!("{shown} cannot be written to: {error}"),
            "let the user that runs Holdline write there",
        ),
    }
}

/// `None` where the system does not tell.
fn room(check: &'static str, folder: &Path) -> Option<Finding> {
    let disk = statvfs(folder).ok()?;
    Some(judge_room(
        check,
        disk.f_bavail.saturating_mul(disk.f_frsize) / MIB,
    ))
}

/// Whether the spool can grow to its largest size.
fn spool_room(folder: &Path, bytes_max: u64) -> Option<Finding> {
    let disk = statvfs(folder).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} MiB free of {} MiB", free / MIB, bytes_max / MIB);
    Some(if free < bytes_max {
        let fix = "make room, or set storage.spool_max_mb to what the disk has";
        Finding::doubtful("spool disk", found, fix)
    } else {
        Finding::good("spool disk", found)
    })
}

fn judge_room(check: &'static str, free_mib: u64) -> Finding {
    let found = format!("{free_mib} MiB free");
    match free_mib {
        0..ROOM_BAD_MIB => {
            let fix = "make room: without it messages are refused with 503";
            Finding::bad(check, found, fix)
        }
        ROOM_BAD_MIB..ROOM_DOUBTFUL_MIB => {
            Finding::doubtful(check, found, "make room before it runs out")
        }
        ROOM_DOUBTFUL_MIB.. => Finding::good(check, found),
    }
}

/// Of the database file, where the configuration bounds it.
fn size(config: &Config, database: &Path) -> Option<Finding> {
    let size_max_mib = u64::from(config.storage.size_max_mb?);
    let size_mib = database.metadata().map_or(0, |data| data.len() / MIB);
    let found = format!("{size_mib} of {size_max_mib} MiB");
    let full = size_mib.saturating_mul(100) >= size_max_mib.saturating_mul(SIZE_DOUBTFUL_PERCENT);
    Some(if full {
        let fix = "raise storage.size_max_mb, or keep messages for less long in [retention]";
        Finding::doubtful("database size", found, fix)
    } else {
        Finding::good("database size", found)
    })
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
    match on.as_slice() {
        [] => {
            let fix = "add a [[whatsapp.sender]], or enable [sms] or [email]";
            Finding::bad("channels", "none is set up", fix)
        }
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
    use crate::cli::output::Tone;

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
        let look = |path: &Path| writable("x", nearest(path)).tone;
        assert_eq!(look(&dir.path().join("a/b")), Tone::Good);
        assert_eq!(look(Path::new("")), Tone::Good);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(look(&file), Tone::Bad);
        assert_eq!(look(&file.join("below")), Tone::Bad);
    }

    #[test]
    fn a_database_near_its_largest_size_is_doubtful() {
        let env = [("HOLDLINE_STORAGE_SIZE_MAX_MB", "8")];
        let config = Config::from_toml_str("", &env).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let tone = |mib: u64| {
            file.as_file().set_len(mib * MIB).unwrap();
            size(&config, file.path()).unwrap().tone
        };
        assert_eq!(
            (tone(6), tone(7), tone(9)),
            (Tone::Good, Tone::Doubtful, Tone::Doubtful)
        );
        assert!(size(&Config::from_toml_str("", &[]).unwrap(), file.path()).is_none());
    }

    #[test]
    fn a_spool_that_may_grow_beyond_its_disk_is_doubtful() {
        let tone = |bytes_max| spool_room(&std::env::temp_dir(), bytes_max).unwrap().tone;
        assert_eq!((tone(1), tone(u64::MAX)), (Tone::Good, Tone::Doubtful));
        let spool = |url: &str, mib: &str| {
            let env = [
                ("HOLDLINE_STORAGE_URL", url),
                ("HOLDLINE_STORAGE_SPOOL_MAX_MB", mib),
            ];
            let config = Config::from_toml_str("", &env).unwrap();
            config.storage.spool().map(|(_, bytes_max)| bytes_max)
        };
        let database = "postgres://localhost/holdline";
        assert_eq!(spool(database, "2"), Some(2 * MIB));
        assert_eq!(spool(database, "0"), None);
        assert_eq!(spool("sqlite:h.db", "2"), None);
    }

    #[test]
    fn little_room_is_doubtful_and_next_to_none_is_bad() {
        for (free_mib, tone) in [
            (0, Tone::Bad),
            (63, Tone::Bad),
            (64, Tone::Doubtful),
            (1_023, Tone::Doubtful),
            (1_024, Tone::Good),
        ] {
            assert_eq!(judge_room("x", free_mib).tone, tone, "{free_mib}");
        }
        assert!(room("x", &std::env::temp_dir()).is_some());
    }
}
