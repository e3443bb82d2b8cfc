//! The sandbox over real sockets: what clients, receivers and operators see of it.

#[cfg(test)]
mod control;
#[cfg(test)]
mod echo;
#[cfg(test)]
mod email;
#[cfg(test)]
mod library;
#[cfg(test)]
mod load;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod sms;
#[cfg(test)]
mod status;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhooks;
