//! Arguments for links to a server's recordings.

use wallflower_domain::request::RelativePath;
use wallflower_domain::share::Term;

use super::ServerArgs;
use super::start::path;

#[derive(clap::Args)]
pub(crate) struct ShareArgs {
    /// Id of the recording, or the beginning or end of it
    pub(crate) id: String,
    /// How long the link holds, such as 12h or 7d; the server's default when it is not given
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<Term>,
    /// A link to this file of the recording, as a download, in place of the page that plays it
    #[arg(long, value_name = "FILE", value_parser = path, conflicts_with = "downloads")]
    pub(crate) download: Option<RelativePath>,
    /// The page offers the recording's files for download as well
    #[arg(long)]
    pub(crate) downloads: bool,
    /// List the links that hold
    #[arg(long, conflicts_with_all = ["expires", "download", "downloads", "revoke"])]
    pub(crate) list: bool,
    /// Take the link of this id back
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["expires", "download", "downloads"])]
    pub(crate) revoke: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print the server's own words
    #[arg(long)]
    pub(crate) json: bool,
}
