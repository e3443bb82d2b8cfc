//! Group commit: a batch is what queued while the last commit ran. No timer, one sync for many.

use crate::ports::ops::GroupResult;
use crate::ports::store::COMMIT_GROUPS_MAX;
use crate::ports::{Group, Op, Store, StoreError};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Groups that may wait for the store before callers wait too.
pub(crate) const QUEUE_MAX: usize = 4_096;

type Answer = oneshot::Sender<Result<GroupResult, StoreError>>;

/// Where writers outside the driver hand in their groups.
#[derive(Clone)]
pub(crate) struct Batcher {
    tx: mpsc::Sender<(Group, Answer)>,
}

/// The other end, to be run by one task.
pub struct BatchLoop {
    rx: mpsc::Receiver<(Group, Answer)>,
    store: Arc<dyn Store>,
}

pub(crate) fn batcher(store: Arc<dyn Store>) -> (Batcher, BatchLoop) {
    let (tx, rx) = mpsc::channel(QUEUE_MAX);
    (Batcher { tx }, BatchLoop { rx, store })
}

impl Batcher {
    /// Returns when the group is committed and synced, or was refused.
    pub(crate) async fn commit(&self, ops: Vec<Op>) -> Result<GroupResult, StoreError> {
        let (answer, result) = oneshot::channel();
        let stopped = || StoreError::Unavailable(String::from("the engine has stopped"));
        self.tx
            .send((Group(ops), answer))
            .await
            .map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }
}

impl BatchLoop {
    /// Runs until every handle to the engine is gone.
    pub async fn run(mut self) {
        let mut batch = Vec::new();
        while self.rx.recv_many(&mut batch, COMMIT_GROUPS_MAX).await > 0 {
            let (groups, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
            match self.store.commit(groups.into()).await {
                Ok(results) => {
                    for (answer, result) in answers.into_iter().zip(results) {
                        let _ = answer.send(Ok(result));
                    }
                }
                Err(error) => {
                    for answer in answers {
                        let _ = answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for BatchLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchLoop").finish_non_exhaustive()
    }
}
