//! `wallflower design`: the workshop of whoever designs a template or a theme.
//!
//! ```text
//! designer's browser ── http ──▶ Workshop ── theme, scene ──▶ Studio (Chromium without a display) ──▶ picture, check
//!     └─ frame ──▶ Site: the template in DIR,      └────────▶ agent ──▶ a recording of ten seconds
//!                  else Wallflower's own page
//! ```
//!
//! The site has an origin of its own, so that a template's scripts can't reach the workshop. In the frame it finds the simulated room
//! where a recorder leaves its configuration ([`site`]); a template knows no difference. Only `theme.json` is ever written.

mod check;
mod draft;
mod folder;
mod news;
mod place;
mod site;
mod take;
mod theme_file;
mod workshop;

use std::process::ExitCode;

use wallflower_domain::failure::{Failure, FailureKind};

use crate::args::DesignArgs;
use crate::design::folder::Folder;

pub(crate) async fn design(args: DesignArgs) -> ExitCode {
    let done = match Folder::open(args.directory.as_deref()) {
        Ok(folder) if args.check => check::command(&folder, &args).await,
        Ok(folder) => workshop::serve(folder, &args).await.map(|()| ExitCode::SUCCESS),
        Err(failure) => Err(failure),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("wallflower: {failure}");
        ExitCode::from(failure.fault().exit_code())
    })
}

fn refused(sentence: impl Into<String>) -> Failure {
    Failure::new(FailureKind::BadRequest, sentence)
}
