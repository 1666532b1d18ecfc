//! What recordings cost, and how much the machine has. Pure.
//!
//! A recording's cost is that of its size and frame rate: what those that have ended have taken, or until there is one, a safe default
//! by the pixels of a second.

use std::collections::HashMap;

use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::request::RecordingRequest;
use wallflower_domain::wire::agent::Usage;

use super::config::CapacityConfig;

/// Cores of 1280x720 at 30 before anything is known: four people cost 0.3 to 0.45 measured here, and more people more.
const DEFAULT_CORES: f64 = 0.6;
/// Memory of any size before anything is known, in MiB; 450 to 500 were measured.
const DEFAULT_MIB: f64 = 600.0;
const DEFAULT_PIXELS: f64 = 1280.0 * 720.0 * 30.0;
/// The least of it that does not depend on pixels.
const BASE_CORES: f64 = 0.15;
/// How much a recording that has just ended counts against those before it.
const WEIGHT: f64 = 0.2;
/// Recordings differ: what is kept free beyond their mean.
const RESERVE: f64 = 1.2;

/// What a recording takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) cores: f64,
    pub(crate) mib: f64,
}

/// Size and rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    width: u32,
    height: u32,
    fps: u32,
}

impl Profile {
    pub(crate) fn of(request: &RecordingRequest) -> Self {
        Self::at(request.frame_size(), request.frame_rate())
    }

    pub(crate) fn at(size: FrameSize, fps: FrameRate) -> Self {
        Self { width: size.width(), height: size.height(), fps: fps.get() }
    }

    fn default_cost(self) -> Cost {
        let pixels = f64::from(self.width) * f64::from(self.height) * f64::from(self.fps);
        let cores = BASE_CORES + (DEFAULT_CORES - BASE_CORES) * pixels / DEFAULT_PIXELS;
        Cost { cores, mib: DEFAULT_MIB }
    }
}

/// What is known of costs.
#[derive(Debug, Default)]
pub(crate) struct Costs(HashMap<Profile, Cost>);

impl Costs {
    /// A recording has ended.
    pub(crate) fn learn(&mut self, request: &RecordingRequest, usage: &Usage) {
        let cores = usage.cores();
        #[expect(clippy::cast_precision_loss, reason = "memory of a machine is far below 2^52 bytes")]
        let mib = usage.pss_bytes as f64 / (1024.0 * 1024.0);
        if !(cores > 0.0 && mib > 0.0) {
            return;
        }
        let (cores, mib) = (cores * RESERVE, mib * RESERVE);
        self.0
            .entry(Profile::of(request))
            .and_modify(|known| {
                known.cores += (cores - known.cores) * WEIGHT;
                known.mib += (mib - known.mib) * WEIGHT;
            })
            .or_insert(Cost { cores, mib });
    }

    pub(crate) fn of(&self, profile: Profile) -> Cost {
        self.0.get(&profile).copied().unwrap_or_else(|| profile.default_cost())
    }
}

/// How much there is, and is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    cores: f64,
    mib: f64,
    most: Option<usize>,
    taken: Cost,
    count: usize,
}

impl Room {
    /// An idle machine of so many cores and so much memory.
    pub(crate) fn of(config: &CapacityConfig, machine_cores: f64, machine_mib: f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "memory of a machine in MiB")]
        let mib = if config.memory_mib > 0 { config.memory_mib as f64 } else { machine_mib * 0.8 };
        Self {
            cores: if config.cores > 0.0 { config.cores } else { machine_cores * 0.9 },
            mib,
            most: usize::try_from(config.recordings).ok().filter(|most| *most > 0),
            taken: Cost { cores: 0.0, mib: 0.0 },
            count: 0,
        }
    }

    /// So many recordings run.
    #[expect(clippy::cast_precision_loss, reason = "recordings of a machine")]
    pub(crate) fn take(&mut self, cost: Cost, count: usize) {
        self.taken.cores += cost.cores * count as f64;
        self.taken.mib += cost.mib * count as f64;
        self.count += count;
    }

    /// How many recordings of this cost would fit in, up to so many.
    pub(crate) fn fits(mut self, cost: Cost, most: usize) -> usize {
        let fit = (0..most).take_while(|_| {
            let fits = self.lacks(cost).is_none();
            self.take(cost, 1);
            fits
        });
        fit.count()
    }

    /// Why there is no room for a recording of this cost; none when there is. One recording always fits: what is alone hurts nobody.
    pub(crate) fn lacks(&self, cost: Cost) -> Option<String> {
        if let Some(most) = self.most.filter(|most| self.count >= *most) {
            return Some(format!("all {most} places are taken"));
        }
        let (free_cores, free_mib) = (self.cores - self.taken.cores, self.mib - self.taken.mib);
        if self.count == 0 {
            None
        } else if cost.cores > free_cores {
            Some(format!("needs {:.1} core, {:.1} free", cost.cores, free_cores.max(0.0)))
        } else if cost.mib > free_mib {
            Some(format!("needs {:.0} MiB of memory, {:.0} free", cost.mib, free_mib.max(0.0)))
        } else {
            None
        }
    }
}

/// Cores and memory in MiB of this machine.
pub(crate) fn machine() -> (f64, f64) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: f64 = total.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(1024.0 * 1024.0);
    #[expect(clippy::cast_precision_loss, reason = "cores of a machine")]
    (cores as f64, kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(size: &str) -> RecordingRequest {
        serde_json::from_value(json!({"room": "demo:a", "size": size})).expect("valid")
    }

    #[test]
    fn what_ended_recordings_took_replaces_the_default() {
        let mut costs = Costs::default();
        let (large, small) = (request("1280x720"), request("640x360"));
        let (of_large, of_small) = (Profile::of(&large), Profile::of(&small));
        assert!((costs.of(of_large).cores - DEFAULT_CORES).abs() < 1e-9);
        assert!(costs.of(of_small).cores < 0.3);
        let usage = Usage { encoder_cores: 0.2, browser_cores: 0.3, pss_bytes: 400 << 20, ..Usage::default() };
        costs.learn(&large, &usage);
        assert!((costs.of(of_large).cores - 0.6).abs() < 1e-9 && (costs.of(of_large).mib - 480.0).abs() < 1e-6);
        costs.learn(&large, &Usage::default());
        assert!((costs.of(of_large).cores - 0.6).abs() < 1e-9, "what was not measured teaches nothing");
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut room = Room::of(&CapacityConfig::default(), 2.0, 4096.0);
        let cost = Cost { cores: 0.6, mib: 600.0 };
        assert_eq!((room.fits(cost, 2), room.fits(cost, 9)), (2, 3));
        for _ in 0..3 {
            assert_eq!(room.lacks(cost), None);
            room.take(cost, 1);
        }
        assert_eq!(room.lacks(cost).as_deref(), Some("needs 0.6 core, 0.0 free"));
        let huge = Cost { cores: 50.0, mib: 1.0 };
        assert_eq!(Room::of(&CapacityConfig::default(), 2.0, 4096.0).lacks(huge), None, "alone it may try");
        let mut two = Room::of(&CapacityConfig { recordings: 1, ..CapacityConfig::default() }, 64.0, 1e6);
        two.take(cost, 1);
        assert_eq!(two.lacks(cost).as_deref(), Some("all 1 places are taken"));
    }
}
