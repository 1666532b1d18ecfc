//! An agent that an orchestrator has launched records whether the orchestrator is there or not, and tells it everything once.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wallflower_domain::encoding::Encoding;
use wallflower_domain::failure::FailureKind;
use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::layout::Layout;
use wallflower_domain::output::Output;
use wallflower_domain::recording::EndReason;
use wallflower_domain::theme::Theme;
use wallflower_domain::watchdog::WatchdogConfig;
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Delivery, Gaps, Job, JobPage, PauseMode, Standing};
use wallflower_domain::wire::link::{Assignment, Said};
use wallflower_tests::harness::orchestrator::Known;
use wallflower_tests::harness::run::{signal, wallflower};
use wallflower_tests::harness::{Bench, Orchestrator, Running, Site, my_turn};
use wallflower_tests::media_probe::decode;

const SOON: Duration = Duration::from_secs(120);
const TOKEN: &str = "hunter2-of-this-recording";
const REQUEST: i32 = 2;

fn job(bench: &Bench, site: &Site) -> Job {
    let file = bench.file("a.mp4");
    let url = site.url("probe.html?fps=15");
    Job {
        id: "link-1".into(),
        page: JobPage::Page { url: url.clone(), await_start: true },
        layout: Layout::Grid,
        theme: Theme::default(),
        size: FrameSize::new(640, 360).expect("a size"),
        fps: FrameRate::try_from(15).expect("a rate"),
        room: url,
        encoding: Encoding::default(),
        spool: wallflower_agent::spool_beside(&file, "link-1").expect("a file").display().to_string(),
        outputs: vec![Output::File { path: file }],
        uploads: Vec::new(),
        overwrite: false,
        gaps: Gaps::Slate,
        public_only: false,
        max_duration_s: None,
        start_deadline_s: 30.0,
        standing: Standing::default(),
        watchdog: WatchdogConfig::default(),
    }
}

fn launch(bench: &Bench, assignment: &Assignment) -> Running {
    let line = serde_json::to_string(assignment).expect("plain data");
    let mut agent = bench.start_with_line(&["agent"], &line);
    agent.close_stdin();
    agent
}

/// Until the orchestrator has heard that so many seconds of media are there.
#[track_caller]
fn recorded(orchestrator: &Orchestrator, seconds: f64) {
    let is_it = |event: &AgentEvent| matches!(event, AgentEvent::Progress { progress } if progress.media_s >= seconds);
    orchestrator.wait_until("progress", SOON, |known| known.passed.iter().any(is_it));
}

/// Checks that numbers have no holes, in what is stored and in what came of each connection.
#[track_caller]
fn without_holes(known: &Known) {
    let numbers: Vec<u64> = known.stored.iter().map(|said| said.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{:#?}", known.stored);
    for pair in known.came.windows(2) {
        assert!(pair[1].number <= pair[0].number + 1, "a hole: {pair:#?}");
        assert!(known.stored.contains(&pair[0]), "two events with one number: {:#?}", pair[0]);
    }
}

/// End, failure and delivery, as it was told.
#[track_caller]
fn finished(orchestrator: &Orchestrator) -> (EndReason, Option<wallflower_domain::failure::Failure>, Option<Delivery>) {
    let said = orchestrator.wait_for("finished", SOON);
    assert_eq!(orchestrator.known().stored.last(), Some(&said), "it is the last word");
    match said.event {
        AgentEvent::Finished { end, failure, delivery } => (end, failure, delivery),
        other => panic!("not its last word: {other:?}"),
    }
}

#[track_caller]
fn count(known: &Known, name: &str) -> usize {
    known.named(name).count()
}

/// Events of the file that an agent leaves when nobody has heard its last word.
#[track_caller]
fn left_in(path: &Path) -> Vec<Said> {
    let text = std::fs::read_to_string(path).expect("the file of events is there");
    text.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

#[test]
fn an_orchestrator_that_goes_and_comes_back_knows_every_event_once_and_the_recording_has_no_gap() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let (mut orchestrator, events) = (Orchestrator::serve(TOKEN), bench.file("events"));
    let agent = launch(&bench, &orchestrator.assignment(job(&bench, &site), &events, SOON));
    assert_eq!(orchestrator.wait_for("joining", SOON).number, 1);
    let started = orchestrator.wait_for("started", SOON);
    orchestrator.ask(1, AgentCommand::Pause { mode: PauseMode::Hold });
    assert!(matches!(orchestrator.wait_for_answer(1, SOON), AgentEvent::Answered { failure: None, .. }));
    orchestrator.wait_for("paused", SOON);
    orchestrator.ask(2, AgentCommand::Resume);
    orchestrator.wait_for("resumed", SOON);
    orchestrator.ask(3, AgentCommand::Pause { mode: PauseMode::Hold });
    orchestrator.wait_until("the second pause", SOON, |known| count(known, "paused") == 2);

    orchestrator.go();
    orchestrator.ask(4, AgentCommand::Resume);
    orchestrator.ask(5, AgentCommand::Mark { label: "Back".into() });
    // Nobody listens for so long.
    std::thread::sleep(Duration::from_secs(3));
    orchestrator.come();
    orchestrator.wait_for_answer(5, SOON);
    // What it has answered is asked again on the next connection: it hears the answer once more, and nothing else happens.
    orchestrator.go();
    orchestrator.come();
    orchestrator.wait_until("another welcome", SOON, |known| known.welcomed == 3);
    orchestrator.ask_again(5, AgentCommand::Mark { label: "Back".into() });
    let answers = |known: &Known, id| {
        known
            .named("answered")
            .filter(|said| matches!(&said.event, AgentEvent::Answered { request, .. } if *request == id))
            .count()
    };
    orchestrator.wait_until("the answer again", SOON, |known| answers(known, 5) == 2);

    let known = orchestrator.known();
    recorded(&orchestrator, 5.0);
    orchestrator.ask(6, AgentCommand::Stop);
    let (end, failure, delivery) = finished(&orchestrator);
    assert_eq!((end, failure), (EndReason::Stopped, None));
    let ended = agent.end(SOON);
    assert_eq!((ended.code(), ended.events.len()), (0, 0), "stdout is not written to: {ended:#?}");
    assert_eq!((count(&known, "marked"), count(&known, "resumed")), (1, 2), "{:#?}", known.stored);
    let known = orchestrator.known();
    without_holes(&known);
    assert!(known.paths.iter().all(|path| path == "/v1/agents/link-1/link"), "{:?}", known.paths);
    assert!(known.passed.contains(&AgentEvent::Alive));

    let delivery = delivery.expect("there is media");
    assert_eq!(delivery.gaps, []);
    let AgentEvent::Started { first_frame_unix_us, .. } = started.event else { panic!("{started:?}") };
    let stopping = known.named("stopping").next().expect("it was told").at_us;
    let wall = (stopping - first_frame_unix_us) as f64 / 1e6;
    let seconds = decode::pictures(&bench.file("a.mp4")).expect("the file decodes").duration();
    assert!((seconds - wall).abs() <= 1.0, "{seconds} s in the file, {wall} s by the clock");
    assert!(!events.exists(), "all was heard, so that nobody needs the file");
    bench.assert_nothing_left();
}

/// Until the recording is delivered, the agent is all that is left of it, and its last word is kept in this file.
#[track_caller]
fn lingers(bench: &Bench, agent: &Running, events: &Path) {
    let until = Instant::now() + SOON;
    loop {
        let processes = bench.processes();
        let is_alone = processes.len() == 1 && processes[0].0 == agent.pid();
        let said = std::fs::read_to_string(events).unwrap_or_default();
        let is_said = said.ends_with('\n') && said.lines().last().is_some_and(|line| line.contains("\"finished\""));
        if is_alone && is_said && bench.file("a.mp4").exists() {
            return;
        }
        assert!(Instant::now() < until, "it does not linger alone: {processes:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_agent_whose_orchestrator_is_gone_delivers_and_lingers_to_tell_it() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let (mut orchestrator, events) = (Orchestrator::serve(TOKEN), bench.file("events"));
    let job = Job { max_duration_s: Some(6.0), ..job(&bench, &site) };
    let mut agent = launch(&bench, &orchestrator.assignment(job, &events, 2 * SOON));
    orchestrator.wait_for("started", SOON);
    orchestrator.go();
    lingers(&bench, &agent, &events);
    assert!(!agent.has_ended());
    let last = left_in(&events).pop().expect("something was said");
    assert!(matches!(last.event, AgentEvent::Finished { .. }), "{last:?}");

    orchestrator.come();
    let (end, failure, delivery) = finished(&orchestrator);
    assert_eq!((end, failure), (EndReason::LimitDuration, None));
    assert_eq!(agent.end(SOON).code(), 0);
    without_holes(&orchestrator.known());
    let seconds = delivery.expect("there is media").duration_s;
    assert!((5.9..7.0).contains(&seconds), "{seconds} s");
    assert!(!events.exists());
    bench.assert_nothing_left();
}

#[test]
fn an_agent_whose_token_is_refused_records_all_the_same_and_no_log_tells_it() {
    let (_turn, site) = (my_turn(), Site::serve());
    let bench = Bench::new().with("WALLFLOWER_LOG", "trace");
    let (orchestrator, events) = (Orchestrator::serve("another"), bench.file("events"));
    let job = Job { max_duration_s: Some(3.0), ..job(&bench, &site) };
    let mut assignment = orchestrator.assignment(job, &events, Duration::ZERO);
    assignment.link.token = wallflower_domain::secret::Secret::new(TOKEN);
    let ended = launch(&bench, &assignment).end(2 * SOON);
    assert_eq!(ended.code(), 0, "{}", tail(&ended.stderr));
    assert!(!ended.stderr.contains(TOKEN), "the log tells the token");
    assert_eq!(ended.stderr.matches("does not accept the agent's token").count(), 1, "{}", tail(&ended.stderr));
    let turned_away = orchestrator.known().turned_away;
    let most = 2 + ended.took.as_secs() / 2;
    assert!((2..=most).contains(&u64::from(turned_away)), "{turned_away} tries in {:?}", ended.took);
    assert_eq!(orchestrator.known().stored, []);
    let said = left_in(&events);
    assert!(
        matches!(said.last().map(|said| &said.event), Some(AgentEvent::Finished { failure: None, .. })),
        "{said:#?}"
    );
    assert!(decode::pictures(&bench.file("a.mp4")).expect("the file decodes").duration() >= 2.9);
    bench.assert_nothing_left();
}

fn tail(text: &str) -> &str {
    let from = text.char_indices().rev().nth(3000).map_or(0, |(index, _)| index);
    &text[from..]
}

#[test]
fn an_agent_that_lingers_leaves_when_it_is_told_to_and_its_events_stay() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let (orchestrator, events) = (Orchestrator::new(TOKEN), bench.file("events"));
    let job = Job { max_duration_s: Some(2.0), ..job(&bench, &site) };
    let agent = launch(&bench, &orchestrator.assignment(job, &events, 2 * SOON));
    lingers(&bench, &agent, &events);
    agent.signal("TERM");
    assert_eq!(agent.end(SOON).code(), 0);
    let said = left_in(&events);
    assert!(
        matches!(said.last().map(|said| &said.event), Some(AgentEvent::Finished { failure: None, .. })),
        "{said:#?}"
    );
    bench.assert_nothing_left();
}

/// Kills an agent, and lets another go on.
fn followed(is_same_file: bool) {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let mut orchestrator = Orchestrator::serve(TOKEN);
    let files = [bench.file("events"), bench.file(if is_same_file { "events" } else { "others" })];
    let first = launch(&bench, &orchestrator.assignment(job(&bench, &site), &files[0], SOON));
    recorded(&orchestrator, 2.0);
    orchestrator.ask(1, AgentCommand::Mark { label: "One".into() });
    orchestrator.wait_for_answer(1, SOON);
    orchestrator.go();
    first.signal("KILL");
    assert!(!first.end(SOON).status.success());
    bench.assert_nothing_left();

    let second = launch(&bench, &orchestrator.assignment(job(&bench, &site), &files[1], SOON));
    orchestrator.come();
    orchestrator.wait_until("the next attempt", SOON, |known| count(known, "started") == 2);
    orchestrator.ask(2, AgentCommand::Mark { label: "Two".into() });
    orchestrator.wait_for_answer(2, SOON);
    orchestrator.ask(3, AgentCommand::Stop);
    let (end, failure, delivery) = finished(&orchestrator);
    assert_eq!((end, failure), (EndReason::Stopped, None));
    assert_eq!(second.end(SOON).code(), 0);
    let known = orchestrator.known();
    without_holes(&known);
    assert_eq!((count(&known, "marked"), count(&known, "interrupted"), count(&known, "finished")), (2, 1, 1));
    assert_eq!(delivery.expect("there is media").gaps.len(), 1);
    bench.assert_nothing_left();
}

#[test]
fn a_further_agent_goes_on_numbering_in_the_file_of_the_one_before() {
    followed(true);
}

#[test]
fn a_further_agent_without_that_file_goes_on_after_what_was_heard() {
    followed(false);
}

#[test]
fn sigterm_drains_a_second_abandons_and_nobody_has_to_read_the_log() {
    let (_turn, site) = (my_turn(), Site::serve());
    for twice in [false, true] {
        let bench = Bench::new().with("WALLFLOWER_LOG", "debug");
        let (orchestrator, events) = (Orchestrator::serve(TOKEN), bench.file("events"));
        let assignment = orchestrator.assignment(job(&bench, &site), &events, SOON);
        let mut command: Command = bench.command(&wallflower());
        command.arg("agent").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut agent = command.spawn().expect("the binary starts");
        drop(agent.stderr.take());
        let stdin = agent.stdin.take().expect("piped");
        serde_json::to_writer(&stdin, &assignment).expect("it reads its stdin");
        drop(stdin);
        recorded(&orchestrator, 2.0);
        if twice {
            // It can't finish, so that there is something to be cut short.
            signal(bench.process("ffmpeg"), "STOP");
        }
        signal(agent.id(), "TERM");
        orchestrator.wait_for("stopping", SOON);
        if twice {
            signal(agent.id(), "TERM");
        }
        let (end, failure, delivery) = finished(&orchestrator);
        assert_eq!((end, delivery.is_some()), (EndReason::Stopped, !twice));
        assert_eq!(failure.is_some_and(|failure| failure.message.contains("abandoned")), twice);
        let until = Instant::now() + SOON;
        let status = loop {
            if let Some(status) = agent.try_wait().expect("a child can be awaited") {
                break status;
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(0));
        bench.assert_nothing_left();
    }
}

#[test]
fn what_can_t_be_done_any_more_or_is_not_understood_is_answered() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let (orchestrator, events) = (Orchestrator::serve(TOKEN), bench.file("events"));
    let agent = launch(&bench, &orchestrator.assignment(job(&bench, &site), &events, SOON));
    orchestrator.wait_for("started", SOON);
    orchestrator.ask(1, AgentCommand::Stop);
    orchestrator.ask(2, AgentCommand::Mute);
    orchestrator.ask(3, AgentCommand::Stop);
    let answer = orchestrator.wait_for_answer(2, SOON);
    let AgentEvent::Answered { failure: Some(failure), .. } = &answer else { panic!("{answer:?}") };
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert!(failure.message.contains("has ended"), "{failure}");
    assert!(matches!(orchestrator.wait_for_answer(3, SOON), AgentEvent::Answered { failure: None, .. }));
    assert_eq!(finished(&orchestrator).0, EndReason::Stopped);
    assert_eq!(agent.end(SOON).code(), 0);
    without_holes(&orchestrator.known());
    bench.assert_nothing_left();
}

#[test]
fn an_assignment_that_makes_no_sense_is_refused_in_one_sentence() {
    let (bench, site) = (Bench::new(), Site::serve());
    let orchestrator = Orchestrator::new(TOKEN);
    let good = orchestrator.assignment(job(&bench, &site), &bench.file("events"), SOON);
    let mut unknown = serde_json::to_value(&good).expect("plain data");
    unknown["link"]["colour"] = "blue".into();
    let mut relative = good;
    relative.link.events = "events".into();
    for (line, says) in [
        ("hunter2".to_owned(), "no job that it can read"),
        (unknown.to_string(), "unknown field `colour`"),
        (serde_json::to_string(&relative).expect("plain data"), "absolute path"),
    ] {
        let ended = bench.start_with_line(&["agent"], &line).end(SOON);
        assert_eq!(ended.code(), REQUEST, "{ended:#?}");
        assert!(ended.stderr.contains(says) && !ended.stderr.contains("hunter2"), "{ended:#?}");
        assert_eq!(ended.events.len(), usize::from(line == "hunter2"), "only a launcher reads stdout: {ended:#?}");
    }
    bench.assert_nothing_left();
}

#[test]
fn a_page_that_may_reach_public_addresses_only_can_t_be_inside_this_network() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let (orchestrator, events) = (Orchestrator::serve(TOKEN), bench.file("events"));
    let job = Job { public_only: true, ..job(&bench, &site) };
    let agent = launch(&bench, &orchestrator.assignment(job, &events, SOON));
    let (end, failure, _) = finished(&orchestrator);
    let failure = failure.expect("it can't be opened");
    assert_eq!((end, failure.kind), (EndReason::Failure, FailureKind::RoomUnreachable), "{failure:?}");
    // The orchestrator has heard it: nothing more is to be said.
    assert_eq!(agent.end(SOON).code(), 0);
    bench.assert_nothing_left();
}
