//! `wallflower record`

use std::net::SocketAddr;
use std::path::Path;

use wallflower_control::demo_room::DemoServer;
use wallflower_control::livekit::{Credentials, Seat};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::look::{Look, LookChange};
use wallflower_domain::recording::Recording;
use wallflower_domain::room::Room;
use wallflower_domain::wire::agent::{Job, JobPage, Standing};
use wallflower_domain::wire::page::PageRoom;

use crate::args::RecordArgs;
use crate::outputs;
use crate::progress::View;
use crate::run::{Outward, new_id, run};
use crate::template::Template;
use crate::theme;

pub(crate) async fn record(args: Box<RecordArgs>) -> Result<Recording, Failure> {
    let id = new_id();
    let mut view = View::new(args.json);
    let encoding = args.look.encoding();
    let watchdog = args.watchdog().map_err(|error| bad_request(&error))?;
    let wanted = outputs::wanted(&args.outputs, encoding, &id)?;
    announce_abandoned(&wanted.spool, &view);
    args.template.as_ref().map_or(Ok(()), Template::check)?;
    let beside = args.template.as_ref().and_then(Template::theme_file);
    let theme = theme::load(args.look.theme.as_deref().or(beside.as_deref()))?;
    let (page, host) = page(&args, &id, &view).await?;
    let job = Job {
        id,
        page,
        layout: args.look.layout,
        theme,
        size: args.look.size(),
        fps: args.look.fps(),
        room: args.room.shown(),
        encoding,
        spool: wanted.spool,
        outputs: wanted.outputs,
        uploads: args.outputs.upload.clone(),
        overwrite: args.outputs.force,
        gaps: args.gaps,
        public_only: false,
        max_duration_s: args.duration.map(|duration| duration.as_secs_f64()),
        start_deadline_s: args.start_deadline.as_secs_f64(),
        standing: Standing { look: consent(&args)?, ..wanted.standing },
        watchdog,
    };
    let outward = Outward { metrics: args.metrics };
    let recording = run(&job, Some(outward), &mut view).await;
    if let Some(host) = host {
        host.shutdown().await;
    }
    recording
}

/// Who of the room is recorded.
fn consent(args: &RecordArgs) -> Result<LookChange, Failure> {
    let only = (!args.only.is_empty()).then(|| Some(args.only.clone()));
    let consent = LookChange { hide: args.hide.clone(), only, ..LookChange::default() };
    if !consent.is_empty() && matches!(args.room, Room::Page { .. }) {
        let sentence = "A page is recorded as it is: --hide and --only are for rooms.";
        return Err(Failure::new(FailureKind::BadRequest, sentence));
    }
    match consent.applied_to(&Look::default()) {
        Ok(_) => Ok(consent),
        Err(bad) => Err(Failure::new(FailureKind::BadRequest, format!("--{bad}"))),
    }
}

/// A run that died together with everything else could not say what it left.
fn announce_abandoned(spool: &str, view: &View) {
    let Some(folder) = Path::new(spool).parent() else { return };
    let left = wallflower_agent::abandoned_spools(folder).len();
    if left > 0 {
        let what = if left == 1 { "a recording that was".to_owned() } else { format!("{left} recordings that were") };
        let folder = folder.display();
        view.say(&format!("{folder} holds {what} cut short; `wallflower recover {folder}` finishes what there is"));
    }
}

/// What the browser opens, and the demo room's server when it is ours.
async fn page(args: &RecordArgs, id: &str, view: &View) -> Result<(JobPage, Option<DemoServer>), Failure> {
    let (room, host) = match &args.room {
        Room::Page { url } => {
            if args.template.is_some() {
                return Err(bad_request(
                    "--template renders a meeting room; a page is recorded as it is. Drop one of the two.",
                ));
            }
            return Ok((JobPage::Page { url: url.to_string(), await_start: args.await_start }, None));
        }
        _ if args.await_start => {
            return Err(bad_request(
                "--await-start is for https:// pages; the page of a meeting room is always waited for. Drop it.",
            ));
        }
        Room::Livekit { server, room } => (livekit(args, server.as_str(), room, id)?, None),
        Room::Jitsi { server, room } => {
            let access = args.jitsi.access().map_err(|error| {
                bad_request(&format!(
                    "{error}: --jitsi-user and --jitsi-password, or --jitsi-token, or the environment."
                ))
            })?;
            (PageRoom::Jitsi { url: server.to_string(), room: room.clone(), access }, None)
        }
        Room::Demo { room } => {
            let host = host(args.demo_listen).await?;
            let addr = host.as_ref().map_or(args.demo_listen, DemoServer::addr);
            view.say(&format!("join the room with a browser: http://{addr}/rooms/{room}"));
            (PageRoom::Demo { url: format!("ws://{addr}/rooms/{room}/ws") }, host)
        }
    };
    let page = match &args.template {
        Some(template) => template.job_page(room)?,
        None => JobPage::Stage { room },
    };
    Ok((page, host))
}

fn bad_request(sentence: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, sentence)
}

fn livekit(args: &RecordArgs, server: &str, room: &str, id: &str) -> Result<PageRoom, Failure> {
    let (Some(key), Some(secret)) = (&args.api_key, &args.api_secret) else {
        return Err(bad_request(
            "A LiveKit room needs the deployment's API key and secret: set LIVEKIT_API_KEY and LIVEKIT_API_SECRET, or pass --api-key and --api-secret.",
        ));
    };
    let credentials = Credentials { key: key.clone(), secret: secret.clone() };
    let token = credentials.token(room, &format!("wallflower-{id}"), "Recorder", Seat::Silent)?;
    Ok(PageRoom::Livekit { url: server.to_owned(), token })
}

/// Hosts the demo room, unless somebody listens there already: then it is taken for a Wallflower, and the page finds out.
async fn host(addr: SocketAddr) -> Result<Option<DemoServer>, Failure> {
    match DemoServer::bind(addr).await {
        Ok(server) => Ok(Some(server)),
        Err(error) if error.source.kind() == std::io::ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(Failure::new(FailureKind::BadRequest, format!("{error}; choose another --demo-listen."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_told_without_what_may_be_secret_in_it() {
        for (room, told) in [
            ("https://example.org/board?token=hunter2#hunter2", "https://example.org/board"),
            ("https://meet.example.org/a#config.iAmRecorder=true&jwt=hunter2", "https://meet.example.org/a"),
            ("demo:lobby", "demo:lobby"),
            ("jitsi+https://meet.example.org/a", "jitsi+https://meet.example.org/a"),
            ("livekit+wss://live.example.org/standup", "livekit+wss://live.example.org/standup"),
        ] {
            assert_eq!(room.parse::<Room>().expect("a room").shown(), told);
        }
    }
}
