//! `holdline demo`: a server, virtual providers and an app in one process, over real sockets. The
//! app sends a steady mixed stream; WhatsApp is broken and mended; what every person really got is
//! counted from the providers' own ledger, not from ours.

mod app;
mod judge;
mod show;
mod stage;

pub(crate) use judge::Verdict;
pub(crate) use show::table;

use app::App;
use holdline_sim::OutageOrder;
use judge::Marks;
use show::Show;
use stage::Stage;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How long after the last message the demo waits for every delivery to end.
const SETTLE: Duration = Duration::from_secs(120);
/// How often the display and the measurements look.
const LOOK: Duration = Duration::from_millis(100);

/// What is to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) profile: String,
    pub(crate) rate: u32,
    pub(crate) duration: Duration,
    pub(crate) quiet: bool,
}

/// A demo that has run; its server and providers still do.
pub(crate) struct Played {
    pub(crate) verdict: Verdict,
    stage: Stage,
}

impl Played {
    pub(crate) fn urls(&self) -> Vec<(&'static str, String)> {
        self.stage.urls()
    }

    pub(crate) async fn end(self) {
        self.stage.end().await;
    }
}

/// Plays the whole outage.
pub(crate) async fn play(order: &Order) -> anyhow::Result<Played> {
    let stage = Stage::set().await?;
    stage.bring_in_people().await?;
    let app = App::start(&stage).await?;
    let mut show = Show::new(order);
    let begin = Instant::now();
    let third = order.duration / 3;
    let stream = tokio::spawn(app.clone().stream(order.rate, order.duration));
    let mut marks = Marks::new(stage.now_ms());
    watch_until(begin + third, &stage, &app, &mut show, &mut marks).await;
    let outage = stage
        .sandbox
        .start_outage(OutageOrder::new(&order.profile))?;
    marks.broke_at_ms = stage.now_ms();
    show.say(&format!("WhatsApp breaks: {}", order.profile));
    watch_until(begin + 2 * third, &stage, &app, &mut show, &mut marks).await;
    stage.sandbox.stop_outage(outage);
    marks.mended_at_ms = stage.now_ms();
    show.say("WhatsApp is mended");
    watch_until(begin + order.duration, &stage, &app, &mut show, &mut marks).await;
    stream.await??;
    settle(&stage, &app, &mut show, &mut marks).await;
    show.end();
    let verdict = judge::judge(&stage, &app, &marks, order).await?;
    Ok(Played { verdict, stage })
}

async fn watch_until(until: Instant, stage: &Stage, app: &App, show: &mut Show, marks: &mut Marks) {
    while Instant::now() < until {
        look(stage, app, show, marks);
        sleep_until(until.min(Instant::now() + LOOK)).await;
    }
}

/// Waits until every delivery has ended and the app has heard of it, within a limit.
async fn settle(stage: &Stage, app: &App, show: &mut Show, marks: &mut Marks) {
    let limit = Instant::now() + SETTLE;
    show.say("the stream has ended; waiting for the last deliveries");
    while Instant::now() < limit {
        look(stage, app, show, marks);
        let totals = stage.server.engine.totals();
        let open = totals.waiting + totals.in_flight + totals.in_doubt + totals.placed;
        let back = marks.back_at_ms.is_some() || !marks.was_down;
        if open == 0 && back && app.heard_of_all() {
            return;
        }
        sleep(LOOK).await;
    }
}

fn look(stage: &Stage, app: &App, show: &mut Show, marks: &mut Marks) {
    let routes = stage.server.engine.routes();
    marks.look(&routes, stage.now_ms());
    let totals = stage.server.engine.totals();
    show.draw(&routes, &totals, app, &stage.delivered(), stage.now_ms());
}
