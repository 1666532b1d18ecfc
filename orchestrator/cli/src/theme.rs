//! Theme files: JSON beside the images that they name.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::theme::Theme;

const MAX_IMAGE_BYTES: u64 = 2 * 1024 * 1024;

/// Reads the theme, and its images as `data:` URLs. Without a file: the default theme.
pub(crate) fn load(file: Option<&Path>) -> Result<Theme, Failure> {
    let Some(file) = file else { return Ok(Theme::default()) };
    let bad = |why: String| Failure::new(FailureKind::BadRequest, format!("The theme {} {why}.", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| bad(format!("can't be read: {error}")))?;
    let theme: Theme = serde_json::from_str(&text).map_err(|error| bad(format!("is not valid: {error}")))?;
    with_images(theme, file.parent().unwrap_or(Path::new("."))).map_err(|(_, why)| bad(why))
}

/// The theme with its images as `data:` URLs; fails with the field whose image is not to be had, and why.
pub(crate) fn with_images(mut theme: Theme, folder: &Path) -> Result<Theme, (&'static str, String)> {
    for (what, image) in theme.images_mut() {
        let path = folder.join(&*image);
        *image =
            data_url(&path).map_err(|why| (what, format!("names a {what}, {}, that {why}", path.display())))?;
    }
    Ok(theme)
}

fn data_url(image: &Path) -> Result<String, String> {
    let kind = match image.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref()
    {
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        _ => return Err("is no PNG, SVG, JPEG or WebP by its name".into()),
    };
    let meta = std::fs::metadata(image).map_err(|error| format!("can't be read: {error}"))?;
    if meta.len() > MAX_IMAGE_BYTES {
        return Err("is larger than 2 MiB".into());
    }
    let bytes = std::fs::read(image).map_err(|error| format!("can't be read: {error}"))?;
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
        assert!(said.contains("names a watermark") && said.contains("mark.png, that can't be read"), "{said}");
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("theme.json");
        std::fs::write(&file, r#"{"colors": {"backgruond": "red"}}"#).expect("written");
        assert!(load(Some(&file)).expect_err("refused").message.contains("unknown field `backgruond`"));
    }
}
