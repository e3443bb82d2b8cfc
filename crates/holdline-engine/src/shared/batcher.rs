//! Group commit, and group reading: a batch is what queued while the last one was under way. No
//! timer, and one sync or one round trip for many.

use crate::ports::ops::GroupResult;
use crate::ports::records::ContactRecord;
use crate::ports::store::{COMMIT_GROUPS_MAX, PAGE_MAX};
use crate::ports::{Group, Op, Store, StoreError};
use holdline_core::ChannelKind;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Groups that may wait for the store before callers wait too.
pub(crate) const QUEUE_MAX: usize = 4_096;
/// Most people looked up at once, each by a few addresses.
const LOOKUPS_MAX: usize = PAGE_MAX / ADDRESSES_MAX;
/// Most addresses of one lookup.
const ADDRESSES_MAX: usize = 4;

/// A question with the place of its answer.
type Asked<Q, A> = (Q, oneshot::Sender<Result<A, StoreError>>);
type Address = (ChannelKind, String);

/// Where those outside the driver hand in what they write, and whom they look for.
#[derive(Clone)]
pub(crate) struct Batcher {
    commits: mpsc::Sender<Asked<Group, GroupResult>>,
    lookups: mpsc::Sender<Asked<Vec<Address>, Option<ContactRecord>>>,
}

/// The other end, to be run by one task.
pub struct BatchLoop {
    commits: mpsc::Receiver<Asked<Group, GroupResult>>,
    lookups: mpsc::Receiver<Asked<Vec<Address>, Option<ContactRecord>>>,
    store: Arc<dyn Store>,
}

pub(crate) fn batcher(store: Arc<dyn Store>) -> (Batcher, BatchLoop) {
    let (commits_tx, commits) = mpsc::channel(QUEUE_MAX);
    let (lookups_tx, lookups) = mpsc::channel(QUEUE_MAX);
    let batcher = Batcher {
        commits: commits_tx,
        lookups: lookups_tx,
    };
    let batch_loop = BatchLoop {
        commits,
        lookups,
        store,
    };
    (batcher, batch_loop)
}

impl Batcher {
    /// Returns when the group is committed and synced, or was refused.
    pub(crate) async fn commit(&self, ops: Vec<Op>) -> Result<GroupResult, StoreError> {
        ask(&self.commits, Group(ops)).await
    }

    /// Who has the first of these addresses that somebody has. At most four are looked at.
    pub(crate) async fn owner_of(
        &self,
        mut addresses: Vec<Address>,
    ) -> Result<Option<ContactRecord>, StoreError> {
        addresses.truncate(ADDRESSES_MAX);
        ask(&self.lookups, addresses).await
    }
}

async fn ask<Q, A>(queue: &mpsc::Sender<Asked<Q, A>>, question: Q) -> Result<A, StoreError> {
    let (answer, result) = oneshot::channel();
    let stopped = || StoreError::Unavailable(String::from("the engine has stopped"));
    queue
        .send((question, answer))
        .await
        .map_err(|_| stopped())?;
    result.await.map_err(|_| stopped())?
}

impl BatchLoop {
    /// Runs until every handle to the engine is gone.
    pub async fn run(self) {
        let store = &*self.store;
        let commits = answer_all(self.commits, COMMIT_GROUPS_MAX, |groups| {
            store.commit(groups.into())
        });
        let lookups = answer_all(self.lookups, LOOKUPS_MAX, |people| owners(store, people));
        futures_util::future::join(commits, lookups).await;
    }
}

async fn answer_all<Q, A, F>(
    mut queue: mpsc::Receiver<Asked<Q, A>>,
    batch_max: usize,
    mut ask: impl FnMut(Vec<Q>) -> F,
) where
    F: Future<Output = Result<Vec<A>, StoreError>>,
{
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, batch_max).await > 0 {
        // A read of pages in memory is over before the next question: whoever is ready to run may
        // ask first, so that one wake of a thread serves them all.
        tokio::task::yield_now().await;
        while batch.len() < batch_max
            && let Ok(more) = queue.try_recv()
        {
            batch.push(more);
        }
        let (questions, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        match ask(questions).await {
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

/// Looks by the first address of each, then by the next of those that nobody was found by: most
/// people are known by their first.
async fn owners(
    store: &dyn Store,
    people: Vec<Vec<Address>>,
) -> Result<Vec<Option<ContactRecord>>, StoreError> {
    let mut found: Vec<Option<ContactRecord>> = people.iter().map(|_| None).collect();
    let mut people: Vec<_> = people.into_iter().map(Vec::into_iter).enumerate().collect();
    loop {
        let next = |(place, left): &mut (usize, std::vec::IntoIter<Address>)| {
            found[*place].is_none().then(|| left.next()).flatten()
        };
        let asked: Vec<(usize, Address)> = people
            .iter_mut()
            .filter_map(|person| next(person).map(|address| (person.0, address)))
            .collect();
        if asked.is_empty() {
            return Ok(found);
        }
        let (places, addresses): (Vec<usize>, Vec<Address>) = asked.into_iter().unzip();
        let owners = store.contacts_by_address(&addresses).await?;
        for (place, owner) in places.into_iter().zip(owners) {
            found[place] = owner;
        }
    }
}

impl std::fmt::Debug for BatchLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchLoop").finish_non_exhaustive()
    }
}
