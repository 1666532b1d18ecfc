//! Appends what the encoder produces to an attempt's file, on a thread of its own: a slow disk holds up nothing but this.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::{Segment, append_line};
use crate::fragment::Fragment;

/// Fragments that may wait for the disk: a minute. A disk that is slower than that for so long makes the encoder wait, and drop.
const WAITING: usize = 120;

enum Order {
    Init(Bytes),
    Fragment(Arc<Fragment>),
}

/// Writes one attempt. Dropping it, or [`Writer::close`], ends the last segment.
pub(crate) struct Writer {
    orders: mpsc::Sender<Order>,
    waiting: Arc<AtomicU32>,
    thread: JoinHandle<io::Result<()>>,
}

/// Files of one attempt, and whom to tell of new segments.
pub(super) struct Target {
    pub(super) media: PathBuf,
    pub(super) index: PathBuf,
    pub(super) attempt: u32,
    /// UTC of media time zero, in microseconds since 1970.
    pub(super) began_unix_us: i64,
    pub(super) segments: watch::Sender<u64>,
}

impl Writer {
    pub(super) fn begin(target: Target) -> io::Result<Self> {
        let media = File::options().create_new(true).append(true).open(&target.media)?;
        let (orders, received) = mpsc::channel(WAITING);
        let waiting = Arc::new(AtomicU32::new(0));
        let counter = waiting.clone();
        let thread = std::thread::Builder::new()
            .name(format!("spool-{}", target.attempt))
            .spawn(move || Disk { target, media, at: 0, open: None }.serve(received, &counter))?;
        Ok(Self { orders, waiting, thread })
    }

    pub(crate) async fn init(&self, bytes: Bytes) -> Result<(), Closed> {
        self.order(Order::Init(bytes)).await
    }

    pub(crate) async fn append(&self, fragment: Arc<Fragment>) -> Result<(), Closed> {
        self.order(Order::Fragment(fragment)).await
    }

    async fn order(&self, order: Order) -> Result<(), Closed> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.orders.send(order).await.map_err(|_| Closed)
    }

    /// Fragments that wait for the disk.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until all is on disk. Blocks the thread that calls it.
    pub(crate) fn close(self) -> io::Result<()> {
        drop(self.orders);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the spool's thread ended unexpectedly")))
    }
}

/// The thread has ended because of an error; [`Writer::close`] tells which.
#[derive(Debug)]
pub(crate) struct Closed;

struct Disk {
    target: Target,
    media: File,
    at: u64,
    open: Option<Segment>,
}

impl Disk {
    fn serve(mut self, mut orders: mpsc::Receiver<Order>, waiting: &AtomicU32) -> io::Result<()> {
        while let Some(order) = orders.blocking_recv() {
            waiting.fetch_sub(1, Ordering::Relaxed);
            match order {
                Order::Init(bytes) => self.write(&bytes)?,
                Order::Fragment(fragment) => {
                    if fragment.starts_segment {
                        self.end_segment()?;
                        self.open = Some(Segment::beginning(
                            self.target.attempt,
                            self.at,
                            fragment.start_s(),
                            self.target.began_unix_us,
                        ));
                    }
                    self.write(&fragment.bytes)?;
                    if let Some(segment) = &mut self.open {
                        segment.bytes = self.at - segment.offset;
                        segment.length_s = fragment.end_s() - segment.start_s;
                    }
                }
            }
        }
        self.end_segment()
    }

    /// A fragment is with the kernel when this returns: what dies then is not the fragment.
    fn write(&mut self, bytes: &Bytes) -> io::Result<()> {
        self.media.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// A segment is on the disk before the index tells of it.
    fn end_segment(&mut self) -> io::Result<()> {
        let Some(segment) = self.open.take() else { return Ok(()) };
        self.media.sync_data()?;
        append_line(&self.target.index, &segment)?;
        self.target.segments.send_modify(|count| *count += 1);
        Ok(())
    }
}
