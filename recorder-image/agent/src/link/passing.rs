//! What is true now: progress, streams, uploads. Only the newest of each is told, and all of it anew to whoever has just answered.
//! Pure.

use wallflower_domain::wire::agent::AgentEvent;

/// Streams and uploads that are told of; the longest unchanged go first.
const MAX_SUBJECTS: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Passing {
    /// What changed last is last.
    newest: Vec<Told>,
}

#[derive(Debug)]
struct Told {
    subject: Subject,
    event: AgentEvent,
    /// This connection has carried it.
    is_told: bool,
}

#[derive(Debug, PartialEq)]
enum Subject {
    Progress,
    Stream(String),
    Upload { destination: String, name: String },
}

impl Passing {
    /// Takes an event in place of an older one about the same.
    pub(super) fn take(&mut self, event: AgentEvent) {
        let Some(subject) = subject(&event) else { return };
        self.newest.retain(|told| told.subject != subject);
        if self.newest.len() == MAX_SUBJECTS {
            self.newest.remove(0);
        }
        self.newest.push(Told { subject, event, is_told: false });
    }

    /// All of it is told again.
    pub(super) fn renew(&mut self) {
        for told in &mut self.newest {
            told.is_told = false;
        }
    }

    /// What is to be told next, but for progress.
    pub(super) fn next(&mut self) -> Option<AgentEvent> {
        self.tell(|subject| *subject != Subject::Progress)
    }

    /// Progress, when there is some that was not told.
    pub(super) fn progress(&mut self) -> Option<AgentEvent> {
        self.tell(|subject| *subject == Subject::Progress)
    }

    fn tell(&mut self, is_it: impl Fn(&Subject) -> bool) -> Option<AgentEvent> {
        let told = self.newest.iter_mut().find(|told| !told.is_told && is_it(&told.subject))?;
        told.is_told = true;
        Some(told.event.clone())
    }
}

/// What it is about; none for signs of life, which a connection gives by itself.
fn subject(event: &AgentEvent) -> Option<Subject> {
    match event {
        AgentEvent::Progress { .. } => Some(Subject::Progress),
        AgentEvent::Stream { stream } => Some(Subject::Stream(stream.id.clone())),
        AgentEvent::Upload { upload } => {
            Some(Subject::Upload { destination: upload.destination.clone(), name: upload.name.clone() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wallflower_domain::upload::{UploadReport, UploadState};
    use wallflower_domain::wire::agent::Progress;

    fn progress(frames: u64) -> AgentEvent {
        AgentEvent::Progress { progress: Progress { frames, ..Progress::default() } }
    }

    fn upload(name: &str, files: usize) -> AgentEvent {
        let state = UploadState::Queued { files };
        AgentEvent::Upload { upload: UploadReport { destination: "s3://b".into(), name: name.into(), state } }
    }

    fn all(passing: &mut Passing) -> Vec<AgentEvent> {
        std::iter::from_fn(|| passing.next().or_else(|| passing.progress())).collect()
    }

    #[test]
    fn only_the_newest_of_each_is_told_once_and_again_after_a_break() {
        let mut passing = Passing::default();
        for event in [progress(1), upload("a", 1), upload("b", 1), progress(2), upload("a", 2), AgentEvent::Alive] {
            passing.take(event);
        }
        let newest = [upload("b", 1), upload("a", 2), progress(2)];
        assert_eq!(all(&mut passing), newest);
        assert_eq!(all(&mut passing), []);
        passing.renew();
        assert_eq!(all(&mut passing), newest);
        passing.take(progress(3));
        assert_eq!(all(&mut passing), [progress(3)]);
    }

    #[test]
    fn of_too_many_the_oldest_are_forgotten() {
        let mut passing = Passing::default();
        (0..=MAX_SUBJECTS).for_each(|number| passing.take(upload(&number.to_string(), 1)));
        let told = all(&mut passing);
        assert_eq!((told.len(), &told[0]), (MAX_SUBJECTS, &upload("1", 1)));
    }
}
