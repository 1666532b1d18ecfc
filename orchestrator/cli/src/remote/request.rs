//! From the arguments of `wallflower start` to what is posted.

use wallflower_domain::encoding::Encoding;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::{Output, StreamUrl, check_outputs};
use wallflower_domain::request::{OutputRequest, RecordingRequest, RoomRequest, Span};

use crate::args::StartArgs;
use crate::{e2ee, streams, theme};

/// What is asked for; all that is not is left to the server.
pub(super) fn from(args: &StartArgs) -> Result<RecordingRequest, Failure> {
    let theme = args.theme.as_deref().map(|file| theme::load(Some(file))).transpose()?;
    let max_duration = args.duration.map(|duration| {
        Span::new(duration)
            .ok_or_else(|| bad(format!("{} is no duration of a recording.", humantime::format_duration(duration))))
    });
    let e2ee_key = e2ee::key(&args.room, args.e2ee_key_file.as_deref())?;
    let room = RoomRequest { e2ee_key, ..args.room.clone().into() };
    let request = RecordingRequest {
        layout: args.layout,
        preset: args.preset,
        size: args.size,
        fps: args.fps,
        codec: args.codec,
        theme,
        hide: args.hide.clone(),
        only: args.only.clone(),
        volume: args.volume.iter().cloned().collect(),
        template: args.template.clone(),
        outputs: outputs(args)?,
        uploads: args.upload.clone(),
        max_duration: max_duration.transpose()?,
        start_at: args.start_at,
        priority: args.priority,
        webhooks: args.webhook.clone(),
        emails: args.email.clone(),
        metadata: args.metadata.iter().cloned().collect(),
        ..RecordingRequest::of(room)
    };
    check(&request.outputs, request.encoding())?;
    Ok(request)
}

fn outputs(args: &StartArgs) -> Result<Vec<OutputRequest>, Failure> {
    let mut outputs: Vec<OutputRequest> =
        args.output.iter().map(|path| OutputRequest::File { path: Some(path.clone()) }).collect();
    outputs.extend(args.audio.iter().map(|path| OutputRequest::Audio { path: path.clone() }));
    if args.hls {
        outputs.push(OutputRequest::Hls {});
    }
    if args.images {
        outputs.push(OutputRequest::Images { every: None });
    }
    for stream in streams::wanted(&args.stream, &args.stream_file)? {
        let url: StreamUrl = stream.url.expose().parse().map_err(|error| bad(format!("{error}.")))?;
        outputs.push(OutputRequest::Stream { url });
    }
    Ok(outputs)
}

/// What no server takes is refused by the names that were given. Where streams may go is the server's business.
fn check(outputs: &[OutputRequest], encoding: Encoding) -> Result<(), Failure> {
    if outputs.is_empty() {
        return Ok(());
    }
    let placed: Vec<Output> = outputs.iter().filter_map(placed).collect();
    check_outputs(&placed, encoding, true).map_err(Failure::from)
}

fn placed(output: &OutputRequest) -> Option<Output> {
    Some(match output {
        OutputRequest::File { path } => Output::File { path: path.as_ref()?.as_path().to_owned() },
        OutputRequest::Audio { path } => Output::Audio { path: path.as_path().to_owned() },
        OutputRequest::Hls {} => Output::Hls { directory: "hls".into() },
        OutputRequest::Images { .. } => Output::Images { directory: "images".into(), every_s: 1 },
        OutputRequest::Stream { url } => Output::Stream { url: url.clone() },
    })
}

fn bad(sentence: String) -> Failure {
    Failure::new(FailureKind::BadRequest, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::{Value, json};

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        start: StartArgs,
    }

    fn asked(arguments: &[&str]) -> Result<Value, Failure> {
        let args = Only::try_parse_from([&["x"], arguments].concat()).unwrap_or_else(|error| panic!("{error}"));
        from(&args.start).map(|request| serde_json::to_value(request).expect("JSON"))
    }

    #[test]
    fn what_is_not_said_is_left_to_the_server() {
        assert_eq!(asked(&["demo:lobby"]).expect("valid"), json!({"room": "demo:lobby", "priority": 0}));
    }

    #[test]
    fn all_arguments_are_asked_for() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let (theme, streams) = (file("t.json", r#"{"title": "Hi"}"#), file("s.txt", "srt://h:9000?streamid=key2\n"));
        let line = "demo:lobby -o a.mp4 -o b.mkv --audio a.mp3 --hls --images --layout speaker --preset 1080p30 --size 320x180 \
                    --fps 10 --codec h264 --duration 90s --stream rtmp://h/app/key1 --upload s3://bucket/{room}/ \
                    --start-at 2026-12-01T09:00:00Z --priority -3 --template https://example.org/t --volume ann=150 --volume guest-*=50% --metadata team=design \
                    --metadata formula=a=b --webhook https://example.org/hook --email ada@example.org";
        let files = ["--theme", &theme, "--stream-file", &streams];
        let mut request = asked(&[line.split_whitespace().collect(), files.to_vec()].concat()).expect("valid");
        assert_eq!(request["theme"].take()["title"], "Hi");
        assert_eq!(
            request,
            json!({
                "room": "demo:lobby", "layout": "speaker", "preset": "1080p30", "size": "320x180", "fps": 10, "codec": "h264",
                "theme": null, "volume": {"ann": 150, "guest-*": 50}, "template": "https://example.org/t",
                "outputs": [{"kind": "file", "path": "a.mp4"}, {"kind": "file", "path": "b.mkv"},
                            {"kind": "audio", "path": "a.mp3"}, {"kind": "hls"}, {"kind": "images"},
                            {"kind": "stream", "url": "rtmp://h/app/key1"},
                            {"kind": "stream", "url": "srt://h:9000?streamid=key2"}],
                "uploads": ["s3://bucket/{room}/{name}"], "max_duration": "1m 30s", "start_at": "2026-12-01T09:00:00.000000Z",
                "priority": -3, "webhooks": ["https://example.org/hook"], "emails": ["ada@example.org"],
                "metadata": {"team": "design", "formula": "a=b"}
            })
        );
    }

    #[test]
    fn what_no_server_takes_is_refused_here_without_telling_a_key() {
        for bad in [
            &["demo:lobby", "-o", "../a.mp4"][..],
            &["demo:lobby", "-o", "/etc/a.mp4"],
            &["demo:lobby", "--start-at", "tomorrow"],
            &["demo:lobby", "--metadata", "team"],
            &["demo:lobby", "--priority", "500"],
            &["ftp://x"],
        ] {
            assert!(Only::try_parse_from([&["x"], bad].concat()).is_err(), "{bad:?}");
        }
        let failure = asked(&["demo:lobby", "-o", "day-1/a.avi"]).expect_err("refused");
        assert!(failure.message.starts_with("day-1/a.avi can't be made"), "{failure}");
        let failure = asked(&["demo:lobby", "--stream", "http://h/app/hunter2"]).expect_err("refused");
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
}
