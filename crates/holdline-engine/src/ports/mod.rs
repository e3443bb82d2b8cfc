//! What the engine needs of the world, as traits. Implemented by `holdline-store`,
//! `holdline-channels` and the binary; faked by the simulator. Nothing here does I/O.

pub mod blobs;
pub mod channel;
pub mod clock;
pub mod cluster;
pub mod hook;
pub mod library;
pub mod ops;
pub mod records;
pub mod spool;
pub mod store;

pub use blobs::{BlobError, Blobs};
pub use channel::{Capabilities, Channel, Dispatch, InboundItem, InboundMessage};
pub use clock::{Clock, Ids};
pub use cluster::{Beat, Lease, Partition, Partitions};
pub use hook::{Hook, HookOutcome, HookRequest, Rendered, Renderer};
pub use library::Library;
pub use ops::{Conflict, Group, Op};
pub use records::*;
pub use spool::{Spool, SpoolError, SpoolSize, Spooled, Spools};
pub use store::{MessageFilter, Store, StoreError};
