//! The name of a scope as a caller wrote it: read part by part, each fault with a proposal, and who
//! may speak about it. Never decides whether a route works.

use crate::http::api::check::propose;
use crate::http::api::problem::{Answer, FieldFault, Kind, Problem};
use crate::http::auth::Caller;
use crate::http::state::AppState;
use holdline_core::health::{Country, Feature};
use holdline_engine::request::RouteStatus;

const FIELD: &str = "/route";
/// Every feature.
const ALL: &str = "all";
/// Every sender of a channel.
const ANY: &str = "*";
const ACCOUNT: &str = "waba:";

/// A scope's name in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScopeName {
    channel: String,
    sender: String,
    feature: String,
    country: Option<Country>,
}

/// What there is to be named.
pub(crate) struct Known {
    /// Channel and sender of each route.
    pub(crate) senders: Vec<(String, String)>,
    pub(crate) accounts: Vec<String>,
}

impl Known {
    pub(super) fn of(state: &AppState) -> Self {
        let route = |it: RouteStatus| (it.channel.to_string(), it.sender);
        let senders = state.config.whatsapp_senders.iter();
        let mut accounts: Vec<String> = senders.map(|it| it.waba_id.clone()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        Self {
            senders: state.engine.routes().into_iter().map(route).collect(),
            accounts,
        }
    }

    fn channels(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.senders.iter().map(|it| it.0.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn senders_of(&self, channel: &str) -> Vec<String> {
        let of = self.senders.iter().filter(|it| it.0 == channel);
        let mut all: Vec<String> = of.map(|it| it.1.clone()).collect();
        if channel == holdline_core::ChannelKind::WHATSAPP.as_str() {
            all.extend(self.accounts.iter().map(|id| format!("{ACCOUNT}{id}")));
        }
        all.push(ANY.to_owned());
        all
    }
}

impl ScopeName {
    /// # Errors
    /// A problem that names the faulty part and what may stand there.
    pub(crate) fn read(text: &str, known: &Known) -> Answer<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let (channel, sender, feature, country) = match parts[..] {
            [channel, sender] => (channel, sender, ALL, None),
            [channel, sender, feature] => (channel, sender, feature, None),
            [channel, sender, feature, country] => (channel, sender, feature, Some(country)),
            _ => return Err(fault("is no name of a scope", &form(known))),
        };
        let channels = known.channels();
        if !channels.contains(&channel) {
            let fix = propose(channel, channels.into_iter());
            return Err(fault("names a channel that has no route", &fix));
        }
        let senders = known.senders_of(channel);
        if !senders.iter().any(|known| known == sender) {
            let fix = propose(sender, senders.iter().map(String::as_str));
            return Err(fault("names a sender that is not known", &fix));
        }
        Ok(Self {
            channel: channel.to_owned(),
            sender: sender.to_owned(),
            feature: read_feature(feature)?,
            country: country.map(read_country).transpose()?,
        })
    }

    /// The one way in which this scope is written.
    pub(crate) fn text(&self) -> String {
        let country = self.country.map_or(String::new(), |it| format!("/{it}"));
        let (channel, sender, feature) = (&self.channel, &self.sender, &self.feature);
        format!("{channel}/{sender}/{feature}{country}")
    }

    /// A limited token speaks for its own senders alone; what is wider needs one without a limit.
    pub(super) fn permit(&self, caller: &Caller, state: &AppState) -> Answer<()> {
        let Some(own) = caller.sees(&state.config) else {
            return Ok(());
        };
        let is_own = self.channel == holdline_core::ChannelKind::WHATSAPP.as_str()
            && own.contains(&self.sender);
        if is_own {
            return Ok(());
        }
        let fix = match own.is_empty() {
            true => "use a token without a limit to senders".to_owned(),
            false => format!(
                "name one of {}, or use a token without a limit",
                own.join(", ")
            ),
        };
        let message = "goes beyond the senders of this token";
        let problem = Problem::new(Kind::Forbidden, "the token is limited to some senders");
        Err(problem.with_fault(FieldFault::new(FIELD, message, fix)))
    }
}

fn read_feature(text: &str) -> Answer<String> {
    if text == ALL || Feature::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    let names = Feature::ALL.into_iter().map(Feature::name);
    let fix = propose(text, std::iter::once(ALL).chain(names));
    Err(fault("names a feature that is not known", &fix))
}

fn read_country(text: &str) -> Answer<Country> {
    let digits = text.strip_prefix('+').filter(|digits| {
        (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    });
    let code = digits.and_then(|digits| digits.parse().ok()).map(Country);
    let whole = code.filter(|code| Some(*code) == digits.map(Country::of_number));
    let known = whole.filter(|code| *code != Country::NONE);
    known.ok_or_else(|| {
        let fix = "write the calling code with a plus, such as +49";
        fault("names no country", fix)
    })
}

fn form(known: &Known) -> String {
    let example = known.senders.first();
    let (channel, sender) = example.map_or(("whatsapp", "1065"), |it| (&it.0, &it.1));
    format!(
        "write channel/sender/feature or channel/sender/feature/+country: {channel}/{sender}/{ALL}"
    )
}

fn fault(message: &str, fix: &str) -> Problem {
    Problem::invalid(vec![FieldFault::new(FIELD, message, fix)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let pair = |channel: &str, sender: &str| (channel.to_owned(), sender.to_owned());
        Known {
            senders: vec![
                pair("whatsapp", "106540352242922"),
                pair("sms", "+15005550006"),
            ],
            accounts: vec!["1022".to_owned()],
        }
    }

    fn check(text: &str, expect: Result<&str, &str>) {
        let found = ScopeName::read(text, &known());
        let found = found.map(|name| name.text()).map_err(|problem| {
            let fault = &problem.faults()[0];
            assert_eq!(fault.field, FIELD);
            format!("{}: {}", fault.message, fault.fix)
        });
        assert_eq!(
            found,
            expect.map(str::to_owned).map_err(str::to_owned),
            "{text}"
        );
    }

    #[test]
    fn every_scope_has_one_name() {
        check(
            "whatsapp/106540352242922",
            Ok("whatsapp/106540352242922/all"),
        );
        check("whatsapp/*/media/+49", Ok("whatsapp/*/media/+49"));
        check("whatsapp/waba:1022/all/+1", Ok("whatsapp/waba:1022/all/+1"));
        check("sms/+15005550006/session", Ok("sms/+15005550006/session"));
    }

    #[test]
    fn each_faulty_part_is_named_with_what_may_stand_there() {
        check(
            "whatsapp",
            Err("is no name of a scope: write channel/sender/feature or \
                 channel/sender/feature/+country: whatsapp/106540352242922/all"),
        );
        check(
            "whatsap/1/all",
            Err("names a channel that has no route: did you mean `whatsapp`?"),
        );
        check(
            "sms/waba:1022/all",
            Err("names a sender that is not known: use one of: +15005550006, *"),
        );
        check(
            "whatsapp/106540352242923/all",
            Err("names a sender that is not known: did you mean `106540352242922`?"),
        );
        check(
            "whatsapp/*/medias",
            Err("names a feature that is not known: did you mean `media`?"),
        );
        for country in ["49", "+", "+0", "+013", "+4915", "+x", "+2"] {
            check(
                &format!("whatsapp/*/all/{country}"),
                Err("names no country: write the calling code with a plus, such as +49"),
            );
        }
    }
}
