//! What a recording costs, from `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};
use wallflower_domain::wire::agent::Usage;

use crate::workdir::{Process, processes};

/// Samples are further apart than this.
const INTERVAL: Duration = Duration::from_secs(4);

/// Measures from [`Meter::begin`] to the last sample: an encoder that ends by itself can't be asked any more.
pub(crate) struct Meter {
    groups: Groups,
    began: Instant,
    ticks: [u64; 5],
    last: Instant,
    usage: Option<Usage>,
}

/// One process group each; the agent, this process, is none of them.
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

    fn have(self, process: &Process) -> bool {
        self.list().contains(&process.group) || is_agent(process)
    }
}

impl Meter {
    /// Begins to measure.
    pub(crate) fn begin(groups: Groups) -> Self {
        let ticks = ticks_of(groups, &processes().collect::<Vec<_>>());
        let began = Instant::now();
        Self { groups, began, ticks, last: began, usage: None }
    }

    /// Looks at the processes, unless it has done so a moment ago.
    pub(crate) fn sample(&mut self) {
        if self.last.elapsed() < INTERVAL {
            return;
        }
        self.last = Instant::now();
        let Some(per_second) = sysconf(SysconfVar::CLK_TCK).ok().flatten().filter(|ticks| *ticks > 0) else { return };
        let wall = self.began.elapsed().as_secs_f64();
        let all: Vec<Process> = processes().collect();
        let now = ticks_of(self.groups, &all);
        #[expect(clippy::cast_precision_loss, reason = "ticks of one recording are far below 2^52")]
        let cores = |index: usize| now[index].saturating_sub(self.ticks[index]) as f64 / per_second as f64 / wall;
        let pss_bytes = all.iter().filter(|process| self.groups.have(process)).map(|process| pss(process.pid)).sum();
        self.usage = Some(Usage {
            encoder_cores: cores(0),
            display_cores: cores(1),
            audio_cores: cores(2),
            browser_cores: cores(3),
            agent_cores: cores(4),
            pss_bytes,
        });
    }

    /// What was used until the last sample; none when the recording was too short for one.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

/// Of each group in the order of the list, and of the agent.
fn ticks_of(groups: Groups, processes: &[Process]) -> [u64; 5] {
    let ticks = |is_meant: &dyn Fn(&Process) -> bool| {
        processes.iter().filter(|process| is_meant(process)).map(|process| process.ticks).sum()
    };
    let [encoder, display, audio, browser] = groups.list().map(|group| ticks(&|process| process.group == group));
    [encoder, display, audio, browser, ticks(&is_agent)]
}

fn is_agent(process: &Process) -> bool {
    process.pid == nix::unistd::getpid().as_raw()
}

fn pss(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kilobytes =
        rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
