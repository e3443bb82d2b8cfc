//! Events as bytes, in the form that each endpoint wants. Never posts them.

mod cloud;
pub(crate) mod people;
pub(crate) mod standard;

use crate::config::Config;
use async_trait::async_trait;
use cloud::CloudForm;
use holdline_engine::ports::records::{EndpointForm, EndpointRecord, HookRecord};
use holdline_engine::ports::{Rendered, Renderer, Store, StoreError};
use standard::StandardForm;
use std::sync::Arc;

/// Picks the form by the endpoint.
pub(crate) struct EventRenderer {
    cloud: CloudForm,
    standard: StandardForm,
}

impl EventRenderer {
    pub(crate) fn new(store: &Arc<dyn Store>, config: &Arc<Config>) -> Self {
        Self {
            cloud: CloudForm::new(Arc::clone(store), Arc::clone(config)),
            standard: StandardForm::new(Arc::clone(store)),
        }
    }
}

#[async_trait]
impl Renderer for EventRenderer {
    async fn render(
        &self,
        endpoint: &EndpointRecord,
        hook: &HookRecord,
    ) -> Result<Option<Rendered>, StoreError> {
        match endpoint.form {
            EndpointForm::Cloud => self.cloud.render(endpoint, hook).await,
            EndpointForm::Standard => self.standard.render(endpoint, hook).await,
        }
    }
}
