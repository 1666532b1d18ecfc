//! The file of events: one [`Said`] a line. Whoever calls blocks for as long as the disk does.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use wallflower_domain::wire::link::{MAX_MESSAGE_BYTES, Said};

use super::outbox::Renumbering;

/// When everything in it was heard, a file that is longer than this begins anew.
const LONG: u64 = 16 * 1024 * 1024;

/// See the module. The file is ours alone while this lives.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
}

impl Journal {
    /// Opens the file, and shows what an agent before us left there, line by line; all from the first line that is not whole is cut.
    /// Gives the last number too, 0 when there is none.
    pub(super) fn open(path: &Path, mut show: impl FnMut(&Said)) -> io::Result<(Self, u64)> {
        let file = options().create(true).open(path)?;
        lock(&file)?;
        let mut replay = Replay::of(file.try_clone()?, 0)?;
        let mut last = 0;
        while let Some(said) = replay.next()?.filter(|said| said.number > last) {
            last = said.number;
            replay.accepted = replay.at;
            show(&said);
        }
        let length = replay.accepted;
        let cut = file.metadata()?.len() - length;
        if cut > 0 {
            tracing::warn!(path = %path.display(), bytes = cut, "the end of an earlier agent's events can't be read and is cut");
            file.set_len(length)?;
        }
        Ok((Self { path: path.to_owned(), file, length }, last))
    }

    /// Adds events. After an error the file holds what it held before.
    pub(super) fn append(&mut self, events: &[Said]) -> io::Result<()> {
        let text = lines(events)?;
        if let Err(error) = self.file.write_all(&text) {
            // Fails only with a file that could not be written anyway; then the next agent cuts what is not whole.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += text.len() as u64;
        Ok(())
    }

    /// Waits until all of it is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// It holds much, so that it may be worth to [`Journal::begin_anew`].
    pub(super) fn is_long(&self) -> bool {
        self.length > LONG
    }

    /// These events instead of all.
    pub(super) fn begin_anew(&mut self, events: &[Said]) -> io::Result<()> {
        self.replace(|file| file.write_all(&lines(events)?))
    }

    /// Numbers the end of it anew.
    pub(super) fn renumber(&mut self, Renumbering { from, by }: Renumbering) -> io::Result<()> {
        let mut replay = self.replay(0)?;
        self.replace(|file| {
            let mut file = io::BufWriter::new(file);
            while let Some(mut said) = replay.next()? {
                said.number += if said.number >= from { by } else { 0 };
                file.write_all(&lines(&[said])?)?;
            }
            file.flush()
        })
    }

    /// What it holds from this number on.
    pub(super) fn replay(&self, from: u64) -> io::Result<Replay> {
        Replay::of(File::open(&self.path)?, from)
    }

    /// Removes it: everything was heard.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    fn replace(&mut self, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let written = (|| {
            let mut file = options().create(true).open(&new)?;
            lock(&file)?;
            file.set_len(0)?;
            write(&mut file)?;
            file.sync_data()?;
            fs::rename(&new, &self.path)?;
            Ok(file)
        })();
        match written {
            Ok(file) => {
                self.length = file.metadata()?.len();
                self.file = file;
                Ok(())
            }
            Err(error) => {
                let _ = fs::remove_file(&new);
                Err(error)
            }
        }
    }
}

/// A child that another thread has forked and that is not yet another program holds a copy of the file, and would hold the lock.
impl Drop for Journal {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Reads a journal while it grows.
#[derive(Debug)]
pub(super) struct Replay {
    file: BufReader<File>,
    from: u64,
    at: u64,
    accepted: u64,
}

impl Replay {
    fn of(mut file: File, from: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { file: BufReader::new(file), from, at: 0, accepted: 0 })
    }

    /// The next event; none at the last whole line.
    pub(super) fn next(&mut self) -> io::Result<Option<Said>> {
        loop {
            let mut line = Vec::new();
            self.file.by_ref().take(2 * MAX_MESSAGE_BYTES as u64).read_until(b'\n', &mut line)?;
            let Some(said) = line.ends_with(b"\n").then(|| serde_json::from_slice::<Said>(&line).ok()).flatten() else {
                // The rest of it may be on its way.
                self.file.seek(SeekFrom::Start(self.at))?;
                return Ok(None);
            };
            self.at += line.len() as u64;
            if said.number >= self.from {
                return Ok(Some(said));
            }
        }
    }

    /// The next events, up to so many bytes (but one at least).
    pub(super) fn some(&mut self, bytes: u64) -> io::Result<Vec<Said>> {
        let until = self.at + bytes;
        let mut some = Vec::new();
        while some.is_empty() || self.at < until {
            let Some(said) = self.next()? else { break };
            some.push(said);
        }
        Ok(some)
    }
}

/// Only we may read what was said in a room.
fn options() -> fs::OpenOptions {
    let mut options = File::options();
    options.read(true).append(true).mode(0o600);
    options
}

fn lock(file: &File) -> io::Result<()> {
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::Error(error) => error,
        fs::TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "another agent writes it"),
    })
}

fn lines(events: &[Said]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for said in events {
        serde_json::to_writer(&mut text, said)?;
        text.push(b'\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wallflower_domain::wire::agent::AgentEvent;

    fn warned(number: u64, message: &str) -> Said {
        Said { number, at_us: 1, event: AgentEvent::Warning { message: message.into() } }
    }

    fn all(journal: &Journal, from: u64) -> Vec<u64> {
        let mut replay = journal.replay(from).expect("opened");
        std::iter::from_fn(|| replay.next().expect("read")).map(|said| said.number).collect()
    }

    #[test]
    fn the_next_agent_goes_on_after_the_last_whole_line() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("events");
        let (mut journal, last) = Journal::open(&path, |_| ()).expect("opened");
        assert_eq!(last, 0);
        journal.append(&[warned(1, "a"), warned(2, "b")]).expect("written");
        let busy = Journal::open(&path, |_| ()).expect_err("it is in use");
        assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
        journal.file.write_all(b"{\"number\":3,\"at_us\"").expect("written");
        drop(journal);
        let mut seen = Vec::new();
        let (mut journal, last) = Journal::open(&path, |said| seen.push(said.number)).expect("opened");
        assert_eq!((last, seen), (2, vec![1, 2]));
        journal.append(&[warned(3, "c")]).expect("written");
        assert_eq!((all(&journal, 0), all(&journal, 2)), (vec![1, 2, 3], vec![2, 3]));
        journal.remove().expect("removed");
        assert!(!path.exists());
    }

    #[test]
    fn its_end_is_numbered_anew_and_it_goes_on_from_there() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("events");
        let (mut journal, _) = Journal::open(&path, |_| ()).expect("opened");
        journal.append(&[warned(1, "a"), warned(2, "b"), warned(3, "c")]).expect("written");
        journal.renumber(Renumbering { from: 2, by: 5 }).expect("written");
        journal.append(&[warned(9, "d")]).expect("written");
        assert_eq!(all(&journal, 0), [1, 7, 8, 9]);
        journal.begin_anew(&[warned(10, "e")]).expect("written");
        assert_eq!(all(&journal, 0), [10]);
        assert!(Journal::open(&path, |_| ()).is_err(), "it is still ours");
        drop(journal);
        assert_eq!(Journal::open(&path, |_| ()).expect("opened").1, 10);
    }

    #[test]
    fn a_reader_finds_what_is_added_while_it_reads() {
        let folder = tempfile::tempdir().expect("temp dir");
        let (mut journal, _) = Journal::open(&folder.path().join("events"), |_| ()).expect("opened");
        journal.append(&[warned(1, "a"), warned(2, "b")]).expect("written");
        let mut replay = journal.replay(1).expect("opened");
        assert_eq!(replay.some(1).expect("read").len(), 1, "one at least");
        journal.append(&[warned(3, "c")]).expect("written");
        let numbers: Vec<u64> = replay.some(1000).expect("read").iter().map(|said| said.number).collect();
        assert_eq!(numbers, [2, 3]);
    }
}
