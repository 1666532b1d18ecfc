//! How many notices are on their way at once, and who waits for whom.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use url::Url;

use super::announcer::COMMAND;

/// On their way to one host at once. One that does not answer holds each place for as long as [`DEADLINE`].
pub(super) const AT_A_HOST: usize = 8;
/// What has to make way for something slow is looked at again after so long.
pub(super) const PASSED_OVER_US: i64 = 10_000_000;
/// What waits for places that become free sooner is looked at again when it may be its turn: so long for each time that all are taken.
const ROUND_US: i64 = 50_000;
/// What has been on its way for so long is slow.
const SLOW: Duration = Duration::from_secs(1);

/// By which way a notice goes. A way that is full, or slow, holds up none of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    Post,
    Mail,
    Command,
}

impl Way {
    /// That of a notice.
    pub(super) fn of(url: &str) -> Self {
        match url.split_once(':') {
            Some(("mailto", _)) => Self::Mail,
            _ if url == COMMAND => Self::Command,
            _ => Self::Post,
        }
    }

    /// On their way at once.
    fn room(self) -> usize {
        match self {
            Self::Post => 64,
            Self::Mail => 8,
            Self::Command => 4,
        }
    }
}

/// What shares places: all that goes a way, or of posts those to one host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    pub(super) way: Way,
    host: Option<String>,
}

impl Lane {
    /// That of a notice.
    pub(super) fn of(url: &str) -> Self {
        let way = Way::of(url);
        let host = || Url::parse(url).ok()?.host_str().map(str::to_owned);
        Self { way, host: if way == Way::Post { host() } else { None } }
    }

    /// All that goes the same way.
    fn whole(&self) -> Self {
        Self { way: self.way, host: None }
    }

    /// On their way at once.
    fn room(&self) -> usize {
        if self.host.is_some() { AT_A_HOST } else { self.way.room() }
    }
}

/// What is on its way: by the ids of the notices, and since when.
pub(super) type OnTheirWay = HashMap<String, (Lane, Instant)>;

/// What is taken, and who waits for it.
pub(super) struct Places {
    taken: HashMap<Lane, usize>,
    waiting: HashMap<Lane, usize>,
    slow: HashSet<Lane>,
}

impl Places {
    pub(super) fn new(on_their_way: &OnTheirWay) -> Self {
        let mut places = Self { taken: HashMap::new(), waiting: HashMap::new(), slow: HashSet::new() };
        for (lane, since) in on_their_way.values() {
            places.count(lane);
            if since.elapsed() > SLOW {
                places.slow.insert(lane.clone());
            }
        }
        places
    }

    fn count(&mut self, lane: &Lane) {
        *self.taken.entry(lane.whole()).or_default() += 1;
        if lane.host.is_some() {
            *self.taken.entry(lane.clone()).or_default() += 1;
        }
    }

    /// Takes a place. Where there is none, it gives when to look again, in microseconds from now.
    pub(super) fn take(&mut self, lane: &Lane) -> Result<(), i64> {
        let is_full = |lane: &Lane| self.taken.get(lane).is_some_and(|taken| *taken >= lane.room());
        let Some(full) = [lane.clone(), lane.whole()].into_iter().find(is_full) else {
            self.count(lane);
            return Ok(());
        };
        let room = full.room();
        let before = self.waiting.entry(full).or_default();
        let rounds = i64::try_from(*before / room + 1).unwrap_or(i64::MAX);
        *before += 1;
        let soon = rounds.saturating_mul(ROUND_US).min(PASSED_OVER_US);
        Err(if self.slow.contains(lane) { PASSED_OVER_US } else { soon })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_own_places_and_who_waits_for_it_is_looked_at_when_it_may_be_its_turn() {
        let at = |host: usize| Lane::of(&format!("https://h{host}.example/hook"));
        let mut places = Places::new(&OnTheirWay::new());
        let mut take = |lane: Lane, times: usize| (0..times).map(|_| places.take(&lane)).collect::<Vec<_>>();
        assert_eq!(take(at(0), AT_A_HOST), [Ok(()); AT_A_HOST]);
        assert_eq!(take(at(0), 7), [Err(ROUND_US); 7]);
        assert_eq!(take(Lane::of("https://H0.example:8443/other?x"), 1), [Err(ROUND_US)], "the host is the same");
        assert_eq!(take(at(0), 1), [Err(ROUND_US * 2)], "eight are before it");
        for host in 1..8 {
            assert_eq!(take(at(host), AT_A_HOST), [Ok(()); AT_A_HOST]);
        }
        assert_eq!(take(at(9), 1), [Err(ROUND_US)], "there are 64 of all hosts");
        assert_eq!(take(Lane::of("mailto:ada@example.org"), 1), [Ok(())]);
        assert_eq!(take(Lane::of(COMMAND), 1), [Ok(())]);

        let before = Instant::now().checked_sub(SLOW * 2).expect("the machine has been up for longer");
        let slow = (0..8).map(|number| (format!("n{number}"), (at(0), before))).collect();
        let mut places = Places::new(&slow);
        assert_eq!((places.take(&at(0)), places.take(&at(1))), (Err(PASSED_OVER_US), Ok(())));
    }
}
