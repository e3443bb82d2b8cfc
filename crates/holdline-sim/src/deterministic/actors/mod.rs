//! Who acts in a run: apps, people, nodes, the providers' webhooks, and whatever goes wrong.

pub(crate) mod caller;
pub(crate) mod courier;
pub(crate) mod fate;
pub(crate) mod node;
