//! What a configuration accepts, how it refuses, and that its printed forms are true.

use super::*;
use expect_test::{Expect, expect, expect_file};

fn faults(text: &str, env: &[(&str, &str)]) -> String {
    match Config::from_toml_str(text, env) {
        Ok(_) => panic!("this configuration must be refused"),
        Err(faults) => faults.to_string(),
    }
}

fn check(text: &str, expect: Expect) {
    expect.assert_eq(&faults(text, &[]));
}

fn secret_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = Config::from_toml_str("", &[]).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.storage.sqlite_path().as_deref(),
        Some(Path::new("holdline-data/holdline.db"))
    );
    assert_eq!(config.failover.order, ["whatsapp", "sms", "email"]);
    assert_eq!(config.email.tls, EmailTls::Starttls);
    assert!(config.whatsapp_senders.is_empty() && config.apps.is_empty());
}

#[test]
fn the_annotated_default_is_what_the_key_tables_say_and_loads() {
    expect_file!["default.toml"].assert_eq(&reference());
    // What is shown of it names where each value stands.
    let values = |text: &str| {
        let mut config = Config::from_toml_str(text, &[]).unwrap();
        config.effective = Effective::default();
        format!("{config:?}")
    };
    assert_eq!(values(&reference()), values(""));
}

#[test]
fn five_mistakes_are_all_reported_with_line_and_fix() {
    check(
        r#"[http]
lisen = "127.0.0.1:9000"
connections_max = 0

[whatsap]
version = "v23.0"

[sms]
enabled = "yes"

[email]
password = "hunter2"
"#,
        expect![[r#"
            the configuration has 5 mistakes
              holdline.toml:2:1: http.lisen: unknown key
                fix: did you mean `listen`?
              holdline.toml:3:1: http.connections_max: is out of range
                fix: choose a number from 1 to 1000000
              holdline.toml:5:2: whatsap: unknown section
                fix: did you mean `whatsapp`?
              holdline.toml:9:1: sms.enabled: is not true or false
                fix: write true or false; the default is enabled = false
              holdline.toml:12:1: email.password: a secret may not stand in this file
                fix: name its file: password_file = "PATH", or set HOLDLINE_EMAIL_PASSWORD
        "#]],
    );
}

#[test]
fn mistakes_between_keys_are_found_together_with_mistakes_in_them() {
    check(
        r#"[http]
tls_certificate = "cert.pem"
[sms]
enabled = true
account_sid = "AC1"
[email]
enabled = true
host = "mail.example.com"
from = "not a mailbox"
username = "me"
[failover]
order = ["whatsapp", "pigeon", "whatsapp"]
[health]
hold_down_ms = 3_600_000
[storage]
url = "postgres://me:hunter2@db/holdline"
[log]
level = "loud=5=6"
format = "xml"
"#,
        expect![[r#"
            the configuration has 12 mistakes
              holdline.toml:2:1: http.tls_key: is missing for TLS
                fix: set http.tls_listen, http.tls_certificate and http.tls_key together
              holdline.toml:2:1: http.tls_listen: is missing for TLS
                fix: set http.tls_listen, http.tls_certificate and http.tls_key together
              holdline.toml:4:1: sms.auth_token: is missing while SMS is enabled
                fix: set sms.auth_token_file to the path of a file that holds the token
              holdline.toml:4:1: sms.from: is missing while SMS is enabled
                fix: set sms.from or sms.messaging_service_sid
              holdline.toml:9:1: email.from: is no mailbox
                fix: write help@example.com or Example <help@example.com>
              holdline.toml:10:1: email.username: and email.password go together, one is missing
                fix: set email.username and email.password_file, or neither
              holdline.toml:12:1: failover.order: names `pigeon`, which is no channel
                fix: choose among whatsapp, sms, email
              holdline.toml:12:1: failover.order: names `whatsapp` twice
                fix: name each channel once
              holdline.toml:14:1: health.hold_down_ms: is more than health.hold_down_max_ms
                fix: make the first wait no longer than the longest
              holdline.toml:16:1: storage.url: holds a password
                fix: put it into storage.password_file or HOLDLINE_STORAGE_PASSWORD
              holdline.toml:18:1: log.level: is no log level
                fix: write error, warn, info, debug or trace, or MODULE=LEVEL with commas
              holdline.toml:19:1: log.format: is not auto, text or json
                fix: write auto, text or json; the default is format = "auto"
        "#]],
    );
}

#[test]
fn broken_toml_is_reported_with_its_line() {
    check(
        "[http]\nlisten = 127.0.0.1:80\n[log\nlevel = \"info\"\n",
        expect![[r#"
        the configuration has 2 mistakes
          holdline.toml:2:15: not TOML: invalid float, expected nothing
            fix: mend the line; text values stand in quotes, tables in [brackets]
          holdline.toml:3:5: not TOML: unclosed table, expected `]`
            fix: mend the line; text values stand in quotes, tables in [brackets]
    "#]],
    );
}

#[test]
fn a_table_written_as_list_and_a_list_written_as_table_are_told_apart() {
    check(
        "[app]\nid = \"1\"\n[[http]]\nlisten = \"1\"\n",
        expect![[r#"
        the configuration has 2 mistakes
          holdline.toml:1:2: app: is a section, written otherwise
            fix: write [[app]] on a line of its own
          holdline.toml:3:3: http: is a section, written otherwise
            fix: write [http] on a line of its own
    "#]],
    );
}

#[test]
fn senders_and_apps_are_checked_against_each_other() {
    check(
        r#"[[whatsapp.sender]]
phone_number_id = "106540352242922"
display_phone_number = "+1 555 0100"
[[whatsapp.sender]]
phone_number_id = "12x"
waba_id = "1"
display_phone_number = "+1 555 0101"
[[app]]
id = "1"
"#,
        expect![[r#"
            the configuration has 5 mistakes
              holdline.toml:1:1: whatsapp.sender.0.waba_id: is missing
                fix: set waba_id (text)
              holdline.toml:2:1: whatsapp.app_secret: is missing: no webhook can be trusted
                fix: set whatsapp.app_secret_file to the path of a file that holds it
              holdline.toml:2:1: whatsapp.verify_token: is missing: no webhook can be trusted
                fix: set whatsapp.verify_token_file to the path of a file that holds it
              holdline.toml:4:1: whatsapp.sender.1.access_token: is missing
                fix: set access_token_file here, or whatsapp.access_token_file for all senders
              holdline.toml:5:1: whatsapp.sender.1.phone_number_id: is not an id
                fix: copy the id from the API set-up page of the app; it is digits only
        "#]],
    );
    check(
        r#"[[whatsapp.sender]]
phone_number_id = "1"
waba_id = "2"
display_phone_number = "+1 555 0100"
[[app]]
id = "1"
callback_url = "https://app.example.com/hook"
senders = ["1", "3"]
waba_ids = ["9"]
"#,
        expect![[r#"
            the configuration has 6 mistakes
              holdline.toml:1:1: whatsapp.sender.0.access_token: is missing
                fix: set access_token_file here, or whatsapp.access_token_file for all senders
              holdline.toml:2:1: whatsapp.app_secret: is missing: no webhook can be trusted
                fix: set whatsapp.app_secret_file to the path of a file that holds it
              holdline.toml:2:1: whatsapp.verify_token: is missing: no webhook can be trusted
                fix: set whatsapp.verify_token_file to the path of a file that holds it
              holdline.toml:7:1: app.0.secret: is missing while callback_url is set
                fix: set secret_file: without it the app cannot tell our webhooks from others
              holdline.toml:8:1: app.0.senders: names 3, which is no [[whatsapp.sender]]
                fix: name a phone_number_id of one of them
              holdline.toml:9:1: app.0.waba_ids: names 9, which no [[whatsapp.sender]] belongs to
                fix: name a waba_id of one of them
        "#]],
    );
}

#[test]
fn the_environment_overrides_the_file_and_names_itself_in_faults() {
    let text = "[http]\nlisten = \"127.0.0.1:1\"\nbody_max_bytes = 70000\n";
    let env = [
        ("HOLDLINE_HTTP_LISTEN", "0.0.0.0:9"),
        ("HOLDLINE_FAILOVER_ORDER", "sms, whatsapp"),
        ("HOLDLINE_SMS_DERIVE_FROM_WHATSAPP", "false"),
        ("HOLDLINE_LOG", "debug"),
        ("HOLDLINE_EMAIL_HOST", ""),
        ("HOLDLINE_TOKEN", "for the command line"),
        ("HOLDLINE_SERVICE_HOST", "10.0.0.1"),
        ("HOLDLINE_PORT", "tcp://10.0.0.1:80"),
        ("HOLDLINE_PORT_80_TCP_ADDR", "10.0.0.1"),
    ];
    let config = Config::from_toml_str(text, &env).unwrap();
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:9");
    assert_eq!(config.http.body_max_bytes, 70_000);
    assert_eq!(config.failover.order, ["sms", "whatsapp"]);
    assert!(!config.sms.derive_from_whatsapp && config.email.host.is_none());
    assert_eq!(config.log.level, "debug");
    let env = [
        ("HOLDLINE_HTTP_LISTN", "x"),
        ("HOLDLINE_HTTP_CONNECTIONS_MAX", "many"),
    ];
    expect![[r#"
        the configuration has 2 mistakes
          HOLDLINE_HTTP_CONNECTIONS_MAX: http.connections_max: is not a whole number
            fix: write a whole number; the default is connections_max = 4096
          HOLDLINE_HTTP_LISTN: no configuration key has this variable
            fix: did you mean `HOLDLINE_HTTP_LISTEN`?
    "#]]
    .assert_eq(&faults(text, &env));
}

#[test]
fn an_array_of_tables_is_filled_and_extended_by_the_environment() {
    let text = "[[whatsapp.sender]]\nphone_number_id = \"1\"\nwaba_id = \"2\"\n\
                display_phone_number = \"+1 555 0100\"\n";
    let env = [
        ("HOLDLINE_WHATSAPP_APP_SECRET", "s"),
        ("HOLDLINE_WHATSAPP_VERIFY_TOKEN", "v"),
        ("HOLDLINE_WHATSAPP_SENDER_0_ACCESS_TOKEN", "first"),
        ("HOLDLINE_WHATSAPP_SENDER_1_ACCESS_TOKEN", "second"),
        ("HOLDLINE_WHATSAPP_SENDER_1_PHONE_NUMBER_ID", "3"),
        ("HOLDLINE_WHATSAPP_SENDER_1_WABA_ID", "2"),
        (
            "HOLDLINE_WHATSAPP_SENDER_1_DISPLAY_PHONE_NUMBER",
            "+1 555 0101",
        ),
    ];
    let senders = Config::from_toml_str(text, &env).unwrap().whatsapp_senders;
    let tokens = senders
        .iter()
        .map(|it| it.access_token.as_ref().unwrap().expose());
    assert!(tokens.eq(["first", "second"]));
    let gap = [("HOLDLINE_APP_1_ID", "7")];
    assert!(faults("", &gap).contains("app.0.id: is missing"));
}

#[test]
fn a_secret_is_read_from_its_file_without_the_line_end() {
    let file = secret_file("hunter2\n");
    let text = format!(
        "[email]\nusername = \"me\"\npassword_file = {:?}\n",
        file.path()
    );
    let config = Config::from_toml_str(&text, &[]).unwrap();
    assert_eq!(config.email.password.as_ref().unwrap().expose(), "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
    let env = [("HOLDLINE_EMAIL_PASSWORD", "other")];
    let config = Config::from_toml_str(&text, &env).unwrap();
    assert_eq!(config.email.password.unwrap().expose(), "other");
}

#[test]
fn a_secret_file_that_is_absent_or_empty_or_doubled_is_a_fault() {
    let empty = secret_file("\n");
    let absent = "[sms]\nauth_token_file = \"/nonexistent/token\"\n";
    assert!(faults(absent, &[]).contains("holdline.toml:2:1: sms.auth_token_file: names a file"));
    let text = format!("[sms]\nauth_token_file = {:?}\n", empty.path());
    assert!(faults(&text, &[]).contains("names an empty file"));
    let both = [
        ("HOLDLINE_SMS_AUTH_TOKEN", "a"),
        ("HOLDLINE_SMS_AUTH_TOKEN_FILE", "b"),
    ];
    assert!(faults("", &both).contains("by value and by file at once"));
}

#[test]
fn show_gives_every_value_with_its_origin_and_masks_secrets() {
    let file = secret_file("hunter2");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my.toml");
    let text = format!(
        "[email]\nusername = \"me\"\npassword_file = {:?}\n",
        file.path()
    );
    std::fs::write(&path, text).unwrap();
    let env = [
        ("HOLDLINE_EMAIL_PORT", "2525"),
        ("HOLDLINE_WHATSAPP_ACCESS_TOKEN", "hunter2"),
    ];
    let env = env
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let args = LoadArgs {
        file: Some(path.clone()),
        env,
    };
    let (_, effective) = Config::load_with_origins(&args).unwrap();
    let shown = effective
        .to_toml()
        .replace(&path.display().to_string(), "my.toml");
    assert!(!shown.contains("hunter2") && !effective.to_json().to_string().contains("hunter2"));
    let email = shown
        .split("\n\n")
        .find(|part| part.starts_with("[email]"))
        .unwrap();
    expect![[r#"
        [email]
        enabled = false  # default
        # host is not set
        port = 2525  # HOLDLINE_EMAIL_PORT
        tls = "starttls"  # default
        username = "me"  # my.toml:2:1
        password = "[set]"  # my.toml:3:1
        # from is not set
        # reply_to is not set
        rate_per_s = 10  # default
        in_flight_max = 8  # default
        timeout_ms = 30000  # default
        connect_timeout_ms = 5000  # default
        # hello_name is not set"#]]
    .assert_eq(email);
    assert!(shown.contains("access_token = \"[set]\"  # HOLDLINE_WHATSAPP_ACCESS_TOKEN"));
    assert_eq!(effective.to_json()["email.port"]["value"], 2525);
    assert_eq!(effective.to_json()["email.tls"]["origin"], "default");
}

#[test]
fn a_named_file_must_exist_and_an_unnamed_one_need_not() {
    let args = LoadArgs {
        file: Some("/nonexistent/holdline.toml".into()),
        env: Vec::new(),
    };
    let faults = Config::load(&args).unwrap_err().to_string();
    assert!(
        faults.contains("/nonexistent/holdline.toml:1:1: cannot be read"),
        "{faults}"
    );
}
