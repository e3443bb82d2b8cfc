//! Which feed is read, in which format and how often. Only data and arithmetic.

use std::path::PathBuf;

/// Largest body of a feed, in bytes.
pub const FEED_BYTES_MAX: usize = 1024 * 1024;

/// The organization of the WhatsApp Business Platform on metastatus.
pub const METASTATUS_ORG: &str = "whatsapp-business-api";

/// How a feed is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedFormat {
    /// The JSON files behind metastatus.com.
    Metastatus,
    /// `/api/v2/summary.json` of Statuspage and its relatives.
    Statuspage,
    /// RSS 2.0 or Atom.
    Syndication,
}

/// One feed to be read.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    /// What the feed is called in logs.
    pub name: String,
    /// The site for metastatus and Statuspage, the feed itself for RSS and Atom. A Statuspage
    /// address that ends in `.json` is asked as it stands.
    pub url: String,
    pub format: FeedFormat,
    /// Whose outages are read on metastatus; [`METASTATUS_ORG`] when absent.
    pub org: Option<String>,
    /// For each call, from the name look-up to the last byte.
    pub timeout_ms: u32,
    pub user_agent: String,
    /// PEM file whose certificates are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
}

impl FeedConfig {
    /// A feed with the usual limits.
    #[must_use]
    pub fn new(name: impl Into<String>, url: impl Into<String>, format: FeedFormat) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            format,
            org: None,
            timeout_ms: 10_000,
            user_agent: concat!("holdline/", env!("CARGO_PKG_VERSION")).into(),
            ca_file: None,
        }
    }
}

/// When to ask again: the base give or take a fifth, as drawn, so that many installations do not
/// ask at the same moment.
#[must_use]
pub const fn poll_after_ms(base_ms: u64, draw: u64) -> u64 {
    let permille = 800 + draw % 401;
    let whole = (base_ms / 1000).saturating_mul(permille);
    whole.saturating_add(base_ms % 1000 * permille / 1000)
}
