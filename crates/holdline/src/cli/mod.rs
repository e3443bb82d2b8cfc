//! The command line: what can be asked, and with which exit code it ends. Each command is a file;
//! nothing here does the work.

mod config;
mod doctor;
mod output;
mod remote;
mod serve;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod user;

pub(crate) use output::{ColorWhen, Output, table};
pub(crate) use remote::ApiFault;

use crate::config::{Config, Faults, LoadArgs};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failed: a message was lost or doubled, the server refused, a check did not pass
  2  wrong usage or a wrong configuration
  3  no server answers at --url

Environment:
  HOLDLINE_CONFIG  the configuration file, like --config
  HOLDLINE_URL     the server that commands talk to, like --url
  HOLDLINE_TOKEN   the token they show, like --token
  HOLDLINE_LOG     log level: error, warn, info, debug, trace
  HOLDLINE_*       every key of the configuration: see `holdline config reference`";

/// Keeps a business talking when WhatsApp does not.
#[derive(Debug, Parser)]
#[command(name = "holdline", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Configuration file [default: ./holdline.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colour the output: auto, always or never
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub(crate) color: ColorWhen,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// See it work: virtual providers, an outage and the way back; no set-up
    Demo(serve::DemoArgs),
    /// Run virtual providers (WhatsApp, SMS, mail) to try an app against
    Sandbox(serve::SandboxArgs),
    /// Send one message
    Send(remote::SendArgs),
    /// Look at messages
    #[command(subcommand)]
    Messages(remote::MessagesCommand),
    /// Look at people and bring them in
    #[command(subcommand)]
    Contacts(remote::ContactsCommand),
    /// Manage the tokens by which apps sign in
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// See who may sign in to the console, and let somebody in who cannot any more
    #[command(subcommand)]
    User(user::UserCommand),
    /// Show the routes and their health
    Routes(remote::RoutesArgs),
    /// Hold a route, or overrule its health, for a time
    #[command(subcommand)]
    Route(remote::RouteCommand),
    /// Show when routes were down, and how soon it was noticed
    Outages(remote::OutagesArgs),
    /// Show what operators did
    Audit(remote::AuditArgs),
    /// Show what providers' status pages say, and how late they are
    Feeds(remote::FeedsArgs),
    /// Look the database over, and mend what is safe to mend
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Copy the database with its media, also while a server uses it
    Backup(store::BackupArgs),
    /// Put a backup in the place of the database
    Restore(store::RestoreArgs),
    /// Move the store to another kind of database
    #[command(subcommand)]
    Migrate(store::MigrateCommand),
    /// Check this installation
    Doctor(doctor::DoctorArgs),
    /// Check, show or explain the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print a completion script for a shell
    Completions(config::CompletionsArgs),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What commands work with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) out: Output,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        let out = Output {
            json: global.json,
            color: global.color.on_stdout(),
        };
        Self { global, out }
    }

    pub(crate) fn load_args(&self) -> LoadArgs {
        LoadArgs::of_process(self.global.config.clone())
    }

    pub(crate) fn config(&self) -> Result<Config, Faults> {
        Config::load(&self.load_args())
    }
}

/// Does what was asked; prints a fault and gives its exit code.
pub(crate) async fn run(command: Command, context: &Context) -> Exit {
    let done = match command {
        Command::Serve(args) => serve::run(args, context).await,
        Command::Demo(args) => serve::demo(args, context).await,
        Command::Sandbox(args) => serve::sandbox(args, context).await,
        Command::Send(args) => remote::send(args, context).await,
        Command::Messages(command) => remote::messages(command, context).await,
        Command::Contacts(command) => remote::contacts(command, context).await,
        Command::Token(command) => token::run(command, context).await,
        Command::User(command) => user::run(command, context).await,
        Command::Routes(args) => remote::routes(args, context).await,
        Command::Route(command) => remote::route(command, context).await,
        Command::Outages(args) => remote::outages(args, context).await,
        Command::Audit(args) => remote::audit(args, context).await,
        Command::Feeds(args) => remote::feeds(args, context).await,
        Command::Store(command) => store::run(command, context).await,
        Command::Backup(args) => store::backup(args, context).await,
        Command::Restore(args) => store::restore(args, context).await,
        Command::Migrate(command) => store::migrate(command, context).await,
        Command::Doctor(args) => doctor::run(args, context).await,
        Command::Config(command) => config::run(command, context),
        Command::Completions(args) => config::completions(args, context),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        exit_of(&error)
    })
}

fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<Faults>() || error.is::<store::NotBegun>() {
        return Exit::Usage;
    }
    error
        .downcast_ref::<ApiFault>()
        .map_or(Exit::Failed, ApiFault::exit)
}
