//! One run of one script: sets the stage, lets it play, and asks the checkers.

use super::actors::fate;
use super::checkers::{self, End, Rules};
use super::chronicle::{Chronicle, Violation, Wrong};
use super::exec::{Halt, Runner};
use super::sabotage::Sabotage;
use super::script::{Script, branch};
use super::stage::{EPOCH_MS, Stage};
use super::{APPS, app_name, endpoints_of, sender_of};
use crate::config::{Number, SandboxConfig, WebhookConfig};
use crate::world::World;
use futures_util::FutureExt as _;
use holdline_core::health::BoardConfig;
use holdline_core::routing::{GateConfig, Policy};
use holdline_core::{ChannelKind, Redacted, Timestamp};
use holdline_engine::EngineConfig;
use holdline_engine::config::{HookPolicy, RouteConfig};
use holdline_engine::ports::records::{EndpointForm, EndpointRecord};
use holdline_engine::ports::store::PAGE_MAX;
use holdline_engine::ports::{Group, Lease, MessageFilter, Op, Partition, Partitions, Store as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How long after the last fault everything must have ended: the longest life of a message, with
/// room for the last retries.
const END_WITHIN_MS: u64 = 60 * 60_000;
/// How often it is looked whether all has ended.
const LOOK_MS: u64 = 5_000;
/// All must stay quiet for so long, so that late receipts and repeats are seen too.
const QUIET_MS: u64 = 150_000;
const MINUTE_MS: u64 = 60_000;

/// What is kept of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trace {
    /// What the story of a violation needs.
    #[default]
    Story,
    /// Every line.
    Whole,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub seed: u64,
    pub violation: Option<Violation>,
    /// Simulated time.
    pub ran_ms: u64,
    pub messages: u64,
    /// Messages by how they ended.
    pub ends: BTreeMap<&'static str, u64>,
    /// Faults by kind, how often they hit.
    pub faults: BTreeMap<String, u64>,
    pub steps: u64,
    pub facts: u64,
    /// Over every line of the log: two runs with the same digest were the same.
    pub digest: u64,
    /// The log, as far as it was kept.
    pub log: Vec<String>,
}

/// Plays a script.
#[must_use]
pub fn run(script: &Script, trace: Trace) -> Report {
    play(script, trace, Sabotage::None, checkers::all())
}

/// Plays a script on a machine that may be broken, before these checkers.
pub(crate) fn play(
    script: &Script,
    trace: Trace,
    sabotage: Sabotage,
    checkers: Vec<Box<dyn checkers::Checker>>,
) -> Report {
    let mut runner = Runner::new(branch(script.seed, "order"));
    let config = engine_config(script);
    let rules = Rules {
        policy: config.policy.clone(),
        gate: gate(),
        hooks: config.hooks.clone(),
        open_messages_max: config.open_messages_max,
        nodes: script.nodes,
    };
    let chronicle = Chronicle::new(checkers, rules, trace == Trace::Whole);
    let stage = Arc::new(Stage::new(
        Arc::clone(&runner.exec),
        script.clone(),
        (config, sabotage),
        world(script.seed),
        chronicle,
    ));
    endpoints(&stage);
    fate::begin(&stage);
    play_out(&mut runner, &stage);
    report(&mut runner, &stage)
}

fn play_out(runner: &mut Runner, stage: &Stage) {
    let heal_at_ms = stage.script.heal_at_ms;
    let last_ms = heal_at_ms + END_WITHIN_MS;
    let mut quiet_ms = 0;
    let mut until_ms = heal_at_ms + LOOK_MS;
    while until_ms <= last_ms {
        let halt = runner.run(until_ms);
        if stage.chronicle().violation.is_some() {
            return;
        }
        if halt == Halt::Circles {
            let wrong = Wrong::of("tasks wake each other for ever and time stands still");
            return stage.blame("nothing_unbounded", wrong);
        }
        quiet_ms = if has_ended(stage) {
            quiet_ms + LOOK_MS
        } else {
            0
        };
        if quiet_ms >= QUIET_MS {
            break;
        }
        until_ms += LOOK_MS;
    }
    let end = end_of(stage);
    let now_ms = stage.exec.now_ms();
    stage.chronicle().end(now_ms, &end);
}

fn has_ended(stage: &Stage) -> bool {
    let handed = now(stage.disk.handoffs(&every_lease(), 1));
    let raw = now(stage.disk.raw_open(Partitions::ALL, None, 1));
    let hooks = now(stage.disk.hooks_next_due(Partitions::ALL));
    let posts = stage.look(|world| world.webhook_totals().0);
    stage.open_on_disk() == 0
        && handed.is_some_and(|page| page.is_empty())
        && raw.is_some_and(|page| page.is_empty())
        && hooks == Some(None)
        && posts == 0
        && stage.asking.load(Ordering::SeqCst) == 0
}

fn every_lease() -> Vec<Lease> {
    let channels = [ChannelKind::WHATSAPP, ChannelKind::SMS];
    let partitions = Partition::all().map(Lease::Partition);
    let health = channels.into_iter().map(Lease::Health);
    partitions.chain(health).chain([Lease::Upkeep]).collect()
}

fn end_of(stage: &Stage) -> End {
    let mut end = End {
        raw_open: raw_open(stage),
        hooks_open: now(stage.disk.hooks_next_due(Partitions::ALL)) != Some(None),
        hooks_dropped: stage.disk.dropped_hooks().len(),
        duplicates: stage.disk.duplicates(),
        asking: stage.asking.load(Ordering::SeqCst),
        ..End::default()
    };
    let mut filter = MessageFilter::default();
    loop {
        let page = now(stage.disk.list_messages(&filter, PAGE_MAX)).unwrap_or_default();
        let Some(last) = page.last() else { break };
        filter.before = Some(last.message.id);
        end.messages
            .extend(page.into_iter().map(|stored| (stored.message.id, stored)));
    }
    with_bodies(stage, &mut end);
    end
}

/// Webhooks that nobody has worked off, in words.
fn raw_open(stage: &Stage) -> Vec<String> {
    let page = now(stage.disk.raw_open(Partitions::ALL, None, PAGE_MAX)).unwrap_or_default();
    let epoch_ms = i64::try_from(EPOCH_MS).unwrap_or(i64::MAX);
    let words = page.iter().map(|raw| {
        let partition = Partition::of(raw.id).number();
        let at_ms = raw.received_at.0 - epoch_ms;
        format!("{} at {at_ms} ms in partition {partition}", raw.channel)
    });
    words.collect()
}

/// Lists may leave the bodies out.
fn with_bodies(stage: &Stage, end: &mut End) {
    let ids: Vec<_> = end.messages.keys().copied().collect();
    for page in ids.chunks(PAGE_MAX) {
        for record in now(stage.disk.messages(page)).unwrap_or_default() {
            if let Some(stored) = end.messages.get_mut(&record.id) {
                stored.message = record;
            }
        }
    }
}

/// The disk itself always answers at once.
fn now<T, E>(reading: impl Future<Output = Result<T, E>>) -> Option<T> {
    reading.now_or_never()?.ok()
}

fn report(runner: &mut Runner, stage: &Arc<Stage>) -> Report {
    let end = end_of(stage);
    let mut ends: BTreeMap<&'static str, u64> = BTreeMap::new();
    for stored in end.messages.values() {
        *ends.entry(stored.delivery.state.name()).or_default() += 1;
    }
    let (ran_ms, steps) = (stage.exec.now_ms(), runner.steps());
    let faults = stage.weather().injected();
    let (violation, digest, facts, log) = {
        let mut chronicle = stage.chronicle();
        (
            chronicle.violation.take(),
            chronicle.digest(),
            chronicle.facts(),
            chronicle.take_lines(),
        )
    };
    let report = Report {
        seed: stage.script.seed,
        violation,
        ran_ms,
        messages: end.messages.len() as u64,
        ends,
        faults,
        steps,
        facts,
        digest,
        log,
    };
    // Tasks hold the stage, and the stage holds engines: without this nothing would be freed.
    for node in 0..stage.nodes() {
        stage.slot(node).engine = None;
    }
    runner.end();
    report
}

fn world(seed: u64) -> World {
    let mut config = SandboxConfig {
        seed: branch(seed, "world").next_u64(),
        webhooks: WebhookConfig {
            retry_first_ms: 1_000,
            retry_max_ms: MINUTE_MS,
            tries_max: 10_000,
            ..WebhookConfig::default()
        },
        ..SandboxConfig::default()
    };
    config.whatsapp.numbers = vec![Number::default(), Number::second()];
    let mut world = World::new(config);
    let public = super::ports::PUBLIC_URL;
    world.set_whatsapp_webhook(Some(format!("{public}/hooks/whatsapp")));
    world.set_sms_inbound(Some(format!("{public}/hooks/sms")));
    world
}

fn gate() -> GateConfig {
    GateConfig::default()
}

fn engine_config(script: &Script) -> EngineConfig {
    let sms = crate::config::SmsConfig::default().from;
    let route = |channel, sender: String| RouteConfig {
        channel,
        sender,
        gate: gate(),
    };
    let mut routes: Vec<RouteConfig> = (0..APPS)
        .map(|app| route(ChannelKind::WHATSAPP, sender_of(app)))
        .collect();
    routes.push(route(ChannelKind::SMS, sms));
    let waba = Number::default().waba_id;
    EngineConfig {
        policy: Policy::default(),
        order: vec![ChannelKind::WHATSAPP, ChannelKind::SMS],
        receipt_wait_ms: [30_000, 60_000, 300_000, 600_000],
        expiry_ms: [10, 15, 30, 45].map(|minutes: u64| minutes * MINUTE_MS),
        open_messages_max: script.open_messages_max,
        window_max: script.window_max,
        // Each node has a name of its own: see `node`.
        cluster: None,
        routes,
        board: BoardConfig::default(),
        sms_from_whatsapp: true,
        sms_help_text: None,
        wabas: (0..APPS)
            .map(|app| (sender_of(app), waba.clone()))
            .collect(),
        app_senders: (0..APPS)
            .map(|app| (app_name(app), vec![sender_of(app)]))
            .collect(),
        key_kept_ms: 7 * 24 * 60 * MINUTE_MS,
        hooks: HookPolicy {
            gap_max_ms: MINUTE_MS,
            ..HookPolicy::default()
        },
    }
}

/// Endpoints of the apps, on the disk before anything begins.
fn endpoints(stage: &Stage) {
    let mut ops = Vec::new();
    for app in 0..APPS {
        for id in endpoints_of(app) {
            let form = if id.ends_with("cloud") {
                EndpointForm::Cloud
            } else {
                EndpointForm::Standard
            };
            ops.push(Op::Endpoint(EndpointRecord {
                url: format!("https://{id}.test"),
                id,
                app: app_name(app),
                form,
                secret: Redacted::new(String::new()),
                verify_token: None,
                scope: String::from("app"),
                fields: Vec::new(),
                created_at: Timestamp(0),
            }));
        }
    }
    let kept = now(stage.disk.commit(vec![Group(ops)].into()));
    debug_assert!(kept.is_some(), "an empty disk takes endpoints");
}
