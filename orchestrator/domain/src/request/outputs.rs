//! Outputs as clients of an orchestrator name them: files lie inside its data directory, wherever that is.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::time::Span;
use crate::output::StreamUrl;

/// Something that is to be made. Its serde form holds stream keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OutputRequest {
    /// A file; its name's ending says which container.
    File {
        /// Where, in the recording's own directory; the server names it when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<RelativePath>,
    },
    /// A file with the sound.
    Audio {
        /// Where.
        path: RelativePath,
    },
    /// A playlist and its segments, in the directory `hls` of the recording.
    Hls {},
    /// A live stream.
    Stream {
        /// Where to, with its key.
        url: StreamUrl,
    },
    /// JPEGs, and at the end a thumbnail and a contact sheet, in the directory `images` of the recording.
    Images {
        /// Between two of them; whole seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every: Option<Span>,
    },
}

/// A path that can't lead out of the directory in which it is taken: no `..`, no root, no hidden names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minLength" = 1, "maxLength" = 200, "pattern" = r"^[^./\\\x00\n\r][^/\\\x00\n\r]*(/[^./\\\x00\n\r][^/\\\x00\n\r]*)*$", "examples" = ["meeting.mp4", "day-1/meeting.mp4"])))]
#[serde(try_from = "String", into = "String")]
pub struct RelativePath(String);

/// Why a text is no such path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" can't be the path of an output: write one inside the recording's directory, such as meeting.mp4 or day-1/meeting.mp4, of at most 200 bytes, without .. and names that begin with a dot"
)]
pub struct RelativePathError(String);

impl RelativePath {
    /// Most bytes: with the server's directories before it, it still fits into what file systems take.
    const LONGEST: usize = 200;

    /// As a path.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Inside a directory.
    pub fn within(&self, directory: &Path) -> PathBuf {
        directory.join(&self.0)
    }
}

impl TryFrom<String> for RelativePath {
    type Error = RelativePathError;

    fn try_from(text: String) -> Result<Self, RelativePathError> {
        let plain = |component: Component<'_>| match component {
            Component::Normal(name) => name.to_str().is_some_and(|name| !name.starts_with('.')),
            _ => false,
        };
        let fits = !text.is_empty() && text.len() <= Self::LONGEST && !text.ends_with('/') && !text.contains("//");
        // What a path's components leave out, such as `a/./b`, is not what was written.
        let written = text.split('/').count() == Path::new(&text).components().count();
        if fits && written && !text.contains(['\\', '\0', '\n', '\r']) && Path::new(&text).components().all(plain) {
            Ok(Self(text))
        } else {
            Err(RelativePathError(text.chars().take(80).collect()))
        }
    }
}

impl From<RelativePath> for String {
    fn from(path: RelativePath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_stays_inside() {
        let path = |text: &str| RelativePath::try_from(text.to_owned());
        for good in ["a.mp4", "day 1/Müller ↯.mp4", "a/b/c.mkv"] {
            assert!(path(good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "../a", "a/../b", "a/./b", ".a", "a/.b", "a/", "a//b", "a\\b", "a\0", &"x".repeat(201)] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_lies_inside(text in "[a./\\\\ ~]{0,12}") {
            if let Ok(path) = RelativePath::try_from(text) {
                let inside = path.within(Path::new("/data"));
                prop_assert!(inside.starts_with("/data"));
                prop_assert!(inside.components().all(|part| part != Component::ParentDir));
            }
        }
    }
}
