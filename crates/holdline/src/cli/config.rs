//! `config check|show|reference` and `completions`: all that needs neither server nor store.

use super::{Cli, Context, Exit};
use crate::config::{Config, Fault, reference, reference_json};
use clap::{Args, CommandFactory as _, Subcommand};
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every mistake at once, with its place and how to mend it
    Check,
    /// Print every value in force and where it came from; secrets are masked
    Show,
    /// Print every key with its default and meaning, ready to be a holdline.toml
    Reference,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(crate) fn run(command: ConfigCommand, context: &Context) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Check => Ok(check(context)),
        ConfigCommand::Show => show(context),
        ConfigCommand::Reference if context.out.json => {
            context.out.value(&reference_json());
            Ok(Exit::Done)
        }
        ConfigCommand::Reference => {
            context.out.text(&reference());
            Ok(Exit::Done)
        }
    }
}

pub(crate) fn completions(args: CompletionsArgs, context: &Context) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "holdline", &mut script);
    let script = String::from_utf8(script)?;
    if context.out.json {
        context
            .out
            .value(&json!({"shell": args.shell.to_string(), "script": script}));
    } else {
        context.out.text(&script);
    }
    Ok(Exit::Done)
}

fn check(context: &Context) -> Exit {
    let found = Config::load(&context.load_args());
    let faults = found.as_ref().err().map_or(&[][..], |faults| faults.all());
    if context.out.json {
        let faults: Vec<_> = faults.iter().map(fault_json).collect();
        context
            .out
            .value(&json!({"ok": faults.is_empty(), "faults": faults}));
    } else if let Err(faults) = &found {
        context.out.text(&faults.to_string());
    } else {
        context.out.line("the configuration is sound");
    }
    if faults.is_empty() {
        Exit::Done
    } else {
        Exit::Usage
    }
}

fn fault_json(fault: &Fault) -> Value {
    json!({
        "at": fault.origin.to_string(),
        "key": fault.key,
        "what": fault.what,
        "fix": fault.mend,
    })
}

fn show(context: &Context) -> anyhow::Result<Exit> {
    let (_, effective) = Config::load_with_origins(&context.load_args())?;
    if context.out.json {
        context.out.value(&effective.to_json());
    } else {
        context.out.text(&effective.to_toml());
    }
    Ok(Exit::Done)
}
