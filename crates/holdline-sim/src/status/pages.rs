//! Writes the page in its three shapes: metastatus JSON, RSS, Statuspage v2. The same state gives
//! the same bytes at any time, so that a digest of them can tell changes.

use mail_parser::DateTime;
use serde_json::{Value, json};

use super::trouble::{SERVICES, Severity, name};
use super::{Entry, FeedFault, StatusBoard};

const ORG: &str = "whatsapp-business-api";
const RSS_FILE: &str = "outage-events-feed-whatsapp-business-api.rss";
/// What the site answers for every path it does not know, as single-page sites do.
const SHELL: &str = "<!DOCTYPE html><html><head><title>Meta Status</title></head>\
    <body><div id=\"root\"></div></body></html>";

/// An answer of the status page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusPage {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl StatusBoard {
    pub(crate) fn page(&self, path: &str, now_ms: u64) -> StatusPage {
        let shape = self.fault == Some(FeedFault::Shape);
        match self.fault {
            Some(FeedFault::Html) => return html(200, SHELL),
            Some(FeedFault::ServerError) => return html(500, "<h1>Internal Server Error</h1>"),
            Some(FeedFault::Shape) | None => {}
        }
        match path {
            "/data/orgs.json" => listed(self.orgs(now_ms), shape),
            "/data/outages/whatsapp-business-api.json" => listed(self.outages(now_ms), shape),
            "/data/outages/whatsapp-business-api.history.json" => {
                listed(self.history(now_ms), shape)
            }
            "/data/outages/graph-api.json" | "/data/outages/graph-api.history.json" => {
                listed(Vec::new(), shape)
            }
            "/api/v2/summary.json" if shape => json_page(&json!({"state": {"overall": "ok"}})),
            "/api/v2/summary.json" => json_page(&self.summary(now_ms)),
            "/outage-events-feed-whatsapp-business-api.rss" => self.rss(shape, now_ms),
            _ => html(200, SHELL),
        }
    }

    fn orgs(&self, now_ms: u64) -> Vec<Value> {
        let service = |(id, name): &(u32, &str)| {
            let mut shown = json!({"id": id, "name": name,
                "status": self.service_status(*id, now_ms)});
            if let Some(at_ms) = self.changed_ms(Some(*id), now_ms) {
                shown["time"] = iso(at_ms).into();
            }
            shown
        };
        let services: Vec<Value> = SERVICES.iter().map(service).collect();
        vec![
            json!({"id": "graph-api", "name": "Graph API",
                "services": [{"id": 3, "name": "Platform Status",
                    "status": "No known issues"}],
                "rss_file_paths": ["outage-events-feed-graph-api.rss"]}),
            json!({"id": ORG, "name": "WhatsApp Business Platform",
                "services": services, "rss_file_paths": [RSS_FILE]}),
        ]
    }

    fn service_status(&self, service: u32, now_ms: u64) -> &'static str {
        match self.severity(service, now_ms) {
            Some(severity) => disruptions(severity),
            None if self.lately_resolved(service, now_ms) => "Resolved",
            None => "No known issues",
        }
    }

    fn outages(&self, now_ms: u64) -> Vec<Value> {
        self.open(now_ms)
            .map(|entry| self.outage(entry, now_ms))
            .collect()
    }

    fn history(&self, now_ms: u64) -> Vec<Value> {
        self.shown(now_ms)
            .map(|entry| self.outage(entry, now_ms))
            .collect()
    }

    fn outage(&self, entry: &Entry, now_ms: u64) -> Value {
        let over_ms = self.over_ms(entry, now_ms);
        let severity = disruptions(entry.severity);
        let mut posts = vec![json!({"status": severity, "description": told(entry),
            "time": iso(self.shown_ms(entry))})];
        if let Some(over_ms) = over_ms {
            posts.push(json!({"status": "Resolved",
                "description": "This issue has been resolved.", "time": iso(over_ms)}));
        }
        json!({"id": entry.id, "service_id": entry.service,
            "status": if over_ms.is_some() { "Resolved" } else { severity },
            "time": iso(entry.started_ms), "posts": posts})
    }

    fn summary(&self, now_ms: u64) -> Value {
        let worst = self.open(now_ms).map(|entry| entry.severity).max();
        let (indicator, description) = overall(worst);
        let updated_ms = self.changed_ms(None, now_ms).unwrap_or(self.opened_ms);
        let component = |(id, name): &(u32, &str)| {
            let updated_ms = self.changed_ms(Some(*id), now_ms);
            json!({"id": id.to_string(), "name": name,
                "status": component_status(self.severity(*id, now_ms)),
                "group": false, "group_id": null, "only_show_if_degraded": false,
                "updated_at": iso(updated_ms.unwrap_or(self.opened_ms))})
        };
        let components: Vec<Value> = SERVICES.iter().map(component).collect();
        let incidents = self.open(now_ms).map(|entry| self.incident(entry));
        json!({
            "page": {"id": ORG, "name": "WhatsApp Business Platform",
                "url": "https://metastatus.com/whatsapp-business-api",
                "time_zone": "Etc/UTC", "updated_at": iso(updated_ms)},
            "status": {"indicator": indicator, "description": description},
            "components": components,
            "incidents": incidents.collect::<Vec<Value>>(),
            "scheduled_maintenances": []
        })
    }

    fn incident(&self, entry: &Entry) -> Value {
        let shown = iso(self.shown_ms(entry));
        json!({
            "id": entry.id.to_string(), "name": format!("Issue with {}", name(entry.service)),
            "status": "investigating", "impact": overall(Some(entry.severity)).0,
            "started_at": iso(entry.started_ms), "created_at": shown, "updated_at": shown,
            "monitoring_at": null, "resolved_at": null,
            "components": [{"id": entry.service.to_string(), "name": name(entry.service)}],
            "incident_updates": [{"id": format!("{}-1", entry.id),
                "status": "investigating", "body": told(entry), "created_at": shown}]
        })
    }

    /// Only open events, as on the real page: empty when all is well, and no severity in it.
    fn rss(&self, shape: bool, now_ms: u64) -> StatusPage {
        let root = if shape { "events" } else { "rss" };
        let items: String = self.open(now_ms).map(|entry| self.item(entry)).collect();
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} version=\"2.0\" \
             xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel>\
             <title>WhatsApp Business Platform Status</title>\
             <link>https://metastatus.com/whatsapp-business-api</link>\
             <description>Open outage events</description>\
             <atom:link href=\"https://metastatus.com/{RSS_FILE}\" rel=\"self\"/>\
             {items}</channel></{root}>\n"
        );
        StatusPage {
            status: 200,
            content_type: "application/rss+xml",
            body,
        }
    }

    fn item(&self, entry: &Entry) -> String {
        let date = datetime(self.shown_ms(entry)).to_rfc822();
        format!(
            "<item><title>{}</title><description>{}</description>\
             <pubDate>{date}</pubDate><guid isPermaLink=\"false\">{}</guid></item>",
            name(entry.service),
            told(entry),
            entry.id
        )
    }

    /// When the page last changed for one service or any.
    fn changed_ms(&self, service: Option<u32>, now_ms: u64) -> Option<u64> {
        self.shown(now_ms)
            .filter(|entry| service.is_none_or(|id| entry.service == id))
            .map(|entry| {
                let over_ms = self.over_ms(entry, now_ms);
                over_ms.unwrap_or_else(|| self.shown_ms(entry))
            })
            .max()
    }
}

/// A list as it is, or under a name that nobody expects.
fn listed(items: Vec<Value>, shape: bool) -> StatusPage {
    if shape {
        json_page(&json!({"schema": 2, "entries": {"list": items}}))
    } else {
        json_page(&Value::Array(items))
    }
}

fn json_page(value: &Value) -> StatusPage {
    StatusPage {
        status: 200,
        content_type: "application/json",
        body: value.to_string(),
    }
}

fn html(status: u16, body: &str) -> StatusPage {
    StatusPage {
        status,
        content_type: "text/html; charset=utf-8",
        body: body.into(),
    }
}

fn told(entry: &Entry) -> String {
    let service = name(entry.service);
    format!("We are aware of an issue affecting {service} and are working on it.")
}

const fn disruptions(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "Low disruptions",
        Severity::Medium => "Medium disruptions",
        Severity::High => "High disruptions",
    }
}

const fn overall(severity: Option<Severity>) -> (&'static str, &'static str) {
    match severity {
        None => ("none", "All Systems Operational"),
        Some(Severity::Low) => ("minor", "Minor Service Outage"),
        Some(Severity::Medium) => ("major", "Partial System Outage"),
        Some(Severity::High) => ("critical", "Major Service Outage"),
    }
}

const fn component_status(severity: Option<Severity>) -> &'static str {
    match severity {
        None => "operational",
        Some(Severity::Low) => "degraded_performance",
        Some(Severity::Medium) => "partial_outage",
        Some(Severity::High) => "major_outage",
    }
}

fn iso(at_ms: u64) -> String {
    datetime(at_ms).to_rfc3339()
}

fn datetime(at_ms: u64) -> DateTime {
    DateTime::from_timestamp(i64::try_from(at_ms / 1000).unwrap_or_default())
}
