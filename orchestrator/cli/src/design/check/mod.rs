//! `wallflower design --check DIR`: looks at a template in many rooms and sizes, in a real browser, and tells what is wrong with it.

mod finding;
mod report;
mod scenes;
mod seen;
mod source;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use wallflower_agent::{Studio, Visit};
use wallflower_domain::failure::{Failure, Fault};
use wallflower_domain::theme::Theme;
use wallflower_domain::wire::page::PageRoom;

use self::finding::{Finding, Rule, gathered};
pub(super) use self::report::{Report, SceneReport};
use self::scenes::Setting;
use self::source::Source;
use super::draft::config;
use super::folder::Folder;
use super::refused;
use super::site::Site;
use super::theme_file;
use crate::args::DesignArgs;
use crate::run::{new_id, program};

/// Pages that are looked at at a time: each takes about half a core.
const AT_ONCE: usize = 3;

/// What is allowed, and how long.
pub(super) struct Terms {
    pub(super) allow_host: Vec<String>,
    pub(super) start_deadline: Duration,
}

pub(super) async fn command(folder: &Folder, args: &DesignArgs) -> Result<ExitCode, Failure> {
    let terms = Terms { allow_host: args.allow_host.clone(), start_deadline: args.start_deadline };
    let progress = |done: usize, of: usize| {
        if !args.json && console::user_attended_stderr() {
            eprint!("\r  {done} of {of} scenes");
        }
    };
    let report = check(folder, &terms, progress).await?;
    if args.json {
        println!("{}", report.json());
    } else {
        if console::user_attended_stderr() {
            eprint!("\r\x1b[K");
        }
        print!("{}", report.table(&folder.name()));
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(Fault::Request.exit_code()) })
}

/// Looks at the folder's theme, and at its page in every scene. Errs when that can't be done.
pub(super) async fn check(folder: &Folder, terms: &Terms, progress: impl Fn(usize, usize)) -> Result<Report, Failure> {
    let source = Source::read(folder);
    let (theme, mut found) = theme(folder);
    let Some(theme) = theme else {
        return Ok(Report { scenes: Vec::new(), findings: found });
    };
    let settings = scenes::settings().map_err(refused)?;
    let site = Site::serve(folder, &[]).await?;
    let looked = match Studio::open(&new_id(), &program()?).await {
        Ok(studio) => {
            let looker = Looker { studio: &studio, site: &site, theme: &theme, terms, source: &source };
            let looked = looker.look_at(&settings, progress).await;
            studio.shutdown().await;
            looked
        }
        Err(failure) => Err(failure),
    };
    site.shutdown().await;
    let looked = looked?;
    let scenes = settings
        .iter()
        .zip(&looked)
        .map(|(setting, found)| SceneReport {
            name: setting.name,
            size: setting.size.to_string(),
            layout: setting.layout.name(),
            findings: found.as_ref().map(Vec::len),
        })
        .collect();
    found.extend(looked.into_iter().flatten().flatten());
    let mut findings = gathered(found);
    // A template's own words about the theme's colours are worth more than the theme's.
    findings.dedup();
    Ok(Report { scenes, findings })
}

/// The theme, unless it is none, and what is wrong with it.
fn theme(folder: &Folder) -> (Option<Theme>, Vec<Finding>) {
    let Some(file) = folder.theme_file().filter(|file| file.exists()) else {
        return (Some(Theme::default()), Vec::new());
    };
    let name = "theme.json".to_owned();
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            let finding =
                Finding { file: Some(name), ..Finding::new(Rule::Schema, format!("it can't be read: {error}")) };
            return (None, vec![finding]);
        }
    };
    match theme_file::read(&text, folder.path()) {
        Ok(theme) => {
            let faint = theme.contrasts().into_iter().filter(|pair| !pair.suffices()).map(|pair| Finding {
                file: Some(name.clone()),
                line: theme_file::line_of(&text, pair.field),
                ..Finding::new(Rule::Contrast, pair.to_string()).at(pair.field)
            });
            let faint = faint.collect();
            (Some(theme), faint)
        }
        Err(fault) => {
            let finding = Finding {
                file: Some(name),
                line: fault.line,
                at: fault.field,
                ..Finding::new(Rule::Schema, fault.message)
            };
            (None, vec![finding])
        }
    }
}

struct Looker<'a> {
    studio: &'a Studio,
    site: &'a Site,
    theme: &'a Theme,
    terms: &'a Terms,
    source: &'a Source,
}

impl Looker<'_> {
    /// For each setting what was found, or none when it was not looked at: a page that is not ready in the plainest room never is.
    async fn look_at(
        &self,
        settings: &[Setting],
        progress: impl Fn(usize, usize),
    ) -> Result<Vec<Option<Vec<Finding>>>, Failure> {
        let inspector = wallflower_layout_app::inspector();
        let inspect = format!("(async () => {{ {inspector}; return wallflowerInspect(); }})()");
        let mut looked: Vec<Option<Vec<Finding>>> = Vec::new();
        looked.resize_with(settings.len(), || None);
        let Some(plainest) = settings.first() else { return Ok(looked) };
        progress(0, settings.len());
        let first = self.look(plainest, &inspect).await?;
        let never = first.iter().any(|finding| finding.rule == Rule::Ready);
        looked[0] = Some(first);
        if never {
            return Ok(looked);
        }
        let rest = Mutex::new(settings.iter().enumerate().skip(1));
        let (next, looked) = (|| rest.lock().unwrap_or_else(PoisonError::into_inner).next(), Mutex::new(looked));
        let worker = || async {
            while let Some((index, setting)) = next() {
                let found = self.look(setting, &inspect).await?;
                let mut looked = looked.lock().unwrap_or_else(PoisonError::into_inner);
                looked[index] = Some(found);
                progress(looked.iter().flatten().count(), settings.len());
            }
            Ok::<_, Failure>(())
        };
        futures_util::future::try_join_all((0..AT_ONCE).map(|_| worker())).await?;
        Ok(looked.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    async fn look(&self, setting: &Setting, inspect: &str) -> Result<Vec<Finding>, Failure> {
        let room = PageRoom::Simulated { scene: setting.scene.clone(), director: None };
        let config = config(self.theme.clone(), setting.layout, room, setting.size);
        let visit = Visit {
            url: &self.site.origin(),
            config: &config,
            deadline: self.terms.start_deadline,
            inspect,
            picture: false,
        };
        let seen = self.studio.visit(&visit).await?;
        let mut found = seen::findings(&seen, &self.site.origin(), &self.terms.allow_host, self.source);
        for finding in &mut found {
            finding.scenes.push(setting.name);
        }
        Ok(found)
    }
}
