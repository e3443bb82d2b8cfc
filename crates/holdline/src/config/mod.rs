//! The configuration: what may be set, from where it comes, and what is wrong with it.
//!
//! Defaults stand in the key tables of [`sections`]; a file overrides them, the environment
//! overrides the file. Every fault is reported at once. Nothing here opens a socket or a database.

mod env;
mod fault;
mod field;
mod layer;
mod print;
mod reader;
mod section;
mod sections;
#[cfg(test)]
mod tests;

pub(crate) use fault::{Fault, Faults, Origin};
pub(crate) use print::{Effective, reference, reference_json};
pub(crate) use sections::{
    App, Backup, Console, Email, EmailTls, Failover, Feed, FeedForm, Health, HealthEcho, Http,
    Limits, Log, LogFormat, Net, Node, Retention, Sms, Storage, Surroundings, Whatsapp,
    WhatsappSender,
};

use layer::Layer;
use reader::Reader;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The file that is read when none is named, if it exists.
pub(crate) const FILE_DEFAULT: &str = "holdline.toml";
/// Longest configuration file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) storage: Storage,
    pub(crate) node: Node,
    pub(crate) backup: Backup,
    pub(crate) http: Http,
    pub(crate) net: Net,
    pub(crate) console: Console,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) whatsapp: Whatsapp,
    pub(crate) whatsapp_senders: Vec<WhatsappSender>,
    pub(crate) sms: Sms,
    pub(crate) email: Email,
    pub(crate) failover: Failover,
    pub(crate) health: Health,
    pub(crate) echoes: Vec<HealthEcho>,
    pub(crate) surroundings: Surroundings,
    feeds: Vec<Feed>,
    pub(crate) retention: Retention,
    pub(crate) apps: Vec<App>,
    /// Every value in force and its origin, secrets masked: for people to read.
    pub(crate) effective: Effective,
}

/// From where a configuration is loaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadArgs {
    /// `--config` or HOLDLINE_CONFIG. `None`: [`FILE_DEFAULT`] if there is one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) env: Vec<(String, String)>,
}

impl LoadArgs {
    /// The environment of this process; variables that are not text are passed over.
    pub(crate) fn of_process(file: Option<PathBuf>) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let named = || std::env::var_os("HOLDLINE_CONFIG").filter(|name| !name.is_empty());
        let file = file.or_else(|| named().map(PathBuf::from));
        Self {
            file,
            env: std::env::vars_os().filter_map(text).collect(),
        }
    }
}

impl Config {
    pub(crate) fn load(args: &LoadArgs) -> Result<Self, Faults> {
        Self::load_with_origins(args).map(|(config, _)| config)
    }

    /// Also says where each value came from.
    pub(crate) fn load_with_origins(args: &LoadArgs) -> Result<(Self, Effective), Faults> {
        let mut faults = Faults::default();
        let (name, text) = match &args.file {
            Some(path) => read_file(path, true, &mut faults),
            None => read_file(Path::new(FILE_DEFAULT), false, &mut faults),
        };
        Self::build(&name, &text, &args.env, faults)
    }

    /// A configuration from text and variables alone.
    pub(crate) fn from_toml_str(text: &str, env: &[(&str, &str)]) -> Result<Self, Faults> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let env: Vec<_> = env.iter().map(own).collect();
        Self::build(FILE_DEFAULT, text, &env, Faults::default()).map(|(config, _)| config)
    }

    /// The feeds that are followed: those of the configuration, and Meta's own page where WhatsApp
    /// is Meta's.
    pub(crate) fn feeds(&self) -> Vec<Feed> {
        let mut feeds = self.feeds.clone();
        let meta = !self.whatsapp_senders.is_empty() && sections::is_meta(&self.whatsapp);
        if let Some(page) = Feed::metastatus().filter(|_| meta && self.surroundings.metastatus)
            && feeds.iter().all(|feed| feed.name != page.name)
        {
            feeds.push(page);
        }
        feeds
    }

    /// A provider is out on the internet: only then are others asked there.
    pub(crate) fn is_remote(&self) -> bool {
        let whatsapp = Some(&self.whatsapp).filter(|_| !self.whatsapp_senders.is_empty());
        sections::is_remote(whatsapp, &self.sms, &self.email)
    }

    fn build(
        name: &str,
        text: &str,
        env: &[(String, String)],
        mut faults: Faults,
    ) -> Result<(Self, Effective), Faults> {
        let file = Layer::of_toml(name, text, &mut faults);
        let env = Layer::of_env(env, &mut faults);
        let mut reader = Reader::new(file, env, faults);
        let config = if reader.broken() {
            None
        } else {
            Self::read(&mut reader)
        };
        let shown = reader.finish()?;
        let effective = Effective::new(shown);
        match config {
            Some(mut config) => {
                config.effective = effective.clone();
                Ok((config, effective))
            }
            // Each reader that gives nothing has added a fault, so `finish` has returned already.
            None => Err(Faults::default()),
        }
    }

    fn read(reader: &mut Reader) -> Option<Self> {
        let storage = checked(reader, "storage", Storage::read, Storage::check);
        let node = checked(reader, "node", Node::read, Node::check);
        let backup = Backup::read(reader, "backup");
        if let Some((backup, storage)) = backup.as_ref().zip(storage.as_ref()) {
            backup.check(storage, reader);
        }
        let http = checked(reader, "http", Http::read, Http::check);
        let net = checked(reader, "net", Net::read, Net::check);
        let console = checked(reader, "console", Console::read, Console::check);
        let log = checked(reader, "log", Log::read, Log::check);
        let limits = Limits::read(reader, "limits");
        let whatsapp = Whatsapp::read(reader, "whatsapp");
        let senders = reader.take_many("whatsapp.sender", WhatsappSender::read);
        if let Some(whatsapp) = &whatsapp {
            whatsapp.check(&senders, reader);
        }
        let sms = checked(reader, "sms", Sms::read, Sms::check);
        let email = checked(reader, "email", Email::read, Email::check);
        let failover = checked(reader, "failover", Failover::read, Failover::check);
        let health = checked(reader, "health", Health::read, Health::check);
        let echoes = reader.take_many("health.echo", HealthEcho::read);
        HealthEcho::check_all(&echoes, (whatsapp.as_ref(), &senders), reader);
        let surroundings = checked(
            reader,
            "surroundings",
            Surroundings::read,
            Surroundings::check,
        );
        let feeds = reader.take_many("feed", Feed::read);
        Feed::check_all(&feeds, reader);
        let retention = checked(reader, "retention", Retention::read, Retention::check);
        let apps = reader.take_many("app", App::read);
        App::check_all(&apps, &senders, reader);
        Some(Self {
            storage: storage?,
            node: node?,
            backup: backup?,
            http: http?,
            net: net?,
            console: console?,
            log: log?,
            limits: limits?,
            whatsapp: whatsapp?,
            whatsapp_senders: senders.into_items(),
            sms: sms?,
            email: email?,
            failover: failover?,
            health: health?,
            echoes: echoes.into_items(),
            surroundings: surroundings?,
            feeds: feeds.into_items(),
            retention: retention?,
            apps: apps.into_items(),
            effective: Effective::default(),
        })
    }
}

fn checked<T>(
    reader: &mut Reader,
    at: &str,
    read: fn(&mut Reader, &str) -> Option<T>,
    check: fn(&T, &mut Reader),
) -> Option<T> {
    let section = read(reader, at)?;
    check(&section, reader);
    Some(section)
}

/// Name and text; a file that must exist and does not is a fault.
fn read_file(path: &Path, must_exist: bool, faults: &mut Faults) -> (String, String) {
    let name = path.display().to_string();
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    let origin = Origin::File {
        name: name.clone(),
        line: 1,
        column: 1,
    };
    match read {
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => {
            faults.add(
                origin,
                "",
                "longer than 1 MiB",
                "name the configuration file by --config",
            );
            text.clear();
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {}
        Err(error) => {
            let mend = "name a readable UTF-8 file by --config; \
                        `holdline config reference` prints one to start from";
            faults.add(origin, "", format!("cannot be read: {error}"), mend);
        }
    }
    (name, text)
}
