//! What a recording costs, from `/proc`.

use std::fs;
use std::time::Instant;

use nix::unistd::{SysconfVar, sysconf};
use wallflower_domain::wire::agent::Usage;

use crate::workdir::{Process, processes};

/// Process groups of the children, and what they had used at the beginning.
pub(crate) struct Meter {
    groups: Groups,
    began: Instant,
    ticks: [u64; 4],
}

/// One process group each.
#[derive(Clone, Copy)]
pub(crate) struct Groups {
    pub(crate) encoder: i32,
    pub(crate) display: i32,
    pub(crate) audio: i32,
    pub(crate) browser: i32,
}

impl Groups {
    fn list(self) -> [i32; 4] {
        [self.encoder, self.display, self.audio, self.browser]
    }
}

impl Meter {
    /// Begins to measure.
    pub(crate) fn begin(groups: Groups) -> Self {
        let ticks = ticks_of(groups, &processes().collect::<Vec<_>>());
        Self { groups, began: Instant::now(), ticks }
    }

    /// What was used since [`Meter::begin`]; while the processes still run. None when they ran too short for the clock's ticks.
    pub(crate) fn read(&self) -> Option<Usage> {
        let wall = self.began.elapsed().as_secs_f64();
        let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().filter(|ticks| *ticks > 0)?;
        if wall < 1.0 {
            return None;
        }
        let all: Vec<Process> = processes().collect();
        let now = ticks_of(self.groups, &all);
        #[expect(clippy::cast_precision_loss, reason = "ticks of one recording are far below 2^52")]
        let cores = |index: usize| now[index].saturating_sub(self.ticks[index]) as f64 / per_second as f64 / wall;
        let groups = self.groups.list();
        let pss_bytes = all.iter().filter(|process| groups.contains(&process.group)).map(|process| pss(process.pid)).sum();
        Some(Usage {
            encoder_cores: cores(0),
            display_cores: cores(1),
            audio_cores: cores(2),
            browser_cores: cores(3),
            pss_bytes,
        })
    }
}

fn ticks_of(groups: Groups, processes: &[Process]) -> [u64; 4] {
    groups.list().map(|group| processes.iter().filter(|process| process.group == group).map(|process| process.ticks).sum())
}

fn pss(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kilobytes = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
