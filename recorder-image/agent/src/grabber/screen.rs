//! The display seen by somebody who copies it: when something was painted, and the pixels.

use std::fs::File;
use std::io::PipeReader;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use wallflower_domain::frame::FrameSize;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::damage::{ConnectionExt as _, ReportLevel};
use x11rb::protocol::shm::{ConnectionExt as _, Seg};
use x11rb::protocol::xproto::{ImageFormat, Window};
use x11rb::rust_connection::RustConnection;

use super::Lost;
use super::picture::{PIXEL, Picture, Rows};

/// Extensions in the versions that we speak.
const DAMAGE: (u32, u32) = (1, 1);
/// Shared memory by file descriptor came with 1.2.
const SHM: (u16, u16) = (1, 2);

/// The top left of a display's screen.
pub(crate) struct Screen {
    x: RustConnection,
    root: Window,
    size: FrameSize,
    /// Where the server puts pixels. It is read as a file: memory that another process writes to can't be had without unsafe code.
    memory: File,
    segment: Seg,
    pixels: Vec<u8>,
    /// What has changed since the last look.
    changed: Rows,
}

impl Screen {
    /// Begins to see what is painted.
    pub(crate) fn watch(x: RustConnection, size: FrameSize) -> Result<Self, Lost> {
        let root = x.setup().roots.first().ok_or(Lost::Odd("it has no screen"))?.root;
        x.damage_query_version(DAMAGE.0, DAMAGE.1)?.reply()?;
        let shm = x.shm_query_version()?.reply()?;
        if (shm.major_version, shm.minor_version) < SHM {
            return Err(Lost::Odd("it does not share memory by file descriptors"));
        }
        let bytes = size.width() as usize * size.height() as usize * PIXEL;
        let memory = memfd_create("wallflower-screen", MFdFlags::MFD_CLOEXEC)?;
        let memory = File::from(memory);
        memory.set_len(bytes as u64)?;
        let segment = x.generate_id()?;
        x.shm_attach_fd(segment, OwnedFd::from(memory.try_clone()?), false)?.check()?;
        x.damage_create(x.generate_id()?, root, ReportLevel::RAW_RECTANGLES)?.check()?;
        Ok(Self { x, root, size, memory, segment, pixels: vec![0; bytes], changed: Rows::all(size) })
    }

    /// Whether something was painted that was not told of yet.
    pub(crate) fn painted(&mut self) -> Result<bool, Lost> {
        let mut painted = false;
        while let Some(event) = self.x.poll_for_event()? {
            match event {
                Event::DamageNotify(damage) => {
                    self.changed.add(self.size, damage.area.y.into(), damage.area.height.into());
                    painted = true;
                }
                Event::Error(_) => return Err(Lost::Odd("it answered with an error")),
                _ => {}
            }
        }
        Ok(painted)
    }

    /// Waits until something is painted, or until then. Whether there is a word.
    pub(crate) fn wait(&self, until: Option<Instant>, word: &PipeReader) -> Result<bool, Lost> {
        self.x.flush()?;
        let patience = until.map(|until| until.saturating_duration_since(Instant::now()).into());
        let ready = |source| PollFd::new(source, PollFlags::POLLIN);
        let mut sources = [ready(self.x.stream().as_fd()), ready(word.as_fd())];
        match ppoll(&mut sources, patience, None) {
            Ok(_) => Ok(sources[1].any().unwrap_or(false)),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes over what has changed since the last look.
    pub(crate) fn look(&mut self, picture: &mut Picture) -> Result<(), Lost> {
        let rows = std::mem::take(&mut self.changed);
        if rows.is_empty() {
            return Ok(());
        }
        let (width, top, height) = (narrow(self.size.width())?, narrow(rows.first())?, narrow(rows.count())?);
        let top = i16::try_from(top).map_err(|_| Lost::Odd("it is too large"))?;
        let format = u8::from(ImageFormat::Z_PIXMAP);
        let asked = self.x.shm_get_image(self.root, 0, top, width, height, !0, format, self.segment, 0)?;
        asked.reply()?;
        let pixels = &mut self.pixels[..usize::from(width) * usize::from(height) * PIXEL];
        self.memory.read_exact_at(pixels, 0)?;
        picture.draw(&rows, pixels).map_err(|_| Lost::Odd("its pixels can't be converted"))
    }
}

fn narrow(value: impl TryInto<u16>) -> Result<u16, Lost> {
    value.try_into().map_err(|_| Lost::Odd("it is too large"))
}
