//! What every page is wrapped in: headers that keep foreign code and frames out, and the refusal of
//! writes that another site has a browser make.

use super::access::Signed;
use super::layout::{self, Nav};
use crate::http::state::AppState;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use maud::html;
use std::time::Duration;
use tokio::time::timeout;

/// Nothing but our own files; no inline script or style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Sets what the answer has not set itself.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ] {
        let value = HeaderValue::from_static(value);
        headers.entry(name).or_insert(value);
    }
    response
}

/// A write comes from our own pages. Browsers say from where (Fetch Metadata, W3C; for old ones the
/// header `Origin`, RFC 6454); what says neither is no browser and carries no cookie by itself.
pub(super) async fn same_origin(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let authority = request.uri().authority().map(|it| it.as_str());
    if is_safe(request.method()) || is_own(request.headers(), authority) {
        return next.run(request).await;
    }
    tracing::warn!(
        path = request.uri().path(),
        "a write from another site was refused"
    );
    let text = "This was sent from another site, so it was not done. Open the console and do it \
                there.";
    layout::plain(
        &state,
        StatusCode::FORBIDDEN,
        "Refused",
        &html! { p { (text) } },
    )
}

/// A page that takes too long is given up.
pub(super) async fn in_time(
    State((state, time_max)): State<(AppState, Duration)>,
    request: Request,
    next: Next,
) -> Response {
    match timeout(time_max, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let text = "It took too long, perhaps because the database is busy. If you sent \
                        something, look first whether it was done.";
            let code = StatusCode::SERVICE_UNAVAILABLE;
            layout::plain(&state, code, "Not now", &html! { p { (text) } })
        }
    }
}

fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

/// `authority`: what HTTP/2 says in place of the header `Host`.
fn is_own(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    if let Some(site) = text(&FETCH_SITE) {
        return ["same-origin", "none"].contains(&site);
    }
    let Some(origin) = text(&ORIGIN) else {
        return true;
    };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && host == text(&HOST).or(authority)
}

pub(super) async fn unknown_page(State(state): State<AppState>, signed: Signed) -> Response {
    let content = html! {
        h1 { "There is no such page" }
        p { a href="/console/" { "To the overview" } }
    };
    let page = layout::page(&state, &signed, Nav::None, "No such page", &content).await;
    (StatusCode::NOT_FOUND, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[(&'static str, &'static str)], expect: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("holdline.example"));
        for (name, value) in given {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        assert_eq!(is_own(&headers, None), expect, "{given:?}");
    }

    #[test]
    fn a_write_of_another_site_is_told_from_our_own() {
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("origin", "https://holdline.example")], true);
        check(&[("origin", "https://evil.example")], false);
        check(&[("origin", "null")], false);
        check(&[], true);
        let both = [
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://holdline.example"),
        ];
        check(&both, false);
    }
}
