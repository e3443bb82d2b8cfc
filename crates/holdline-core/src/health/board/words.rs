//! Verdicts in words and figures, and the names of scopes. Decides nothing.

use super::Board;
use crate::Timestamp;
use crate::health::leaf::Strand;
use crate::health::scope::{AccountIx, Country, Feature, Scope};
use crate::health::stats::bound;
use crate::routing::RouteIx;
use alloc::format;
use alloc::string::{String, ToString};

impl Board {
    /// The scope as APIs name it: `channel/sender/feature/+country`, `all` for what is open at the
    /// end; `*` for every sender, `waba:ID` for those of one account.
    #[must_use]
    pub fn name_of(&self, scope: &Scope) -> String {
        let sender = match (scope.number, scope.account) {
            (Some(number), _) => self.number(number).sender.clone(),
            (None, Some(account)) => format!("waba:{}", self.account_name(account)),
            (None, None) => String::from("*"),
        };
        let feature = scope.feature.map_or("all", Feature::name);
        let country = scope.country.filter(|country| *country != Country::NONE);
        let country = country.map_or(String::new(), |country| format!("/{country}"));
        format!("{}/{sender}/{feature}{country}", scope.channel)
    }

    /// The scope that has this name.
    #[must_use]
    pub fn scope_named(&self, name: &str) -> Option<Scope> {
        let mut parts = name.split('/');
        let channel = crate::ChannelKind::new(parts.next()?)?;
        let sender = parts.next()?;
        let feature = parts.next().unwrap_or("all");
        let country = parts.next();
        let (account, number) = self.identity(channel, sender)?;
        let feature = match feature {
            "all" => None,
            name => Some(Feature::parse(name)?),
        };
        let country = match country {
            None => None,
            Some(code) => Some(Country(code.strip_prefix('+')?.parse().ok()?)),
        };
        parts.next().is_none().then_some(Scope {
            channel,
            account,
            number,
            feature,
            country,
        })
    }

    fn identity(
        &self,
        channel: crate::ChannelKind,
        sender: &str,
    ) -> Option<(Option<AccountIx>, Option<crate::health::NumberIx>)> {
        if sender == "*" {
            return Some((None, None));
        }
        if let Some(account) = sender.strip_prefix("waba:") {
            let at = self.accounts.iter().position(|known| known == account)?;
            return Some((Some(AccountIx(u16::try_from(at).ok()?)), None));
        }
        let number = self.number_of(channel, sender)?;
        Some((self.number(number).account, Some(number)))
    }

    /// The scope as people say it.
    #[must_use]
    pub fn words_of(&self, scope: &Scope) -> String {
        let what = scope.feature.map_or("everything", Feature::words);
        let to = scope.country.filter(|country| *country != Country::NONE);
        let to = to.map_or(String::new(), |country| format!(" to {country}"));
        let by = match (scope.number, scope.account) {
            (Some(number), _) => format!("{} {}", scope.channel, self.number(number).sender),
            (None, Some(account)) => {
                format!(
                    "all {} numbers of account {}",
                    scope.channel,
                    self.account_name(account)
                )
            }
            (None, None) => format!("all of {}", scope.channel),
        };
        format!("{what}{to} by {by}")
    }

    /// Why a sender is suspected, by its most suspected leaf.
    #[must_use]
    pub fn suspicion(&self, number: crate::health::NumberIx) -> String {
        let suspects = self.active.iter().filter(|route| {
            let leaf = self.leaf_at(**route);
            leaf.key.number == number && leaf.mood != crate::health::leaf::Mood::Calm
        });
        let nats = |route: &RouteIx| self.strongest(*route).1;
        let most = suspects.max_by(|a, b| nats(a).total_cmp(&nats(b)));
        most.map_or(String::new(), |route| {
            let words = self.words_of(&self.leaf_at(*route).scope);
            format!(
                "{words}: {}",
                self.evidence_words(*route, Timestamp(i64::MAX / 2))
            )
        })
    }

    /// When the trouble of this leaf likeliest began, by its strongest strand.
    pub(super) fn onset_of(&self, route: RouteIx) -> Option<Timestamp> {
        let leaf = self.leaf_at(route);
        match self.strongest(route).0 {
            Strand::Sends | Strand::Probes => leaf.strands.sends.trace().map(|it| it.onset),
            Strand::SendsAndProbes => leaf.strands.both.trace().map(|it| it.onset),
            Strand::Answers => Some(leaf.strands.answers.act.since),
            Strand::SentReceipts => Some(leaf.strands.sent.act.since),
            Strand::DeliveredReceipts => Some(leaf.strands.delivered.act.since),
            Strand::Silence => self
                .number(leaf.key.number)
                .silence()
                .map(|it| it.walk.since),
        }
    }

    /// (bound, needed / bound), in observations or expected events.
    pub(super) fn bound_of(&self, route: RouteIx, strand: Strand) -> (Option<f64>, Option<f64>) {
        let leaf = self.leaf_at(route);
        let of_trace = |trace: Option<crate::health::stats::mixture::Trace>| {
            let trace = trace?;
            let share = f64::from(trace.failed) / f64::from(trace.seen.max(1));
            let least = bound(
                leaf.wanted,
                share.clamp(0.02, 1.0),
                leaf.usual.steps.ceiling,
            );
            Some((least, f64::from(trace.seen) / least))
        };
        let of_walk = |expected: f64| Some((leaf.wanted, expected / leaf.wanted.max(1.0)));
        let found = match strand {
            Strand::Sends | Strand::Probes => of_trace(leaf.strands.sends.trace()),
            Strand::SendsAndProbes => of_trace(leaf.strands.both.trace()),
            Strand::Answers => of_walk(leaf.strands.answers.act.expected),
            Strand::SentReceipts => of_walk(leaf.strands.sent.act.expected),
            Strand::DeliveredReceipts => of_walk(leaf.strands.delivered.act.expected),
            Strand::Silence => None,
        };
        found.unzip()
    }

    /// What the strongest strand of a leaf says, with figures.
    pub(super) fn evidence_words(&self, route: RouteIx, now: Timestamp) -> String {
        let leaf = self.leaf_at(route);
        let (strand, nats) = self.strongest(route);
        let within = |since: Timestamp| seconds(now.since_ms(since));
        let code = if leaf.last_code.is_empty() {
            "none"
        } else {
            leaf.last_code.as_str()
        };
        let of_walk = |walk: &crate::health::stats::compensated::Walk, what: &str| {
            let (events, expected) = (walk.events, walk.expected);
            format!(
                "{events:.0} {what} came where {expected:.1} are usual, within {}",
                within(walk.since)
            )
        };
        let what = match strand {
            Strand::Sends | Strand::SendsAndProbes | Strand::Probes => {
                let (mixture, what) = if strand == Strand::SendsAndProbes {
                    (&leaf.strands.both, "sends and probes")
                } else if strand == Strand::Probes {
                    (&leaf.strands.sends, "probes")
                } else {
                    (&leaf.strands.sends, "first attempts")
                };
                let trace = mixture.trace().unwrap_or_default();
                let (failed, seen) = (trace.failed, trace.seen);
                format!(
                    "{failed} of {seen} {what} failed within {} (last: {code})",
                    within(trace.onset)
                )
            }
            Strand::Answers => {
                let waiting = leaf.strands.answers.pending.total();
                let usual = seconds(leaf.usual.delays.latency.median_ms() as u64);
                let walk = of_walk(&leaf.strands.answers.act, "answers");
                format!("{walk}; {waiting} requests wait, half are usually answered in {usual}")
            }
            Strand::SentReceipts => of_walk(&leaf.strands.sent.act, "`sent` receipts"),
            Strand::DeliveredReceipts => {
                of_walk(&leaf.strands.delivered.act, "`delivered` receipts")
            }
            Strand::Silence => {
                let silence = self.number(leaf.key.number).silence();
                let kind = silence.map_or("", |it| it.kind.name());
                let walk = silence.map(|it| it.walk).unwrap_or_default();
                of_walk(&walk, &format!("{kind} messages from people"))
            }
        };
        format!("{what}; {nats:.1} nats, alarm at {:.1}", leaf.wanted)
    }

    fn account_name(&self, account: AccountIx) -> &str {
        self.accounts
            .get(usize::from(account.0))
            .map_or("", String::as_str)
    }
}

/// Down, and why.
pub(super) fn down(share: f64, lasted_ms: u64, evidence: &str) -> String {
    let percent = share * 100.0;
    format!(
        "it goes on: {percent:.0} % failing {} after it was noticed; {evidence}",
        seconds(lasted_ms)
    )
}

/// Our account is at fault.
pub(super) fn account(code: &str, confirmed: Option<&str>) -> String {
    let what = format!(
        "the provider refuses our account ({code}): credentials, permission, payment or standing; \
         this is not an outage of the provider"
    );
    match confirmed {
        Some(words) => format!("{what}; its own account status confirms it: {words}"),
        None => what,
    }
}

/// Our own webhook is not reached.
pub(super) fn webhook(words: &str) -> String {
    format!(
        "our own webhook is not reached from outside ({words}): receipts and what people write do \
         not come in, which is no fault of the provider"
    )
}

/// We ourselves are cut off.
pub(super) fn impaired(words: &str) -> String {
    let more = if words.is_empty() {
        String::new()
    } else {
        format!(" ({words})")
    };
    format!("our own network or host is cut off{more}: nothing is said of any provider meanwhile")
}

fn seconds(ms: u64) -> String {
    if ms < 100_000 {
        format!("{:.1} s", ms as f64 / 1000.0)
    } else {
        (ms / 1000).to_string() + " s"
    }
}
