//! The designer's folder: a page, a theme, and what they use.

use std::path::{Path, PathBuf};

use wallflower_domain::failure::Failure;

use super::refused;

/// Files that are looked at below a folder; one with more is no template.
const MOST_FILES: usize = 2000;
const DEPTH: usize = 6;

/// What is designed: a folder, or nothing but Wallflower's own page.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: Option<PathBuf>,
}

impl Folder {
    /// Fails when there is no such folder.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self { path: None }) };
        let shown = path.display();
        let real = path
            .canonicalize()
            .map_err(|error| refused(format!("The folder {shown} can't be opened: {error}; make it first.")))?;
        if !real.is_dir() {
            return Err(refused(format!("{shown} is a file; name the folder that it is in.")));
        }
        Ok(Self { path: Some(real) })
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether it has a page of its own.
    pub(super) fn has_page(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.join("index.html").is_file())
    }

    /// Where its theme is, or would be.
    pub(super) fn theme_file(&self) -> Option<PathBuf> {
        self.path.as_ref().map(|path| path.join("theme.json"))
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        let name = self.path.as_ref().and_then(|path| path.file_name());
        name.map_or_else(|| "Wallflower’s own page".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Its files whose names end so, as paths relative to it, in order.
    pub(super) fn files(&self, endings: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(path) = &self.path {
            collect(path, path, DEPTH, &mut found);
        }
        found.retain(|file| {
            let ending = file.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
            endings.contains(&ending.as_str())
        });
        found.sort();
        found
    }
}

fn collect(root: &Path, folder: &Path, depth: usize, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.') || name == "node_modules";
        if hidden || found.len() >= MOST_FILES {
            continue;
        }
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => collect(root, &path, depth - 1, found),
            Ok(kind) if kind.is_file() => {
                found.extend(path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_below_but_not_in_what_is_hidden() {
        let temp = tempfile::tempdir().expect("temp dir");
        for file in ["logo.SVG", "img/mark.png", ".git/x.png", "node_modules/y.png", "index.html"] {
            let path = temp.path().join(file);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        let folder = Folder::open(Some(temp.path())).expect("there");
        assert_eq!(folder.files(&["png", "svg"]), ["img/mark.png", "logo.SVG"]);
        assert!(folder.has_page());
    }

    #[test]
    fn a_folder_that_is_missing_or_a_file_is_refused() {
        let temp = tempfile::NamedTempFile::new().expect("temp file");
        let file = Folder::open(Some(temp.path())).expect_err("refused").message;
        assert!(file.contains("is a file"), "{file}");
        let missing = Folder::open(Some(Path::new("/no/such/folder"))).expect_err("refused").message;
        assert!(missing.contains("can't be opened"), "{missing}");
    }
}
