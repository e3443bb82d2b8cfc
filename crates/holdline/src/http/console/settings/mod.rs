//! Settings to look at: senders with a test, webhooks, tokens, people, and the configuration in
//! force with its secrets masked.

mod audit;
mod senders;
mod webhooks;

pub(super) use audit::page as audit_page;
pub(super) use senders::test;
pub(super) use webhooks::{page as webhook, replay};

use super::access::{Act, Denied, Signed};
use super::layout::{self, Nav};
use super::time;
use crate::http::auth;
use crate::http::state::AppState;
use axum::extract::State;
use axum::response::Response;
use holdline_engine::ports::records::TokenRecord;
use maud::{Markup, html};

pub(super) const URL: &str = "/console/settings";

pub(super) async fn page(State(state): State<AppState>, signed: Signed) -> Response {
    let store = state.engine.store();
    let read = async { tokio::try_join!(store.tokens(), store.endpoints()) };
    let (tokens, endpoints) = match read.await {
        Ok(read) => read,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let content = html! {
        h1 { "Settings" }
        p {
            @if signed.may(Act::Administer) {
                a.button href="/console/users" { "People who may sign in" } " "
            }
            @if signed.may(Act::ReadAudit) {
                a.button href="/console/audit" { "What people did" }
            }
        }
        h2 { "Senders" }
        (senders::table(&state, &signed))
        h2 { "Webhooks to your apps" }
        (webhooks::table(&endpoints))
        h2 { "Tokens" }
        (token_table(&tokens))
        h2 { "Configuration in force" }
        p.quiet {
            "Read when the server started; change the file or the environment and restart. "
            "Secrets are masked."
        }
        details {
            summary { "Show it" }
            pre { (state.config.effective.to_toml()) }
        }
    };
    layout::page(&state, &signed, Nav::Settings, "Settings", &content).await
}

fn token_table(tokens: &[TokenRecord]) -> Markup {
    html! {
        @if tokens.is_empty() {
            p.quiet { "None. Make one with " code { "holdline token add" } "." }
        } @else {
            table.rows {
                (layout::head(&["Name", "App", "Senders", "Made", "Revoked"]))
                tbody {
                    @for token in tokens {
                        tr {
                            th scope="row" {
                                (token.name)
                                @if token.id.starts_with(auth::APP_TOKEN_PREFIX) {
                                    " " span.tag { "registers webhooks only" }
                                }
                            }
                            td data-label="App" { (token.app) }
                            td data-label="Senders" {
                                @if token.senders.is_empty() { "all of the app" }
                                @else { (token.senders.join(", ")) }
                            }
                            td data-label="Made" { (time::instant(token.created_at)) }
                            td data-label="Revoked" { (time::maybe(token.revoked_at)) }
                        }
                    }
                }
            }
            p.quiet { "Tokens are made and revoked by " code { "holdline token" } "." }
        }
    }
}
