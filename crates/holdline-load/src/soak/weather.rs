//! When WhatsApp fails during a run, and how: rounds that are all alike, each through every way of
//! failing with a calm of the same length before it. A pure function of time.

use serde_json::{Value, json};
use std::time::Duration;

/// What fails, and for profiles that have one the delay. All of them end without a loss: what they
/// hold back comes late.
const FAULTS: [(&str, Option<u32>); 5] = [
    ("server_errors", None),
    ("blackhole", None),
    ("timeout_after_accept", None),
    ("hard_down", None),
    ("webhooks_delayed", Some(15_000)),
];
/// A long run has more rounds, not longer outages.
const PHASE_S_MAX: f64 = 120.0;
/// The first is for warming up, and one round alone shows no growth.
const ROUNDS_MIN: u32 = 3;

#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    rounds: u32,
    phase: Duration,
}

/// One stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Phase {
    pub(super) begins: Duration,
    pub(super) round: u32,
    /// None: calm.
    fault: Option<usize>,
}

impl Weather {
    pub(super) fn of(whole: Duration) -> Self {
        let phases = FAULTS.len() as u32 * 2;
        let round_max = PHASE_S_MAX * f64::from(phases);
        let rounds = (whole.as_secs_f64() / round_max).ceil() as u32;
        let rounds = rounds.max(ROUNDS_MIN);
        Self {
            rounds,
            phase: whole / (rounds * phases),
        }
    }

    pub(super) fn phases(self) -> impl Iterator<Item = Phase> {
        let phases = FAULTS.len() as u32 * 2;
        (0..self.rounds * phases).map(move |at| Phase {
            begins: self.phase * at,
            round: at / phases,
            fault: (at % 2 == 1).then_some((at % phases / 2) as usize),
        })
    }

    pub(super) fn rounds(self) -> u32 {
        self.rounds
    }

    pub(super) fn phase(self) -> Duration {
        self.phase
    }

    /// From when figures count.
    pub(super) fn warm_after(self) -> Duration {
        self.phase * (FAULTS.len() as u32 * 2)
    }
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        self.fault.map_or("calm", |at| FAULTS[at].0)
    }

    pub(super) fn is_calm(self) -> bool {
        self.fault.is_none()
    }

    pub(super) fn calmed(self) -> Self {
        Self {
            fault: None,
            ..self
        }
    }

    /// What to ask the sandbox for; none while it is calm.
    pub(super) fn order(self) -> Option<Value> {
        let (profile, delay_ms) = FAULTS[self.fault?];
        let mut order = json!({"profile": profile});
        if let Some(delay_ms) = delay_ms {
            order["delay_ms"] = json!(delay_ms);
        }
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_three_equal_rounds_of_two_minutes_a_phase() {
        let weather = Weather::of(Duration::from_secs(3_600));
        let phases: Vec<Phase> = weather.phases().collect();
        assert_eq!(phases.len(), 30);
        assert_eq!(phases[1].begins, Duration::from_secs(120));
        let names: Vec<_> = phases[10..14].iter().map(|it| it.name()).collect();
        assert_eq!(names, ["calm", "server_errors", "calm", "blackhole"]);
        assert_eq!((phases[9].round, phases[10].round), (0, 1));
        assert_eq!(weather.warm_after(), phases[10].begins);
    }

    #[test]
    fn a_day_has_more_rounds_and_a_minute_shorter_phases() {
        let phase_s = |seconds| {
            let weather = Weather::of(Duration::from_secs(seconds));
            (weather.rounds, weather.phase.as_secs_f64())
        };
        assert_eq!(phase_s(86_400), (72, 120.0));
        assert_eq!(phase_s(60), (3, 2.0));
    }
}
