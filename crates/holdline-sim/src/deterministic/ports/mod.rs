//! The engine's ports, played: the same traits that the binary fills, over the stage.

mod channel;
mod clock;
mod hook;
mod store;
mod wire;

use super::exec::Owner;
use super::stage::Stage;
use crate::Provider;
use holdline_engine::Ports;
use holdline_engine::contract::NoLibrary;
use std::sync::Arc;

pub(crate) use channel::SimChannel;
pub(crate) use wire::{PUBLIC_URL, real};

/// All ports of one life of a node.
pub(crate) fn ports(stage: &Arc<Stage>, node: u8, life: Owner) -> Ports {
    let channel = |provider| Arc::new(SimChannel::new(stage, node, provider)) as _;
    let store = store::SimStore::new(stage, node);
    Ports {
        store: Arc::new(store.clone()),
        clock: Arc::new(clock::NodeClock::new(stage, node)),
        ids: Arc::new(clock::NodeIds::new(stage, life)),
        channels: vec![channel(Provider::Whatsapp), channel(Provider::Sms)],
        library: Arc::new(NoLibrary(Arc::new(clock::NodeClock::new(stage, node)))),
        hook: Arc::new(hook::SimHook::new(stage, node)),
        renderer: Arc::new(hook::SimRenderer::new(store)),
        spool: None,
    }
}
