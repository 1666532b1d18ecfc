//! What was measured, as it is printed and kept.

use std::fmt::Write as _;

use wallflower_tests::fleet::process::load;

use super::Scale;

pub(crate) struct Row {
    pub(crate) figure: &'static str,
    pub(crate) goal: &'static str,
    pub(crate) measured: String,
    pub(crate) reached: bool,
}

pub(crate) fn row(figure: &'static str, goal: &'static str, measured: String, reached: bool) -> Row {
    Row { figure, goal, measured, reached }
}

pub(crate) fn at_most(figure: &'static str, goal: &'static str, measured: f64, most: f64, unit: &str) -> Row {
    row(figure, goal, format!("{measured:.0} {unit}"), measured <= most)
}

pub(crate) fn table(scale: Scale, load_before: f64, sqlite: &[Row], redis: Option<&[Row]>) -> String {
    let Scale { agents, starts, requests, time } = scale;
    let (seconds, cores) = (time.as_secs(), std::thread::available_parallelism().map_or(1, usize::from));
    let load_after = load();
    let mut text = format!(
        "# What ten thousand recordings take\n\n\
         Written by `make fleet`: {agents} recordings by agents without browsers, which speak the real protocol to a real `wallflower serve`.\n\
         For {seconds} s starts arrive at {starts:.0} and other requests at {requests:.0} a second, whatever the answers take: half of those ask for a \
         recording, a quarter\nfor a list of 50, a quarter stop one. Times count from when a request was due. Then something is killed in the midst of \
         the same load, and what the\norchestrator says afterwards is compared with what clients were told and agents know.\n\n\
         Orchestrators, Redis, agents and clients share {cores} cores. The load of the machine was {load_before:.1} before and {load_after:.1} after.\n\n"
    );
    for (title, rows) in
        [("One orchestrator, SQLite", Some(sqlite)), ("Two replicas, Redis (`appendfsync always`)", redis)]
    {
        let Some(rows) = rows else { continue };
        let _ = write!(text, "## {title}\n\n| figure | goal | measured |\n| --- | --- | --- |\n");
        for Row { figure, goal, measured, reached } in rows {
            let _ = writeln!(text, "| {figure} | {goal} | {measured}{} |", if *reached { "" } else { ", **missed**" });
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}
