//! What ends a recording that nobody ends, mends one that has come to a halt, and warns of one that nobody would want.
//!
//! ```text
//! Observation, about once a second ──▶ Watchdog ──▶ rule ──▶ trouble that has lasted long enough ──▶ Verdict
//!                                                   rule                                             Warn, then Recovered
//!                                                   …                                                Interrupt
//!                                                                                                    End
//! ```
//!
//! | rule | trouble | what comes of it | key |
//! | --- | --- | --- | --- |
//! | room empty | nobody has come at all | end | [`room_empty_s`](WatchdogConfig::room_empty_s) |
//! | everybody left | those who were there have gone | end | [`everybody_left_s`](WatchdogConfig::everybody_left_s) |
//! | no media | people, but no microphone, camera or screen, ever | end | [`no_media_s`](WatchdogConfig::no_media_s) |
//! | slow page | the page misses beats | warn | [`slow_page_s`](WatchdogConfig::slow_page_s) |
//! | frozen page | the page does not beat | interrupt | [`frozen_page_s`](WatchdogConfig::frozen_page_s) |
//! | frozen video | the picture stands still | warn | [`frozen_video_s`](WatchdogConfig::frozen_video_s) |
//! | silent audio | nothing is to be heard | warn | [`silent_audio_s`](WatchdogConfig::silent_audio_s) |
//! | slow encoder | it is slower than real time | warn | [`slow_encoder_s`](WatchdogConfig::slow_encoder_s) |
//! | stalled encoder | it encodes nothing | interrupt | [`stalled_encoder_s`](WatchdogConfig::stalled_encoder_s) |
//! | disk filling | the disk will be low soon | warn | [`disk_warn_s`](WatchdogConfig::disk_warn_s) |
//! | disk low | what is free is only just enough to finish | end | [`disk_reserve_bytes`](WatchdogConfig::disk_reserve_bytes) |
//! | memory | more is taken than may be | interrupt; end when that did not help | [`memory_percent`](WatchdogConfig::memory_percent), [`memory_bytes`](WatchdogConfig::memory_bytes) |
//! | maximum duration | reached | end | [`max_duration_s`](WatchdogConfig::max_duration_s) |
//! | maximum size | reached | end | [`max_size_bytes`](WatchdogConfig::max_size_bytes) |
//!
//! A rule says how long its trouble has lasted, and what is to be said; when and how often it is said is [`Watchdog`]'s alone. The
//! first three are about rooms: a plain page does not tell who is there. Pauses, muting and interruptions excuse what they cause.

mod config;
mod disk;
mod encoder;
mod limits;
mod media;
mod memory;
mod observation;
mod page;
mod room;
mod rule;
mod since;
mod verdict;
mod watch;
mod words;

pub use config::{Percent, Seconds, WatchdogConfig};
pub use disk::disk_needed;
pub use observation::{Observation, RoomSeen};
pub use verdict::{Action, Rule, Verdict};
pub use watch::Watchdog;
