//! Live streams.

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::JobStream;

pub(crate) struct Streams;

impl Streams {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn add(&mut self, _: &JobStream) -> Result<(), Failure> {
        Err(Failure::new(FailureKind::BadRequest, "This version can't stream."))
    }

    pub(crate) async fn remove(&mut self, _: &Secret) -> Result<(), Failure> {
        Err(Failure::new(FailureKind::BadRequest, "There is no such stream."))
    }

    pub(crate) async fn shutdown(self) {}
}
