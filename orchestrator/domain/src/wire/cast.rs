//! Synthetic participants: what the page that plays them is told, and the cast that demos and tests use by default.
//!
//! The page gets a [`CastConfig`] in `window.__wallflowerCast` before its first script runs. It speaks the page's side of
//! [`super::page`]: heartbeats, then `ready` when every member has joined, or `failed`. Time in a [`CastScript`] counts from
//! that `ready`.

use serde::{Deserialize, Serialize};

use crate::frame::{FrameRate, FrameSize};
use crate::secret::Secret;

/// Name of the global that holds the [`CastConfig`].
pub const CAST_GLOBAL: &str = "__wallflowerCast";

/// Most members of one cast: the names, looks and voices below are that many.
pub const MAX_MEMBERS: usize = 25;

/// All that the page of synthetic participants needs to know before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct CastConfig {
    /// [`super::page::CONTRACT`].
    pub contract: u32,
    /// Where they are to appear.
    pub target: CastTarget,
    /// Who they are; at most [`MAX_MEMBERS`].
    pub members: Vec<CastMember>,
    /// Frames a second that are drawn and sent.
    pub fps: FrameRate,
    /// What they say and do.
    pub script: CastScript,
}

/// The room in which the members appear.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CastTarget {
    /// A room of Wallflower's own demo server.
    Demo {
        /// `ws://` address of the room's signalling socket.
        url: String,
    },
    /// A LiveKit room.
    Livekit {
        /// `ws://` or `wss://` address of the LiveKit server.
        url: String,
        /// One access token a member, in their order; it carries the member's identity and name.
        tokens: Vec<String>,
        /// What they send is encrypted from end to end by this key.
        #[serde(default)]
        #[cfg_attr(test, ts(type = "string | null"))]
        e2ee_key: Option<Secret>,
    },
}

/// Never prints a token or a key.
impl std::fmt::Debug for CastTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Demo { url } => f.debug_struct("Demo").field("url", url).finish(),
            Self::Livekit { url, .. } => f.debug_struct("Livekit").field("url", url).finish_non_exhaustive(),
        }
    }
}

/// One synthetic participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct CastMember {
    /// Display name, 1 to 64 characters.
    pub name: String,
    /// Seed of the drawn face, its clothes and the room behind it.
    pub look: u32,
    /// Fundamental frequency of the voice in hertz, 80 to 400. It wavers by no more than 2 %, so a spectrum tells who speaks.
    pub voice_hz: u32,
    /// Sends a picture.
    pub camera: bool,
    /// Sends a voice.
    pub mic: bool,
    /// Sends it in stereo, on this side only; absent: in mono. A demo room's sound is mono.
    #[serde(default)]
    pub side: Option<CastSide>,
    /// Size of the picture in pixels; higher than wide for a phone held upright.
    pub size: FrameSize,
    /// Shares a drawn screen as well.
    pub screen: bool,
}

/// A side of what is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum CastSide {
    /// To the left of who listens.
    Left,
    /// To the right.
    Right,
}

/// What the members say and do, in milliseconds since all of them are in the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct CastScript {
    /// Who speaks when.
    pub speech: CastSpeech,
    /// What is said, a line a turn, one after the other and again from the first: the room is told as it is spoken, as by a
    /// service that transcribes. Empty: nobody transcribes.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Chat and reactions in order of time.
    pub cues: Vec<CastCue>,
    /// The cues start anew after this long, every time with the next member in each part; absent for once only.
    pub repeat_ms: Option<u32>,
}

/// Who speaks when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CastSpeech {
    /// The members with a microphone take turns, in their order, without a pause.
    Turns {
        /// Length of a turn, at least 500 ms.
        turn_ms: u32,
    },
    /// All at once, all the time.
    Always,
    /// Nobody ever.
    Never,
}

/// Something a member does at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct CastCue {
    /// When, in milliseconds.
    pub at_ms: u32,
    /// Who: index into the members.
    pub member: u32,
    /// What.
    pub action: CastAction,
}

/// What a member can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CastAction {
    /// Writes a line of chat.
    Chat {
        /// 1 to 2000 characters.
        text: String,
    },
    /// Reacts.
    Reaction {
        /// One emoji.
        emoji: String,
    },
}

impl CastConfig {
    /// The default cast of `count` members in `target`: 15 frames a second, turns of 4 s, everyone with camera and microphone.
    ///
    /// Fails with a sentence for the user when `count` is not 1 to [`MAX_MEMBERS`].
    pub fn of(count: usize, target: CastTarget) -> Result<Self, String> {
        let members = default_members(count)?;
        let fps = FrameRate::try_from(15)?;
        let script = default_script(count);
        Ok(Self { contract: super::page::CONTRACT, target, members, fps, script })
    }

    /// Index of the only member who speaks `ms` after `ready`; `None` when it is nobody or everybody.
    pub fn speaker_at(&self, ms: u64) -> Option<usize> {
        let CastSpeech::Turns { turn_ms } = self.script.speech else { return None };
        let speakers: Vec<usize> = (0..self.members.len()).filter(|&i| self.members[i].mic).collect();
        let turn = usize::try_from(ms / u64::from(turn_ms.max(1))).ok()?;
        speakers.get(turn.checked_rem(speakers.len())?).copied()
    }
}

/// Name, look and voice. None of the first four fundamentals is a harmonic of another; all 25 are about a semitone apart.
/// The looks were chosen by eye from `cast.html?preview`.
const PEOPLE: [(&str, u32, u32); MAX_MEMBERS] = [
    ("Amélie Dubois", 1, 196),
    ("Tomás Herrera", 6, 110),
    ("田中 美咲", 9, 247),
    ("Kwame Mensah", 26, 147),
    ("ليلى حداد", 28, 220),
    ("Søren Kjær", 20, 131),
    ("Priya Raman", 27, 233),
    ("김도현", 9, 123),
    ("Zoë van den Berg", 11, 262),
    ("Олена Шевченко", 17, 208),
    ("Mateus Gonçalves", 27, 104),
    ("Nguyễn Thị Mai", 18, 277),
    ("יואב כהן", 4, 139),
    ("Ingrid Þórsdóttir", 5, 185),
    ("अर्जुन शर्मा", 15, 117),
    ("陈晓雯", 25, 294),
    ("Łukasz Wiśniewski", 14, 98),
    ("Chiamaka Okafor", 3, 311),
    ("Ελένη Παπαδοπούλου", 2, 330),
    ("Jürgen Müller", 30, 92),
    ("Fatma Yıldız", 30, 349),
    ("สมชาย ใจดี", 13, 156),
    ("Ana Sofía Jiménez", 8, 175),
    ("Omar El-Sayed", 19, 165),
    ("Aroha Ngata", 29, 370),
];

/// The first `count` default members. Their pictures get smaller as they get more, as in a real call.
///
/// Fails with a sentence for the user when `count` is not 1 to [`MAX_MEMBERS`].
pub fn default_members(count: usize) -> Result<Vec<CastMember>, String> {
    if !(1..=MAX_MEMBERS).contains(&count) {
        return Err(format!("a cast of {count} can't be played; it must be 1 to {MAX_MEMBERS}"));
    }
    let (width, height) = match count {
        ..=4 => (640, 360),
        5..=9 => (480, 270),
        _ => (320, 180),
    };
    let size = FrameSize::new(width, height)?;
    let member = |&(name, look, voice_hz): &(&str, u32, u32)| CastMember {
        name: name.to_owned(),
        look,
        voice_hz,
        camera: true,
        mic: true,
        side: None,
        size,
        screen: false,
    };
    Ok(PEOPLE[..count].iter().map(member).collect())
}

/// One round of the default script; the offsets leave a second to see each thing by itself.
const ROUND_MS: u32 = 15_000;

/// Milliseconds into a round at which somebody writes.
const CHAT_AT_MS: [u32; 4] = [1_500, 5_000, 8_500, 12_000];

/// Milliseconds into a round at which somebody reacts.
const REACTION_AT_MS: [u32; 6] = [2_800, 4_000, 6_400, 9_800, 11_000, 13_400];

/// What is written, one row a round.
const CHAT: [[&str; 4]; 4] = [
    [
        "Good morning, everyone! ☀️",
        "Bonjour à tous 👋",
        "Slides are in the shared folder, page 3",
        "すごい、とてもきれいです!",
    ],
    [
        "Can we look at the numbers from last week?",
        "Recording is on, so I'll keep my notes short 😄",
        "مرحبا بالجميع",
        "+1, that matches what we saw",
    ],
    [
        "The new layout is a lot calmer, I like it",
        "¿Podemos subir un poco el volumen?",
        "Two questions: when do we ship, and who writes the announcement? I can take the second one if nobody else wants it.",
        "谢谢!",
    ],
    [
        "I have to leave at a quarter past",
        "Danke, das war sehr hilfreich",
        "Let's put it to a vote: 👍 or 👎",
        "See you all next week 👋",
    ],
];

/// What is reacted with, one row a round.
const REACTIONS: [[&str; 6]; 4] = [
    ["👍", "❤️", "👏", "🎉", "😂", "👍"],
    ["😮", "👍", "❤️", "👏", "🎉", "😂"],
    ["👏", "👏", "❤️", "😂", "👍", "🎉"],
    ["👍", "🎉", "👏", "❤️", "😮", "👍"],
];

/// What is said, a line a turn of four seconds.
const LINES: [&str; 8] = [
    "Good morning everyone, and thank you for joining so early.",
    "Last week we shipped the new layouts, and the numbers look good.",
    "La réponse des équipes a été très positive.",
    "Two customers have asked for captions, so here they are.",
    "If nobody objects, we take the second proposal.",
    "¿Alguien quiere añadir algo antes de seguir?",
    "I'll write that up and send it around this afternoon.",
    "Then let us look at the next point on the list.",
];

/// The default script for `count` members: a minute of chat and reactions in four rounds, then again with other parts.
pub fn default_script(count: usize) -> CastScript {
    let member = |turn: usize| u32::try_from(turn % count.max(1)).unwrap_or(0);
    let mut cues = Vec::new();
    for (round, start) in (0..CHAT.len()).zip((0..).step_by(ROUND_MS as usize)) {
        for (i, (at_ms, text)) in CHAT_AT_MS.into_iter().zip(CHAT[round]).enumerate() {
            let action = CastAction::Chat { text: text.to_owned() };
            cues.push(CastCue { at_ms: start + at_ms, member: member(i + round), action });
        }
        for (i, (at_ms, emoji)) in REACTION_AT_MS.into_iter().zip(REACTIONS[round]).enumerate() {
            let action = CastAction::Reaction { emoji: emoji.to_owned() };
            cues.push(CastCue { at_ms: start + at_ms, member: member(i + 1 + round), action });
        }
    }
    cues.sort_by_key(|cue| cue.at_ms);
    let repeat_ms = u32::try_from(CHAT.len()).ok().map(|rounds| rounds * ROUND_MS);
    CastScript { speech: CastSpeech::Turns { turn_ms: 4_000 }, lines: LINES.map(str::to_owned).into(), cues, repeat_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo(count: usize) -> CastConfig {
        let target = CastTarget::Demo { url: "ws://127.0.0.1:1/rooms/demo/ws".to_owned() };
        CastConfig::of(count, target).expect("the count is within bounds")
    }

    #[test]
    fn a_cast_of_none_or_too_many_is_refused_with_the_bounds() {
        for count in [0, MAX_MEMBERS + 1] {
            let refusal = default_members(count).expect_err("out of bounds");
            assert!(refusal.contains("1 to 25"), "{refusal}");
        }
    }

    #[test]
    fn members_differ_in_name_and_voice() {
        let members = demo(MAX_MEMBERS).members;
        for (i, a) in members.iter().enumerate() {
            assert!((1..=64).contains(&a.name.chars().count()), "{}", a.name);
            assert!((80..=400).contains(&a.voice_hz), "{}", a.voice_hz);
            for b in &members[..i] {
                assert_ne!(a.name, b.name);
                let (low, high) = (a.voice_hz.min(b.voice_hz), a.voice_hz.max(b.voice_hz));
                assert!(f64::from(high) / f64::from(low) > 1.045, "{low} and {high} Hz are too close to tell apart");
            }
        }
    }

    #[test]
    fn every_cast_chats_and_reacts_at_least_four_times_in_its_first_fifteen_seconds() {
        for count in 1..=MAX_MEMBERS {
            let script = demo(count).script;
            let early = script.cues.iter().filter(|cue| cue.at_ms < 15_000);
            let (chats, reactions): (Vec<_>, Vec<_>) =
                early.partition(|cue| matches!(cue.action, CastAction::Chat { .. }));
            assert!(chats.len() >= 4 && reactions.len() >= 4, "{count} members");
        }
    }

    #[test]
    fn cues_are_in_order_within_the_repeat_and_name_members_that_exist() {
        for count in 1..=MAX_MEMBERS {
            let script = demo(count).script;
            let repeat = script.repeat_ms.expect("the default script repeats");
            assert!(script.cues.is_sorted_by_key(|cue| cue.at_ms));
            for cue in &script.cues {
                assert!(cue.at_ms < repeat);
                assert!((cue.member as usize) < count);
            }
        }
    }

    #[test]
    fn turns_go_round_and_skip_members_without_a_microphone() {
        let mut cast = demo(4);
        cast.members[1].mic = false;
        let turns: Vec<_> = [0, 3_999, 4_000, 8_000, 12_000].map(|ms| cast.speaker_at(ms)).to_vec();
        assert_eq!(turns, [Some(0), Some(0), Some(2), Some(3), Some(0)]);
    }

    #[test]
    fn nobody_has_a_turn_when_all_speak_or_nobody_can() {
        let mut cast = demo(2);
        cast.script.speech = CastSpeech::Always;
        assert_eq!(cast.speaker_at(0), None);
        let mut cast = demo(2);
        cast.members.iter_mut().for_each(|member| member.mic = false);
        assert_eq!(cast.speaker_at(0), None);
    }

    #[test]
    fn debug_text_holds_no_token() {
        let target = CastTarget::Livekit {
            url: "ws://h".to_owned(),
            tokens: vec!["s3cret".to_owned()],
            e2ee_key: Some(Secret::new("s3cret")),
        };
        assert!(!format!("{target:?}").contains("s3cret"));
    }

    #[test]
    fn a_config_survives_the_wire() {
        let cast = demo(5);
        let text = serde_json::to_string(&cast).expect("plain data");
        assert_eq!(serde_json::from_str::<CastConfig>(&text).expect("what was just written"), cast);
    }
}
