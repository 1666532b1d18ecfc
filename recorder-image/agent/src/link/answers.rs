//! Requests that came once already: their answer is repeated, not their effect. Pure.

use std::collections::{BTreeMap, BTreeSet};

use wallflower_domain::failure::{Failure, FailureKind};

/// Answers that are remembered. An orchestrator asks again only for what it has no answer to.
const REMEMBERED: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Answers {
    under_way: BTreeSet<u64>,
    answered: BTreeMap<u64, Answer>,
    /// Requests up to this one were answered, but how is forgotten.
    forgotten: u64,
}

#[derive(Debug)]
struct Answer {
    failure: Option<Failure>,
    /// The event that tells it.
    number: u64,
}

/// What to do about a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is new.
    CarryOut,
    /// Its answer comes by itself: it is under way, or the answer is.
    Wait,
    /// This is said once more.
    Repeat(Option<Failure>),
    /// It can't be answered.
    Ignore,
}

impl Answers {
    /// A request has come. `is_heard` tells whether an event was heard.
    pub(super) fn asked(&mut self, request: u64, is_heard: impl Fn(u64) -> bool) -> Verdict {
        if request == 0 {
            return Verdict::Ignore;
        }
        match self.answered.get(&request) {
            Some(answer) if is_heard(answer.number) => return Verdict::Repeat(answer.failure.clone()),
            Some(_) => return Verdict::Wait,
            None if request <= self.forgotten && !self.under_way.contains(&request) => {
                let sentence = "The request was answered long ago; look at the recording's state.";
                return Verdict::Repeat(Some(Failure::new(FailureKind::BadRequest, sentence)));
            }
            None => {}
        }
        if self.under_way.insert(request) { Verdict::CarryOut } else { Verdict::Wait }
    }

    /// A request is answered by the event of this number.
    pub(super) fn answered(&mut self, request: u64, failure: Option<Failure>, number: u64) {
        self.under_way.remove(&request);
        self.answered.insert(request, Answer { failure, number });
        if self.answered.len() > REMEMBERED
            && let Some((oldest, _)) = self.answered.pop_first()
        {
            self.forgotten = self.forgotten.max(oldest);
        }
    }

    /// Events from this number on have become so much greater.
    pub(super) fn renumber(&mut self, from: u64, by: u64) {
        for answer in self.answered.values_mut().filter(|answer| answer.number >= from) {
            answer.number += by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_under_way_is_not_begun_again_and_what_was_answered_is_repeated_once_the_answer_was_heard() {
        let mut answers = Answers::default();
        let failure = Failure::new(FailureKind::BadRequest, "No.");
        assert_eq!(answers.asked(7, |_| true), Verdict::CarryOut);
        assert_eq!(answers.asked(7, |_| true), Verdict::Wait);
        answers.answered(7, Some(failure.clone()), 3);
        assert_eq!(answers.asked(7, |number| number <= 2), Verdict::Wait, "its answer is on its way");
        assert_eq!(answers.asked(7, |number| number <= 3), Verdict::Repeat(Some(failure)));
        assert_eq!(answers.asked(0, |_| true), Verdict::Ignore);
    }

    proptest! {
        /// Whatever is asked, however often, in whatever order it is answered: nothing is carried out twice, and memory is bounded.
        #[test]
        fn nothing_is_carried_out_twice(steps in prop::collection::vec((1_u64..400, any::<bool>()), 0..2000)) {
            let mut answers = Answers::default();
            let mut begun = BTreeSet::new();
            let mut number = 0;
            for (request, answers_next) in steps {
                if answers.asked(request, |_| true) == Verdict::CarryOut {
                    prop_assert!(begun.insert(request), "{request} is carried out twice");
                }
                if answers_next && let Some(request) = answers.under_way.first().copied() {
                    number += 1;
                    answers.answered(request, None, number);
                }
                prop_assert!(answers.answered.len() <= REMEMBERED);
            }
        }
    }
}
