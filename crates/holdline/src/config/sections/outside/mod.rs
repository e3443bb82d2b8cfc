//! What is looked at outside of traffic and probes: our own network, what others publish about
//! their health, echoes between two of our numbers. Decides which of it is switched on, and that
//! nothing leaves this machine when the provider is on it.

mod echo;
mod feed;
mod surroundings;

pub(crate) use echo::HealthEcho;
pub(crate) use feed::{Feed, FeedForm};
pub(crate) use surroundings::{Surroundings, is_meta, is_remote};

use url::{Host, Url};

/// An address in numbers, or this machine by name: a sandbox, a test, a private set-up.
pub(crate) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_local_name(name),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => true,
    }
}

/// The same for a host without a URL around it.
pub(crate) fn is_local_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>().is_ok() || is_local_name(bare)
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use expect_test::expect;

    const SECRETS: [(&str, &str); 3] = [
        ("HOLDLINE_WHATSAPP_APP_SECRET", "s"),
        ("HOLDLINE_WHATSAPP_VERIFY_TOKEN", "v"),
        ("HOLDLINE_WHATSAPP_ACCESS_TOKEN", "t"),
    ];

    fn with_sender(base_url: &str, more: &str) -> String {
        format!(
            "[whatsapp]\nbase_url = \"{base_url}\"\n[[whatsapp.sender]]\n\
             phone_number_id = \"1\"\nwaba_id = \"2\"\n\
             display_phone_number = \"+1 555 0100\"\n{more}"
        )
    }

    /// Control hosts, name servers and feeds in force.
    fn asked(text: &str) -> (usize, usize, usize) {
        let config = Config::from_toml_str(text, &SECRETS).unwrap();
        let (remote, around) = (config.is_remote(), &config.surroundings);
        (
            around.controls(remote).len(),
            around.resolvers(remote).len(),
            config.feeds().len(),
        )
    }

    #[test]
    fn nothing_leaves_this_machine_unless_the_provider_is_elsewhere_or_it_is_said() {
        let local = "http://127.0.0.1:8081";
        let meta = "https://graph.facebook.com";
        let set = "[surroundings]\ncontrol_hosts = [\"http://127.0.0.1:1/\"]\nresolvers = []\n";
        let off = "[surroundings]\ncontrol_hosts = []\nmetastatus = false\n";
        assert_eq!(asked(""), (0, 0, 0), "nothing is configured");
        assert_eq!(asked(&with_sender(local, "")), (0, 0, 0));
        assert_eq!(asked(&with_sender(local, set)), (1, 0, 0));
        assert_eq!(asked(&with_sender(meta, "")), (2, 2, 1));
        assert_eq!(asked(&with_sender(meta, set)), (1, 0, 1));
        assert_eq!(asked(&with_sender(meta, off)), (0, 2, 0));
        assert_eq!(
            asked(&with_sender("https://meta.example.com", "")),
            (2, 2, 0)
        );
    }

    #[test]
    fn mistakes_in_what_is_looked_at_are_named_with_their_fix() {
        let more = r#"[[health.echo]]
from = "1"
to = "1"
every_s = 5
[[health.echo]]
from = "1"
to = "9"
[surroundings]
control_hosts = ["example.org"]
resolvers = ["1.1.1.1"]
[[feed]]
name = "My Feed"
url = "https://status.example.com/"
format = "statuspage"
channel = "pigeon"
every_s = 5
"#;
        let text = with_sender("https://graph.facebook.com", more);
        let faults = Config::from_toml_str(&text, &SECRETS).unwrap_err();
        expect![[r#"
            the configuration has 8 mistakes
              holdline.toml:9:1: health.echo.0.to: is the number that writes
                fix: name two different numbers
              holdline.toml:10:1: health.echo.0.every_s: is too often
                fix: choose 10 or more: the provider limits messages between two numbers
              holdline.toml:13:1: health.echo.1.to: names 9, which is no [[whatsapp.sender]]
                fix: name a phone_number_id of one of them
              holdline.toml:15:1: surroundings.control_hosts: names `example.org`, no web address
                fix: write URLs such as https://www.example.org/
              holdline.toml:16:1: surroundings.resolvers: names `1.1.1.1`, no address with a port
                fix: write addresses such as 192.0.2.53:53
              holdline.toml:18:1: feed.0.name: is no name of a feed
                fix: write small letters, digits and hyphens, at most 40
              holdline.toml:21:1: feed.0.channel: is `pigeon`, which is no channel
                fix: choose among whatsapp, sms, email
              holdline.toml:22:1: feed.0.every_s: is too often
                fix: choose 30 or more: the page belongs to others
        "#]]
        .assert_eq(&faults.to_string());
    }

    #[test]
    fn addresses_in_numbers_and_this_machine_are_local() {
        for (url, local) in [
            ("http://127.0.0.1:8081", true),
            ("http://[::1]:8081", true),
            ("http://192.0.2.7", true),
            ("http://localhost:1", true),
            ("http://x.LOCALHOST.", true),
            ("https://graph.facebook.com", false),
            ("https://localhost.example.com", false),
        ] {
            assert_eq!(is_local(&url.parse().unwrap()), local, "{url}");
        }
        assert!(is_local_host("[::1]") && is_local_host("10.0.0.1"));
        assert!(!is_local_host("mail.example.com"));
    }
}
