//! `wallflower demo`: the built-in room, synthetic participants, a finished MP4 and a contact sheet of it.

use std::path::Path;

use wallflower_agent::{Cast, contact_sheet};
use wallflower_control::demo_room::DemoServer;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::Output;
use wallflower_domain::recording::Recording;
use wallflower_domain::watchdog::WatchdogConfig;
use wallflower_domain::wire::agent::{Gaps, Job, JobPage, Standing};
use wallflower_domain::wire::cast::{CastConfig, CastTarget};
use wallflower_domain::wire::page::PageRoom;

use crate::args::DemoArgs;
use crate::outputs::{absolute, spool};
use crate::progress::View;
use crate::run::{Outward, new_id, program, run};
use crate::theme;

const ROOM: &str = "lobby";
const START_DEADLINE_S: f64 = 30.0;

pub(crate) async fn demo(args: DemoArgs) -> Result<Recording, Failure> {
    let mut view = View::new(args.json);
    let theme = theme::load(args.look.theme.as_deref())?;
    let id = new_id();
    let outputs = vec![Output::File { path: absolute(&args.output)? }];
    let spool = spool(&outputs, &id)?;
    let server = DemoServer::bind(args.listen)
        .await
        .map_err(|error| Failure::new(FailureKind::BadRequest, format!("{error}; choose another --listen.")))?;
    let addr = server.addr();
    view.say(&format!("join the room with a browser: http://{addr}/rooms/{ROOM}"));
    let url = format!("ws://{addr}/rooms/{ROOM}/ws");
    let recording = match bring_cast(&args, &url).await {
        Ok(cast) => {
            let job = Job {
                id,
                page: JobPage::Stage { room: PageRoom::Demo { url } },
                layout: args.look.layout,
                theme,
                size: args.look.size(),
                fps: args.look.fps(),
                room: format!("demo:{ROOM}"),
                encoding: args.look.encoding(),
                spool,
                outputs,
                uploads: Vec::new(),
                overwrite: true,
                gaps: Gaps::Slate,
                public_only: false,
                max_duration_s: Some(f64::from(args.seconds)),
                start_deadline_s: START_DEADLINE_S,
                standing: Standing::default(),
                watchdog: WatchdogConfig::default(),
            };
            let outward = Outward { metrics: None };
            let recording = run(&job, Some(outward), &mut view).await;
            cast.shutdown().await;
            recording
        }
        Err(failure) => Err(failure),
    };
    server.shutdown().await;
    let recording = recording?;
    if let Some(delivery) = &recording.delivery
        && let Some(output) = delivery.outputs.first()
    {
        let video = Path::new(&output.location);
        let sheet = video.with_extension("png");
        contact_sheet(video, delivery.duration_s, &sheet).await?;
        view.say(&format!("{}  twelve frames of it", sheet.display()));
    }
    Ok(recording)
}

/// Ctrl-C while they come in ends the wait, and what was started.
async fn bring_cast(args: &DemoArgs, url: &str) -> Result<Cast, Failure> {
    let config = CastConfig::of(usize::from(args.participants), CastTarget::Demo { url: url.to_owned() })
        .map_err(|why| Failure::new(FailureKind::BadRequest, why))?;
    Cast::start(&config, &new_id(), &program()?).await
}
