//! Routes, troubles and operators' words as gauges, by name. Bounded: routes are configured, and
//! there are at most 256 troubles at one time. Tells nothing of messages or people.

use super::counts::PREFIX;
use holdline_core::Timestamp;
use holdline_core::health::board::HoldKind;
use holdline_engine::ports::records::HoldRecord;
use holdline_engine::request::{RouteStatus, ScopeStatus};
use std::collections::BTreeMap;

type Rows = Vec<(String, f64)>;

/// The gauges; `holds` are those that are good now.
pub(super) fn text(routes: &[RouteStatus], holds: &[HoldRecord], now: Timestamp) -> String {
    let scopes: BTreeMap<&str, &ScopeStatus> = routes
        .iter()
        .flat_map(|route| &route.scopes)
        .map(|scope| (scope.name.as_str(), scope))
        .collect();
    let of_scope = |figure: &dyn Fn(&ScopeStatus) -> Option<f64>| -> Rows {
        let known = scopes.values().filter_map(|scope| {
            let labels = format!("scope=\"{}\"", escaped(&scope.name));
            Some((labels, figure(scope)?))
        });
        known.collect()
    };
    let age = |scope: &ScopeStatus| Some(now.since_ms(scope.course.onset?) as f64 / 1000.0);
    let nats = |scope: &ScopeStatus| Some(scope.course.nats).filter(|nats| nats.is_finite());
    [
        family(
            "scope_health",
            "Scopes that are not up, by their state",
            states(&scopes),
        ),
        family(
            "trouble_seconds",
            "Time since the onset of each open trouble",
            of_scope(&age),
        ),
        family(
            "trouble_evidence_nats",
            "Evidence for each open trouble",
            of_scope(&nats),
        ),
        family(
            "route_rate_per_second",
            "Messages that may leave a second",
            rates(routes),
        ),
        family(
            "holds",
            "Scopes that operators hold or overrule, by kind",
            kinds(holds),
        ),
    ]
    .concat()
}

fn states(scopes: &BTreeMap<&str, &ScopeStatus>) -> Rows {
    let row = |scope: &&ScopeStatus| {
        let (name, state) = (escaped(&scope.name), scope.health.name());
        (format!("scope=\"{name}\",state=\"{state}\""), 1.0)
    };
    scopes.values().map(row).collect()
}

fn rates(routes: &[RouteStatus]) -> Rows {
    let row = |route: &RouteStatus| {
        let labels = format!("route=\"{}\"", escaped(&route.name));
        (labels, route.rate_per_s)
    };
    let known = routes.iter().filter(|route| route.rate_per_s.is_finite());
    known.map(row).collect()
}

fn kinds(holds: &[HoldRecord]) -> Rows {
    let count = |kind| holds.iter().filter(|hold| hold.kind == kind).count();
    let row = |kind: HoldKind| (format!("kind=\"{}\"", kind.name()), count(kind) as f64);
    HoldKind::ALL.into_iter().map(row).collect()
}

fn family(name: &str, help: &str, rows: Rows) -> String {
    let head = format!("# HELP {PREFIX}{name} {help}.\n# TYPE {PREFIX}{name} gauge\n");
    let lines = rows
        .into_iter()
        .map(|(labels, value)| format!("{PREFIX}{name}{{{labels}}} {value}\n"));
    head + &lines.collect::<String>()
}

/// A label's value as the text form wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use holdline_core::ChannelKind;
    use holdline_core::health::{Course, Health};
    use holdline_engine::request::Waits;

    fn route(sender: &str) -> RouteStatus {
        let scope = ScopeStatus {
            name: "whatsapp/*/session".into(),
            words: String::new(),
            health: Health::Degraded,
            since: Timestamp(5_000),
            reason: String::new(),
            course: Course {
                onset: Some(Timestamp(1_000)),
                nats: 17.5,
                ..Course::default()
            },
        };
        RouteStatus {
            name: format!("whatsapp/{sender}/all"),
            channel: ChannelKind::WHATSAPP,
            sender: sender.to_owned(),
            health: Health::Degraded,
            since: Timestamp(5_000),
            reason: String::new(),
            waits: Waits::default(),
            in_flight: 0,
            oldest_waiting_at: None,
            rate_per_s: 80.0,
            hold: None,
            scopes: vec![scope],
        }
    }

    #[test]
    fn a_scope_that_two_routes_have_in_common_is_one_row() {
        let hold = HoldRecord {
            scope: "sms/1/all".into(),
            kind: HoldKind::Down,
            reason: "test".into(),
            actor: "default/t".into(),
            set_at: Timestamp(0),
            until: Timestamp(99_000),
        };
        let routes = [route("1"), route("\"2\"")];
        expect![[r#"
            # HELP holdline_engine_scope_health Scopes that are not up, by their state.
            # TYPE holdline_engine_scope_health gauge
            holdline_engine_scope_health{scope="whatsapp/*/session",state="degraded"} 1
            # HELP holdline_engine_trouble_seconds Time since the onset of each open trouble.
            # TYPE holdline_engine_trouble_seconds gauge
            holdline_engine_trouble_seconds{scope="whatsapp/*/session"} 8
            # HELP holdline_engine_trouble_evidence_nats Evidence for each open trouble.
            # TYPE holdline_engine_trouble_evidence_nats gauge
            holdline_engine_trouble_evidence_nats{scope="whatsapp/*/session"} 17.5
            # HELP holdline_engine_route_rate_per_second Messages that may leave a second.
            # TYPE holdline_engine_route_rate_per_second gauge
            holdline_engine_route_rate_per_second{route="whatsapp/1/all"} 80
            holdline_engine_route_rate_per_second{route="whatsapp/\"2\"/all"} 80
            # HELP holdline_engine_holds Scopes that operators hold or overrule, by kind.
            # TYPE holdline_engine_holds gauge
            holdline_engine_holds{kind="hold"} 0
            holdline_engine_holds{kind="up"} 0
            holdline_engine_holds{kind="down"} 1
        "#]]
        .assert_eq(&text(&routes, &[hold], Timestamp(9_000)));
    }
}
