//! Who spoke for how long.

use std::collections::BTreeMap;

use super::line::Event;
use super::placed::Timeline;

impl Timeline<'_> {
    /// Seconds of the file in which each identity was the active speaker. A pause is off the record, and nobody is heard while the
    /// page is away.
    pub(super) fn spoken(&self) -> BTreeMap<&str, f64> {
        let mut spoken: BTreeMap<&str, f64> = BTreeMap::new();
        let mut speaker: Option<&str> = None;
        let (mut since_s, mut paused) = (0.0, false);
        for line in self.lines {
            let (next, pauses) = match &line.event {
                Event::SpeakerChanged { identity } => (identity.as_deref(), paused),
                Event::Interrupted { .. } => (None, paused),
                Event::Paused { .. } => (speaker, true),
                Event::Resumed => (speaker, false),
                _ => continue,
            };
            let now_s = self.at(line.unix_us);
            count(&mut spoken, speaker.filter(|_| !paused), since_s, now_s);
            (speaker, since_s, paused) = (next, now_s, pauses);
        }
        count(&mut spoken, speaker.filter(|_| !paused), since_s, self.at(self.end_unix_us()));
        spoken
    }
}

fn count<'a>(spoken: &mut BTreeMap<&'a str, f64>, speaker: Option<&'a str>, from_s: f64, to_s: f64) {
    if let Some(speaker) = speaker {
        *spoken.entry(speaker).or_default() += (to_s - from_s).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::Line;
    use super::super::placed::tests::{joined, line};
    use super::*;
    use crate::wire::agent::PauseMode;

    fn speaks(wall_s: f64, identity: Option<&str>) -> Line {
        line(wall_s, Event::SpeakerChanged { identity: identity.map(str::to_owned) })
    }

    #[test]
    fn speech_is_counted_but_for_pauses_and_interruptions() {
        let lines = [
            speaks(-2.0, Some("a")),
            speaks(5.0, Some("b")),
            line(8.0, Event::Paused { mode: PauseMode::Hold }),
            speaks(10.0, Some("a")),
            line(12.0, Event::Resumed),
            speaks(15.0, None),
            speaks(20.0, Some("b")),
            line(22.0, Event::Interrupted { reason: "x".into() }),
            line(25.0, Event::AttemptStarted { number: 2 }),
            speaks(28.0, Some("a")),
        ];
        let map = joined(&[(0.0, 30.0)]);
        let timeline = Timeline::new(&lines, &map, 30.0);
        assert_eq!(timeline.spoken(), BTreeMap::from([("a", 5.0 + 3.0 + 2.0), ("b", 3.0 + 2.0)]));
    }
}
