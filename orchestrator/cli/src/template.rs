//! A designer's template: the address of a page, or a folder with an `index.html`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::JobPage;
use wallflower_domain::wire::page::PageRoom;

/// Where a template is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// On a server of its own.
    Page(Url),
    /// On this machine, served by the recorder.
    Folder(PathBuf),
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            return Ok(Self::Folder(text.into()));
        }
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self::Page(url)),
            Ok(_) => Err("it must be http:// or https://, or a folder".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Template {
    /// Fails when it is a folder that is no template.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Page(_) => Ok(()),
            Self::Folder(folder) => whole(folder).map(drop),
        }
    }

    /// What the browser opens.
    pub(crate) fn job_page(&self, room: PageRoom) -> Result<JobPage, Failure> {
        match self {
            Self::Page(url) => Ok(JobPage::Template { url: url.to_string(), room }),
            Self::Folder(folder) => Ok(JobPage::TemplateFolder { folder: whole(folder)?, room }),
        }
    }

    /// The theme beside the page, if there is one: what `--theme` is taken for when it isn't given.
    pub(crate) fn theme_file(&self) -> Option<PathBuf> {
        let Self::Folder(folder) = self else { return None };
        Some(folder.join("theme.json")).filter(|file| file.is_file())
    }
}

fn whole(folder: &Path) -> Result<String, Failure> {
    let bad = |why: String| Failure::new(FailureKind::BadRequest, format!("The template {} {why}.", folder.display()));
    let path = folder.canonicalize().map_err(|error| bad(format!("can't be opened: {error}")))?;
    if !path.join("index.html").is_file() {
        return Err(bad("is no folder with an index.html in it; name the folder of the page".into()));
    }
    path.into_os_string().into_string().map_err(|_| bad("has a name that is no text".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_address_is_one_and_all_else_is_a_folder() {
        let page = Template::from_str("https://t.example/p").expect("an address");
        assert_eq!(page, Template::Page(Url::parse("https://t.example/p").expect("valid")));
        assert_eq!(Template::from_str("./webinar"), Ok(Template::Folder("./webinar".into())));
        for refused in ["file:///etc", "ftp://h/x", "http://"] {
            assert!(Template::from_str(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_folder_without_a_page_is_refused_by_name_and_one_with_a_theme_brings_it() {
        let folder = tempfile::tempdir().expect("temp dir");
        let template = Template::Folder(folder.path().to_owned());
        let room = || PageRoom::Demo { url: "ws://h/".into() };
        let said = template.job_page(room()).expect_err("refused").message;
        assert!(said.contains("is no folder with an index.html in it"), "{said}");
        let said = Template::Folder("/no/such".into()).job_page(room()).expect_err("refused").message;
        assert!(said.contains("/no/such can't be opened"), "{said}");

        std::fs::write(folder.path().join("index.html"), "<wf-stage>").expect("written");
        assert!(matches!(template.job_page(room()), Ok(JobPage::TemplateFolder { .. })));
        assert_eq!(template.theme_file(), None);
        std::fs::write(folder.path().join("theme.json"), "{}").expect("written");
        assert_eq!(template.theme_file(), Some(folder.path().join("theme.json")));
    }
}
