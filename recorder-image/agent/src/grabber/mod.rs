//! Takes pictures of the display, each frame of the file exactly one, and hands them to the encoder.
//!
//! ```text
//! Xvfb ──damage──▶ pace ──▶ screen ──▶ picture ──▶ queue ──▶ matroska ──pipe──▶ ffmpeg
//!           a thread of its own                          another, which may be held up
//! ```
//!
//! ffmpeg's own x11grab looks at the screen by its own clock. Here the screen is looked at when the page has painted ([`pace`]), only what
//! was painted is copied, and each picture carries the exact time of its frame.

mod matroska;
mod pace;
mod picture;
mod screen;

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::{FrameRate, FrameSize};
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};

use crate::clock::unix_us;
use crate::display::Entrance;
use pace::{Due, Pace};
use picture::Picture;
use screen::Screen;

/// Pictures that may wait for the encoder: those of so many seconds, what it may take to start on a busy machine …
const QUEUE_S: f64 = 0.7;
/// … but no more bytes than this: 21 pictures of 1920x1080.
const QUEUE_BYTES: usize = 64 << 20;
/// Bytes that may be in the pipe, if the system allows it: fewer turns for the same picture.
const PIPE_BYTES: i32 = 1 << 20;
const BEGIN: u8 = 1;
/// An encoder that has died has been awaited by then.
const ENCODER_PATIENCE: Duration = Duration::from_secs(1);

/// Why no more pictures can be had.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The display went, or does not answer.
    Connection(String),
    /// The display does what no Xvfb does.
    Odd(&'static str),
    /// What this machine has is not enough.
    Machine(std::io::Error),
    /// The encoder reads no more.
    Encoder,
}

/// All that can go wrong between a client of X and the server.
macro_rules! of_the_connection {
    ($($error:ty),*) => {
        $(impl From<$error> for Lost {
            fn from(error: $error) -> Self {
                Self::Connection(error.to_string())
            }
        })*
    };
}

of_the_connection!(ConnectError, ConnectionError, ReplyError, ReplyOrIdError);

impl From<std::io::Error> for Lost {
    fn from(error: std::io::Error) -> Self {
        Self::Machine(error)
    }
}

impl From<Errno> for Lost {
    fn from(error: Errno) -> Self {
        Self::Machine(error.into())
    }
}

impl Lost {
    fn failure(&self) -> Failure {
        let message = match self {
            Self::Connection(error) => format!("The display gives no pictures any more: {error}."),
            Self::Odd(why) => format!("The display can't be recorded: {why}."),
            Self::Machine(error) => format!("This machine lets nothing take pictures of the display: {error}."),
            Self::Encoder => "The encoder takes no pictures any more.".to_owned(),
        };
        Failure::new(FailureKind::ProgramDied, message)
    }
}

/// Looks at a display and waits for the word to begin.
pub(crate) struct Watcher {
    began: oneshot::Receiver<i64>,
    grabber: Grabber,
}

/// Hands over pictures until it is dropped.
pub(crate) struct Grabber {
    /// A byte begins, its end ends: both wake who waits for the display.
    word: PipeWriter,
    lost: oneshot::Receiver<Lost>,
}

impl Watcher {
    /// Begins to see what is painted. Pictures will go into this pipe.
    pub(crate) fn start(display: Entrance, size: FrameSize, fps: FrameRate, pipe: PipeWriter) -> Result<Self, Failure> {
        let impossible = |error| Lost::Machine(error).failure();
        // Less is only slower.
        let _ = fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
        let (heard, word) = std::io::pipe().map_err(impossible)?;
        let (began_sender, began) = oneshot::channel();
        let (lost_sender, lost) = oneshot::channel();
        let hand = Hand { size, fps, word: heard };
        let work = move || {
            if let Err(lost) = hand.work(&display, pipe, began_sender) {
                let _ = lost_sender.send(lost);
            }
        };
        thread::Builder::new().name("grabber".into()).spawn(work).map_err(impossible)?;
        Ok(Self { began, grabber: Grabber { word, lost } })
    }

    /// It has not lost the display.
    pub(crate) fn watches(&mut self) -> bool {
        matches!(self.grabber.lost.try_recv(), Err(TryRecvError::Empty))
    }

    /// Takes the first picture at once, and the others as they are due. Gives the first one's time, in microseconds since 1970.
    pub(crate) async fn begin(mut self) -> Result<(Grabber, i64), Failure> {
        // Fails when nobody listens any more, and then the answer tells why.
        let _ = self.grabber.word.write_all(&[BEGIN]);
        match self.began.await {
            Ok(first) => Ok((self.grabber, first)),
            Err(_) => Err(self.grabber.lost().await),
        }
    }
}

impl Grabber {
    /// Resolves when no more pictures can be had, with the reason. Cancel safe.
    pub(crate) async fn lost(&mut self) -> Failure {
        match (&mut self.lost).await {
            Ok(lost) => lost.failure(),
            // A fault of ours, and yet the next attempt may go on.
            Err(_) => Failure::new(FailureKind::ProgramDied, "What takes pictures of the display ended unexpectedly."),
        }
    }
}

/// A picture on its way.
struct Frame {
    unix_us: u64,
    picture: Arc<[u8]>,
}

/// What the thread does.
struct Hand {
    size: FrameSize,
    fps: FrameRate,
    word: PipeReader,
}

impl Hand {
    fn work(mut self, display: &Entrance, pipe: PipeWriter, began: oneshot::Sender<i64>) -> Result<(), Lost> {
        let mut screen = Screen::watch(display.connect()?, self.size)?;
        let mut painted = None;
        while !screen.wait(None, &self.word)? {
            if screen.painted()? {
                painted = Some(Instant::now());
            }
        }
        if !self.is_to_go_on()? {
            return Ok(());
        }
        let now = Instant::now();
        let mut pace = Pace::begin(now, painted, self.fps);
        let since = now.saturating_duration_since(pace.origin());
        let first = unix_us() - i64::try_from(since.as_micros()).unwrap_or(0);
        let (queue, frames) = sync_channel(waiting_pictures(self.size, self.fps));
        let head = matroska::head(self.size, self.fps);
        thread::Builder::new().name("feeder".into()).spawn(move || feed(pipe, &head, &frames))?;
        let _ = began.send(first);
        let mut picture = Picture::new(self.size);
        let mut shown = picture.copy();
        loop {
            if screen.painted()? {
                pace.painted(Instant::now());
            }
            let number = match pace.due(Instant::now()) {
                Due::Wait(until) if screen.wait(Some(until), &self.word)? => {
                    if self.is_to_go_on()? {
                        continue;
                    }
                    return Ok(());
                }
                Due::Wait(_) => continue,
                Due::Look(number) => {
                    screen.look(&mut picture)?;
                    shown = picture.copy();
                    number
                }
                Due::Repeat(number) => number,
            };
            let frame = Frame { unix_us: self.time_of(first, number), picture: Arc::clone(&shown) };
            match queue.try_send(frame) {
                // An encoder that is too far behind repeats the one before, and counts that.
                Ok(()) | Err(TrySendError::Full(_)) => {}
                // Its process knows better why; this is for one that lives and reads no more.
                Err(TrySendError::Disconnected(_)) => {
                    thread::sleep(ENCODER_PATIENCE);
                    return Err(Lost::Encoder);
                }
            }
        }
    }

    /// Whether it is the word to begin, and not the end.
    fn is_to_go_on(&mut self) -> Result<bool, Lost> {
        Ok(self.word.read(&mut [0])? > 0)
    }

    /// A frame's time, by the first one's.
    fn time_of(&self, first: i64, number: u64) -> u64 {
        u64::try_from(first).unwrap_or(0) + number * 1_000_000 / u64::from(self.fps.get())
    }
}

/// How many may wait for the encoder.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a small number above zero")]
fn waiting_pictures(size: FrameSize, fps: FrameRate) -> usize {
    let timely = (f64::from(fps.get()) * QUEUE_S).ceil() as usize;
    timely.min(QUEUE_BYTES / picture::bytes(size)).max(2)
}

/// Writes what comes until either side ends. An encoder that reads no more is noticed by who sends.
fn feed(mut pipe: PipeWriter, head: &[u8], frames: &Receiver<Frame>) {
    let mut written = pipe.write_all(head);
    while written.is_ok() {
        let Ok(Frame { unix_us, picture }) = frames.recv() else { return };
        written =
            pipe.write_all(&matroska::before_picture(unix_us, picture.len())).and_then(|()| pipe.write_all(&picture));
    }
}
