//! Theme files: JSON beside the images and videos that they name.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::theme::Theme;

const MAX_IMAGE_BYTES: u64 = 2 * 1024 * 1024;
/// It travels inside the job, and through the page's configuration.
const MAX_VIDEO_BYTES: u64 = 8 * 1024 * 1024;

/// Reads the theme, and its images as `data:` URLs. Without a file: the default theme.
pub(crate) fn load(file: Option<&Path>) -> Result<Theme, Failure> {
    let Some(file) = file else { return Ok(Theme::default()) };
    let bad = |why: String| Failure::new(FailureKind::BadRequest, format!("The theme {} {why}.", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| bad(format!("can't be read: {error}")))?;
    let theme = Theme::read(&text).map_err(|error| bad(format!("is not valid: {error}")))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let theme = with_files(theme, folder).map_err(|(field, why)| bad(format!("names in {field} {why}")))?;
    for contrast in theme.contrasts().iter().filter(|contrast| !contrast.suffices()) {
        tracing::warn!("the theme {}: {contrast}", file.display());
    }
    Ok(theme)
}

/// The theme with what it names by paths as `data:` URLs; fails with the field whose file is not to be had, and why.
pub(crate) fn with_files(mut theme: Theme, folder: &Path) -> Result<Theme, (&'static str, String)> {
    for (field, named) in theme.files_mut() {
        let path = folder.join(&*named);
        *named = data_url(&path, field.contains("video"))
            .map_err(|why| (field, format!("{}, which {why}", path.display())))?;
    }
    Ok(theme)
}

fn data_url(file: &Path, video: bool) -> Result<String, String> {
    let extension = file.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let kind = match (extension.as_deref(), video) {
        (Some("png"), false) => "image/png",
        (Some("svg"), false) => "image/svg+xml",
        (Some("jpg" | "jpeg"), false) => "image/jpeg",
        (Some("webp"), false) => "image/webp",
        (Some("mp4"), true) => "video/mp4",
        (Some("webm"), true) => "video/webm",
        (_, false) => return Err("is no PNG, SVG, JPEG or WebP by its name".into()),
        (_, true) => return Err("is no MP4 or WebM by its name".into()),
    };
    let most = if video { MAX_VIDEO_BYTES } else { MAX_IMAGE_BYTES };
    let meta = std::fs::metadata(file).map_err(|error| format!("can't be read: {error}"))?;
    if meta.len() > most {
        return Err(format!("is larger than {} MiB", most / 1024 / 1024));
    }
    let bytes = std::fs::read(file).map_err(|error| format!("can't be read: {error}"))?;
    Ok(format!("data:{kind};base64,{}", STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_travels_inside_the_theme() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("theme.json");
        std::fs::write(folder.path().join("logo.svg"), "<svg/>").expect("written");
        std::fs::write(&file, r#"{"title": "All hands", "logo": {"image": "logo.svg"}}"#).expect("written");
        let theme = load(Some(&file)).expect("valid");
        assert_eq!(theme.logo.expect("kept").image, "data:image/svg+xml;base64,PHN2Zy8+");
    }

    #[test]
    fn a_watermark_that_isn_t_there_is_named() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("theme.json");
        std::fs::write(&file, r#"{"overlays": {"watermark": {"image": "mark.png"}}}"#).expect("written");
        let said = load(Some(&file)).expect_err("refused").message;
        assert!(said.contains("overlays.watermark.image") && said.contains("mark.png, which can't be read"), "{said}");
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("theme.json");
        std::fs::write(&file, r#"{"colors": {"backgruond": "red"}}"#).expect("written");
        assert!(load(Some(&file)).expect_err("refused").message.contains("unknown field `backgruond`"));
    }
}
