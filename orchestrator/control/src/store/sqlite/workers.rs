//! The threads that own connections, and the queues before them.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::super::{Announcer, Changed, Changes, DEADLINE, StoreError};
use super::said;

/// Operations that wait; more wait for a place here.
const QUEUE: usize = 1024;
/// Operations that share a transaction.
const GROUP: usize = 256;
/// How often the writer looks whether another process has written.
const LOOK: Duration = Duration::from_millis(250);
const READERS: usize = 2;

/// What is asked for, whatever it answers.
trait Job: Send {
    /// Does it, unless nobody waits for it any more.
    fn run(&mut self, connection: &Connection);
    /// Answers: with what came of `run`, or with why that was taken back. Gives the change to be told.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>) -> Option<Changed>;
}

struct Asked<F, T> {
    work: Option<F>,
    came: Option<Result<(T, Option<Changed>), StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
    _place: OwnedSemaphorePermit,
}

impl<F, T> Job for Asked<F, T>
where
    F: FnOnce(&Connection) -> Result<(T, Option<Changed>), StoreError> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) {
        if let Some(work) = self.work.take()
            && !self.answer.is_closed()
        {
            self.came = Some(work(connection));
        }
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) -> Option<Changed> {
        let (result, changed) = match (committed, self.came?) {
            (Ok(()), Ok((result, changed))) => (Ok(result), changed),
            (Ok(()), Err(error)) | (Err(error), _) => (Err(error), None),
        };
        // Who has stopped waiting will look.
        let _ = self.answer.send(result);
        changed
    }
}

/// The way to a thread's connection.
#[derive(Debug)]
struct Queue {
    jobs: Sender<Box<dyn Job>>,
    places: Arc<Semaphore>,
}

impl Queue {
    fn new() -> (Self, Receiver<Box<dyn Job>>) {
        let (jobs, taken) = mpsc::channel();
        (Self { jobs, places: Arc::new(Semaphore::new(QUEUE)) }, taken)
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<(T, Option<Changed>), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Unavailable("the database's thread has ended; restart".into());
        let asked = async {
            let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| gone())?;
            let (answer, answered) = oneshot::channel();
            let job = Asked { work: Some(work), came: None, answer, _place: place };
            self.jobs.send(Box::new(job)).map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        };
        tokio::time::timeout(DEADLINE, asked).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!("the database's disk took more than {} s", DEADLINE.as_secs())))
        })
    }
}

/// The one thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Queue,
    announcer: Announcer,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (queue, jobs) = Queue::new();
        let announcer = Announcer::default();
        let tell = announcer.clone();
        // Before anybody can listen: what others commit until the thread has begun is to be told too.
        let others = changes_of_others(&connection);
        spawn("store-writer", move || write(&connection, others, &jobs, &tell))?;
        Ok(Self { queue, announcer })
    }

    /// Does what may change something, in a savepoint of its own; answers once that is committed.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<(T, Option<Changed>), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue.ask(move |connection| in_savepoint(connection, work)).await
    }

    pub(super) fn changes(&self) -> Changes {
        self.announcer.subscribe()
    }
}

/// Threads that only read.
#[derive(Debug)]
pub(super) struct Readers {
    queue: Queue,
}

impl Readers {
    pub(super) fn start(connect: impl Fn() -> Result<Connection, StoreError>) -> Result<Self, StoreError> {
        let (queue, jobs) = Queue::new();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..READERS {
            let (connection, jobs) = (connect()?, Arc::clone(&jobs));
            spawn("store-reader", move || {
                // The lock is held while waiting, not while reading.
                let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok(mut job) = next() {
                    job.run(&connection);
                    job.finish(Ok(()));
                }
            })?;
        }
        Ok(Self { queue })
    }

    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue.ask(move |connection| Ok((work(connection)?, None))).await
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    match thread::Builder::new().name(name.into()).spawn(run) {
        Ok(_) => Ok(()),
        Err(error) => Err(StoreError::Unavailable(format!("a thread for the database can't be started: {error}"))),
    }
}

/// Ends when nobody can ask any more. `others` is what of others' changes need not be told.
fn write(connection: &Connection, mut others: Option<i64>, jobs: &Receiver<Box<dyn Job>>, announcer: &Announcer) {
    loop {
        match jobs.recv_timeout(LOOK) {
            Ok(first) => {
                let group = std::iter::once(first).chain(jobs.try_iter()).take(GROUP).collect();
                commit(connection, group, announcer);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = changes_of_others(connection);
        if now != others {
            others = now;
            announcer.lost();
        }
    }
}

/// SQLite counts for each connection what others have committed. `None`, when it can't tell, differs from what comes after it.
fn changes_of_others(connection: &Connection) -> Option<i64> {
    let mut statement = connection.prepare_cached("PRAGMA data_version").ok()?;
    statement.query_row((), |row| row.get(0)).ok()
}

/// Does all of it in one transaction; in more, where SQLite gives one up half-way.
fn commit(connection: &Connection, mut group: VecDeque<Box<dyn Job>>, announcer: &Announcer) {
    while !group.is_empty() {
        let mut done = Vec::with_capacity(group.len());
        let committed = transaction(connection, &mut group, &mut done);
        if let Err(error) = &committed {
            tracing::warn!(%error, operations = done.len(), "the store could not commit");
        }
        for job in done {
            if let Some(changed) = job.finish(committed.clone()) {
                announcer.changed(changed);
            }
        }
    }
}

fn transaction(
    connection: &Connection,
    group: &mut VecDeque<Box<dyn Job>>,
    done: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    let execute = |sql| connection.execute_batch(sql).map_err(said);
    if let Err(error) = execute("BEGIN IMMEDIATE") {
        done.extend(group.drain(..));
        return Err(error);
    }
    while let Some(mut job) = group.pop_front() {
        job.run(connection);
        done.push(job);
        if connection.is_autocommit() {
            return Err(StoreError::Unavailable("the database took back a transaction; try again".into()));
        }
    }
    execute("COMMIT").inspect_err(|_| {
        // It may have been taken back already; else the next one could not begin.
        let _ = execute("ROLLBACK");
    })
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let execute = |sql| connection.execute_batch(sql).map_err(said);
    execute("SAVEPOINT operation")?;
    match work(connection) {
        Ok(result) => execute("RELEASE operation").map(|()| result),
        Err(error) => {
            // Some failures end the whole transaction, and with it the savepoint.
            if !connection.is_autocommit() {
                execute("ROLLBACK TO operation; RELEASE operation")?;
            }
            Err(error)
        }
    }
}
