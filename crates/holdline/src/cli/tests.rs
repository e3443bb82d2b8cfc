//! The help that people read, and the exit codes that scripts rely on.

use super::*;
use clap::CommandFactory as _;
use expect_test::expect;

async fn exit(arguments: &[&str]) -> Exit {
    let arguments = ["holdline"].iter().chain(arguments);
    let cli = Cli::try_parse_from(arguments).expect("these arguments are valid");
    run(cli.command, &Context::new(cli.global)).await
}

#[test]
fn the_definition_of_the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_names_every_command_the_exit_codes_and_the_environment() {
    expect![[r#"
        Keeps a business talking when WhatsApp does not

        Usage: holdline [OPTIONS] <COMMAND>

        Commands:
          serve        Run the server
          demo         See it work: virtual providers, an outage and the way back; no set-up
          sandbox      Run virtual providers (WhatsApp, SMS, mail) to try an app against
          send         Send one message
          messages     Look at messages
          contacts     Look at people and bring them in
          token        Manage the tokens by which apps sign in
          user         See who may sign in to the console, and let somebody in who cannot any more
          routes       Show the routes and their health
          route        Hold a route, or overrule its health, for a time
          outages      Show when routes were down, and how soon it was noticed
          audit        Show what operators did
          feeds        Show what providers' status pages say, and how late they are
          store        Look the database over, and mend what is safe to mend
          backup       Copy the database with its media, also while a server uses it
          restore      Put a backup in the place of the database
          migrate      Move the store to another kind of database
          doctor       Check this installation
          config       Check, show or explain the configuration
          completions  Print a completion script for a shell
          help         Print this message or the help of the given subcommand(s)

        Options:
              --config <FILE>  Configuration file [default: ./holdline.toml if it exists]
              --json           Print data as JSON
              --color <WHEN>   Colour the output: auto, always or never
          -h, --help           Print help
          -V, --version        Print version

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
          HOLDLINE_*       every key of the configuration: see `holdline config reference`
    "#]]
    .assert_eq(&Cli::command().render_help().to_string());
}

#[tokio::test]
async fn a_wrong_configuration_ends_with_2() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[http]\nlisten = 1\n").unwrap();
    let path = file.path().to_str().unwrap();
    for command in ["check", "show"] {
        assert_eq!(
            exit(&["config", command, "--config", path]).await,
            Exit::Usage
        );
    }
    assert_eq!(exit(&["doctor", "--config", path]).await, Exit::Usage);
    assert_eq!(exit(&["serve", "--config", path]).await, Exit::Usage);
}

#[tokio::test]
async fn a_sound_configuration_ends_with_0() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    for arguments in [
        ["config", "check"],
        ["config", "show"],
        ["config", "reference"],
    ] {
        assert_eq!(
            exit(&[&arguments[..], &["--config", path]].concat()).await,
            Exit::Done
        );
    }
    assert_eq!(exit(&["completions", "bash"]).await, Exit::Done);
}

#[tokio::test]
async fn a_server_that_is_away_ends_with_3_and_a_wrong_address_with_2() {
    // Bound, then dropped: a port where for now nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("http://127.0.0.1:{port}");
    let url = ["--url", address.as_str()];
    for command in [
        &["routes"][..],
        &["outages"],
        &["outages", "list"],
        &["outages", "show", "x"],
        &["audit"],
        &["route", "release", "sms/x/all", "--reason", "mended"],
        &[
            "route",
            "hold",
            "sms/x/all",
            "--reason",
            "test",
            "--for",
            "1s",
        ],
        &["feeds"],
        &["messages", "list"],
        &["messages", "show", "x"],
        &["messages", "explain", "x"],
        &["contacts", "list"],
        &["contacts", "show", "x"],
        &["send", "--to", "+15550100", "--text", "hello"],
    ] {
        assert_eq!(
            exit(&[command, &url[..]].concat()).await,
            Exit::Unreachable,
            "{command:?}"
        );
    }
    assert_eq!(exit(&["routes", "--url", "nowhere"]).await, Exit::Usage);
}

#[test]
fn what_is_said_of_a_route_needs_a_reason_and_an_end() {
    let parse = |rest: &[&str]| {
        let all = ["holdline", "route"].iter().chain(rest);
        Cli::try_parse_from(all).is_ok()
    };
    let said = ["sms/x/all", "--reason", "because", "--for", "1m"];
    let with = |first: &[&'static str], last: &[&'static str]| [first, &said[..], last].concat();
    assert!(parse(&with(&["hold"], &[])));
    assert!(parse(&with(&["force"], &["--state", "down"])));
    assert!(!parse(&with(&["force"], &[])));
    assert!(!parse(&with(&["force"], &["--state", "suspect"])));
    assert!(!parse(&["hold", "sms/x/all", "--reason", "because"]));
    assert!(!parse(&["hold", "sms/x/all", "--for", "1m"]));
    assert!(parse(&["release", "sms/x/all", "--reason", "mended"]));
    assert!(!parse(&["release", "sms/x/all"]));
}

#[test]
fn a_message_needs_a_text_or_a_template_with_its_language() {
    let parse = |rest: &[&str]| {
        Cli::try_parse_from(["holdline", "send", "--to", "x"].iter().chain(rest)).is_ok()
    };
    assert!(parse(&["--text", "a"]) && parse(&["--template", "t", "--language", "en_US"]));
    assert!(
        !parse(&[]) && !parse(&["--template", "t"]) && !parse(&["--text", "a", "--wait-max", "1"])
    );
}
