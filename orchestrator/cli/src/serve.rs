//! `wallflower serve` and `wallflower keys`: the orchestrator, and who may use it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use wallflower_control::api::{self, Keys};
use wallflower_control::audit::{Audit, Entry};
use wallflower_control::demo_room::DemoServer;
use wallflower_control::launcher;
use wallflower_control::orchestrator::{Config, Orchestrator, Parts, PublicOnly};
use wallflower_control::store;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::request::Moment;

use crate::args::{KeysAction, ServeArgs};
use crate::control::unix_us;
use crate::run::program;
use crate::words;

/// Requests that are being answered when the end is asked for have this long.
const DRAIN: Duration = Duration::from_secs(10);
/// Connections that wait to be taken: when a replica dies, thousands of agents come at once.
const BACKLOG: u32 = 8192;
/// As many as are of use.
const MOST_FILES: u64 = 65_536;

pub(crate) async fn serve(args: ServeArgs) -> ExitCode {
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            words::to_stderr(format_args!("wallflower: {failure}"));
            ExitCode::from(failure.fault().exit_code())
        }
    }
}

async fn run(args: ServeArgs) -> Result<(), Failure> {
    let mut config = config(&args)?;
    // By the variable that LiveKit's own tools read.
    let livekit_url = std::env::var("LIVEKIT_URL").ok().filter(|url| !url.is_empty());
    let livekit = config
        .bind_livekit(args.api_key.clone().zip(args.api_secret.clone()), livekit_url.as_deref())
        .map_err(|error| refused(format!("{error}.")))?;
    let keys = Keys::in_folder(&config.data);
    let is_loopback = config.listen.ip().is_loopback();
    let has_keys = !keys.all().map_err(|error| unusable(&config.data, &error))?.is_empty();
    if !is_loopback && !has_keys {
        return Err(refused(format!(
            "On {} others could record as they like: make an API key first, by `wallflower keys create NAME --data {}`.",
            config.listen,
            config.data.display()
        )));
    }
    std::fs::create_dir_all(&config.data).map_err(|error| unusable(&config.data, &error))?;
    let store = store::open(&store_address(&config)).await.map_err(|error| refused(format!("{error}.")))?;
    let launcher = launcher::open(&config.launcher, &program()?, &config.data.join("agents"))?;
    allow_many_connections();
    let listener = listen(config.listen).map_err(|error| cant_listen(config.listen, &error))?;
    let listening = listener.local_addr().map_err(|error| cant_listen(config.listen, &error))?;
    let demo = match config.demo_listen {
        Some(addr) => Some(DemoServer::bind(addr).await.map_err(|error| {
            refused(format!("{error}; set \"demo_listen\" in the configuration, or --demo-listen."))
        })?),
        None => None,
    };
    let orchestrator = Orchestrator::new(Parts {
        demo: demo.as_ref().map(DemoServer::addr),
        livekit,
        webhook_secret: args.webhook_secret,
        smtp_password: args.smtp_password,
        client: client(config.allows_private())?,
        config,
        store,
        launcher,
        listening,
    })?;
    let mut tasks = orchestrator.run();
    if let Some(path) = args.config.clone() {
        tasks.spawn(reload_policies(path, orchestrator.clone()));
    }
    let router =
        api::router(orchestrator.clone(), keys, is_loopback).into_make_service_with_connect_info::<SocketAddr>();
    let open = if has_keys { "" } else { ", open to everybody on this machine" };
    words::to_stderr(format_args!("wallflower: http://{listening}/v1/recordings{open}"));
    if let Some(demo) = &demo {
        words::to_stderr(format_args!("wallflower: demo rooms at http://{}/", demo.addr()));
    }
    let served = axum::serve(listener, router).with_graceful_shutdown(asked_to_end());
    let drained = async {
        tokio::select! {
            served = served => served.map_err(|error| Failure::new(FailureKind::Internal, format!("Serving failed: {error}."))),
            () = drain_deadline() => Ok(()),
        }
    };
    let result = drained.await;
    // Recordings go on; whoever serves next finds them.
    tasks.shutdown().await;
    orchestrator.leave().await;
    if let Some(demo) = demo {
        demo.shutdown().await;
    }
    result
}

fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// An agent is a connection, and programs may have a thousand files open unless they ask for more.
fn allow_many_connections() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(now, most)| match most.min(MOST_FILES) {
        more if more > now => setrlimit(Resource::RLIMIT_NOFILE, more, most),
        _ => Ok(()),
    });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files can't be raised; there may be room for few agents");
    }
}

fn config(args: &ServeArgs) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(path) => read_config(path)?,
        None => Config::default(),
    };
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    if let Some(store) = &args.store {
        config.store.clone_from(store);
    }
    if let Some(demo) = args.demo_listen {
        config.demo_listen = Some(demo);
    }
    config.data = std::path::absolute(&config.data).map_err(|error| unusable(&config.data, &error))?;
    Ok(config)
}

fn read_config(path: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused(format!("{} can't be read ({error}).", path.display())))?;
    Config::parse(&text).map_err(|error| refused(format!("{}: {error}", path.display())))
}

fn store_address(config: &Config) -> String {
    match config.store.as_str() {
        "sqlite" => format!("sqlite:{}", config.data.join("wallflower.db").display()),
        other => other.to_owned(),
    }
}

fn client(allow_private: bool) -> Result<reqwest::Client, Failure> {
    // What is posted is signed for the address that was named, and for no other.
    let mut builder = crate::remote::builder();
    if !allow_private {
        builder = builder.dns_resolver(Arc::new(PublicOnly));
    }
    builder
        .build()
        .map_err(|error| Failure::new(FailureKind::Internal, format!("No HTTP client can be made: {error}.")))
}

async fn end_signal() -> Result<(), std::io::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Reads the policies anew on SIGHUP. What can't be read changes nothing.
async fn reload_policies(path: PathBuf, orchestrator: Orchestrator) {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => {
            tracing::error!(%error, "SIGHUP can't be received; policies stay as they are");
            return;
        }
    };
    while hangups.recv().await.is_some() {
        match read_config(&path) {
            Ok(config) => {
                let count = config.policies.len();
                orchestrator.set_policies(config.policies);
                words::to_stderr(format_args!("wallflower: {count} policies, from {}", path.display()));
            }
            Err(failure) => {
                words::to_stderr(format_args!("wallflower: the policies stay as they are: {failure}"));
            }
        }
    }
}

async fn asked_to_end() {
    if let Err(error) = end_signal().await {
        tracing::error!(%error, "signals can't be received");
    }
}

/// Connections that never end, those of agents and of followers among them, are cut.
async fn drain_deadline() {
    if end_signal().await.is_ok() {
        tokio::time::sleep(DRAIN).await;
    } else {
        std::future::pending().await
    }
}

fn refused(sentence: String) -> Failure {
    Failure::new(FailureKind::BadRequest, sentence)
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    let sentence = format!("{} can't be used ({error}); choose another --data.", path.display());
    Failure::new(FailureKind::DestinationUnwritable, sentence)
}

fn cant_listen(addr: SocketAddr, error: &std::io::Error) -> Failure {
    refused(format!("{addr} can't be listened on ({error}); choose another --listen."))
}

pub(crate) fn keys(action: KeysAction) -> ExitCode {
    let done = match action {
        KeysAction::Create { name, scope, data } => create(&data, &name, scope),
        KeysAction::List { data } => list(&data),
        KeysAction::Revoke { id, data } => revoke(&data, &id),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            words::to_stderr(format_args!("wallflower: {failure}"));
            ExitCode::from(failure.fault().exit_code())
        }
    }
}

fn create(data: &Path, name: &str, scope: api::Scope) -> Result<(), Failure> {
    let keys = Keys::in_folder(data);
    let (key, secret) = keys.create(name, scope, unix_us()).map_err(|error| unusable(data, &error))?;
    note_in_audit(data, &key.id, name, &format!("wallflower keys create --scope {scope}"), 201);
    eprintln!("key {} ({scope}) for {name}; it is shown this once:", key.id);
    print_line(secret.expose());
    Ok(())
}

/// In the log where all is that is done by that key. What is done is done, so that a log that can't be written is only told.
fn note_in_audit(data: &Path, key: &str, name: &str, action: &str, status: u16) {
    let entry = Entry {
        at: Moment::from_unix_us(unix_us()),
        key: Some(key.to_owned()),
        name: Some(name.to_owned()),
        share: None,
        action: action.to_owned(),
        recording: None,
        from: None,
        forwarded_for: None,
        status,
    };
    if let Err(error) = Audit::in_folder(data, Duration::MAX).add(&entry) {
        eprintln!("wallflower: that can't be noted in the audit log of {} ({error}).", data.display());
    }
}

fn list(data: &Path) -> Result<(), Failure> {
    for key in Keys::in_folder(data).all().map_err(|error| unusable(data, &error))? {
        print_line(&format!("{}  {:6}  {}", key.id, key.scope, key.name));
    }
    Ok(())
}

fn revoke(data: &Path, id: &str) -> Result<(), Failure> {
    let keys = Keys::in_folder(data);
    let known = keys.all().map_err(|error| unusable(data, &error))?;
    let name = known.iter().find(|key| key.id == id).map_or("", |key| key.name.as_str());
    match keys.revoke(id).map_err(|error| unusable(data, &error))? {
        true => {
            note_in_audit(data, id, name, "wallflower keys revoke", 200);
            Ok(())
        }
        false => Err(refused(format!("There is no key {id}; `wallflower keys list` shows all."))),
    }
}

fn print_line(line: &str) {
    use std::io::Write as _;
    // Who does not read it does not want it.
    let _ = writeln!(std::io::stdout(), "{line}");
}
