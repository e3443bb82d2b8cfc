//! Laws of the front door: paths, parameters however they come, fields, signed addresses, and the
//! provider's addresses in answers that are passed on.

use crate::http::cloud_api::call::path::{plain, version};
use crate::http::cloud_api::call::{Params, Target};
use crate::http::cloud_api::fields::{read, select};
use crate::http::cloud_api::forward::translated;
use crate::library::{LinkSigner, LinkUse, Signed};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use holdline_channels::fuzzing::{parts, text};
use holdline_core::Timestamp;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use url::Url;

const NOW: Timestamp = Timestamp(1_773_144_000_000);

pub(super) fn path(input: &[u8]) {
    let path = text(input);
    let target = Target::of(&path);
    let same = format!("/v23.0{}", plain(&path));
    assert_eq!(
        Target::of(&same),
        target,
        "version and slashes make no difference"
    );
    assert!(version(&path).is_none_or(|version| version.starts_with('v')));
}

/// Content type, query and body.
pub(super) fn params(input: &[u8]) {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime on this thread");
    }
    let [kind, query, body] = parts(input);
    let mut headers = HeaderMap::new();
    if let Ok(kind) = HeaderValue::from_bytes(kind) {
        headers.insert(CONTENT_TYPE, kind);
    }
    let query: Vec<(String, String)> = url::form_urlencoded::parse(query)
        .into_owned()
        .take(100)
        .collect();
    let reading = Params::read(&headers, &query, Bytes::copy_from_slice(body));
    let Ok(params) = RUNTIME.with(|runtime| runtime.block_on(reading)) else {
        return;
    };
    let again: Value = serde_json::from_slice(&params.bytes).expect("the parameters are JSON");
    assert_eq!(again, params.object, "what is checked is what is sent on");
    let form = !body.starts_with(b"{");
    assert!(
        !form || params.object.get("access_token").is_none(),
        "no token is sent on"
    );
    let _ = (params.text("to"), params.list("fields"));
}

pub(super) fn fields(input: &[u8]) {
    let [wanted, item] = parts(input);
    let names = read(&text(wanted));
    assert!(
        names
            .iter()
            .all(|name| !name.is_empty() && !name.contains(['{', ',', '.']))
    );
    let Ok(item) = serde_json::from_slice::<Value>(item) else {
        return;
    };
    let shown = select(&item, Some(&names));
    let fits = |name: &String| name == "id" || names.contains(name);
    assert!(shown.as_object().is_none_or(|shown| shown.keys().all(fits)));
}

/// An address of the provider's leaves without its token and leads to us.
pub(super) fn address(input: &[u8]) {
    let theirs = Url::parse("https://graph.facebook.com/").expect("an address");
    let Some(ours) = translated(&text(input), &theirs, "https://holdline.test") else {
        return;
    };
    let url = Url::parse(&ours).expect("an address");
    assert_eq!(url.host_str(), Some("holdline.test"), "{ours}");
    assert!(
        url.query_pairs().all(|(name, _)| name != "access_token"),
        "{ours}"
    );
}

/// A signature opens the one file it was made for, until the time it was made for.
pub(super) fn media_link(input: &[u8]) {
    let signer = LinkSigner::new(&[7; 32]);
    let [id, other, exp, sig] = parts(input);
    let (id, other) = (text(id), text(other));
    let made = signer.path(LinkUse::Person, &id, NOW);
    let (_, query) = made.rsplit_once("?exp=").expect("a signed address");
    let (until, tag) = query.split_once("&sig=").expect("a signed address");
    let signed = Signed {
        exp: until.parse().expect("seconds"),
        sig: tag.to_owned(),
    };
    assert!(signer.check(LinkUse::Person, &id, &signed, NOW));
    assert!(!signer.check(LinkUse::App, &id, &signed, NOW));
    assert_eq!(
        signer.check(LinkUse::Person, &other, &signed, NOW),
        other == id
    );
    let given = Signed {
        exp: text(exp).parse().unwrap_or_default(),
        sig: text(sig).into_owned(),
    };
    let same = (given.exp, &given.sig) == (signed.exp, &signed.sig);
    assert_eq!(signer.check(LinkUse::Person, &id, &given, NOW), same);
}
