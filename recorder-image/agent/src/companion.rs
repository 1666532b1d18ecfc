//! What makes an output while the recording goes on, on a thread of its own: a disk that is slow or hangs holds up nothing but this.
//!
//! ```text
//! session ──finish──▶ thread ──result──▶ session     which waits as long as the thread tells of steps
//!         ──dropped─▶ thread ends                    at its next look, and what it has started with it
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use wallflower_domain::failure::{Failure, FailureKind};

/// At the end, one that makes no step for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A thread that works beside a recording until it is told to finish. Dropping it leaves what it makes as it is.
pub(crate) struct Companion<T> {
    path: PathBuf,
    finish: oneshot::Sender<()>,
    done: oneshot::Receiver<Result<T, Failure>>,
    steps: watch::Receiver<u64>,
}

/// What the thread knows of the other side.
pub(crate) struct Orders {
    finish: oneshot::Receiver<()>,
    /// The last word, once it was said.
    end: Option<Order>,
    steps: watch::Sender<u64>,
}

/// What a thread is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// There is more of what it follows.
    GoOn,
    /// The recording has ended: make the rest.
    Finish,
    /// Nobody wants to know any more.
    Leave,
}

impl Orders {
    /// Tells that it still goes on.
    pub(crate) fn step(&self) {
        self.steps.send_modify(|steps| *steps += 1);
    }

    /// Waits for more of what is followed, or for the end.
    pub(crate) async fn next(&mut self, count: &mut watch::Receiver<u64>) -> Order {
        tokio::select! {
            biased;
            order = self.end() => order,
            // When nobody writes any more, the end is all that can come.
            Ok(()) = count.changed() => Order::GoOn,
        }
    }

    async fn end(&mut self) -> Order {
        if let Some(end) = self.end {
            return end;
        }
        let end = if (&mut self.finish).await.is_ok() { Order::Finish } else { Order::Leave };
        *self.end.insert(end)
    }

    /// Does something that may take a while; none when nobody wants to know any more, and then it is not done to its end.
    pub(crate) async fn unless_left<R>(&mut self, work: impl Future<Output = R>) -> Option<R> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            order = self.end() => match order {
                Order::Leave => None,
                Order::GoOn | Order::Finish => Some(work.await),
            },
            result = &mut work => Some(result),
        }
    }
}

impl<T: Send + 'static> Companion<T> {
    /// Starts `work`, which fills the directory `path`. It gives nothing when it was told to leave.
    pub(crate) fn start(
        name: &'static str,
        path: &Path,
        work: impl FnOnce(&Runtime, Orders) -> Option<Result<T, Failure>> + Send + 'static,
    ) -> Result<Self, Failure> {
        let (finish, told) = oneshot::channel();
        let (tell, done) = oneshot::channel();
        let (counter, steps) = watch::channel(0);
        let orders = Orders { finish: told, end: None, steps: counter };
        let failed = |error: std::io::Error| {
            let message = format!("The thread that makes the {name} could not be started: {error}.");
            Failure::new(FailureKind::Internal, message)
        };
        // Its own, so that nothing that hangs in it holds up others.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                if let Some(result) = work(&runtime, orders) {
                    let _ = tell.send(result);
                }
            })
            .map_err(failed)?;
        Ok(Self { path: path.to_owned(), finish, done, steps })
    }

    /// Has the rest made, and waits for it.
    pub(crate) async fn finish(self) -> Result<T, Failure> {
        self.finish_within(PATIENCE).await
    }

    async fn finish_within(self, patience: Duration) -> Result<T, Failure> {
        let Self { path, finish, mut done, mut steps } = self;
        let _ = finish.send(());
        loop {
            let quiet = tokio::select! {
                biased;
                ended = &mut done => {
                    let died = |_| Failure::new(FailureKind::Internal, format!("What fills {} ended unexpectedly.", path.display()));
                    return ended.map_err(died)?;
                }
                // It errs when the thread has ended, and then it is done.
                stepped = tokio::time::timeout(patience, steps.changed()) => stepped.is_err(),
            };
            if quiet {
                let message = format!(
                    "{} has not taken anything for {} s, and what is in it is not complete; look after its disk.",
                    path.display(),
                    patience.as_secs()
                );
                return Err(Failure::new(FailureKind::DestinationUnwritable, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_hangs_is_given_up_and_one_that_makes_steps_is_not() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let hangs = Companion::<()>::start("test", Path::new("/slow"), move |_, orders| {
            let _ = held.recv();
            drop(orders);
            None
        });
        let hangs = hangs.expect("started").finish_within(Duration::from_millis(50)).await.expect_err("it hangs");
        assert_eq!(hangs.kind, FailureKind::DestinationUnwritable);
        assert!(hangs.message.starts_with("/slow has not taken anything"), "{hangs}");
        drop(release);

        let steps = Companion::start("test", Path::new("/slow"), |runtime, orders| {
            for _ in 0..20 {
                runtime.block_on(async { tokio::time::sleep(Duration::from_millis(10)).await });
                orders.step();
            }
            Some(Ok(20))
        });
        let steps = steps.expect("started").finish_within(Duration::from_secs(10)).await;
        assert_eq!(steps.expect("it goes on"), 20);
    }

    #[tokio::test]
    async fn one_that_panics_is_a_failure() {
        let panics = Companion::<()>::start("test", Path::new("/x"), |_, _| panic!("on purpose"));
        let failure = panics.expect("started").finish().await.expect_err("it panicked");
        assert_eq!(failure.kind, FailureKind::Internal);
    }

    #[tokio::test]
    async fn it_is_told_of_more_of_the_end_and_of_being_left() {
        const SOON: Duration = Duration::from_secs(10);
        for (end, finish) in [(Order::Finish, true), (Order::Leave, false)] {
            let (more, mut count) = watch::channel(0);
            let (tell, told) = std::sync::mpsc::channel();
            let companion = Companion::start("test", Path::new("/x"), move |runtime, mut orders| {
                loop {
                    let order = runtime.block_on(orders.next(&mut count));
                    let _ = tell.send(order);
                    match order {
                        Order::GoOn => {}
                        Order::Finish => {
                            assert_eq!(runtime.block_on(orders.unless_left(async { 1 })), Some(1));
                            return Some(Ok(()));
                        }
                        Order::Leave => {
                            assert_eq!(runtime.block_on(orders.unless_left(std::future::pending::<()>())), None);
                            return None;
                        }
                    }
                }
            });
            let companion = companion.expect("started");
            more.send_replace(1);
            assert_eq!(told.recv_timeout(SOON), Ok(Order::GoOn));
            // It does not spin when nobody writes any more.
            drop(more);
            if finish {
                companion.finish().await.expect("finished");
            } else {
                drop(companion);
            }
            assert_eq!(told.recv_timeout(SOON), Ok(end));
            assert!(told.recv_timeout(SOON).is_err(), "the thread has ended");
        }
    }
}
