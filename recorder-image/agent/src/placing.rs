//! Puts files where they were asked for: whole, or not at all.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use wallflower_domain::failure::Failure;

use crate::delivery::unwritable;
use crate::spool::{Spool, Wanted};

/// Places a finished file. It never replaces one that came into being meanwhile, unless that was asked for, or it is what an agent before
/// this one had placed when it was lost.
pub(crate) fn place(spool: &Spool, made: &Path, path: &Path, wanted: &Wanted) -> Result<(), Failure> {
    let failed = |error: std::io::Error| unwritable(path, &error);
    // What a lost agent left half copied has this name, too.
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", wanted.recording));
    let fresh = path.with_file_name(name);
    let _ = fs::remove_file(&fresh);
    // Its name is worth nothing before its content is: the spool goes when it is placed.
    fs::File::open(made).and_then(|file| file.sync_all()).map_err(|error| unwritable(made, &error))?;
    // On another filesystem, or one without hard links, it takes a copy.
    if fs::hard_link(made, &fresh).is_err() {
        let copied = fs::copy(made, &fresh).and_then(|_| fs::File::open(&fresh)?.sync_all());
        if let Err(error) = copied {
            let _ = fs::remove_file(&fresh);
            return Err(failed(error));
        }
    }
    let overwrite = wanted.overwrite || spool.has_placed(path);
    spool.note_placing(&fresh).map_err(|error| unwritable(spool.folder(), &error))?;
    let placed = if overwrite {
        fs::rename(&fresh, path)
    } else {
        fs::hard_link(&fresh, path).or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => Err(error),
            // A filesystem without hard links.
            _ if path.exists() => Err(ErrorKind::AlreadyExists.into()),
            _ => fs::rename(&fresh, path),
        })
    };
    let _ = fs::remove_file(&fresh);
    placed.and_then(|()| sync_directory(folder_of(path))).map_err(failed)
}

/// Writes a small file, in place of what is there.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    write_durably(path, text.as_bytes()).map_err(|error| unwritable(path, &error))
}

/// The same, for whoever has words of their own for what may go wrong. It outlives a loss of power when this returns.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let written = fs::File::create(&fresh).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written.and_then(|()| sync_directory(folder_of(path)))
}

/// Makes durable what a directory names.
pub(crate) fn sync_directory(folder: &Path) -> io::Result<()> {
    match fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some filesystems can't be asked for it, nor can a directory that we may write but not read.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::tests::job;
    use wallflower_domain::failure::FailureKind;

    #[test]
    fn a_file_that_came_into_being_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().expect("temp dir");
        let (file, finished) = (folder.path().join("a.mp4"), folder.path().join("finished.mp4"));
        let job = job(&file);
        let (spool, mut wanted) = (Spool::of(&job).expect("opened"), Wanted::of(&job));
        fs::write(&finished, b"new").expect("written");
        fs::write(&file, b"precious").expect("written");
        let refused = place(&spool, &finished, &file, &wanted).expect_err("refused");
        assert_eq!(refused.kind, FailureKind::DestinationUnwritable);
        assert_eq!(fs::read(&file).expect("still there"), b"precious");
        wanted.overwrite = true;
        place(&spool, &finished, &file, &wanted).expect("replaced");
        assert_eq!(fs::read(&file).expect("there"), b"new");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 3, "spool, file, what was finished");
    }

    #[test]
    fn what_this_recording_had_placed_already_is_replaced() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("a.mp4");
        let job = job(&file);
        let (spool, wanted) = (Spool::of(&job).expect("opened"), Wanted::of(&job));
        for text in ["of the agent that was lost", "of the one that finishes"] {
            let finished = folder.path().join(text);
            fs::write(&finished, text).expect("written");
            place(&spool, &finished, &file, &wanted).expect("placed");
            assert_eq!(fs::read_to_string(&file).expect("there"), text);
        }
        fs::remove_file(&file).expect("it is there");
        fs::write(&file, "somebody else's").expect("written");
        assert!(!spool.has_placed(&file));
    }
}
