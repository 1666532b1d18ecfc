//! A directory that an output fills while recording: whose it is, and files that are there whole or not at all.
//!
//! ```text
//! DIR/.recording     the recording that fills it, by its id: the next agent, and `recover`, go on in it, nobody else does
//!     NAME.part      being written
//!     NAME           by rename: complete, or not there at all
//! ```

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use wallflower_domain::failure::{Failure, FailureKind};

use crate::delivery::unwritable;

const CLAIM: &str = ".recording";
const PART: &str = ".part";

/// What kind of directory it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// What a person calls what is in it.
    pub(crate) title: &'static str,
    /// Whether a file of this name is written by this output. Only such files are ever removed.
    pub(crate) writes: fn(&str) -> bool,
    /// Whether a file of this name makes the directory one that is in use.
    pub(crate) matters: fn(&str) -> bool,
}

/// A directory that is this recording's.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

/// Fails when the directory can't be written, or holds what another recording has made and may not be replaced.
pub(crate) fn check(path: &Path, kind: Kind, recording: &str, overwrite: bool) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| unwritable(path, &error))?;
    // A directory can be made on a full disk, a file with something in it can't.
    let trial = path.join(format!("{CLAIM}{PART}"));
    let tried = fs::write(&trial, b"\n").and_then(|()| fs::remove_file(&trial));
    tried.map_err(|error| unwritable(path, &error))?;
    if overwrite || is_free(path, kind, recording).map_err(|error| unwritable(path, &error))? {
        return Ok(());
    }
    Err(Failure::new(FailureKind::BadRequest, taken(path, kind)))
}

fn taken(path: &Path, kind: Kind) -> String {
    format!(
        "{} holds the {} of another recording; choose another directory, or pass --force.",
        path.display(),
        kind.title
    )
}

fn is_claimed_by(path: &Path, recording: &str) -> bool {
    fs::read_to_string(path.join(CLAIM)).is_ok_and(|claim| claim.trim() == recording)
}

fn is_free(path: &Path, kind: Kind, recording: &str) -> io::Result<bool> {
    Ok(is_claimed_by(path, recording) || !names(path)?.iter().any(|name| (kind.matters)(name)))
}

fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(path)?;
    entries.filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose()).collect()
}

impl Directory {
    /// Makes the directory this recording's. What another left is removed, if it may be.
    pub(crate) fn take(path: &Path, kind: Kind, recording: &str, overwrite: bool) -> Result<Self, Failure> {
        let directory = Self { path: path.to_owned() };
        let free = fs::create_dir_all(path).and_then(|()| is_free(path, kind, recording));
        if !free.map_err(|error| unwritable(path, &error))? && !overwrite {
            return Err(Failure::new(FailureKind::BadRequest, taken(path, kind)));
        }
        if !is_claimed_by(path, recording) {
            directory.claim(kind, recording).map_err(|error| unwritable(path, &error))?;
        }
        Ok(directory)
    }

    fn claim(&self, kind: Kind, recording: &str) -> io::Result<()> {
        let mut old = names(&self.path)?;
        old.retain(|name| (kind.writes)(name.strip_suffix(PART).unwrap_or(name)));
        // What makes it another's goes first: if we are killed in between, what is left is nobody's.
        old.sort_by_key(|name| !(kind.matters)(name));
        for name in old {
            fs::remove_file(self.path.join(name))?;
        }
        self.write(CLAIM, format!("{recording}\n").as_bytes())
    }

    /// Bytes of a file; none when it isn't there.
    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        fs::metadata(self.path.join(name)).ok().map(|meta| meta.len())
    }

    /// Where a file is written until [`Directory::place`] gives it its name.
    pub(crate) fn part(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{PART}"))
    }

    /// Writes a file, or replaces one, at once.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let part = self.part(name);
        let written = fs::File::create(&part).and_then(|mut file| file.write_all(bytes));
        if let Err(error) = written.and_then(|()| self.place(name)) {
            // It may have taken the last of the disk.
            let _ = fs::remove_file(part);
            return Err(error);
        }
        Ok(())
    }

    /// Gives a file that was written its name. It is on the disk then, whatever happens to the machine.
    pub(crate) fn place(&self, name: &str) -> io::Result<()> {
        let part = self.part(name);
        fs::File::open(&part)?.sync_data()?;
        fs::rename(part, self.path.join(name))
    }

    /// Waits until the names of its files are on the disk, too.
    pub(crate) fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind =
        Kind { title: "notes", writes: |name| name.ends_with(".note"), matters: |name| name == "a.note" };

    fn names_in(path: &Path) -> Vec<String> {
        let mut found = names(path).expect("readable");
        found.sort();
        found
    }

    #[test]
    fn what_another_recording_has_made_is_replaced_only_when_told_to() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("made/on the way");
        check(&path, KIND, "3", false).expect("free");
        assert_eq!(names_in(&path), Vec::<String>::new(), "a check leaves nothing");
        let directory = Directory::take(&path, KIND, "1", false).expect("free");
        for name in ["a.note", "b.note"] {
            directory.write(name, b"one").expect("written");
        }
        fs::write(path.join("b.note.part"), b"o").expect("written");
        fs::write(path.join("precious.txt"), b"not ours").expect("written");

        let refused = check(&path, KIND, "3", false).expect_err("it is in use");
        assert_eq!(refused.kind, FailureKind::BadRequest);
        assert!(refused.message.contains("holds the notes of another recording"), "{}", refused.message);
        check(&path, KIND, "2", false).expect_err("it is in use");
        assert_eq!(Directory::take(&path, KIND, "2", false).expect_err("it is in use").kind, FailureKind::BadRequest);
        assert_eq!(names_in(&path), [".recording", "a.note", "b.note", "b.note.part", "precious.txt"]);

        check(&path, KIND, "1", false).expect("its own");
        let again = Directory::take(&path, KIND, "1", false).expect("its own");
        assert_eq!((again.size("b.note"), again.size("c.note")), (Some(3), None));

        check(&path, KIND, "3", true).expect("may be replaced");
        Directory::take(&path, KIND, "2", true).expect("may be replaced");
        assert_eq!(names_in(&path), [".recording", "precious.txt"]);
        check(&path, KIND, "1", false).expect("nothing that matters is left");
    }

    #[test]
    fn a_place_that_can_t_be_written_is_refused() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("file");
        fs::write(&file, b"x").expect("written");
        for path in [file.join("in it"), file, "/proc/x".into()] {
            let refused = check(&path, KIND, "3", false).expect_err("it can't be written");
            assert_eq!(refused.kind, FailureKind::DestinationUnwritable, "{refused:?}");
        }
    }

    #[test]
    fn what_can_t_be_written_leaves_what_was_there() {
        let folder = tempfile::tempdir().expect("temp dir");
        let directory = Directory::take(folder.path(), KIND, "1", false).expect("free");
        directory.write("a.note", b"one").expect("written");
        // Nothing can be renamed to where a directory is.
        fs::create_dir(folder.path().join("b.note")).expect("made");
        directory.write("b.note", b"two").expect_err("it is a directory");
        directory.write("a.note", b"three").expect("written");
        assert_eq!(names_in(folder.path()), [".recording", "a.note", "b.note"]);
        assert_eq!(fs::read(folder.path().join("a.note")).expect("there"), b"three");
    }
}
