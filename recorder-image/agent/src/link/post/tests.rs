//! With a real file, or without one.

use wallflower_domain::failure::FailureKind;
use wallflower_domain::recording::EndReason;
use wallflower_domain::timeline::Pause;
use wallflower_domain::wire::agent::{Delivery, Gap, PauseMode};

use super::*;

fn warning(message: &str) -> AgentEvent {
    AgentEvent::Warning { message: message.into() }
}

fn answered(request: u64) -> AgentEvent {
    AgentEvent::Answered { request, failure: None }
}

/// Writes all there is to the file.
fn file(post: &Post) {
    while post.file_some().expect("written") == Filed::Some {}
}

fn numbers(path: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str::<Said>(line).expect("a whole line").number).collect()
}

#[tokio::test]
async fn nothing_is_sent_before_it_is_on_the_file_unless_that_can_t_be() {
    let folder = tempfile::tempdir().expect("temp dir");
    let post = Post::open(&folder.path().join("events"), 0).await;
    post.take(warning("a"));
    assert_eq!(post.next(1), Next::Nothing);
    file(&post);
    assert!(matches!(post.next(1), Next::Said(_)));
    post.take(warning("b"));
    assert_eq!(post.next(2), Next::Nothing);
    post.file_fails();
    assert!(matches!(post.next(2), Next::Said(_)));
    assert!(post.has_file());

    let without = Post::open(&folder.path().join("missing/events"), 0).await;
    without.take(warning("a"));
    assert!(matches!(without.next(1), Next::Said(_)) && !without.has_file());
}

#[tokio::test]
async fn numbers_that_an_orchestrator_knows_already_are_not_given_again() {
    let folder = tempfile::tempdir().expect("temp dir");
    let path = folder.path().join("events");
    let post = Post::open(&path, 0).await;
    assert!(post.asked(1), "it is new");
    [warning("a"), answered(1)].into_iter().for_each(|event| post.take(event));
    file(&post);
    post.take(AgentEvent::Finished { end: EndReason::Stopped, failure: None, delivery: None });
    assert_eq!(post.welcome(7).await.expect("numbered anew"), 8);
    file(&post);
    assert_eq!(numbers(&path), [8, 9, 10]);
    assert!(matches!(post.next(10), Next::Said(said) if said.number == 10));
    assert_eq!(post.welcome(8).await.expect("known"), 9, "now they stay as they are");
    assert_eq!(numbers(&path), [8, 9, 10]);
    post.heard(9);
    assert!(!post.is_over());
    post.heard(10);
    assert!(post.is_over());
}

#[tokio::test]
async fn what_an_agent_before_has_carried_out_is_not_carried_out_again() {
    let folder = tempfile::tempdir().expect("temp dir");
    let path = folder.path().join("events");
    let first = Post::open(&path, 0).await;
    assert!(first.asked(7));
    first.take(answered(7));
    file(&first);
    first.close().await;
    let second = Post::open(&path, 0).await;
    assert_eq!(second.welcome(0).await.expect("known"), 1);
    assert!(!second.asked(7) && second.asked(8));
    file(&second);
    assert_eq!(numbers(&path), [1], "the answer is on its way already");
    second.heard(1);
    assert!(!second.asked(7));
    file(&second);
    assert_eq!(numbers(&path), [1, 2], "it is said again");
}

#[test]
fn what_no_orchestrator_would_take_is_cut() {
    let gap = Gap { at_s: 0.0, length_s: 1.0, reason: "x".repeat(1000) };
    let pause = Pause { at_s: 0.0, length_s: 1.0, mode: PauseMode::Hold };
    let delivery = Delivery {
        outputs: Vec::new(),
        manifest: None,
        duration_s: 1.0,
        frames: 1,
        gaps: vec![gap; 5000],
        pauses: vec![pause],
        usage: None,
    };
    let failure = Some(Failure::new(FailureKind::Internal, "It failed."));
    let event = AgentEvent::Finished { end: EndReason::Failure, failure: failure.clone(), delivery: Some(delivery) };
    let (cut, bytes) = fitting(event);
    assert!(bytes < 1000, "{bytes} bytes are left");
    let AgentEvent::Finished { end, failure: kept, delivery: Some(delivery) } = cut else { panic!("{cut:?}") };
    assert_eq!((end, kept, delivery.frames, delivery.gaps.len()), (EndReason::Failure, failure, 1, 0));
    assert!(
        matches!(fitting(warning(&"x".repeat(MAX_MESSAGE_BYTES))).0, AgentEvent::Warning { message } if message.len() < 100)
    );
    assert_eq!(fitting(warning("short")).0, warning("short"));
}
