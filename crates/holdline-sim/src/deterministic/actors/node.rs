//! A node: started as the binary starts it, killed where it stands, or asked to stop.

use crate::deterministic::exec::Owner;
use crate::deterministic::facts::Fact;
use crate::deterministic::ports::ports;
use crate::deterministic::stage::Stage;
use holdline_core::health::board::NetworkSeen;
use holdline_engine::request::{Check, Told};
use holdline_engine::{ClusterConfig, Engine, Loops};
use std::sync::Arc;

/// Pause before a node that could not start is started again.
const AGAIN_MS: u64 = 1_000;
/// How long a node may take to stop before it is killed.
const GRACE_MS: u64 = 10_000;
const KILL_AFTER_MS: u64 = 15_000;
/// How often a node looks at its own network.
const LOOK_MS: u64 = 30_000;
/// Lives of one node, at most; owners are numbered by them.
const LIVES_MAX: u32 = 1_000;

/// Begins a life of the node, unless it lives.
pub(crate) fn start(stage: &Arc<Stage>, node: u8) {
    let owner = {
        let mut slot = stage.slot(node);
        if slot.owner.is_some() {
            return;
        }
        slot.lives += 1;
        let owner = Owner(1 + u32::from(node) * LIVES_MAX + slot.lives);
        (slot.owner, slot.stopping) = (Some(owner), false);
        owner
    };
    stage.tell(&Fact::Life { node, lives: true });
    let own = Arc::clone(stage);
    stage
        .exec
        .spawn(owner, async move { live(own, node, owner).await });
}

/// The process is gone, wherever it stood.
pub(crate) fn kill(stage: &Stage, node: u8) {
    let owner = {
        let mut slot = stage.slot(node);
        slot.engine = None;
        slot.owner.take()
    };
    if let Some(owner) = owner {
        stage.exec.kill(owner);
        stage.tell(&Fact::Life { node, lives: false });
    }
}

/// Asks it to stop; it is gone when this returns.
pub(crate) async fn stop(stage: &Stage, node: u8) {
    let (engine, life) = {
        let mut slot = stage.slot(node);
        slot.stopping = true;
        (slot.engine.clone(), slot.lives)
    };
    if let Some(engine) = engine {
        engine.stop(GRACE_MS);
        stage.exec.sleep(KILL_AFTER_MS).await;
    }
    // It may have died meanwhile, and live again.
    if stage.slot(node).lives == life {
        kill(stage, node);
    }
}

async fn live(stage: Arc<Stage>, node: u8, owner: Owner) {
    loop {
        let mut config = stage.sabotage.loosened(stage.config.clone());
        config.cluster = cluster(&stage, node);
        match Engine::start(ports(&stage, node, owner), config).await {
            Ok((engine, loops)) => {
                stage.slot(node).engine = Some(engine.clone());
                return run(&stage, node, owner, engine, loops);
            }
            Err(error) => {
                tracing::debug!(%error, node, "a node could not start");
                stage.exec.sleep(AGAIN_MS).await;
            }
        }
    }
}

/// One node alone has the store for itself.
fn cluster(stage: &Stage, node: u8) -> Option<ClusterConfig> {
    let name = format!("node{node}");
    let url = format!("https://{name}.test");
    (stage.nodes() > 1).then(|| ClusterConfig::new(name, url))
}

fn run(stage: &Arc<Stage>, node: u8, owner: Owner, engine: Engine, loops: Loops) {
    let watched = |name: &'static str, task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let own = Arc::clone(stage);
        stage.exec.spawn(owner, async move {
            task.await;
            if !own.slot(node).stopping {
                own.tell(&Fact::LoopEnded { node, name });
            }
        });
    };
    watched("batch", Box::pin(loops.batch.run()));
    watched("driver", Box::pin(loops.driver.run()));
    watched("receive", Box::pin(loops.receive.run()));
    watched("post", Box::pin(loops.post.run()));
    watched("help", Box::pin(loops.help.run()));
    if stage.nodes() > 1 {
        watched("cluster", Box::pin(loops.cluster.run()));
    }
    for worker in loops.workers {
        watched("worker", Box::pin(worker.run()));
    }
    let (mut checks, mut wishes) = (loops.checks, loops.template_wishes);
    stage
        .exec
        .spawn(owner, async move { while wishes.recv().await.is_some() {} });
    let (own, asked) = (Arc::clone(stage), engine.clone());
    stage.exec.spawn(owner, async move {
        while let Some(check) = checks.recv().await {
            if matches!(check, Check::Network { .. }) {
                asked.tell(network(&own, node)).await;
            }
        }
    });
    let own = Arc::clone(stage);
    stage.exec.spawn(owner, async move {
        loop {
            engine.tell(network(&own, node)).await;
            own.exec.sleep(LOOK_MS).await;
        }
    });
}

/// Whether the node reaches hosts that have nothing to do with any provider.
fn network(stage: &Stage, node: u8) -> Told {
    let cut_off = stage.weather().is_cut_off();
    Told::Network(NetworkSeen {
        at: stage.node_time(node),
        controls: Some(!cut_off),
        words: String::from(if cut_off {
            "no host answers"
        } else {
            "reached"
        }),
    })
}
