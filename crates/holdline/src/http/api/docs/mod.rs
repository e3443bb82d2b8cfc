//! The API described: OpenAPI 3.1 from the code, and the same as a page for people. The document is
//! made once and never depends on the configuration.

mod html;
mod schema;
#[cfg(test)]
mod tests;

use super::contacts::{self, import, list, one};
use super::messages::{self, preview, read, send, view};
use super::routes::{self, audit, holds, outages, templates};
use super::{feeds, problem, values, webhooks};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use serde_json::Value;
use std::sync::LazyLock;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::to_value(Api::openapi()).unwrap_or_else(|error| unreachable!("{error}"))
});
static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", *DOCUMENT));
static PAGE: LazyLock<String> = LazyLock::new(|| html::page(&DOCUMENT));

/// Only the page's own style is let in: no script, no image, no frame.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The OpenAPI document.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

pub(crate) async fn page() -> impl IntoResponse {
    let text = |name: HeaderName, value| (name, HeaderValue::from_static(value));
    let headers = [
        text(header::CONTENT_TYPE, "text/html; charset=utf-8"),
        text(header::CONTENT_SECURITY_POLICY, POLICY),
        text(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, PAGE.as_str())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdline",
        description = "Send messages that arrive when WhatsApp does not. Every message is stored \
            before it is answered, then goes by the first channel that works, once. Apps that \
            speak the WhatsApp Cloud API need none of this: they change their base URL.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/api/v1")),
    modifiers(&Token),
    security(("token" = [])),
    paths(
        send::send, read::list, read::get, send::cancel, preview::preview,
        one::create, list::list, one::get, one::replace, one::change, import::import,
        routes::routes, holds::hold, holds::release, outages::list, outages::get,
        audit::audit, feeds::feeds, templates::templates,
        webhooks::create, webhooks::list, webhooks::delete,
    ),
    components(schemas(
        messages::SendMessage, messages::To, messages::Hop, messages::PriorityName,
        messages::DuplicateRuleName, messages::SuccessName, messages::FaultClassName,
        view::StateName, values::Span, preview::PreviewRequest,
        contacts::ContactWrite, contacts::ContactChange, contacts::AddressWrite,
        webhooks::WebhookWrite, holds::HoldWrite, holds::ReleaseWrite, holds::HoldKindName,
        problem::ProblemBody,
    )),
    tags(
        (name = "Messages", description = "Send messages, and see what became of them and why."),
        (name = "Contacts", description = "People and the ways to reach them."),
        (name = "Routes", description = "What messages leave by, and how well it works."),
        (name = "Webhooks", description = "Events posted to your app as they happen."),
    ),
)]
struct Api;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", scheme);
    }
}
