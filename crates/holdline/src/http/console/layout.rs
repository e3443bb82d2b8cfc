//! The frame of every page: head, navigation, the banner while something is down, and what the
//! script needs. Decides nothing but how things look.

use super::access::{Act, Signed};
use super::banner;
use super::standing::{self, Standing};
use super::{assets, live, said};
use crate::http::state::AppState;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// The page of the navigation that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nav {
    Overview,
    Messages,
    Outages,
    Contacts,
    Settings,
    Sandbox,
    Account,
    None,
}

/// The navigation: page, path, words, and the key that goes there after `g`.
const PAGES: [(Nav, &str, &str, &str); 6] = [
    (Nav::Overview, "/console/", "Overview", "o"),
    (Nav::Messages, "/console/messages", "Messages", "m"),
    (Nav::Outages, "/console/outages", "Outages", "u"),
    (Nav::Contacts, "/console/contacts", "Contacts", "c"),
    (Nav::Settings, "/console/settings", "Settings", "s"),
    (Nav::Sandbox, "/console/sandbox", "Sandbox", "x"),
];

/// Errors never take a part of the page away, and what a reader has opened stays open.
const HTMX: &str = r#"{"includeIndicatorCSS":false,"history":false,
    "noSwap":[204,304,"4xx","5xx"],
    "morphIgnore":["data-htmx-powered","open","data-current"]}"#;

/// A part of a page that is fetched again when its topic changes. The page's own address is asked,
/// and the part with this id is taken from the answer.
pub(super) fn live(id: &str, topic: live::Topic, url: &str, content: &Markup) -> Markup {
    html! {
        div id=(id) data-live=(topic.name()) hx-get=(url) hx-select={ "#" (id) }
            hx-trigger={ "live-" (topic.name()) " from:body throttle:1s" }
            hx-swap="outerMorph ignoreTitle:true" { (content) }
    }
}

/// What the ways to the first and the next page of a list are called: of one by age, of another.
pub(super) const BY_AGE: [&str; 2] = ["To the newest", "Older"];
pub(super) const BY_NAME: [&str; 2] = ["To the first", "Next"];

/// To the other pages of a list, where there are any.
pub(super) fn pager(words: [&str; 2], first: Option<String>, next: Option<String>) -> Markup {
    html! {
        @if first.is_some() || next.is_some() {
            nav.pager aria-label="Pages of the list" {
                @if let Some(url) = first { a href=(url) { (words[0]) } }
                @if let Some(url) = next { a rel="next" href=(url) { (words[1]) } }
            }
        }
    }
}

/// The head of a table.
pub(super) fn head(names: &[&str]) -> Markup {
    html! { thead { tr { @for name in names { th scope="col" { (name) } } } } }
}

/// What went wrong with what somebody sent.
pub(super) fn fault(words: &str) -> Markup {
    html! { p.fault role="alert" { (words) } }
}

/// A page for somebody who is signed in.
pub(super) async fn page(
    state: &AppState,
    signed: &Signed,
    nav: Nav,
    title: &str,
    content: &Markup,
) -> Response {
    let standing = standing::of(&state.engine.routes());
    let banner = banner::banner(state, &standing).await;
    let seq = live::newest(state).await;
    let body = html! {
        a.skip href="#main" { "Skip to the content" }
        header.top {
            a.brand href="/console/" { (logo()) "Holdline" }
            nav aria-label="Pages" { (pages(state, nav)) }
            (person(signed, nav))
        }
        (banner)
        p.connection id="connection" role="status"
            data-lost="The connection to the server is lost; trying again. What you see may be old."
            data-full="Too many look at this moment: this page does not follow. Reload it." {}
        main id="main" tabindex="-1" {
            @if let Some(said) = &signed.said { (said.shown()) }
            (content)
        }
        footer.quiet { "All times are UTC." }
        div.hidden id="said" role="log" aria-live="polite" aria-label="What happened" {}
        (palette(state, signed))
        (keys(state))
    };
    let mut answer = document(&standing, title, Some(seq), &body).into_response();
    if signed.said.is_some() {
        answer.headers_mut().append(SET_COOKIE, said::forget());
    }
    answer
}

/// A page for somebody who is not, or for whom something failed.
pub(super) fn plain(_: &AppState, code: StatusCode, title: &str, content: &Markup) -> Response {
    let standing = Standing {
        overall: standing::Overall::Up,
        headline: String::new(),
    };
    let body = html! {
        main.plain id="main" {
            p.brand { (logo()) "Holdline" }
            h1 { (title) }
            (content)
        }
    };
    (code, document(&standing, title, None, &body)).into_response()
}

fn logo() -> Markup {
    html! { img src=(assets::url("logo.svg")) alt="" width="24" height="24"; }
}

fn document(standing: &Standing, title: &str, seq: Option<i64>, body: &Markup) -> Markup {
    let overall = standing.overall;
    let icons = ["up", "degraded", "down"].map(|it| (it, assets::url(&format!("{it}.svg"))));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="htmx-config" content=(HTMX);
                title {
                    @if seq.is_some() { (overall.mark()) " " }
                    (title) " – Holdline"
                }
                link id="icon" rel="icon" type="image/svg+xml"
                    href=(assets::url(&format!("{}.svg", overall.name())));
                link rel="stylesheet" href=(assets::url("console.css"));
                @if seq.is_some() {
                    script src=(assets::url("htmx.min.js")) defer {}
                    script src=(assets::url("console.js")) defer {}
                    script src=(assets::url("palette.js")) defer {}
                }
            }
            body data-seq=[seq] data-title=(title)
                data-up=(icons[0].1) data-degraded=(icons[1].1) data-down=(icons[2].1) { (body) }
        }
    }
}

fn pages(state: &AppState, nav: Nav) -> Markup {
    html! {
        ul {
            @for (page, path, words, _) in shown_pages(state) {
                li { a href=(path) aria-current=[(page == nav).then_some("page")] { (words) } }
            }
        }
    }
}

/// The sandbox has a page only where there is one.
fn shown_pages(
    state: &AppState,
) -> impl Iterator<Item = (Nav, &'static str, &'static str, &'static str)> {
    let sandbox = state.config.console.sandbox_url.is_some();
    PAGES
        .into_iter()
        .filter(move |(page, ..)| sandbox || *page != Nav::Sandbox)
}

fn person(signed: &Signed, nav: Nav) -> Markup {
    html! {
        div.person {
            a href="/console/account" aria-current=[(nav == Nav::Account).then_some("page")] {
                (signed.name)
            }
            form method="post" action="/console/sign-out" {
                button.quiet type="submit" { "Sign out" }
            }
        }
    }
}

/// Everything that can be gone to, for Ctrl-K; without a script nobody sees it.
fn palette(state: &AppState, signed: &Signed) -> Markup {
    html! {
        dialog id="palette" aria-label="Go to" {
            label.hidden for="palette-text" { "Go to a page, or search" }
            input id="palette-text" type="text" autocomplete="off" role="combobox"
                aria-expanded="true" aria-controls="palette-list" placeholder="Go to, or search";
            ul id="palette-list" role="listbox" aria-label="Commands" {
                @for (_, path, words, _) in shown_pages(state) { (command(path, words)) }
                (command("/console/messages?state=failed", "Messages that failed"))
                (command("/console/messages?state=waiting", "Messages that wait"))
                (command("/console/contacts/import", "Import contacts"))
                (command("/console/account", "Your account"))
                @if signed.may(Act::Administer) { (command("/console/users", "People")) }
                (search("/console/messages", "messages"))
                (search("/console/contacts", "contacts"))
            }
        }
    }
}

fn command(path: &str, words: &str) -> Markup {
    html! { li role="option" data-href=(path) { (words) } }
}

fn search(path: &str, what: &str) -> Markup {
    html! {
        li role="option" data-search={ (path) "?q=" } { "Search " (what) " for “" span {} "”" }
    }
}

/// What `?` shows.
fn keys(state: &AppState) -> Markup {
    let rows = [
        ("Ctrl K or ⌘ K", "go to a page, or search"),
        ("/", "to the search of the page"),
        ("j and k", "down and up a list; Enter opens"),
        ("?", "this list"),
        ("Esc", "close"),
    ];
    html! {
        dialog id="keys" aria-labelledby="keys-title" {
            h2 id="keys-title" { "Keys" }
            dl {
                @for (key, words) in rows { dt { kbd { (key) } } dd { (words) } }
                @for (_, _, words, key) in shown_pages(state) {
                    dt { kbd { "g " (key) } } dd { "to " (words) }
                }
            }
            form method="dialog" { button type="submit" { "Close" } }
        }
    }
}
