//! A message's plan as one short JSON text. Key names are one letter: there is a plan per message.

use crate::rows::codes::{fault_class_code, fault_class_of, success_code, success_of};
use crate::rows::{Result, Row};
use holdline_core::health::Feature;
use holdline_core::message::{ClassSet, FaultClass};
use holdline_core::{ChannelKind, Redacted};
use holdline_engine::ports::records::PlannedHop;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
struct HopText<'a> {
    #[serde(rename = "c", borrow)]
    channel: Cow<'a, str>,
    #[serde(rename = "s", borrow)]
    sender: Cow<'a, str>,
    #[serde(rename = "a", borrow)]
    address: Cow<'a, str>,
    #[serde(rename = "w")]
    receipt_wait_ms: u32,
    #[serde(rename = "e", default, skip_serializing_if = "is_default")]
    wait_is_explicit: bool,
    #[serde(rename = "l", default, skip_serializing_if = "is_default")]
    ttl_ms: u32,
    #[serde(rename = "g")]
    success: i64,
    /// Bit n: the fault class of code n. Left out = the usual set.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    on: Option<u32>,
    #[serde(rename = "t", borrow, default, skip_serializing_if = "Option::is_none")]
    template: Option<Cow<'a, str>>,
    /// Left out = free-form.
    #[serde(rename = "f", borrow, default, skip_serializing_if = "Option::is_none")]
    feature: Option<Cow<'a, str>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The plan as it is kept.
pub(crate) fn plan_text(plan: &[PlannedHop]) -> String {
    let hops: Vec<_> = plan.iter().map(text_of).collect();
    serde_json::to_string(&hops).unwrap_or_default()
}

/// How the text of a plan begins whose first hop goes by this channel.
pub(crate) fn plan_begins(channel: ChannelKind) -> String {
    format!(r#"[{{"c":"{channel}","#)
}

pub(crate) fn plan_at(row: &Row<'_>, column: usize) -> Result<Vec<PlannedHop>> {
    let unreadable = || crate::rows::unreadable(column, "a plan");
    let hops: Vec<HopText<'_>> =
        serde_json::from_str(row.text(column)?).map_err(|_| unreadable())?;
    hops.into_iter()
        .map(hop_of)
        .collect::<Option<_>>()
        .ok_or_else(unreadable)
}

fn text_of(hop: &PlannedHop) -> HopText<'_> {
    HopText {
        channel: Cow::Borrowed(hop.channel.as_str()),
        sender: Cow::Borrowed(&hop.sender),
        address: Cow::Borrowed(hop.address.expose()),
        receipt_wait_ms: hop.receipt_wait_ms,
        wait_is_explicit: hop.wait_is_explicit,
        ttl_ms: hop.ttl_ms,
        success: success_code(hop.success),
        on: (hop.on != ClassSet::default()).then(|| bits_of(hop.on)),
        template: hop.template.as_deref().map(Cow::Borrowed),
        feature: (hop.feature != Feature::Session).then(|| Cow::Borrowed(hop.feature.name())),
    }
}

fn hop_of(text: HopText<'_>) -> Option<PlannedHop> {
    Some(PlannedHop {
        channel: ChannelKind::new(&text.channel)?,
        sender: text.sender.into_owned(),
        address: Redacted::new(text.address.into_owned()),
        receipt_wait_ms: text.receipt_wait_ms,
        wait_is_explicit: text.wait_is_explicit,
        ttl_ms: text.ttl_ms,
        success: success_of(text.success)?,
        on: text.on.map_or_else(ClassSet::default, set_of),
        template: text.template.map(Cow::into_owned),
        feature: text
            .feature
            .and_then(|name| Feature::parse(&name))
            .unwrap_or(Feature::Session),
    })
}

fn bits_of(set: ClassSet) -> u32 {
    set.iter()
        .fold(0, |bits, class| bits | 1 << fault_class_code(class))
}

fn set_of(bits: u32) -> ClassSet {
    let codes = (0..i64::from(u32::BITS)).filter(|code| bits & (1 << code) != 0);
    let classes: Vec<FaultClass> = codes.filter_map(fault_class_of).collect();
    ClassSet::of(&classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::message::Success;

    #[test]
    fn a_usual_hop_is_short() {
        let hop = PlannedHop {
            channel: ChannelKind::SMS,
            sender: "shop".to_owned(),
            address: Redacted::new("+15550100".to_owned()),
            receipt_wait_ms: 120_000,
            wait_is_explicit: false,
            ttl_ms: 0,
            success: Success::Delivered,
            on: ClassSet::default(),
            template: None,
            feature: Feature::Session,
        };
        let wanted = r#"[{"c":"sms","s":"shop","a":"+15550100","w":120000,"g":3}]"#;
        assert_eq!(plan_text(&[hop]), wanted);
        assert!(wanted.starts_with(&plan_begins(ChannelKind::SMS)));
        assert!(!wanted.starts_with(&plan_begins(ChannelKind::WHATSAPP)));
    }

    #[test]
    fn every_set_of_classes_reads_back() {
        for bits in 0..1_u32 << FaultClass::ALL.len() {
            assert_eq!(bits_of(set_of(bits)), bits);
        }
    }
}
