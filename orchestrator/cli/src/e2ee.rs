//! The key of a room that is encrypted from end to end: from a file or the environment, never from the command line.

use std::io::Read as _;
use std::path::Path;

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::room::Room;
use wallflower_domain::secret::Secret;

/// Holds the key when no file is named.
const VARIABLE: &str = "LIVEKIT_E2EE_KEY";
/// More than any key has.
const MAX_FILE_BYTES: u64 = 4096;

/// The key that is given, if one is. What is in the environment is for LiveKit rooms and no concern of others.
pub(crate) fn key(room: &Room, file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    match (room, file) {
        (Room::Livekit { .. }, Some(file)) => read(file).map(Some),
        (Room::Livekit { .. }, None) => Ok(std::env::var(VARIABLE).ok().filter(|key| !key.is_empty()).map(Secret::new)),
        (_, Some(_)) => Err(bad("--e2ee-key-file is for LiveKit rooms; drop it.".to_owned())),
        (_, None) => Ok(None),
    }
}

/// An editor ends the last line of a file; that is no part of the key.
fn read(file: &Path) -> Result<Secret, Failure> {
    let refused =
        |why: String| bad(format!("The key of the encrypted room can't be read from {}: {why}.", file.display()));
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| refused(error.to_string()))?;
    let bytes = opened.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    let bytes = bytes.map_err(|error| refused(error.to_string()))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
        return Err(refused("it is larger than 4 KiB".to_owned()));
    }
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(refused("it is empty".to_owned())),
        key => Ok(Secret::new(key)),
    }
}

fn bad(sentence: String) -> Failure {
    Failure::new(FailureKind::BadRequest, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_the_key_and_nothing_else_is_told_of_it() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = |text: &str| {
            let path = folder.path().join("key");
            std::fs::write(&path, text).expect("written");
            path
        };
        let room = "livekit+wss://h/a".parse::<Room>().expect("a room");
        let key = key(&room, Some(&file(" hunter2 \r\n"))).expect("readable").expect("a key");
        assert_eq!((key.expose(), format!("{key:?}").as_str()), (" hunter2 ", "****"));
        for bad in ["", "\n", &"x".repeat(5000)] {
            let failure = super::key(&room, Some(&file(bad))).expect_err("refused");
            assert!(failure.message.contains("key"), "{failure}");
        }
        let failure = super::key(&room, Some(Path::new("/nowhere/key"))).expect_err("refused");
        assert!(failure.message.contains("/nowhere/key"), "{failure}");
        let page = "https://example.org/".parse::<Room>().expect("a room");
        let failure = super::key(&page, Some(&file("hunter2"))).expect_err("refused");
        assert!(failure.message.contains("LiveKit") && !failure.message.contains("hunter2"), "{failure}");
    }
}
