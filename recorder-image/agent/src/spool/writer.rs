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
use crate::placing::sync_directory;

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
    fn serve(mut self, orders: mpsc::Receiver<Order>, waiting: &AtomicU32) -> io::Result<()> {
        let written = self.write_all(orders, waiting);
        // What is whole is told of, even when what follows it could not be written.
        let ended = self.end_segment();
        written.and(ended)
    }

    fn write_all(&mut self, mut orders: mpsc::Receiver<Order>, waiting: &AtomicU32) -> io::Result<()> {
        // That there is this file outlives a loss of power, too.
        self.target.media.parent().map_or(Ok(()), sync_directory)?;
        while let Some(order) = orders.blocking_recv() {
            waiting.fetch_sub(1, Ordering::Relaxed);
            match order {
                Order::Init(bytes) => self.write(&bytes)?,
                Order::Fragment(fragment) => self.append(&fragment)?,
            }
        }
        Ok(())
    }

    fn append(&mut self, fragment: &Fragment) -> io::Result<()> {
        if fragment.starts_segment {
            self.end_segment()?;
            let (attempt, began_unix_us) = (self.target.attempt, self.target.began_unix_us);
            self.open = Some(Segment::beginning(attempt, self.at, fragment.start_s(), began_unix_us));
        }
        self.write(&fragment.bytes)?;
        if let Some(segment) = &mut self.open {
            segment.bytes = self.at - segment.offset;
            segment.length_s = fragment.end_s() - segment.start_s;
        }
        Ok(())
    }

    /// A fragment is with the kernel when this returns: what dies then is not the fragment.
    fn write(&mut self, bytes: &Bytes) -> io::Result<()> {
        self.media.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// A segment is on the disk before the index tells of it.
    fn end_segment(&mut self) -> io::Result<()> {
        // None of its fragments may be whole.
        let Some(segment) = self.open.take().filter(|segment| segment.bytes > 0) else { return Ok(()) };
        self.media.sync_data()?;
        append_line(&self.target.index, &segment)?;
        self.target.segments.send_modify(|count| *count += 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fragment::{Cutter, Offset, Piece};
    use crate::spool::lines;

    #[test]
    fn what_was_whole_before_the_disk_failed_is_in_the_index() {
        let folder = tempfile::tempdir().expect("temp dir");
        let (path, index) = (folder.path().join("media"), folder.path().join("index"));
        let media = File::options().create_new(true).append(true).open(&path).expect("made");
        let target = Target {
            media: path.clone(),
            index: index.clone(),
            attempt: 1,
            began_unix_us: 0,
            segments: watch::channel(0).0,
        };
        let mut disk = Disk { target, media, at: 0, open: None };
        let mut fragments = Vec::new();
        let encoded = crate::fragment::tests::encoded(2, 10);
        for piece in Cutter::new(Offset { frames: 0, fps: 10 }).push(&encoded).expect("valid") {
            match piece {
                Piece::Init(init) => disk.write(&init.bytes).expect("written"),
                Piece::Fragment(fragment) => fragments.push(fragment),
            }
        }
        disk.append(&fragments[0]).expect("written");
        let (whole, whole_s) = (disk.at, fragments[0].end_s());
        // Takes nothing any more.
        disk.media = File::open(&path).expect("there");
        let (orders, received) = mpsc::channel(1);
        let waiting = AtomicU32::new(1);
        orders.try_send(Order::Fragment(Arc::new(fragments.remove(1)))).expect("there is room");
        assert!(disk.serve(received, &waiting).is_err());
        let segments: Vec<Segment> = lines(&index).expect("readable");
        let [segment] = segments.as_slice() else { panic!("{segments:?}") };
        assert_eq!((segment.offset + segment.bytes, segment.end_s()), (whole, whole_s));
    }
}
