use super::*;
use crate::control::client::Client;
use tokio::sync::watch;
use wallflower_domain::recording::{Event, Recording, apply};
use wallflower_domain::wire::agent::{AgentEvent, PauseMode};
use wallflower_domain::wire::control::Course;

const ID: &str = "0192f3c47a2b7c1d8e9f0123456789ab";

/// A served recording, and everything by which a driver makes itself heard.
struct Owner {
    root: tempfile::TempDir,
    server: ControlServer,
    recording: watch::Sender<Recording>,
    course: watch::Sender<Course>,
    orders: mpsc::Receiver<Order>,
}

impl Owner {
    async fn new() -> Self {
        let root = tempfile::Builder::new().prefix("wf-").tempdir_in("/tmp").expect("temp dir");
        let (recording, recording_seen) = watch::channel(Recording::new(ID));
        let (course, course_seen) = watch::channel(Course::default());
        let (sender, orders) = mpsc::channel(8);
        let source = StatusSource::of("http://x/".to_owned(), Vec::new(), String::new(), recording_seen, course_seen);
        let server = ControlServer::open(root.path(), source, sender, 1).await.expect("opened");
        Self { root, server, recording, course, orders }
    }

    async fn client(&self) -> Client {
        Client::connect(self.root.path(), ID).await.expect("connected").expect("there")
    }

    fn happens(&self, event: Event) {
        self.recording
            .send_if_modified(|recording| apply(recording, event) == wallflower_domain::recording::Applied::Changed);
    }

    fn says(&self, event: AgentEvent) {
        self.course.send_modify(|course| course.hear(&event, 0));
        self.happens(Event::Agent(event));
    }

    /// Takes the next order, and answers it.
    async fn takes(&mut self, answer: Result<(), Failure>) -> AgentCommand {
        let order = self.orders.recv().await.expect("an order");
        if let Some(waiting) = order.answer {
            waiting.send(answer).expect("somebody waits");
        }
        order.command
    }
}

fn started() -> AgentEvent {
    AgentEvent::Started { attempt: 1, first_frame_unix_us: 1, start_latency_ms: 0 }
}

fn finished() -> AgentEvent {
    AgentEvent::Finished { end: wallflower_domain::recording::EndReason::Stopped, failure: None, delivery: None }
}

#[tokio::test]
async fn a_socket_is_ours_alone_while_it_is_there_and_leaves_nothing() {
    let owner = Owner::new().await;
    let (folder, path) = (control_sockets::folder(owner.root.path()), control_sockets::path_of(owner.root.path(), ID));
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
    assert_eq!(fs::read_dir(&folder).expect("read").count(), 1);
    owner.server.close().await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_status_is_what_has_happened() {
    let owner = Owner::new().await;
    owner.says(started());
    owner.says(AgentEvent::Paused { mode: PauseMode::Hold });
    let status = owner.client().await.status().await.expect("a status");
    assert_eq!((status.recording.id.as_str(), status.recording.state), (ID, State::Paused));
    assert_eq!((status.course.paused, status.room.as_str()), (Some(PauseMode::Hold), "http://x/"));
}

#[tokio::test]
async fn an_order_is_answered_when_it_has_taken_effect_or_can_t() {
    let mut owner = Owner::new().await;
    let mut client = owner.client().await;
    let asked = tokio::spawn(async move {
        let done = client.order(AgentCommand::Mute).await;
        (client, done)
    });
    assert_eq!(owner.takes(Ok(())).await, AgentCommand::Mute);
    let (mut client, done) = asked.await.expect("asked");
    assert_eq!(done, Ok(Done { id: ID.to_owned(), stream: None }));
    let asked = tokio::spawn(async move { client.order(AgentCommand::Resume).await });
    let refusal = Failure::new(FailureKind::BadRequest, "It is not paused.");
    owner.takes(Err(refusal.clone())).await;
    assert_eq!(asked.await.expect("asked"), Err(refusal));
}

#[tokio::test]
async fn streams_are_numbered_after_those_that_the_recording_began_with() {
    let mut owner = Owner::new().await;
    for expected in ["s2", "s3"] {
        let mut client = owner.client().await;
        let asked = tokio::spawn(async move {
            let url = "rtmp://x/y/key".to_owned().into();
            client.order(AgentCommand::AddStream { id: "s1".to_owned(), url }).await
        });
        let AgentCommand::AddStream { id, .. } = owner.takes(Ok(())).await else { panic!("another order") };
        let done = asked.await.expect("asked").expect("done");
        assert_eq!((id.as_str(), done.stream.as_deref()), (expected, Some(expected)));
    }
}

#[tokio::test]
async fn a_stop_is_answered_when_the_driver_has_taken_it() {
    let mut owner = Owner::new().await;
    let mut client = owner.client().await;
    let asked = tokio::spawn(async move { client.order(AgentCommand::Stop).await });
    assert_eq!(owner.takes(Ok(())).await, AgentCommand::Stop);
    owner.happens(Event::StopRequested);
    assert!(asked.await.expect("asked").is_ok());
}

#[tokio::test]
async fn what_ends_can_t_be_changed_any_more() {
    let owner = Owner::new().await;
    owner.says(started());
    owner.says(AgentEvent::Finalizing);
    let failure = owner.client().await.order(AgentCommand::Pause { mode: PauseMode::Cut }).await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert_eq!(failure.message, "The recording is being finalized: it can't be paused any more.");
}

#[tokio::test]
async fn an_order_that_the_end_has_overtaken_is_answered() {
    let mut owner = Owner::new().await;
    let mut client = owner.client().await;
    let asked = tokio::spawn(async move { client.order(AgentCommand::Mute).await });
    drop(owner.orders.recv().await.expect("an order"));
    let failure = asked.await.expect("asked").expect_err("not done");
    assert!(failure.message.contains("has ended before"), "{failure}");
}

#[tokio::test]
async fn who_waits_hears_of_the_end_even_as_the_socket_goes() {
    let owner = Owner::new().await;
    let mut waiting = owner.client().await;
    let waiting = tokio::spawn(async move { waiting.until_over().await });
    owner.says(started());
    owner.says(finished());
    owner.server.close().await;
    let status = waiting.await.expect("waited").expect("a status");
    assert_eq!(status.recording.state, State::Aborted);
}

#[tokio::test]
async fn when_the_recording_never_began_who_waits_is_told() {
    let owner = Owner::new().await;
    let mut client = owner.client().await;
    let waiting = tokio::spawn(async move { client.until_over().await });
    drop(owner.recording);
    let failure = waiting.await.expect("waited").expect_err("there is nothing to wait for");
    assert!(failure.message.contains("could not be started"), "{failure}");
}

#[tokio::test]
async fn when_the_owner_vanishes_who_waits_is_told() {
    let owner = Owner::new().await;
    let mut client = owner.client().await;
    client.status().await.expect("it is there");
    let waiting = tokio::spawn(async move { client.until_over().await });
    drop(owner.server);
    let failure = waiting.await.expect("waited").expect_err("nobody is there");
    assert!(failure.message.contains("has ended, or what owned it was killed"), "{failure}");
}

#[tokio::test]
async fn nonsense_is_answered_and_a_line_without_end_is_cut_off() {
    let owner = Owner::new().await;
    let stream = control_sockets::connect(owner.root.path(), ID).await.expect("connected");
    let mut lines = Lines::new(stream, 1 << 20);
    lines.write(&"stop").await.expect("sent");
    let Incoming::Line(line) = lines.read().await.expect("answered") else { panic!("cut off") };
    let answer: Answer<Done> = serde_json::from_slice(&line).expect("an answer");
    assert!(matches!(&answer, Answer::Error(failure) if failure.message.contains("can't be read")), "{answer:?}");
    lines.write(&"x".repeat(MAX_REQUEST_BYTES)).await.expect("sent");
    let Incoming::Line(line) = lines.read().await.expect("answered") else { panic!("cut off") };
    let answer: Answer<Done> = serde_json::from_slice(&line).expect("an answer");
    assert!(matches!(&answer, Answer::Error(failure) if failure.message.contains("at most")), "{answer:?}");
    assert!(!matches!(lines.read().await, Ok(Incoming::Line(_))), "it is cut off");
}
