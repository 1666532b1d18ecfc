//! How long to wait before dialling again. Pure.

use std::time::Duration;

use wallflower_domain::wire::link::REDIAL_S;

const FIRST_S: f64 = 0.1;
/// After an answer that will hardly change: an orchestrator that has just started may not know everything yet.
const REFUSED_S: f64 = 5.0;
/// A connection that has lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    tries: i32,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    /// Nobody answered as an orchestrator does.
    Failed,
    /// An orchestrator will not have us.
    Refused,
    /// A connection has lasted so long.
    Connected(Duration),
}

impl Pace {
    /// The pause after a try. `chance` from 0 to 1 spreads the agents of a machine that all lost the same orchestrator.
    pub(super) fn after(&mut self, ended: Try, chance: f64) -> Duration {
        if matches!(ended, Try::Connected(lasted) if lasted >= GOOD) {
            self.tries = 0;
        }
        let longest_s =
            if ended == Try::Refused { REFUSED_S } else { (FIRST_S * 2_f64.powi(self.tries)).min(REDIAL_S) };
        self.tries = self.tries.saturating_add(1).min(16);
        Duration::from_secs_f64(longest_s * (0.5 + chance.clamp(0.0, 1.0) / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew_after_a_good_connection() {
        let mut pace = Pace::default();
        let mut seconds = |ended| pace.after(ended, 1.0).as_secs_f64();
        let pauses: Vec<f64> = (0..6).map(|_| seconds(Try::Failed)).collect();
        assert_eq!(pauses, [0.1, 0.2, 0.4, 0.8, REDIAL_S, REDIAL_S]);
        assert_eq!(seconds(Try::Refused), REFUSED_S);
        assert_eq!(seconds(Try::Connected(Duration::from_secs(1))), REDIAL_S, "that was none");
        assert_eq!(seconds(Try::Connected(GOOD)), 0.1);
        assert_eq!(seconds(Try::Failed), 0.2);
    }

    #[test]
    fn chance_takes_half_of_a_pause_at_most() {
        let pauses = [0.0, 0.5, 1.0].map(|chance| Pace::default().after(Try::Failed, chance).as_secs_f64());
        assert_eq!(pauses, [0.05, 0.075, 0.1]);
    }
}
