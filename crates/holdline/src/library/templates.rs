//! The synced templates by name and language, read once in a while instead of once a message.
//! Never asks the provider; what it holds is as old as the last sync, plus a moment.

use holdline_channels::whatsapp::TemplateBody;
use holdline_engine::ports::records::TemplateRecord;
use holdline_engine::ports::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a reading stands.
const FRESH: Duration = Duration::from_secs(2);

/// A template with its components read.
#[derive(Debug)]
pub(crate) struct KnownTemplate {
    pub(crate) record: TemplateRecord,
    /// `None` when the provider's object cannot be read.
    pub(crate) body: Option<TemplateBody>,
}

/// The templates of one account, in the provider's order.
pub(crate) type Page = Arc<Vec<KnownTemplate>>;

pub(crate) struct TemplateBook {
    store: Arc<dyn Store>,
    /// One entry for each configured account.
    pages: Mutex<BTreeMap<String, (Instant, Page)>>,
}

impl TemplateBook {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            pages: Mutex::default(),
        }
    }

    pub(crate) async fn page(&self, waba: &str) -> Result<Page, StoreError> {
        match self.fresh(waba) {
            Some(page) => Ok(page),
            None => self.read(waba).await,
        }
    }

    /// The last reading, however old.
    pub(crate) fn last(&self, waba: &str) -> Option<Page> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.get(waba).map(|(_, page)| Arc::clone(page))
    }

    fn fresh(&self, waba: &str) -> Option<Page> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, page) = pages.get(waba)?;
        (read_at.elapsed() < FRESH).then(|| Arc::clone(page))
    }

    async fn read(&self, waba: &str) -> Result<Page, StoreError> {
        let records = self.store.templates(waba).await?;
        let page: Page = Arc::new(records.into_iter().map(known).collect());
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.insert(waba.into(), (Instant::now(), Arc::clone(&page)));
        Ok(page)
    }
}

/// The template of this name and language in a page.
pub(crate) fn find<'a>(page: &'a Page, name: &str, language: &str) -> Option<&'a KnownTemplate> {
    page.iter()
        .find(|known| known.record.name == name && known.record.language == language)
}

fn known(record: TemplateRecord) -> KnownTemplate {
    let item = serde_json::from_str(&record.json).ok();
    let body = item.as_ref().and_then(TemplateBody::from_item);
    KnownTemplate { record, body }
}
