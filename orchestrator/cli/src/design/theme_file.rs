//! `theme.json` as it is edited: what is written in it, what it comes to, and what is wrong with it.

use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use wallflower_domain::theme::Theme;

use crate::theme;

/// Something that is wrong with a theme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ThemeFault {
    /// Path of the field, such as `colors.accent`; absent when it is no JSON at all.
    pub(super) field: Option<String>,
    /// Line in the file.
    pub(super) line: Option<usize>,
    /// What is wrong, as a sentence without its end.
    pub(super) message: String,
}

/// Reads a theme whose images are beside it in `folder`, and brings them in.
pub(super) fn read(text: &str, folder: Option<&Path>) -> Result<Theme, ThemeFault> {
    let theme = Theme::read(text).map_err(|error| ThemeFault {
        field: Some(error.field).filter(|field| !field.is_empty()),
        line: Some(error.line).filter(|line| *line > 0),
        message: error.reason,
    })?;
    let Some(folder) = folder else { return Ok(theme) };
    theme::with_files(theme, folder).map_err(|(field, why)| ThemeFault {
        line: line_of(text, field),
        field: Some(field.to_owned()),
        message: format!("it names {why}"),
    })
}

/// Where a key is first written.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let quoted = format!("\"{}\"", key.rsplit('.').next().unwrap_or(key));
    text.lines().position(|line| line.contains(&quoted)).map(|at| at + 1)
}

/// Writes the theme in one step, if the file still holds what the designer has seen; `seen` is absent for one that was not there.
pub(super) fn save(file: &Path, theme: &serde_json::Value, seen: Option<&str>) -> Result<String, String> {
    let there = match std::fs::read_to_string(file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("{} can't be read: {error}.", file.display())),
    };
    if there.as_deref() != seen {
        return Err(
            "theme.json has been changed by something else meanwhile, and was not overwritten; reload it.".into()
        );
    }
    let failed = |error: std::io::Error| format!("{} can't be written: {error}.", file.display());
    let mut text = serde_json::to_string_pretty(theme).map_err(|error| failed(error.into()))?;
    text.push('\n');
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().prefix(".theme-").tempfile_in(folder).map_err(failed)?;
    new.write_all(text.as_bytes()).map_err(failed)?;
    // A temporary file is only ours; a theme is read by others as the folder's other files are.
    let mode = std::fs::metadata(file).map_or(0o644, |meta| std::os::unix::fs::MetadataExt::mode(&meta) & 0o777);
    new.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode)).map_err(failed)?;
    new.persist(file).map_err(|error| failed(error.error))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_field_and_line() {
        let fault = read("{\n  \"colors\": {\n    \"backgruond\": \"red\"\n  }\n}", None).expect_err("refused");
        assert_eq!((fault.field.as_deref(), fault.line), (Some("colors.backgruond"), Some(3)), "{fault:?}");
        assert!(fault.message.starts_with("unknown field `backgruond`"), "{fault:?}");
        let broken = read("{\n  \"title\": ", None).expect_err("refused");
        assert_eq!(broken.line, Some(2), "{broken:?}");
        let temp = tempfile::tempdir().expect("temp dir");
        let missing = read("{\n\"logo\": {\"image\": \"no.png\"}}", Some(temp.path())).expect_err("refused");
        assert_eq!((missing.field.as_deref(), missing.line), (Some("logo.image"), Some(2)), "{missing:?}");
    }

    #[test]
    fn a_theme_is_saved_only_over_what_the_designer_has_seen() {
        let temp = tempfile::tempdir().expect("temp dir");
        let file = temp.path().join("theme.json");
        let theme = serde_json::json!({"title": "All hands"});
        let text = save(&file, &theme, None).expect("saved");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), text);
        let unseen = save(&file, &theme, None).expect_err("it is there now");
        assert!(unseen.contains("was not overwritten"), "{unseen}");
        std::fs::write(&file, "{}").expect("written");
        assert!(save(&file, &theme, Some(&text)).is_err(), "an editor has written it");
        save(&file, &theme, Some("{}")).expect("seen");
        assert_eq!(std::fs::read_dir(temp.path()).expect("there").count(), 1, "nothing else is left");
    }
}
