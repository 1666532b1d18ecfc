//! What a command is to make, from its arguments.

use std::path::{Path, PathBuf};

use wallflower_domain::encoding::Encoding;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::{Output, StreamUrl, check_outputs};
use wallflower_domain::wire::agent::Standing;

use crate::args::OutputArgs;
use crate::streams;

/// All that a recording makes, checked as far as that can be done before anything runs.
pub(crate) struct Wanted {
    /// Files, HLS and images, by absolute paths.
    pub(crate) outputs: Vec<Output>,
    pub(crate) standing: Standing,
    /// Where the recording is kept meanwhile.
    pub(crate) spool: String,
}

/// Reads the arguments of the recording `id`.
pub(crate) fn wanted(args: &OutputArgs, encoding: Encoding, id: &str) -> Result<Wanted, Failure> {
    let mut outputs = Vec::new();
    for path in &args.output {
        outputs.push(Output::File { path: absolute(path)? });
    }
    for path in &args.audio {
        outputs.push(Output::Audio { path: absolute(path)? });
    }
    if let Some(directory) = &args.hls {
        outputs.push(Output::Hls { directory: absolute(directory)? });
    }
    if let Some(directory) = &args.images {
        let every_s = u32::try_from(args.images_every.as_secs()).unwrap_or(u32::MAX).max(1);
        outputs.push(Output::Images { directory: absolute(directory)?, every_s });
    }
    let streams = streams::wanted(&args.stream, &args.stream_file)?;
    let spool = spool(&outputs, id)?;
    let count = outputs.len();
    for stream in &streams {
        let url: StreamUrl = stream.url.expose().parse().map_err(|error| bad(format!("{error}.")))?;
        outputs.push(Output::Stream { url });
    }
    // Whoever starts this on their own machine may stream to their own network.
    check_outputs(&outputs, encoding, true)?;
    outputs.truncate(count);
    Ok(Wanted { outputs, standing: Standing { streams, ..Standing::default() }, spool })
}

/// Beside the first thing that is made, so that it can be moved there; a recording that is only streamed is kept where we are.
pub(crate) fn spool(outputs: &[Output], id: &str) -> Result<String, Failure> {
    let first = outputs
        .iter()
        .find_map(Output::path)
        .map_or_else(|| absolute(Path::new("stream")), |path| Ok(path.to_owned()))?;
    wallflower_agent::spool_beside(&first, id)
        .and_then(|path| path.to_str().map(str::to_owned))
        .ok_or_else(|| bad(format!("{} names no file; write a path such as out/meeting.mp4.", first.display())))
}

/// An absolute path, because agents run elsewhere.
pub(crate) fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(file)
        .ok()
        .filter(|path| path.to_str().is_some())
        .ok_or_else(|| bad(format!("{} is no path in UTF-8.", file.display())))
}

fn bad(message: String) -> Failure {
    Failure::new(FailureKind::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        outputs: OutputArgs,
    }

    fn parsed(arguments: &[&str]) -> Result<Wanted, Failure> {
        let args = Only::try_parse_from([&["x"], arguments].concat()).expect("valid");
        wanted(&args.outputs, Encoding::default(), "id")
    }

    #[test]
    fn the_spool_lies_beside_the_first_output() {
        let wanted = parsed(&["-o", "/out/a.mp4", "--hls", "/live"]).expect("valid");
        assert_eq!((wanted.spool.as_str(), wanted.outputs.len()), ("/out/.a.mp4.id.part", 2));
        assert!(parsed(&["--stream", "rtmp://h/app/key"]).expect("valid").spool.ends_with("/.stream.id.part"));
    }

    #[test]
    fn streams_have_numbers_and_no_key_is_told() {
        let wanted = parsed(&["--stream", "rtmp://h/app/key1", "--stream", "srt://h:9000"]).expect("valid");
        let ids: Vec<&str> = wanted.standing.streams.iter().map(|stream| stream.id.as_str()).collect();
        assert_eq!((ids, wanted.outputs.len()), (vec!["s1", "s2"], 0));
        let refused = parsed(&["--stream", "http://h/app/key1"]).err().expect("refused");
        assert!(!refused.message.contains("key1"), "{}", refused.message);
    }

    #[test]
    fn nothing_at_all_is_no_recording() {
        assert_eq!(parsed(&[]).err().expect("refused").kind, FailureKind::BadRequest);
        assert_eq!(parsed(&["-o", "a.mp4", "-o", "./a.mp4"]).err().expect("refused").kind, FailureKind::BadRequest);
    }
}
