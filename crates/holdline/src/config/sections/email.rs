//! The mail server that takes our mail.

use crate::config::field::choice;
use crate::config::reader::Reader;
use crate::config::section::section;
use crate::secret::Secret;

choice! {
    /// How the connection to the mail server is protected.
    EmailTls {
        Starttls = "starttls",
        Tls = "tls",
        None = "none",
    }
    "starttls, tls or none"
}

section! {
    /// E-mail by a server that takes mail for us (submission).
    Email at "email" many false {
        /// Use this channel.
        enabled: bool = false;
        /// Name of the mail server.
        host: Option<String>;
        /// Its port: 587 with STARTTLS, 465 with TLS.
        port: u16 = 587, 1 to 65_535;
        /// starttls, tls, or none (only for a server on this machine when there is a password).
        tls: EmailTls = "starttls";
        /// Name to sign in with.
        username: Option<String>;
        /// Password to sign in with.
        password: Option<Secret>;
        /// The mailbox that sends: `help@example.com` or `Example <help@example.com>`.
        from: Option<String>;
        /// The mailbox that answers go to, when it is another.
        reply_to: Option<String>;
        /// Most mails a second.
        rate_per_s: u32 = 10, 1 to 100_000;
        /// Most connections at a time.
        in_flight_max: u32 = 8, 1 to 1_000;
        /// Longest wait for one step of the dialogue.
        timeout_ms: u32 = 30_000, 100 to 600_000;
        /// Longest wait for a connection.
        connect_timeout_ms: u32 = 5_000, 100 to 60_000;
        /// Name we greet the server with. Unset: the name of this machine.
        hello_name: Option<String>;
    }
}

impl Email {
    pub(crate) fn check(&self, reader: &mut Reader) {
        let missing = "is missing while e-mail is enabled";
        if self.enabled && self.host.is_none() {
            reader.fault(&["email.host", "email.enabled"], missing, "set email.host");
        }
        if self.enabled && self.from.is_none() {
            reader.fault(&["email.from", "email.enabled"], missing, "set email.from");
        }
        for (key, mailbox) in [
            ("email.from", &self.from),
            ("email.reply_to", &self.reply_to),
        ] {
            if mailbox.as_deref().is_some_and(|text| !is_mailbox(text)) {
                let mend = "write help@example.com or Example <help@example.com>";
                reader.fault(&[key], "is no mailbox", mend);
            }
        }
        self.check_sign_in(reader);
    }

    fn check_sign_in(&self, reader: &mut Reader) {
        if self.username.is_some() != self.password.is_some() {
            let mend = "set email.username and email.password_file, or neither";
            let keys = ["email.username", "email.password"];
            reader.fault(
                &keys,
                "and email.password go together, one is missing",
                mend,
            );
        }
        let here = matches!(
            self.host.as_deref(),
            Some("localhost" | "127.0.0.1" | "::1")
        );
        if self.password.is_some() && self.tls == EmailTls::None && !here {
            let mend = "use starttls or tls";
            reader.fault(&["email.tls"], "would send the password unprotected", mend);
        }
    }
}

/// Enough to catch a slip; the channel parses it in full.
fn is_mailbox(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    let parts = address.rsplit_once('@');
    let clean = !text.chars().any(char::is_control) && !address.contains(char::is_whitespace);
    clean && parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
}
