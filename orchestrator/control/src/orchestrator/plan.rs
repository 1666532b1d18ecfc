//! From a request to the job of an agent: where files go, which page is opened, by which keys.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::jitsi::JitsiAccess;
use wallflower_domain::output::{Output, StreamUrl, check_outputs};
use wallflower_domain::record::Record;
use wallflower_domain::request::{OutputRequest, RecordingRequest, Span};
use wallflower_domain::room::Room;
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::{Job, JobPage, JobStream, Standing};
use wallflower_domain::wire::page::PageRoom;

use super::config::{Config, LivekitConfig, host_of};
use super::reach::check_uploads;
use crate::livekit::{Credentials, Seat};

/// Name of a file that nobody named.
const FILE: &str = "recording.mp4";
const HLS: &str = "hls";
const IMAGES: &str = "images";
/// Between two images, in seconds.
const IMAGES_EVERY_S: u32 = 10;

/// Makes jobs.
#[derive(Debug)]
pub(crate) struct Planner {
    pub(crate) config: Config,
    /// Keys for deployments that the configuration does not name.
    pub(crate) other_livekit: Option<(String, Secret)>,
    /// Where demo rooms are.
    pub(crate) demo: Option<SocketAddr>,
}

impl Planner {
    /// Where all files of a recording are.
    pub(crate) fn folder(&self, id: &str) -> PathBuf {
        self.config.data.join("recordings").join(id)
    }

    /// Whether what is asked for can be made at all. Nothing is started for what can't; the field that is to blame comes with the reason.
    pub(crate) fn check(&self, id: &str, request: &RecordingRequest) -> Result<(), (&'static str, Failure)> {
        // By the names that the request has for them: where they are on this machine is nobody's business.
        let outputs = outputs(request, Path::new(""));
        check_outputs(&outputs, request.encoding(), self.config.allows_private())
            .map_err(|why| ("outputs", why.into()))?;
        check_uploads(&request.uploads, &self.config).map_err(|why| ("uploads", why))?;
        let is_page = matches!(request.room.room, Room::Page { .. });
        let field = if is_page && request.template.is_some() { "template" } else { "room" };
        self.page(id, request).map(drop).map_err(|why| (field, why))
    }

    /// The job of a record's next agent.
    pub(crate) fn job(&self, record: &Record) -> Result<Job, Failure> {
        let (id, request) = (record.id(), &record.request);
        let outputs = self.outputs(id, request)?;
        check_outputs(&outputs, request.encoding(), self.config.allows_private())?;
        // The server may have been told otherwise since. What is recorded already is delivered as it was agreed.
        if record.standing.ending.is_none() {
            check_uploads(&request.uploads, &self.config)?;
        }
        let outputs = outputs.into_iter().filter(|output| !matches!(output, Output::Stream { .. })).collect();
        let defaults = &self.config.recording;
        let longest = defaults.max_duration;
        Ok(Job {
            id: id.to_owned(),
            page: self.page(id, request)?,
            layout: request.layout.unwrap_or(defaults.layout),
            theme: request.theme.clone().unwrap_or_default(),
            size: request.frame_size(),
            fps: request.frame_rate(),
            room: request.room.room.shown(),
            encoding: request.encoding(),
            spool: text(&self.folder(id).join(".spool"))?,
            outputs,
            uploads: request.uploads.clone(),
            overwrite: false,
            gaps: request.gaps.unwrap_or_default(),
            public_only: !self.config.allows_private(),
            max_duration_s: Some(request.max_duration.unwrap_or(longest).min(longest).as_secs_f64()),
            start_deadline_s: request.start_deadline.unwrap_or(defaults.start_deadline).as_secs_f64(),
            standing: record.standing.clone(),
            watchdog: request.watch.as_ref().unwrap_or(&defaults.watch).clone(),
        })
    }

    fn outputs(&self, id: &str, request: &RecordingRequest) -> Result<Vec<Output>, Failure> {
        let folder = std::path::absolute(self.folder(id)).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("The data directory has no absolute path ({error})."))
        })?;
        Ok(outputs(request, &folder))
    }

    fn page(&self, id: &str, request: &RecordingRequest) -> Result<JobPage, Failure> {
        let room = match &request.room.room {
            Room::Page { url } => {
                if request.template.is_some() {
                    return Err(refused(
                        "\"template\" renders a meeting room; a page is recorded as it is. Drop one of the two.",
                    ));
                }
                return Ok(JobPage::Page { url: url.to_string(), await_start: request.room.await_start });
            }
            Room::Livekit { server, room } => {
                let credentials = self.credentials(request, server)?;
                let token = credentials.token(room, &format!("wallflower-{id}"), "Recorder", Seat::Silent)?;
                PageRoom::Livekit { url: server.to_string(), token, e2ee_key: self.e2ee_key(request, server)? }
            }
            Room::Jitsi { server, room } => {
                let access = self.jitsi_access(request, server)?;
                PageRoom::Jitsi { url: server.to_string(), room: room.clone(), access }
            }
            Room::Demo { room } => {
                let demo = self.demo.ok_or_else(|| {
                    refused("This server hosts no demo rooms; set \"demo_listen\" in its configuration.")
                })?;
                PageRoom::Demo { url: format!("ws://{demo}/rooms/{room}/ws") }
            }
        };
        Ok(match &request.template {
            Some(url) => JobPage::Template { url: url.to_string(), room },
            None => JobPage::Stage { room },
        })
    }

    /// By which a LiveKit deployment is joined for this request.
    pub(crate) fn credentials(&self, request: &RecordingRequest, server: &url::Url) -> Result<Credentials, Failure> {
        if let Some(keys) = &request.room.keys {
            return Ok(Credentials { key: keys.api_key.clone(), secret: keys.api_secret.clone() });
        }
        let known = self.deployment(server);
        let known = known.map(|LivekitConfig { api_key, api_secret, .. }| (api_key.clone(), api_secret.clone()));
        let (key, secret) = known.or_else(|| self.other_livekit.clone()).ok_or_else(|| {
            let host = host_of(server);
            refused(&format!(
                "This server has no keys for the LiveKit deployment {host}; give \"api_key\" and \"api_secret\" in \"room\", or have them configured."
            ))
        })?;
        Ok(Credentials { key, secret })
    }

    /// By which what is sent in this room is opened. The page gets to know it, so a key of ours goes to no page of a requester's.
    fn e2ee_key(&self, request: &RecordingRequest, server: &url::Url) -> Result<Option<Secret>, Failure> {
        if let Some(given) = &request.room.e2ee_key {
            return Ok(Some(given.clone()));
        }
        let ours = self.deployment(server).and_then(|livekit| livekit.e2ee_key.clone());
        if ours.is_some() && request.template.is_some() {
            return Err(refused(&format!(
                "A template would get to know the key that this server has for the rooms of {}; give \"e2ee_key\" in \"room\", or drop \"template\".",
                host_of(server)
            )));
        }
        Ok(ours)
    }

    fn deployment(&self, server: &url::Url) -> Option<&LivekitConfig> {
        let host = host_of(server);
        self.config.livekit.iter().find(|livekit| livekit.host == host)
    }

    /// By which a room of a Jitsi deployment is joined for this request. An account of ours is sent to the deployment and known to the
    /// page, so it goes to the host that it is for and to no page of a requester's.
    fn jitsi_access(&self, request: &RecordingRequest, server: &url::Url) -> Result<JitsiAccess, Failure> {
        if let Some(access) = &request.room.access {
            return Ok(access.clone());
        }
        let host = host_of(server);
        let Some(known) = self.config.jitsi.iter().find(|jitsi| jitsi.host == host) else {
            return Ok(JitsiAccess::default());
        };
        if server.scheme() != "https" && !known.plain {
            return Err(refused(&format!(
                "This server joins {host} by jitsi+https:// only, because its password can be read on the way otherwise; or have \"plain\" set for it in the configuration."
            )));
        }
        if request.template.is_some() {
            return Err(refused(&format!(
                "A template would get to know the account that this server has for {host}; give one of your own in \"room\", or drop \"template\"."
            )));
        }
        known.access().map_err(|error| refused(&format!("{error}.")))
    }
}

/// Streams that a request begins with, as its first agent gets them.
pub(crate) fn standing(request: &RecordingRequest) -> Standing {
    let urls = request.outputs.iter().filter_map(|output| match output {
        OutputRequest::Stream { url } => Some(url),
        _ => None,
    });
    let streams = urls.zip(1..).map(|(url, number)| stream(url, number)).collect();
    Standing { streams, look: request.first_look(), ..Standing::default() }
}

fn stream(url: &StreamUrl, number: u32) -> JobStream {
    JobStream { id: format!("s{number}"), url: Secret::new(url.expose()) }
}

fn outputs(request: &RecordingRequest, folder: &Path) -> Vec<Output> {
    if request.outputs.is_empty() {
        return vec![Output::File { path: folder.join(FILE) }];
    }
    request.outputs.iter().map(|output| placed(output, folder)).collect()
}

fn placed(output: &OutputRequest, folder: &Path) -> Output {
    match output {
        OutputRequest::File { path } => {
            Output::File { path: path.as_ref().map_or_else(|| folder.join(FILE), |path| path.within(folder)) }
        }
        OutputRequest::Audio { path } => Output::Audio { path: path.within(folder) },
        OutputRequest::Hls {} => Output::Hls { directory: folder.join(HLS) },
        OutputRequest::Stream { url } => Output::Stream { url: url.clone() },
        OutputRequest::Images { every } => {
            Output::Images { directory: folder.join(IMAGES), every_s: every.map_or(IMAGES_EVERY_S, whole_seconds) }
        }
    }
}

fn whole_seconds(span: Span) -> u32 {
    u32::try_from(span.duration().as_secs()).unwrap_or(u32::MAX)
}

fn text(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path).ok();
    absolute.as_deref().and_then(Path::to_str).map(str::to_owned).ok_or_else(|| {
        Failure::new(FailureKind::Internal, format!("{} is no path in UTF-8; choose another --data.", path.display()))
    })
}

fn refused(sentence: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use wallflower_domain::jitsi::JitsiLogin;
    use wallflower_domain::recording::EndReason;

    fn planner() -> Planner {
        let config = Config { data: "/data".into(), ..Config::default() };
        Planner { config, other_livekit: None, demo: None }
    }

    fn record(request: serde_json::Value) -> Record {
        let request: RecordingRequest = serde_json::from_value(request).expect("valid");
        let standing = standing(&request);
        Record { standing, ..Record::new("r1", request, None, 0) }
    }

    #[test]
    fn files_lie_in_the_recording_s_own_directory() {
        let record = record(json!({"room": "https://example.org/", "outputs": [
            {"kind": "file", "path": "a/b.mkv"}, {"kind": "hls"}, {"kind": "stream", "url": "rtmp://h/app/key"}
        ]}));
        let job = planner().job(&record).expect("possible");
        let paths: Vec<&str> = job.outputs.iter().filter_map(|output| output.path()?.to_str()).collect();
        assert_eq!(paths, ["/data/recordings/r1/a/b.mkv", "/data/recordings/r1/hls"]);
        assert_eq!((job.standing.streams.len(), job.standing.streams[0].id.as_str()), (1, "s1"));
        assert_eq!(job.spool, "/data/recordings/r1/.spool");
    }

    #[test]
    fn a_room_is_opened_by_the_key_of_the_request_or_of_its_deployment_which_nothing_prints() {
        let mut planner = planner();
        let deployment = r#"{"host": "h:1", "api_key": "k", "api_secret": "a secret of at least thirty-two characters", "e2ee_key": "theirs"}"#;
        planner.config.livekit = vec![serde_json::from_str(deployment).expect("valid")];
        let object = json!({"kind": "livekit", "server": "ws://h:1", "room": "a", "e2ee_key": "ours"});
        for (room, key) in [(json!("livekit+ws://h:1/a"), "theirs"), (object, "ours")] {
            let record = record(json!({"room": room}));
            let job = planner.job(&record).expect("possible");
            let JobPage::Stage { room: PageRoom::Livekit { e2ee_key, .. } } = &job.page else { panic!("{job:?}") };
            assert_eq!(e2ee_key.as_ref().map(Secret::expose), Some(key));
            let printed = format!("{job:?} {:?} {:?}", record.request, planner.config);
            assert!(!printed.contains("ours") && !printed.contains("theirs"), "{printed}");
        }
        let template = json!({"room": "livekit+ws://h:1/a", "template": "https://h/t"});
        let (named, failure) =
            planner.check("r1", &serde_json::from_value(template).expect("valid")).expect_err("refused");
        assert!(
            named == "room" && failure.message.contains("e2ee_key") && !failure.message.contains("theirs"),
            "{failure}"
        );
    }

    #[test]
    fn keys_of_the_environment_sign_for_the_host_that_it_names_and_for_all_if_it_names_none() {
        let keys = || Some(("k".to_owned(), Secret::new("a secret of at least thirty-two characters")));
        let signs = |url: Option<&str>, room: &str| {
            let mut config = Config::default();
            let other_livekit = config.bind_livekit(keys(), url).expect("an address");
            let planner = Planner { config, other_livekit, demo: None };
            planner
                .page("r1", &RecordingRequest::of(room.parse::<Room>().expect(room)))
                .map(drop)
                .map_err(|why| why.message)
        };
        let (ours, evil) = ("livekit+wss://meet.example.org/board-1", "livekit+wss://evil.example.com/board-1");
        assert_eq!((signs(None, ours), signs(None, evil)), (Ok(()), Ok(())));
        let url = Some("wss://meet.example.org");
        assert_eq!(signs(url, ours), Ok(()));
        for other in [evil, "livekit+wss://meet.example.org:7880/board-1"] {
            assert!(signs(url, other).expect_err(other).contains("no keys for the LiveKit deployment"));
        }
    }

    #[test]
    fn uploads_are_checked_when_they_are_asked_for_and_when_an_agent_is_to_do_them() {
        let asked = json!({"room": "https://example.org/", "uploads": ["file:///srv/www/"]});
        let mut record = record(asked);
        let trusted = planner();
        assert_eq!(trusted.check("r1", &record.request), Ok(()));
        assert_eq!(trusted.job(&record).map(|job| job.uploads.len()), Ok(1));
        let mut public = planner();
        public.config.allow_private = Some(false);
        let (field, failure) = public.check("r1", &record.request).expect_err("refused");
        assert!(field == "uploads" && failure.message.contains("file:///srv/www/"), "{failure}");
        assert_eq!(public.job(&record).map(drop), Err(failure));
        record.standing.ending = Some(EndReason::Stopped);
        assert_eq!(public.job(&record).map(|job| job.uploads.len()), Ok(1), "what is recorded is delivered");
    }

    #[test]
    fn an_account_at_a_jitsi_deployment_goes_to_its_own_host_and_to_no_template() {
        let text = "[[jitsi]]\nhost = \"meet.example.org\"\nuser = \"recorder\"\npassword = \"hunter2\"";
        let planner = Planner { config: Config::parse(text).expect("valid"), other_livekit: None, demo: None };
        let request = |value| serde_json::from_value::<RecordingRequest>(value).expect("valid");
        let login = |room: serde_json::Value| match planner.page("r1", &request(json!({"room": room}))) {
            Ok(JobPage::Stage { room: PageRoom::Jitsi { access, .. } }) => Ok(access.login),
            Ok(page) => panic!("{page:?}"),
            Err(failure) => Err(failure.message),
        };
        let ours = JitsiLogin::Account { user: "recorder".into(), password: Secret::new("hunter2") };
        assert_eq!(login(json!("jitsi+https://meet.example.org/tenant/a")), Ok(ours));
        for other in ["jitsi+https://meet.example.com/a", "jitsi+https://meet.example.org:8443/a"] {
            assert_eq!(login(json!(other)), Ok(JitsiLogin::Guest), "{other}");
        }
        let own = json!({"kind": "jitsi", "server": "https://meet.example.org", "room": "a", "token": "own"});
        assert_eq!(login(own), Ok(JitsiLogin::Token { token: Secret::new("own") }));
        assert!(login(json!("jitsi+http://meet.example.org/a")).expect_err("refused").contains("jitsi+https://"));
        let template = request(json!({"room": "jitsi+https://meet.example.org/a", "template": "https://h/t"}));
        let (_, failure) = planner.check("r1", &template).expect_err("refused");
        assert!(failure.message.contains("template") && !failure.message.contains("hunter2"), "{failure}");
    }

    #[test]
    fn what_can_t_be_made_is_told_before_anything_is_started() {
        for (request, field, said) in [
            (json!({"room": "demo:lobby"}), "room", "hosts no demo rooms"),
            (
                json!({"room": "livekit+wss://meet.example.org/a"}),
                "room",
                "no keys for the LiveKit deployment meet.example.org",
            ),
            (json!({"room": "https://example.org/", "template": "https://example.org/t"}), "template", "template"),
            (
                json!({"room": "https://example.org/", "outputs": [{"kind": "file", "path": "a.mp4"}, {"kind": "audio", "path": "a.mp4"}]}),
                "outputs",
                "a.mp4",
            ),
        ] {
            let request: RecordingRequest = serde_json::from_value(request).expect("valid");
            let (named, failure) = planner().check("r1", &request).expect_err(said);
            assert_eq!(named, field);
            assert!(failure.message.contains(said), "{said}: {failure}");
            assert!(!failure.message.contains("/data"), "{failure}");
        }
    }
}
