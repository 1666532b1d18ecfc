//! All rules together.

use std::time::Duration;

use super::config::WatchdogConfig;
use super::disk::{DiskFilling, DiskLow};
use super::encoder::{SlowEncoder, StalledEncoder};
use super::limits::{MaxDuration, MaxSize};
use super::media::{FrozenVideo, SilentAudio};
use super::memory::{self, Memory};
use super::observation::Observation;
use super::page::{FrozenPage, SlowPage};
use super::room::{EverybodyLeft, NoMedia, RoomEmpty};
use super::rule::{Decision, Watch};
use super::verdict::{Action, Rule, Verdict};
use super::words::length;

/// Trouble that is acted upon at once.
const AT_ONCE: Duration = Duration::ZERO;
/// A look that comes so long after the one before: machine or agent were asleep, and nobody knows what happened meanwhile. Looks come four
/// times a second; what interrupts a recording by default is patient for longer than this.
const ASLEEP: Duration = Duration::from_secs(2);

/// Every rule that is on.
///
/// ```text
/// quiet ── trouble has lasted as long as the rule's patience: the verdict, once ──▶ told
///   ▲                                                                                │
///   ├── no trouble any more: Recovered, after a warning ─────────────────────────────┤
///   └── excused, or asleep: not a word ──────────────────────────────────────────────┘
/// ```
#[derive(Debug)]
pub struct Watchdog {
    guards: Vec<Guard>,
    looked: Option<Duration>,
}

impl Watchdog {
    /// With the rules that are on.
    pub fn new(config: &WatchdogConfig) -> Self {
        let reserve = config.disk_reserve_bytes;
        let size = Some(config.max_size_bytes).filter(|bytes| *bytes > 0);
        let guards = [
            config.room_empty_s.duration().map(|patience| Guard::new(Rule::RoomEmpty, patience, RoomEmpty)),
            config
                .everybody_left_s
                .duration()
                .map(|patience| Guard::new(Rule::EverybodyLeft, patience, EverybodyLeft::default())),
            config.no_media_s.duration().map(|patience| Guard::new(Rule::NoMedia, patience, NoMedia::default())),
            config.slow_page_s.duration().map(|patience| Guard::new(Rule::SlowPage, patience, SlowPage::default())),
            config
                .frozen_page_s
                .duration()
                .map(|patience| Guard::new(Rule::FrozenPage, patience, FrozenPage::default())),
            config
                .frozen_video_s
                .duration()
                .map(|patience| Guard::new(Rule::FrozenVideo, patience, FrozenVideo::default())),
            config
                .silent_audio_s
                .duration()
                .map(|patience| Guard::new(Rule::SilentAudio, patience, SilentAudio::default())),
            config
                .slow_encoder_s
                .duration()
                .map(|window| Guard::new(Rule::SlowEncoder, window, SlowEncoder::new(window))),
            config
                .stalled_encoder_s
                .duration()
                .map(|patience| Guard::new(Rule::StalledEncoder, patience, StalledEncoder::default())),
            config
                .disk_warn_s
                .duration()
                .filter(|_| reserve > 0)
                .map(|ahead| Guard::new(Rule::DiskFilling, AT_ONCE, DiskFilling::new(reserve, ahead))),
            (reserve > 0).then(|| Guard::new(Rule::DiskLow, AT_ONCE, DiskLow::new(reserve))),
            // With neither key there is no limit, and nothing is over it.
            Some(Guard::new(Rule::Memory, memory::PATIENCE, Memory::new(config.memory_percent, config.memory_bytes))),
            config
                .max_duration_s
                .duration()
                .map(|limit| Guard::new(Rule::MaxDuration, AT_ONCE, MaxDuration::new(limit))),
            size.map(|limit| Guard::new(Rule::MaxSize, AT_ONCE, MaxSize::new(limit))),
        ];
        Self { guards: guards.into_iter().flatten().collect(), looked: None }
    }

    /// What the rules say to this, the gravest first: of an end and what is after it, only the end matters.
    ///
    /// To be asked about once a second. After five seconds or more without a look, what takes time to be trouble begins anew.
    pub fn observe(&mut self, seen: &Observation) -> Vec<Verdict> {
        if self.looked.replace(seen.now).is_some_and(|last| seen.now.saturating_sub(last) >= ASLEEP) {
            self.guards.iter_mut().for_each(|guard| guard.forget(seen.now));
        }
        let mut verdicts: Vec<Verdict> = self.guards.iter_mut().filter_map(|guard| guard.observe(seen)).collect();
        verdicts.sort_by_key(|verdict| verdict.action.rank());
        verdicts
    }
}

/// A rule, and whether it has said what there is to say.
#[derive(Debug)]
struct Guard {
    rule: Rule,
    patience: Duration,
    watch: Box<dyn Watch>,
    told: Option<Told>,
}

/// The verdict of an episode that is not over.
#[derive(Debug)]
struct Told {
    /// When the trouble began.
    since: Duration,
    /// What is to be said when it is over; of warnings.
    over: Option<&'static str>,
}

impl Guard {
    fn new(rule: Rule, patience: Duration, watch: impl Watch + 'static) -> Self {
        Self { rule, patience, watch: Box::new(watch), told: None }
    }

    fn forget(&mut self, now: Duration) {
        self.watch.forget(now);
        self.told = None;
    }

    fn observe(&mut self, seen: &Observation) -> Option<Verdict> {
        if self.watch.is_excused(seen) {
            self.forget(seen.now);
            return None;
        }
        let rule = self.rule;
        let trouble = self.watch.trouble(seen).filter(|lasted| *lasted >= self.patience);
        match (trouble, &self.told) {
            (Some(lasted), None) => {
                let (action, message, over) = match self.watch.decide(seen, lasted) {
                    Decision::End(reason, message) => (Action::End(reason), message, None),
                    Decision::Interrupt(kind, message) => (Action::Interrupt(kind), message, None),
                    Decision::Warn { message, over } => (Action::Warn, message, Some(over)),
                };
                self.told = Some(Told { since: seen.now.saturating_sub(lasted), over });
                Some(Verdict { rule, action, message })
            }
            (None, Some(Told { since, over })) => {
                let (lasted, over) = (seen.now.saturating_sub(*since), *over);
                self.told = None;
                let message = format!("{}, after {}.", over?, length(lasted));
                Some(Verdict { rule, action: Action::Recovered { lasted }, message })
            }
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::config::{Percent, Seconds};
    use super::super::observation::RoomSeen;
    use super::*;
    use crate::recording::EndReason;
    use crate::wire::agent::Progress;

    const MB: u64 = 1_000_000;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hours")]
    pub(in super::super) fn whole(number: f64) -> u64 {
        number as u64
    }

    /// A room of two that is recorded without trouble, so many seconds after the first frame.
    pub(in super::super) fn fine(now_s: f64) -> Observation {
        let now = Duration::from_secs_f64(now_s);
        Observation {
            now,
            capturing: true,
            paused: false,
            muted: false,
            room: Some(RoomSeen { present: 2, anyone_ever: true, media_ever: true }),
            heartbeat_age: Some(Duration::from_millis(600)),
            picture_changed: Some(now),
            sound_heard: Some(now),
            progress: Progress { media_s: now_s, frames: whole(now_s * 30.0), duplicated: 3, ..Progress::default() },
            spool_bytes: whole(now_s) * MB,
            copies: 1,
            disk_free_bytes: Some(1_000_000 * MB),
            memory_bytes: Some(450 * MB),
            memory_limit_bytes: Some(2000 * MB),
        }
    }

    pub(in super::super) fn seconds(seconds: f64) -> Seconds {
        Seconds::try_from(seconds).expect("valid")
    }

    /// What is said about such a recording, looked at once a second, and when.
    pub(in super::super) fn said(
        config: &WatchdogConfig,
        until_s: u32,
        change: impl Fn(f64, &mut Observation),
    ) -> Vec<(u32, Rule, Action)> {
        let mut watchdog = Watchdog::new(config);
        let mut said = Vec::new();
        for second in 0..=until_s {
            let mut seen = fine(f64::from(second));
            change(f64::from(second), &mut seen);
            said.extend(watchdog.observe(&seen).into_iter().map(|verdict| (second, verdict.rule, verdict.action)));
        }
        said
    }

    pub(in super::super) fn recovered(lasted_s: u64) -> Action {
        Action::Recovered { lasted: Duration::from_secs(lasted_s) }
    }

    fn off() -> WatchdogConfig {
        WatchdogConfig {
            room_empty_s: Seconds::NEVER,
            everybody_left_s: Seconds::NEVER,
            no_media_s: Seconds::NEVER,
            slow_page_s: Seconds::NEVER,
            frozen_page_s: Seconds::NEVER,
            frozen_video_s: Seconds::NEVER,
            silent_audio_s: Seconds::NEVER,
            slow_encoder_s: Seconds::NEVER,
            stalled_encoder_s: Seconds::NEVER,
            disk_warn_s: Seconds::NEVER,
            disk_reserve_bytes: 0,
            memory_percent: Percent::default(),
            memory_bytes: 0,
            max_duration_s: Seconds::NEVER,
            max_size_bytes: 0,
        }
    }

    /// All that can be wrong at once.
    fn dire(now_s: f64, seen: &mut Observation) {
        let start = Some(Duration::ZERO);
        seen.room = Some(RoomSeen { present: 0, anyone_ever: now_s > 1000.0, media_ever: false });
        (seen.picture_changed, seen.sound_heard, seen.heartbeat_age) = (start, start, Some(seen.now));
        seen.progress = Progress::default();
        seen.disk_free_bytes = Some(0);
        seen.memory_bytes = Some(u64::MAX);
    }

    #[test]
    fn nothing_is_said_of_a_recording_without_trouble() {
        assert_eq!(said(&WatchdogConfig::default(), 3 * 3600, |_, _| {}), []);
    }

    #[test]
    fn nothing_is_said_when_every_rule_is_off() {
        assert_eq!(said(&off(), 3600, dire), []);
    }

    #[test]
    fn what_matters_most_is_said_first() {
        let all = seconds(12.0);
        let config = WatchdogConfig {
            room_empty_s: all,
            slow_page_s: all,
            frozen_page_s: all,
            frozen_video_s: all,
            silent_audio_s: all,
            slow_encoder_s: all,
            stalled_encoder_s: all,
            ..WatchdogConfig::default()
        };
        let mut watchdog = Watchdog::new(&config);
        let mut verdicts = Vec::new();
        for second in 0..=12 {
            assert_eq!(verdicts, [], "before {second} s");
            let mut seen = fine(f64::from(second));
            let free = seen.disk_free_bytes;
            dire(f64::from(second), &mut seen);
            (seen.memory_bytes, seen.disk_free_bytes) = (None, if second < 12 { free } else { Some(0) });
            verdicts = watchdog.observe(&seen);
        }
        let rules: Vec<_> = verdicts.iter().map(|verdict| verdict.rule).collect();
        assert_eq!(
            rules,
            [
                Rule::RoomEmpty,
                Rule::DiskLow,
                Rule::FrozenPage,
                Rule::StalledEncoder,
                Rule::SlowPage,
                Rule::FrozenVideo,
                Rule::SilentAudio,
                Rule::SlowEncoder,
                Rule::DiskFilling
            ]
        );
        let failure = verdicts[2].failure().expect("an interruption");
        assert_eq!(failure.message, "The page has not answered for 12 s: its script hangs.");
        assert_eq!(verdicts[0].failure(), None);
        assert!(verdicts.iter().all(|verdict| verdict.message.ends_with('.')), "{verdicts:?}");
    }

    /// Times that can be told apart by looks a second apart.
    pub(in super::super) fn patient() -> WatchdogConfig {
        WatchdogConfig {
            slow_page_s: seconds(3.0),
            frozen_page_s: seconds(10.0),
            stalled_encoder_s: seconds(5.0),
            ..WatchdogConfig::default()
        }
    }

    #[test]
    fn what_is_over_is_said_with_its_length() {
        let mut watchdog = Watchdog::new(&patient());
        let mut seen = fine(100.0);
        seen.heartbeat_age = Some(Duration::from_secs(4));
        assert_eq!(watchdog.observe(&seen)[0].action, Action::Warn);
        let over = watchdog.observe(&fine(101.5));
        assert_eq!(over[0].action, Action::Recovered { lasted: Duration::from_millis(5500) });
        assert_eq!(over[0].message, "The page answers again, after 5.5 s.");
    }

    #[test]
    fn a_sleep_is_not_held_against_anybody() {
        let config = patient();
        let mut watchdog = Watchdog::new(&config);
        let mut look = |now_s: f64, age_s: f64| {
            let seen = Observation { heartbeat_age: Some(Duration::from_secs_f64(age_s)), ..fine(now_s) };
            watchdog.observe(&seen).into_iter().map(|verdict| (verdict.rule, verdict.action)).collect::<Vec<_>>()
        };
        assert_eq!(look(100.0, 3.5), [(Rule::SlowPage, Action::Warn)]);
        // The beats of the meantime have not been read yet.
        assert_eq!(look(3700.0, 3603.5), []);
        assert_eq!(look(3701.0, 0.2), []);
        assert_eq!(look(3702.9, 2.1), []);
        assert_eq!(look(3704.8, 4.0), [(Rule::SlowPage, Action::Warn)]);

        let stalled = WatchdogConfig { stalled_encoder_s: seconds(4.0), ..config };
        let mut watchdog = Watchdog::new(&stalled);
        let mut look = |now_s: f64, media_s: f64| {
            let mut seen = fine(now_s);
            seen.progress.media_s = media_s;
            watchdog.observe(&seen).into_iter().map(|verdict| verdict.rule).collect::<Vec<_>>()
        };
        for (now_s, media_s) in
            [(100.0, 100.0), (101.0, 100.0), (3700.0, 100.0), (3701.0, 100.0), (3702.5, 100.0), (3703.9, 100.0)]
        {
            assert_eq!(look(now_s, media_s), [], "{now_s}");
        }
        assert_eq!(look(3704.1, 100.0), [Rule::StalledEncoder]);

        // What takes no time is seen by one who only looks now and then.
        let full = Observation { disk_free_bytes: Some(0), ..fine(9000.0) };
        assert_eq!(watchdog.observe(&full)[0].rule, Rule::DiskLow);
    }

    /// Rules at times that a short random story can reach.
    fn hasty() -> WatchdogConfig {
        WatchdogConfig {
            room_empty_s: seconds(20.0),
            everybody_left_s: seconds(3.0),
            no_media_s: seconds(8.0),
            slow_page_s: seconds(2.0),
            frozen_page_s: seconds(6.0),
            frozen_video_s: seconds(5.0),
            silent_audio_s: seconds(6.0),
            slow_encoder_s: seconds(3.0),
            stalled_encoder_s: seconds(2.0),
            disk_warn_s: seconds(10.0),
            disk_reserve_bytes: 100 * MB,
            memory_percent: Percent::try_from(90).expect("valid"),
            memory_bytes: 0,
            max_duration_s: seconds(60.0),
            max_size_bytes: 50 * MB,
        }
    }

    /// One look at the recording: what has changed since the one before.
    #[derive(Clone, Debug)]
    struct Step {
        passes_s: f64,
        capturing: bool,
        paused: bool,
        muted: bool,
        present: Option<u32>,
        media: bool,
        beat: bool,
        moves: bool,
        sounds: bool,
        encodes: bool,
        free_bytes: Option<u64>,
        memory_bytes: u64,
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let often = || prop::bool::weighted(0.85);
        let seldom = || prop::bool::weighted(0.1);
        let flags = (often(), seldom(), seldom(), seldom(), seldom(), seldom(), seldom(), prop::bool::weighted(0.4));
        let present = prop::option::weighted(0.95, prop_oneof![5 => Just(0_u32), 1 => Just(2)]);
        let free_bytes = prop::option::weighted(0.9, prop_oneof![Just(10_000 * MB), Just(120 * MB), 0..300 * MB]);
        let memory_bytes = prop_oneof![1 => Just(400 * MB), 4 => Just(1900 * MB)];
        (0.0..2.0, flags, present, free_bytes, memory_bytes).prop_map(
            |(
                passes_s,
                (capturing, paused, muted, media, beat, moves, sounds, encodes),
                present,
                free_bytes,
                memory_bytes,
            )| {
                Step {
                    passes_s,
                    capturing,
                    paused,
                    muted,
                    present,
                    media,
                    beat,
                    moves,
                    sounds,
                    encodes,
                    free_bytes,
                    memory_bytes,
                }
            },
        )
    }

    fn story(steps: &[Step]) -> Vec<Observation> {
        let mut seen = Observation { heartbeat_age: Some(Duration::ZERO), ..fine(0.0) };
        let mut room = RoomSeen { present: 0, anyone_ever: false, media_ever: false };
        let mut story = Vec::new();
        for step in steps {
            let passes = Duration::from_secs_f64(step.passes_s);
            seen.now += passes;
            (seen.capturing, seen.paused, seen.muted) = (step.capturing, step.paused, step.muted);
            room.present = step.present.unwrap_or(room.present);
            room.anyone_ever |= room.present > 0;
            room.media_ever |= step.media && room.present > 0;
            seen.room = step.present.filter(|_| step.capturing).map(|_| room);
            seen.heartbeat_age =
                seen.heartbeat_age.filter(|_| !step.beat).map_or(Some(Duration::ZERO), |age| Some(age + passes));
            seen.picture_changed = if step.moves { Some(seen.now) } else { seen.picture_changed };
            seen.sound_heard = if step.sounds { Some(seen.now) } else { seen.sound_heard };
            if step.encodes && step.capturing {
                seen.progress.media_s += step.passes_s;
                seen.progress.frames += whole(step.passes_s * 30.0);
                seen.spool_bytes += whole(step.passes_s * 1e6);
            }
            (seen.disk_free_bytes, seen.memory_bytes) = (step.free_bytes, Some(step.memory_bytes));
            story.push(seen.clone());
        }
        story
    }

    /// For how long something has been so, as seen in all that was looked at until now.
    fn held(story: &[Observation], is_so: impl Fn(&Observation) -> bool) -> Option<Duration> {
        let run = story.iter().rev().take_while(|seen| is_so(seen));
        run.last().map(|first| story[story.len() - 1].now - first.now)
    }

    /// For how long something that happened `last` has been missed, but for times that are excused.
    fn missed(story: &[Observation], last: Duration, is_excused: impl Fn(&Observation) -> bool) -> Option<Duration> {
        let seen = &story[story.len() - 1];
        let excused = story.iter().rev().find(|seen| is_excused(seen)).map_or(Duration::ZERO, |seen| seen.now);
        (!is_excused(seen)).then(|| seen.now - last.max(excused))
    }

    /// Whether there is trouble now that has lasted long enough: each rule as its key's documentation has it, by looking back over
    /// the whole story. None for the two rules that are not as simple.
    fn is_due(rule: Rule, story: &[Observation]) -> Option<bool> {
        let seen = &story[story.len() - 1];
        let at_least =
            |held: Option<Duration>, seconds: u64| held.is_some_and(|held| held >= Duration::from_secs(seconds));
        let in_room = |seen: &Observation, is_so: fn(RoomSeen) -> bool| seen.room.is_some_and(is_so);
        Some(match rule {
            Rule::RoomEmpty => in_room(seen, |room| !room.anyone_ever) && seen.now >= Duration::from_secs(20),
            Rule::EverybodyLeft => {
                at_least(held(story, |seen| in_room(seen, |room| room.present == 0 && room.anyone_ever)), 3)
            }
            Rule::NoMedia => {
                let waits =
                    |seen: &Observation| in_room(seen, |room| room.present > 0 && !room.media_ever) && !seen.paused;
                at_least(held(story, waits), 8)
            }
            Rule::SlowPage | Rule::FrozenPage => {
                let last = seen.now.saturating_sub(seen.heartbeat_age.expect("it has beaten"));
                let seconds = if rule == Rule::SlowPage { 2 } else { 6 };
                at_least(missed(story, last, |seen| !seen.capturing), seconds)
            }
            Rule::FrozenVideo => {
                let last = seen.picture_changed.expect("looked at");
                at_least(missed(story, last, |seen| !seen.capturing || seen.paused), 5)
            }
            Rule::SilentAudio => {
                let last = seen.sound_heard.expect("listened to");
                at_least(missed(story, last, |seen| !seen.capturing || seen.paused || seen.muted), 6)
            }
            Rule::StalledEncoder => {
                let media_s = seen.progress.media_s;
                at_least(held(story, |seen| seen.capturing && seen.progress.media_s >= media_s), 2)
            }
            Rule::DiskLow => seen.disk_free_bytes.is_some_and(|free| free < seen.spool_bytes / 100 * 105 + 100 * MB),
            Rule::Memory => at_least(held(story, |seen| seen.capturing && seen.memory_bytes > Some(1800 * MB)), 5),
            Rule::MaxDuration => seen.progress.media_s >= 60.0,
            Rule::MaxSize => seen.spool_bytes >= 50 * MB,
            Rule::SlowEncoder | Rule::DiskFilling => return None,
        })
    }

    const ALL: [Rule; 14] = [
        Rule::RoomEmpty,
        Rule::EverybodyLeft,
        Rule::NoMedia,
        Rule::SlowPage,
        Rule::FrozenPage,
        Rule::FrozenVideo,
        Rule::SilentAudio,
        Rule::SlowEncoder,
        Rule::StalledEncoder,
        Rule::DiskFilling,
        Rule::DiskLow,
        Rule::Memory,
        Rule::MaxDuration,
        Rule::MaxSize,
    ];

    proptest! {
        #[test]
        fn every_verdict_is_said_at_its_time_and_once_an_episode(steps in prop::collection::vec(any_step(), 1..120)) {
            let story = story(&steps);
            let mut watchdog = Watchdog::new(&hasty());
            let mut was_due = [false; ALL.len()];
            let mut warned = [false; ALL.len()];
            for end in 1..=story.len() {
                let verdicts = watchdog.observe(&story[end - 1]);
                prop_assert!(verdicts.is_sorted_by_key(|verdict| verdict.action.rank()));
                for (index, rule) in ALL.into_iter().enumerate() {
                    let of_rule: Vec<_> = verdicts.iter().filter(|verdict| verdict.rule == rule).collect();
                    prop_assert!(of_rule.len() <= 1);
                    let began = of_rule.iter().any(|verdict| !matches!(verdict.action, Action::Recovered { .. }));
                    let over = of_rule.iter().any(|verdict| matches!(verdict.action, Action::Recovered { .. }));
                    if let Some(due) = is_due(rule, &story[..end]) {
                        prop_assert_eq!(began, due && !was_due[index], "{:?} at {:?}", rule, story[end - 1].now);
                        prop_assert!(!(over && due));
                        was_due[index] = due;
                    }
                    // After a warning comes its end before the next, unless something excused it without a word.
                    prop_assert!(!over || warned[index], "{:?}", rule);
                    let warns = of_rule.iter().any(|verdict| verdict.action == Action::Warn);
                    warned[index] = warns || (warned[index] && !over);
                }
            }
        }
    }

    #[test]
    fn an_end_has_the_reason_of_its_rule() {
        let config = hasty();
        let reason = |rule: Rule, change: fn(f64, &mut Observation)| {
            let said = said(&config, 100, change);
            said.into_iter()
                .find(|(_, found, action)| *found == rule && action.rank() == 0)
                .map(|(_, _, action)| action)
        };
        for (rule, change, end) in [
            (
                Rule::RoomEmpty,
                (|_, seen| seen.room = Some(RoomSeen { present: 0, anyone_ever: false, media_ever: false }))
                    as fn(f64, &mut Observation),
                EndReason::RoomEmpty,
            ),
            (
                Rule::EverybodyLeft,
                |_, seen| seen.room = Some(RoomSeen { present: 0, anyone_ever: true, media_ever: true }),
                EndReason::EverybodyLeft,
            ),
            (
                Rule::NoMedia,
                |_, seen| seen.room = Some(RoomSeen { present: 1, anyone_ever: true, media_ever: false }),
                EndReason::NoMedia,
            ),
            (Rule::DiskLow, |_, seen| seen.disk_free_bytes = Some(0), EndReason::DiskLow),
            (Rule::MaxDuration, |_, _| {}, EndReason::LimitDuration),
            (Rule::MaxSize, |_, _| {}, EndReason::LimitSize),
        ] {
            assert_eq!(reason(rule, change), Some(Action::End(end)), "{rule:?}");
        }
    }
}
