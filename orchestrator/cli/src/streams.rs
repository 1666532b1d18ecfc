//! Where a recording is streamed to from its beginning: from the command line, the environment and files.

use std::io::Read as _;
use std::path::Path;

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::JobStream;

/// More than any list of addresses has.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Streams with their ids, in the order in which they were given.
pub(crate) fn wanted(given: &[Secret], files: &[impl AsRef<Path>]) -> Result<Vec<JobStream>, Failure> {
    let mut urls: Vec<Secret> = given.iter().filter_map(address).collect();
    for file in files {
        urls.extend(read(file.as_ref())?);
    }
    for (index, url) in urls.iter().enumerate() {
        if urls[..index].contains(url) {
            let message = format!("Stream {} goes to the same address as another; give each address once.", index + 1);
            return Err(Failure::new(FailureKind::BadRequest, message));
        }
    }
    Ok(urls.into_iter().zip(1..).map(|(url, number)| JobStream { id: format!("s{number}"), url }).collect())
}

fn read(file: &Path) -> Result<Vec<Secret>, Failure> {
    let bad = |why: &str| {
        Failure::new(FailureKind::BadRequest, format!("The file of stream addresses {} {why}.", file.display()))
    };
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| bad(&format!("can't be read: {error}")))?;
    let bytes = opened.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    let bytes = bytes.map_err(|error| bad(&format!("can't be read: {error}")))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
        return Err(bad("is larger than 64 KiB"));
    }
    Ok(text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| address(&Secret::new(line)))
        .collect())
}

fn address(text: &Secret) -> Option<Secret> {
    let trimmed = text.expose().trim();
    (!trimmed.is_empty()).then(|| Secret::new(trimmed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_from_everywhere_are_numbered_in_their_order() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("streams");
        std::fs::write(&file, "# both studios\n\n rtmp://b/app/key \nsrt://c:9000?streamid=x\n").expect("written");
        let given = [Secret::new("rtmp://a/app/key"), Secret::new(" ")];
        let streams = wanted(&given, &[&file]).expect("valid");
        let streams: Vec<_> = streams.iter().map(|stream| (stream.id.as_str(), stream.url.expose())).collect();
        assert_eq!(
            streams,
            [("s1", "rtmp://a/app/key"), ("s2", "rtmp://b/app/key"), ("s3", "srt://c:9000?streamid=x")]
        );
    }

    #[test]
    fn what_can_t_be_meant_is_refused_without_telling_the_key() {
        let twice = [Secret::new("rtmp://a/app/hunter2"), Secret::new("rtmp://a/app/hunter2")];
        let failure = wanted(&twice, &[] as &[&Path]).expect_err("refused");
        assert!(failure.message.contains("Stream 2") && !failure.message.contains("hunter2"), "{failure}");
        let failure = wanted(&[], &[Path::new("/nowhere/streams")]).expect_err("refused");
        assert!(failure.message.contains("/nowhere/streams"), "{failure}");
    }
}
