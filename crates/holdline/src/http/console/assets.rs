//! The files that pages need, built into the binary. Each has its hash in its address, so that a
//! browser keeps it for ever and never has an old one.

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use std::sync::LazyLock;

/// Digits of the hash in an address.
const HASH_DIGITS: usize = 12;

struct Asset {
    name: &'static str,
    /// `/console/static/` and the name with its hash.
    url: String,
    mime: &'static str,
    bytes: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $mime:literal) => {
        Asset::new($name, $mime, include_bytes!(concat!("assets/", $name)))
    };
}

static ASSETS: LazyLock<[Asset; 8]> = LazyLock::new(|| {
    [
        asset!("console.css", "text/css; charset=utf-8"),
        asset!("console.js", "text/javascript; charset=utf-8"),
        asset!("palette.js", "text/javascript; charset=utf-8"),
        // htmx 4.0.1, from npm; its licence (0BSD) lies beside it.
        asset!("htmx.min.js", "text/javascript; charset=utf-8"),
        asset!("up.svg", "image/svg+xml"),
        asset!("degraded.svg", "image/svg+xml"),
        asset!("down.svg", "image/svg+xml"),
        asset!("logo.svg", "image/svg+xml"),
    ]
});

impl Asset {
    fn new(name: &'static str, mime: &'static str, bytes: &'static [u8]) -> Self {
        let hash = digest(&SHA256, bytes);
        let hash: String = hash.as_ref().iter().map(|it| format!("{it:02x}")).collect();
        let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
        let url = format!("/console/static/{stem}-{}.{end}", &hash[..HASH_DIGITS]);
        Self {
            name,
            url,
            mime,
            bytes,
        }
    }
}

/// The address of a file; of one that is not there, one that is not found.
pub(super) fn url(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    found.map_or("/console/static/missing", |asset| asset.url.as_str())
}

pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let is_it = |asset: &&Asset| asset.url.rsplit('/').next() == Some(name.as_str());
    let Some(asset) = ASSETS.iter().find(is_it) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.mime),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_an_address_of_its_own() {
        let mut urls: Vec<&str> = ASSETS.iter().map(|asset| url(asset.name)).collect();
        urls.sort_unstable();
        urls.dedup();
        assert_eq!(urls.len(), ASSETS.len());
        assert!(!urls.contains(&"/console/static/missing"));
    }

    /// The vendored file is the one that was published.
    #[test]
    fn htmx_is_as_it_was_published() {
        let htmx = ASSETS.iter().find(|asset| asset.name == "htmx.min.js");
        let hash = digest(&SHA256, htmx.unwrap().bytes);
        let hash: String = hash.as_ref().iter().map(|it| format!("{it:02x}")).collect();
        let published = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130";
        assert_eq!(hash, published);
    }
}
