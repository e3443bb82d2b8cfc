//! Runs tasks on one thread and a virtual clock. Which of the ready tasks goes next is drawn, so
//! that orders of events are explored; time moves only when nothing is ready. Never reads a real
//! clock, starts a thread or touches a socket.

use crate::draws::Draws;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Steps at one instant, beyond which the run goes in circles.
const STEPS_PER_INSTANT_MAX: u64 = 200_000;

/// Whose a task is: all tasks of one life of a node end together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner(pub(crate) u32);

/// What belongs to the world and outlives every node.
pub(crate) const WORLD: Owner = Owner(0);

type TaskId = u64;
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why a run of the tasks came to a halt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The time asked for has come, or somebody asked to pause.
    Paused,
    /// Nothing is ready and nothing will be.
    Idle,
    /// Time does not move any more.
    Circles,
}

/// The part that tasks may speak to.
#[derive(Default)]
pub(crate) struct Exec {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    now_ms: u64,
    timers: BTreeMap<(u64, u64), Waker>,
    last_timer: u64,
    last_task: TaskId,
    ready: BTreeSet<TaskId>,
    spawned: Vec<(TaskId, Owner, Task)>,
    killed: Vec<Owner>,
    pause: bool,
}

impl Exec {
    pub(crate) fn now_ms(&self) -> u64 {
        self.lock().now_ms
    }

    pub(crate) fn spawn(&self, owner: Owner, task: impl Future<Output = ()> + Send + 'static) {
        let mut inner = self.lock();
        inner.last_task += 1;
        let id = inner.last_task;
        inner.spawned.push((id, owner, Box::pin(task)));
    }

    /// Its tasks are dropped where they stand, before any task goes on.
    pub(crate) fn kill(&self, owner: Owner) {
        self.lock().killed.push(owner);
    }

    /// Hands back to whoever runs the tasks.
    pub(crate) fn pause(&self) {
        self.lock().pause = true;
    }

    pub(crate) fn sleep(self: &Arc<Self>, wait_ms: u64) -> Sleep {
        let at_ms = self.now_ms().saturating_add(wait_ms);
        Sleep {
            exec: Arc::clone(self),
            at_ms,
            timer: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends at its time.
pub(crate) struct Sleep {
    exec: Arc<Exec>,
    at_ms: u64,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (exec, at_ms) = (Arc::clone(&self.exec), self.at_ms);
        let mut inner = exec.lock();
        if inner.now_ms >= at_ms {
            return Poll::Ready(());
        }
        let timer = *self.timer.get_or_insert_with(|| {
            inner.last_timer += 1;
            inner.last_timer
        });
        inner.timers.insert((at_ms, timer), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            let gone = self.exec.lock().timers.remove(&(self.at_ms, timer));
            drop(gone);
        }
    }
}

struct Wakes {
    exec: Arc<Exec>,
    id: TaskId,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.exec.lock().ready.insert(self.id);
    }
}

struct Running {
    owner: Owner,
    task: Task,
    waker: Waker,
}

/// Owns the tasks.
pub(crate) struct Runner {
    pub(crate) exec: Arc<Exec>,
    tasks: BTreeMap<TaskId, Running>,
    draws: Draws,
    steps_here: u64,
    steps: u64,
}

impl Runner {
    pub(crate) fn new(draws: Draws) -> Self {
        Self {
            exec: Arc::default(),
            tasks: BTreeMap::new(),
            draws,
            steps_here: 0,
            steps: 0,
        }
    }

    /// Steps taken so far.
    pub(crate) const fn steps(&self) -> u64 {
        self.steps
    }

    /// Runs until the time has come, nothing can happen any more, or somebody pauses it.
    pub(crate) fn run(&mut self, until_ms: u64) -> Halt {
        loop {
            self.take_in();
            if std::mem::take(&mut self.exec.lock().pause) {
                return Halt::Paused;
            }
            if let Some(id) = self.draw_ready() {
                if self.steps_here > STEPS_PER_INSTANT_MAX {
                    return Halt::Circles;
                }
                self.step(id);
            } else if let Some(halt) = self.move_time(until_ms) {
                return halt;
            }
        }
    }

    /// Drops every task.
    pub(crate) fn end(&mut self) {
        self.tasks.clear();
        self.exec.lock().spawned.clear();
    }

    fn take_in(&mut self) {
        let (spawned, killed) = {
            let mut inner = self.exec.lock();
            let spawned = std::mem::take(&mut inner.spawned);
            (spawned, std::mem::take(&mut inner.killed))
        };
        for (id, owner, task) in spawned {
            let exec = Arc::clone(&self.exec);
            let waker = Waker::from(Arc::new(Wakes { exec, id }));
            self.tasks.insert(id, Running { owner, task, waker });
            self.exec.lock().ready.insert(id);
        }
        for owner in killed {
            self.tasks.retain(|_, running| running.owner != owner);
        }
    }

    fn draw_ready(&mut self) -> Option<TaskId> {
        let mut inner = self.exec.lock();
        let last = inner.ready.len().checked_sub(1)?;
        let at = self.draws.up_to(last as u64);
        let id = inner.ready.iter().nth(usize::try_from(at).ok()?).copied()?;
        inner.ready.remove(&id);
        Some(id)
    }

    fn step(&mut self, id: TaskId) {
        let Some(running) = self.tasks.get_mut(&id) else {
            return;
        };
        (self.steps, self.steps_here) = (self.steps + 1, self.steps_here + 1);
        let mut context = Context::from_waker(&running.waker);
        if running.task.as_mut().poll(&mut context).is_ready() {
            self.tasks.remove(&id);
        }
    }

    fn move_time(&mut self, until_ms: u64) -> Option<Halt> {
        let due: Vec<Waker> = {
            let mut inner = self.exec.lock();
            let Some(((next, _), _)) = inner.timers.first_key_value() else {
                return Some(Halt::Idle);
            };
            let next = *next;
            if next > until_ms {
                inner.now_ms = inner.now_ms.max(until_ms);
                return Some(Halt::Paused);
            }
            self.steps_here = 0;
            inner.now_ms = next;
            let later = inner.timers.split_off(&(next + 1, 0));
            let due = std::mem::replace(&mut inner.timers, later);
            due.into_values().collect()
        };
        due.into_iter().for_each(Waker::wake);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(seed: u64) -> Vec<(u64, u32)> {
        let mut runner = Runner::new(Draws::new(seed));
        let seen: Arc<Mutex<Vec<(u64, u32)>>> = Arc::default();
        for n in 0..6 {
            let (exec, seen) = (Arc::clone(&runner.exec), Arc::clone(&seen));
            runner.exec.spawn(WORLD, async move {
                exec.sleep(10 * u64::from(n / 3)).await;
                seen.lock().unwrap().push((exec.now_ms(), n));
            });
        }
        assert_eq!(runner.run(1_000), Halt::Idle);
        let seen = seen.lock().unwrap();
        seen.clone()
    }

    #[test]
    fn the_same_seed_gives_the_same_order_and_others_another() {
        assert_eq!(order(1), order(1));
        assert!((2..20).any(|seed| order(seed) != order(1)));
        let times: Vec<u64> = order(3).iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [0, 0, 0, 10, 10, 10]);
    }

    #[test]
    fn a_killed_owner_does_nothing_more() {
        let mut runner = Runner::new(Draws::new(1));
        let exec = Arc::clone(&runner.exec);
        let owned = Arc::clone(&exec);
        exec.spawn(Owner(7), async move {
            owned.sleep(50).await;
            unreachable!("its owner is gone");
        });
        assert_eq!(runner.run(20), Halt::Paused);
        exec.kill(Owner(7));
        assert_eq!(runner.run(100), Halt::Idle);
        assert_eq!(exec.now_ms(), 20);
    }

    #[test]
    fn tasks_that_never_let_time_pass_are_noticed() {
        let mut runner = Runner::new(Draws::new(1));
        runner.exec.spawn(WORLD, async {
            std::future::poll_fn::<(), _>(|cx| {
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        });
        assert_eq!(runner.run(1_000), Halt::Circles);
    }
}
