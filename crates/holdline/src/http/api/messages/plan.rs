//! A caller's own plan: each hop is checked against what is configured, what the person can be
//! reached by and which templates there are, before anything is accepted.

use super::Hop;
use super::content::{USABLE, unusable};
use super::recipient::Target;
use crate::config::WhatsappSender;
use crate::http::api::check::propose;
use crate::http::api::problem::{Answer, FieldFault, Problem};
use crate::http::api::values::Span;
use crate::http::state::AppState;
use holdline_core::ChannelKind;
use holdline_core::message::{ClassSet, FaultClass};
use holdline_engine::ports::records::TemplateRecord;
use holdline_engine::request::HopRequest;

/// Shortest and longest times of a hop.
const WAIT_MS_MIN: u64 = 1_000;
const WAIT_MS_MAX: u64 = 30 * 86_400_000;

/// The hops as the engine takes them.
pub(super) async fn hops(
    state: &AppState,
    sender: &WhatsappSender,
    plan: &[Hop],
    target: &Target,
) -> Answer<Vec<HopRequest>> {
    let templates = templates(state, sender, plan).await?;
    let mut faults = Vec::new();
    let mut hops = Vec::with_capacity(plan.len());
    for (ix, hop) in plan.iter().enumerate() {
        let mut reader = HopReader {
            at: format!("/plan/{ix}"),
            faults: &mut faults,
        };
        let channel = reader.channel(state, &hop.channel, target);
        let after_ms = reader.span("after", hop.after.as_ref());
        let ttl_ms = reader.span("ttl", hop.ttl.as_ref());
        reader.template(hop.template.as_deref(), &templates);
        let classes = |names: &Vec<_>| {
            let all: Vec<FaultClass> = names.iter().map(|name| FaultClass::from(*name)).collect();
            ClassSet::of(&all)
        };
        hops.extend(channel.map(|channel| HopRequest {
            channel,
            after_ms,
            success: hop.success.map(Into::into),
            on: hop.on.as_ref().map(classes),
            ttl_ms,
            template: hop.template.clone(),
        }));
    }
    if faults.is_empty() {
        Ok(hops)
    } else {
        Err(Problem::invalid(faults))
    }
}

/// The sender's synced templates, where a hop names one.
async fn templates(
    state: &AppState,
    sender: &WhatsappSender,
    plan: &[Hop],
) -> Answer<Vec<TemplateRecord>> {
    if plan.iter().any(|hop| hop.template.is_some()) {
        let asking = state.engine.store().templates(&sender.waba_id);
        Ok(state.engine.look(asking).await?.unwrap_or_default())
    } else {
        Ok(Vec::new())
    }
}

struct HopReader<'a> {
    at: String,
    faults: &'a mut Vec<FieldFault>,
}

impl HopReader<'_> {
    fn channel(&mut self, state: &AppState, name: &str, target: &Target) -> Option<ChannelKind> {
        let configured = |kind: &ChannelKind| state.engine.channel(*kind).is_some();
        let Some(kind) = ChannelKind::new(name).filter(configured) else {
            let order = state.config.failover.order.iter().map(String::as_str);
            let set_up =
                order.filter(|name| ChannelKind::new(name).as_ref().is_some_and(configured));
            self.fault("channel", "is no configured channel", propose(name, set_up));
            return None;
        };
        if target.is_known && !target.reach.contains(&kind) {
            let fix = format!("add a {name} address to the contact, or leave the hop out");
            self.fault("channel", "the recipient has no address there", fix);
            return None;
        }
        Some(kind)
    }

    fn span(&mut self, name: &str, span: Option<&Span>) -> Option<u32> {
        let fits = |ms: &u64| (WAIT_MS_MIN..=WAIT_MS_MAX).contains(ms);
        let ms = span?
            .ms()
            .filter(fits)
            .and_then(|ms| u32::try_from(ms).ok());
        if ms.is_none() {
            self.fault(
                name,
                "is no span that can be waited",
                "give 1s to 30d, as in \"30s\"",
            );
        }
        ms
    }

    fn template(&mut self, name: Option<&str>, known: &[TemplateRecord]) {
        let Some(name) = name else { return };
        let (name, language) = match name.split_once('/') {
            Some((name, language)) => (name, Some(language)),
            None => (name, None),
        };
        let is_it = |template: &TemplateRecord| {
            template.name == name && language.is_none_or(|language| template.language == language)
        };
        let fits: Vec<Option<String>> = known
            .iter()
            .filter(|template| is_it(template))
            .map(|template| unusable(&template.status))
            .collect();
        if fits.is_empty() && !known.is_empty() {
            let fix = propose(name, known.iter().map(|template| template.name.as_str()));
            self.fault("template", "is no template of the sender", fix);
        } else if let Some(Some(what)) = fits.iter().min() {
            self.fault("template", what, USABLE);
        }
    }

    fn fault(&mut self, name: &str, message: &str, fix: impl Into<String>) {
        self.faults
            .push(FieldFault::new(format!("{}/{name}", self.at), message, fix));
    }
}
