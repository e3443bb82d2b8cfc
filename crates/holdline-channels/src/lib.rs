//! Talks to the world: one folder per channel, always the same files. Decides nothing about where
//! a message goes; only `client` files do I/O.

pub mod adapt;
pub mod email;
pub mod feeds;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod http;
pub mod phone;
mod say;
pub mod sms;
pub mod surroundings;
pub mod whatsapp;

#[cfg(test)]
mod probe_tests;
#[cfg(test)]
mod test_peers;

use holdline_engine::ports::Channel;
use std::sync::Arc;

pub use crate::http::BuildError;

/// The channels that are switched on.
#[derive(Clone, Debug, Default)]
pub struct ChannelsConfig {
    pub whatsapp: Option<whatsapp::WhatsappConfig>,
    pub sms: Option<sms::SmsConfig>,
    pub email: Option<email::EmailConfig>,
}

type Built = Option<Result<Arc<dyn Channel>, BuildError>>;

/// The registry: one line a channel.
const REGISTRY: &[fn(&ChannelsConfig) -> Built] = &[
    |config| made(config.whatsapp.as_ref(), whatsapp::WhatsappChannel::new),
    |config| made(config.sms.as_ref(), sms::SmsChannel::new),
    |config| made(config.email.as_ref(), email::EmailChannel::new),
];

/// Makes the channels that are switched on, in the registry's order.
///
/// # Errors
/// The first channel's settings that cannot be used.
pub fn build(config: &ChannelsConfig) -> Result<Vec<Arc<dyn Channel>>, BuildError> {
    REGISTRY.iter().filter_map(|entry| entry(config)).collect()
}

fn made<S: Clone, C: Channel + 'static>(
    settings: Option<&S>,
    new: fn(S) -> Result<C, BuildError>,
) -> Built {
    let channel = new(settings?.clone());
    Some(channel.map(|channel| Arc::new(channel) as Arc<dyn Channel>))
}
