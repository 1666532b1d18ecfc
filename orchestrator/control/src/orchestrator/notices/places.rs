//! How many notices are on their way at once, and who waits for whom.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use url::Url;

use super::announcer::COMMAND;

/// On their way to one host at once. One that does not answer holds each place for as long as [`super::DEADLINE`].
pub(super) const AT_A_HOST: usize = 8;
/// What has to make way for something slow is looked at again after so long.
pub(super) const PASSED_OVER_US: i64 = 10_000_000;
/// What waits for places that become free sooner is looked at again when it may be its turn: so long for each time that all are taken.
const ROUND_US: i64 = 50_000;
/// What has been on its way for so long is slow.
const SLOW: Duration = Duration::from_secs(1);
/// Whoever was slow is taken to be so for a while.
const SLOW_FOR: Duration = Duration::from_secs(60);

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

/// What is on its way, and who was slow lately.
#[derive(Default)]
pub(super) struct OnTheirWay {
    /// By the ids of the notices, since when.
    notices: HashMap<String, (Lane, Instant)>,
    /// When they were slow last.
    slow: HashMap<Lane, Instant>,
}

impl OnTheirWay {
    pub(super) fn holds(&self, id: &str) -> bool {
        self.notices.contains_key(id)
    }

    pub(super) fn begin(&mut self, id: &str, lane: Lane) {
        self.notices.insert(id.to_owned(), (lane, Instant::now()));
    }

    /// It has arrived, or not.
    pub(super) fn end(&mut self, id: &str) {
        let Some((lane, since)) = self.notices.remove(id) else { return };
        if since.elapsed() > SLOW {
            self.slow.retain(|_, was_slow_at| was_slow_at.elapsed() < SLOW_FOR);
            self.slow.insert(lane, Instant::now());
        }
    }

    /// All but what goes this way is somebody else's now.
    pub(super) fn keep_only(&mut self, way: Way) {
        self.notices.retain(|_, (lane, _)| lane.way == way);
    }
}

/// What is taken, and who waits for it.
pub(super) struct Places {
    taken: HashMap<Lane, usize>,
    waiting: HashMap<Lane, usize>,
    /// Something of theirs has been on its way for long.
    slow: HashSet<Lane>,
    /// The same, now or lately.
    slow_lately: HashSet<Lane>,
}

impl Places {
    pub(super) fn new(on_their_way: &OnTheirWay) -> Self {
        let now = on_their_way.notices.values().filter(|(_, since)| since.elapsed() > SLOW);
        let slow: HashSet<Lane> = now.map(|(lane, _)| lane.clone()).collect();
        let lately = on_their_way.slow.iter().filter(|(_, was_slow_at)| was_slow_at.elapsed() < SLOW_FOR);
        let slow_lately = lately.map(|(lane, _)| lane).chain(&slow).cloned().collect();
        let mut places = Self { taken: HashMap::new(), waiting: HashMap::new(), slow, slow_lately };
        for (lane, _) in on_their_way.notices.values() {
            places.count(lane);
        }
        places
    }

    /// Of hosts that are slow.
    fn taken_by_slow_hosts(&self) -> usize {
        let slow = self.slow_lately.iter().filter(|lane| lane.host.is_some());
        slow.filter_map(|lane| self.taken.get(lane)).sum()
    }

    fn count(&mut self, lane: &Lane) {
        *self.taken.entry(lane.whole()).or_default() += 1;
        if lane.host.is_some() {
            *self.taken.entry(lane.clone()).or_default() += 1;
        }
    }

    /// Takes a place. Where there is none, it gives when to look again, in microseconds from now.
    pub(super) fn take(&mut self, lane: &Lane) -> Result<(), i64> {
        // However many of them there are, they leave places for the others.
        let is_slow_host = lane.host.is_some() && self.slow_lately.contains(lane);
        if is_slow_host && self.taken_by_slow_hosts() >= lane.way.room() / 2 {
            return Err(PASSED_OVER_US);
        }
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
        let mut places = Places::new(&OnTheirWay::default());
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
        let notices = (0..8).map(|number| (format!("n{number}"), (at(0), before))).collect();
        let mut places = Places::new(&OnTheirWay { notices, ..OnTheirWay::default() });
        assert_eq!((places.take(&at(0)), places.take(&at(1))), (Err(PASSED_OVER_US), Ok(())));
    }

    #[test]
    fn hosts_that_are_slow_or_were_so_lately_leave_half_of_all_places() {
        let at = |host: usize| Lane::of(&format!("https://h{host}.example/hook"));
        let before = Instant::now().checked_sub(SLOW * 2).expect("the machine has been up for longer");
        let mut on_their_way = OnTheirWay::default();
        for number in 0..64 {
            on_their_way.notices.insert(format!("n{number}"), (at(number / 8), before));
        }
        // That two of the eight have failed leaves two places that none of the eight gets.
        for id in ["n0", "n63"] {
            on_their_way.end(id);
        }
        let mut places = Places::new(&on_their_way);
        assert_eq!(places.take(&at(0)), Err(PASSED_OVER_US));
        assert_eq!([places.take(&at(8)), places.take(&at(9))], [Ok(()); 2]);
        (0..64).for_each(|number| on_their_way.end(&format!("n{number}")));
        let mut places = Places::new(&on_their_way);
        let taken = (0..8).flat_map(|host| [host; 8]).filter(|host| places.take(&at(*host)).is_ok()).count();
        assert_eq!(taken, 32, "it is remembered who was slow");
        assert_eq!(places.take(&at(8)), Ok(()));
    }
}
