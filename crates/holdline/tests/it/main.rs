//! The one integration test binary: the real server against real sockets.

#[cfg(test)]
mod api;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod front_door;
#[cfg(test)]
mod keywords;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod watch;
