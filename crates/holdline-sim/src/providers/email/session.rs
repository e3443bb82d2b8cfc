//! One SMTP session as a machine: command lines in, replies out. Never touches a socket.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::accept;
use crate::outage::{Behaviour, Provider, RecipientFault, Subject};
use crate::people::MailReach;
use crate::text::canonical;
use crate::world::World;

/// Recipients of one mail.
pub(crate) const RECIPIENTS_MAX: usize = 100;

/// What the server does after a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Reply(String),
    /// Reply, then read the mail up to the lone dot.
    Data(String),
    /// Reply, then close.
    Close(String),
    Reset,
    Hang,
}

#[derive(Debug, Default)]
pub(crate) struct Session {
    greeted: bool,
    authenticated: bool,
    from: Option<String>,
    recipients: Vec<String>,
    step: AuthStep,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum AuthStep {
    #[default]
    None,
    Plain,
    LoginName,
    LoginWord(String),
}

impl Session {
    /// The banner, or whatever an outage makes of it.
    pub(crate) fn banner(world: &mut World) -> Said {
        match session_fault(world, &Subject::default()) {
            Some(said) => said,
            None => reply(format!("220 {} ESMTP sandbox", world.config.email.hostname)),
        }
    }

    pub(crate) fn line(&mut self, world: &mut World, line: &str) -> Said {
        if let Some(said) = session_fault(world, &Subject::default()) {
            return said;
        }
        if self.step != AuthStep::None {
            return self.auth_answer(world, line);
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let verb = verb.to_ascii_uppercase();
        let said = self.command(world, &verb, rest.trim());
        let endpoint = KNOWN
            .iter()
            .copied()
            .find(|known| *known == verb)
            .unwrap_or("other");
        world
            .requests
            .count(Provider::Email, endpoint, outcome_name(&said));
        said
    }

    /// The mail itself, dots already unstuffed; none when it was larger than allowed.
    pub(crate) fn data(&mut self, world: &mut World, raw: Option<&[u8]>, now_ms: u64) -> Said {
        let from = self.from.take().unwrap_or_default();
        let recipients = std::mem::take(&mut self.recipients);
        let said = match raw {
            None => reply("552 5.3.4 Message size exceeds fixed limit"),
            Some(_) if world.is_full() => reply("452 4.3.1 Insufficient system storage"),
            Some(raw) => taken(world, &from, &recipients, raw, now_ms),
        };
        world
            .requests
            .count(Provider::Email, "mail", outcome_name(&said));
        said
    }

    fn command(&mut self, world: &mut World, verb: &str, rest: &str) -> Said {
        match verb {
            "EHLO" | "HELO" => self.hello(world, verb),
            "AUTH" => self.auth(world, rest),
            "MAIL" => self.mail(world, rest),
            "RCPT" => self.rcpt(world, rest),
            "DATA" => self.begin_data(),
            "RSET" => {
                self.forget();
                reply("250 2.0.0 Ok")
            }
            "NOOP" => reply("250 2.0.0 Ok"),
            "VRFY" => reply("252 2.0.0 Cannot verify, send and see"),
            "QUIT" => Said::Close("221 2.0.0 Bye\r\n".into()),
            _ => reply("502 5.5.2 Error: command not recognized"),
        }
    }

    fn hello(&mut self, world: &World, verb: &str) -> Said {
        self.greeted = true;
        self.forget();
        let config = &world.config.email;
        if verb == "HELO" {
            return reply(format!("250 {}", config.hostname));
        }
        Said::Reply(format!(
            "250-{}\r\n250-PIPELINING\r\n250-SIZE {}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
             250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN LOGIN\r\n",
            config.hostname, config.size_max_bytes
        ))
    }

    fn auth(&mut self, world: &mut World, rest: &str) -> Said {
        let (kind, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        match (kind.to_ascii_uppercase().as_str(), initial) {
            ("PLAIN", "") => self.ask(AuthStep::Plain, "334 "),
            ("PLAIN", initial) => self.plain(world, initial),
            ("LOGIN", "") => self.ask(AuthStep::LoginName, "334 VXNlcm5hbWU6"),
            ("LOGIN", name) => self.ask(AuthStep::LoginWord(decode(name)), "334 UGFzc3dvcmQ6"),
            _ => reply("504 5.5.4 Unrecognized authentication type"),
        }
    }

    fn ask(&mut self, step: AuthStep, question: &str) -> Said {
        self.step = step;
        reply(question)
    }

    fn auth_answer(&mut self, world: &mut World, line: &str) -> Said {
        let step = std::mem::take(&mut self.step);
        if line.trim() == "*" {
            return reply("501 5.7.0 Authentication aborted");
        }
        match step {
            AuthStep::Plain => self.plain(world, line),
            AuthStep::LoginName => self.ask(AuthStep::LoginWord(decode(line)), "334 UGFzc3dvcmQ6"),
            AuthStep::LoginWord(name) => self.credentials(world, &name, &decode(line)),
            AuthStep::None => reply("503 5.5.1 Error: no authentication under way"),
        }
    }

    fn plain(&mut self, world: &mut World, code: &str) -> Said {
        let decoded = decode(code);
        let mut parts = decoded.split('\0').skip(1);
        let (name, word) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        self.credentials(world, name, word)
    }

    fn credentials(&mut self, world: &mut World, name: &str, word: &str) -> Said {
        let subject = Subject {
            token: Some(0),
            ..Subject::default()
        };
        let expired = |b| b == Behaviour::TokenExpired;
        let refused = world.outage(Provider::Email, &subject, expired).is_some();
        let config = &world.config.email;
        let name_fits = config
            .username
            .as_deref()
            .is_none_or(|wanted| wanted == name);
        let word_fits = config
            .password
            .as_ref()
            .is_none_or(|wanted| wanted.expose() == word);
        if refused || !name_fits || !word_fits {
            return reply("535 5.7.8 Error: authentication failed");
        }
        self.authenticated = true;
        reply("235 2.7.0 Authentication successful")
    }

    fn mail(&mut self, world: &mut World, rest: &str) -> Said {
        if !self.greeted {
            return reply("503 5.5.1 Error: send HELO/EHLO first");
        }
        if world.config.email.username.is_some() && !self.authenticated {
            return reply("530 5.7.0 Authentication required");
        }
        if self.from.is_some() {
            return reply("503 5.5.1 Error: nested MAIL command");
        }
        let Some((from, options)) = path_of(rest, "FROM:") else {
            return reply("501 5.5.4 Syntax: MAIL FROM:<address>");
        };
        if size_of(options) > world.config.email.size_max_bytes {
            return reply("552 5.3.4 Message size exceeds fixed limit");
        }
        if let Some(said) = sender_fault(world) {
            return said;
        }
        self.from = Some(from);
        reply("250 2.1.0 Ok")
    }

    fn rcpt(&mut self, world: &mut World, rest: &str) -> Said {
        if self.from.is_none() {
            return reply("503 5.5.1 Error: need MAIL command");
        }
        let Some((to, _)) = path_of(rest, "TO:").filter(|(to, _)| to.contains('@')) else {
            return reply("501 5.1.3 Bad recipient address syntax");
        };
        if self.recipients.len() >= RECIPIENTS_MAX {
            return reply("452 4.5.3 Error: too many recipients");
        }
        let to = canonical(&to);
        world.people.attempted(&to, Provider::Email);
        if let Some(said) = recipient_fault(world, &to) {
            return said;
        }
        self.recipients.push(to);
        reply("250 2.1.5 Ok")
    }

    fn begin_data(&self) -> Said {
        if self.recipients.is_empty() {
            return reply("554 5.5.1 Error: no valid recipients");
        }
        Said::Data("354 End data with <CR><LF>.<CR><LF>\r\n".into())
    }

    fn forget(&mut self) {
        self.from = None;
        self.recipients.clear();
    }
}

const KNOWN: [&str; 10] = [
    "EHLO", "HELO", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "QUIT",
];

fn taken(world: &mut World, from: &str, recipients: &[String], raw: &[u8], now_ms: u64) -> Said {
    let queue_id = accept(world, from, recipients, raw, now_ms);
    let subject = Subject {
        address: recipients.first().map(String::as_str),
        ..Subject::default()
    };
    let late = |b| {
        matches!(
            b,
            Behaviour::SwallowAfterAccept | Behaviour::ErrorAfterAccept
        )
    };
    match world.outage(Provider::Email, &subject, late) {
        Some((_, Behaviour::SwallowAfterAccept, _)) => Said::Hang,
        Some(_) => reply("451 4.3.0 Error: queue file write error"),
        None => reply(format!("250 2.0.0 Ok: queued as {queue_id}")),
    }
}

/// Faults of the whole server.
fn session_fault(world: &mut World, subject: &Subject<'_>) -> Option<Said> {
    let broken = |b| {
        matches!(
            b,
            Behaviour::Reset | Behaviour::Swallow | Behaviour::ServerError
        )
    };
    let (_, behaviour, _) = world.outage(Provider::Email, subject, broken)?;
    Some(if behaviour == Behaviour::Reset {
        Said::Reset
    } else if behaviour == Behaviour::Swallow {
        Said::Hang
    } else if world.draws.percent(50) {
        Said::Close("421 4.3.2 Service not available, closing channel\r\n".into())
    } else {
        reply("451 4.3.0 Error: local problem, try again later")
    })
}

fn sender_fault(world: &mut World) -> Option<Said> {
    let faulty = |b| matches!(b, Behaviour::AccountLocked | Behaviour::RateLimited);
    let (_, behaviour, _) = world.outage(Provider::Email, &Subject::default(), faulty)?;
    Some(if behaviour == Behaviour::AccountLocked {
        reply("554 5.7.1 Sender account is suspended")
    } else {
        reply("450 4.7.1 Rate limit exceeded, try again later")
    })
}

fn recipient_fault(world: &mut World, to: &str) -> Option<Said> {
    let subject = Subject {
        address: Some(to),
        ..Subject::default()
    };
    let faulty = |b| matches!(b, Behaviour::RecipientFault(_));
    let hit = world.outage(Provider::Email, &subject, faulty);
    let no_mailbox = "550 5.1.1 Recipient address rejected: user unknown";
    if let Some((_, Behaviour::RecipientFault(fault), _)) = hit {
        return Some(if fault == RecipientFault::Temporary {
            reply("450 4.2.0 Recipient address rejected: greylisted, try again later")
        } else {
            reply(no_mailbox)
        });
    }
    match world.people.person(to).email {
        MailReach::Normal => None,
        MailReach::NoMailbox => Some(reply(no_mailbox)),
        MailReach::Full => Some(reply("452 4.2.2 Mailbox full")),
    }
}

fn path_of<'a>(rest: &'a str, word: &str) -> Option<(String, &'a str)> {
    let start = rest
        .get(..word.len())
        .filter(|start| start.eq_ignore_ascii_case(word))?;
    let path = rest[start.len()..].trim_start().strip_prefix('<')?;
    let (address, options) = path.split_once('>')?;
    Some((address.to_owned(), options))
}

fn size_of(options: &str) -> usize {
    options
        .split_ascii_whitespace()
        .find_map(|option| {
            option
                .to_ascii_uppercase()
                .strip_prefix("SIZE=")?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

fn decode(code: &str) -> String {
    let bytes = STANDARD.decode(code.trim()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn reply(line: impl Into<String>) -> Said {
    Said::Reply(line.into() + "\r\n")
}

fn outcome_name(said: &Said) -> String {
    match said {
        Said::Reply(line) | Said::Data(line) | Said::Close(line) => line.chars().take(3).collect(),
        Said::Reset => "reset".into(),
        Said::Hang => "hang".into(),
    }
}
