use std::net::SocketAddr;
use std::path::PathBuf;

use super::listen_address;

/// Where the workshop is, unless it is told otherwise.
const WORKSHOP: &str = "127.0.0.1:7080";

#[derive(clap::Args)]
pub(crate) struct DesignArgs {
    /// The folder of your template: index.html, theme.json, and what they use. With a theme.json only, or without a folder,
    /// Wallflower's own page is shown
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Where the workshop is served. A port alone is one of 127.0.0.1
    #[arg(long, value_name = "[IP:]PORT", default_value = WORKSHOP, value_parser = listen_address)]
    pub(crate) listen: SocketAddr,
    /// Open it in the browser of this machine
    #[arg(long)]
    pub(crate) open: bool,
    /// Instead of serving it: look at DIR in many rooms and sizes, and fail when something is wrong with it
    #[arg(long, requires = "directory", conflicts_with_all = ["open"])]
    pub(crate) check: bool,
    /// With --check: a host from which the template may load, such as fonts.example.org; may be given several times
    #[arg(long, value_name = "HOST", requires = "check")]
    pub(crate) allow_host: Vec<String>,
    /// With --check: how long the page may take to say that it is ready
    #[arg(long, default_value = "15s", value_parser = super::duration, requires = "check")]
    pub(crate) start_deadline: std::time::Duration,
    /// With --check: print the findings as JSON on stdout
    #[arg(long, requires = "check")]
    pub(crate) json: bool,
}
