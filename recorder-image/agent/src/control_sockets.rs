//! Where running recordings can be controlled: a Unix socket each, `RUNTIME/control/ID.sock`, in the runtime directory of
//! [`crate::workdir::root`].
//!
//! Whoever owns a recording listens there and removes the socket at the end. One that was killed leaves it: nobody answers there any
//! more, and whoever comes by (agent or guard at their end, the next run, a client) removes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

const FOLDER: &str = "control";
const EXTENSION: &str = "sock";

/// The directory of the sockets.
pub fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// Where the recording of this id is controlled. An id of 32 characters fits into every runtime directory.
pub fn path_of(root: &Path, id: &str) -> PathBuf {
    folder(root).join(id).with_extension(EXTENSION)
}

/// Ids of all recordings that have a socket, oldest first, whether somebody listens there or not.
pub fn ids(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder(root)).into_iter().flatten().flatten();
    let mut ids: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .collect();
    ids.sort();
    ids
}

/// Connects to the recording of this id. [`NotReached`] when nobody listens there any more; the socket is removed then.
pub async fn connect(root: &Path, id: &str) -> Result<UnixStream, NotReached> {
    let path = path_of(root, id);
    match UnixStream::connect(&path).await {
        Ok(stream) => Ok(stream),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            remove(root, id);
            Err(NotReached::Dead)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(NotReached::Dead),
        Err(error) => Err(NotReached::Busy(error)),
    }
}

/// Why nobody could be reached.
#[derive(Debug)]
pub enum NotReached {
    /// Nobody listens there any more.
    Dead,
    /// Somebody does, but takes no more connections.
    Busy(io::Error),
}

/// Removes the socket, and the directory when it was the last.
pub fn remove(root: &Path, id: &str) {
    // Another may have done so already.
    let _ = fs::remove_file(path_of(root, id));
    let _ = fs::remove_dir(folder(root));
}

/// Removes the sockets at which nobody listens any more.
pub async fn sweep(root: &Path) {
    for id in ids(root) {
        if let Err(NotReached::Dead) = connect(root, &id).await {
            tracing::debug!(%id, "nobody listened at its control socket any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[tokio::test]
    async fn a_sweep_removes_dead_sockets_and_leaves_those_at_which_somebody_listens() {
        let root = tempfile::tempdir().expect("temp dir");
        let root = root.path();
        fs::create_dir(folder(root)).expect("made");
        let alive = UnixListener::bind(path_of(root, "b")).expect("bound");
        drop(UnixListener::bind(path_of(root, "a")).expect("bound"));
        fs::write(folder(root).join("note"), "not a socket").expect("written");
        assert_eq!(ids(root), ["a", "b"]);
        sweep(root).await;
        assert_eq!(ids(root), ["b"]);
        drop(alive);
        fs::remove_file(folder(root).join("note")).expect("there");
        sweep(root).await;
        assert!(!folder(root).exists());
        assert!(matches!(connect(root, "a").await, Err(NotReached::Dead)));
    }

    #[test]
    fn an_id_of_32_characters_fits_into_the_longest_runtime_directory() {
        let path = path_of(Path::new(&"/".repeat(60)), &"0".repeat(32));
        assert!(path.as_os_str().len() <= 107);
    }
}
