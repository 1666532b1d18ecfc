//! A real RTMP server on loopback, which keeps what is published to it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::server::{Server, TcpPort};
use super::{http, lacking};

const PROGRAMS: [&str; 3] = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"];
const MODULES: [&str; 3] = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/nginx/modules"];

/// nginx with its RTMP module. It has two applications: `live` takes every stream, `closed` refuses who publishes; it knows no
/// other. Killed when dropped.
///
/// One that publishes and is silent for 5 s is sent away, so that its key is free again.
#[derive(Debug)]
pub struct RtmpServer {
    server: Option<Server>,
    program: PathBuf,
    rtmp: TcpPort,
    http: TcpPort,
    directory: TempDir,
}

/// Address to which a stream is published: by way of a proxy, its address takes the server's place.
pub fn url(server: SocketAddr, app: &str, key: &str) -> String {
    format!("rtmp://{server}/{app}/{key}")
}

impl RtmpServer {
    /// Starts one, or says why not: see [`lacking`].
    ///
    /// # Panics
    ///
    /// When it is installed and does not start.
    pub fn start() -> Option<Self> {
        let program = PROGRAMS.iter().map(PathBuf::from).find(|path| path.exists());
        let module =
            MODULES.iter().map(|folder| Path::new(folder).join("ngx_rtmp_module.so")).find(|path| path.exists());
        let (Some(program), Some(module)) = (program, module) else {
            lacking("nginx with its RTMP module", "`make setup` installs it");
            return None;
        };
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let (rtmp, http) = (TcpPort::take(), TcpPort::take());
        fs::create_dir(directory.path().join("recordings")).expect("a temporary directory can be written to");
        let config = configuration(&module, directory.path(), rtmp.address(), http.address());
        fs::write(directory.path().join("nginx.conf"), config).expect("a temporary directory can be written to");
        let mut server = Self { server: None, program, rtmp, http, directory };
        server.start_again();
        Some(server)
    }

    /// Starts it at its address after a [`stop`](Self::stop).
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "nginx runs already");
        let mut command = Command::new(&self.program);
        command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(self.directory.path());
        let answers = || self.statistics().is_some();
        let server = Server::start(command, &self.directory.path().join("log"), answers);
        self.server = Some(server.unwrap_or_else(|reason| panic!("{reason}")));
    }

    /// Kills it: its connections are cut, and new ones are refused.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// Where it takes RTMP.
    pub fn address(&self) -> SocketAddr {
        self.rtmp.address()
    }

    /// Address to which a stream is published. A key is of letters, digits and dashes.
    pub fn url(&self, app: &str, key: &str) -> String {
        url(self.address(), app, key)
    }

    /// Whether somebody publishes by that key; nobody does while the server is stopped.
    ///
    /// # Panics
    ///
    /// When the server runs and does not answer.
    pub fn is_publishing(&self, key: &str) -> bool {
        if self.server.is_none() {
            return false;
        }
        let statistics = self.statistics().expect("nginx answers");
        let name = format!("<name>{key}</name>");
        let mut streams = statistics.split("<stream>").skip(1).filter_map(|rest| rest.split("</stream>").next());
        streams.any(|stream| stream.contains(&name) && stream.contains("<publishing/>"))
    }

    /// What was published by that key, an FLV file for each time that somebody did, oldest first. The last one grows as long as
    /// somebody does.
    ///
    /// # Panics
    ///
    /// When the directory can't be read.
    pub fn recordings(&self, key: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory.path().join("recordings")).expect("it can be read");
        // KEY-SECONDS.flv
        let is_of_key = |path: &PathBuf| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let time = name.strip_prefix(key).and_then(|rest| rest.strip_prefix('-'));
            time.is_some_and(|time| time.parse::<u64>().is_ok())
        };
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_of_key).collect();
        files.sort();
        files
    }

    fn statistics(&self) -> Option<String> {
        let answer = http::ask(self.http.address(), "GET /", &[], "").ok()?;
        (answer.status == 200).then_some(answer.body)
    }
}

/// One process, which needs no rights and nothing outside of its directory.
fn configuration(module: &Path, directory: &Path, rtmp: SocketAddr, http: SocketAddr) -> String {
    let (module, directory) = (module.display(), directory.display());
    format!(
        "daemon off;
        master_process off;
        load_module {module};
        pid {directory}/pid;
        error_log stderr;
        events {{ worker_connections 256; }}
        rtmp {{
            server {{
                listen {rtmp};
                drop_idle_publisher 5s;
                application live {{
                    live on;
                    record all;
                    record_path {directory}/recordings;
                    # By the second; who comes back within one goes on in the same file.
                    record_unique on;
                    record_append on;
                }}
                application closed {{
                    live on;
                    deny publish all;
                }}
            }}
        }}
        http {{
            access_log off;
            client_body_temp_path {directory}/temporary;
            proxy_temp_path {directory}/temporary;
            fastcgi_temp_path {directory}/temporary;
            uwsgi_temp_path {directory}/temporary;
            scgi_temp_path {directory}/temporary;
            server {{
                listen {http};
                location / {{ rtmp_stat all; }}
            }}
        }}"
    )
}
