use super::Theme;

/// Why a theme's text is no theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThemeError {
    /// Path of the field, such as `overlays.ticker.speed`; empty where it is about the whole.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// Counts from 1.
    pub line: usize,
    /// Counts from 1.
    pub column: usize,
}

/// Part of a sentence: the field, the reason, and where.
impl std::fmt::Display for ThemeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, reason, line, column } = self;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        write!(f, "{reason} (line {line}, column {column})")
    }
}

impl std::error::Error for ThemeError {}

impl Theme {
    /// Reads a theme file's text. What it names by paths is not looked for: see [`Theme::files_mut`].
    ///
    /// Fails with the field and the line when it is no JSON, has a field that there is none of, or a value that can't be.
    pub fn read(text: &str) -> Result<Self, ThemeError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let theme = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            reason(&path, error.inner())
        })?;
        json.end().map_err(|error| reason("", &error))?;
        Ok(theme)
    }
}

fn reason(path: &str, error: &serde_json::Error) -> ThemeError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let reason = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text).to_owned();
    let field = if path == "." || path.contains('?') { String::new() } else { path.to_owned() };
    ThemeError { field, reason, line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_field_and_line() {
        for (text, says) in [
            (
                "{\"overlays\": {\n  \"ticker\": {\"text\": \"x\", \"speed\": 4000}}}",
                "overlays.ticker.speed: 4000 is out of range; write 20 to 400 (line 2, ",
            ),
            (
                "{\"colors\": {\"backgruond\": \"red\"}}",
                "colors.backgruond: unknown field `backgruond`, expected one of `base`, `background`",
            ),
            ("{\"colors\":\n{\"accent\": \"greenish\"}}", "colors.accent: \"greenish\" is no CSS colour"),
            ("{\"background\": {\"image\": {\"dim\": 3}}}", "background.image: missing field `file` (line 1, "),
            ("{\"title\": \"x\",}", "trailing comma (line 1, column 15)"),
            ("{} {}", "trailing characters (line 1, column 4)"),
            ("7", "invalid type: integer `7`, expected struct Theme (line 1, "),
        ] {
            let error = Theme::read(text).expect_err("refused").to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn an_empty_theme_is_the_default() {
        assert_eq!(Theme::read(" {} \n").expect("valid"), Theme::default());
        let named = Theme::read(r#"{"$schema": "theme.schema.json"}"#).expect("valid");
        assert_eq!(serde_json::to_value(named).expect("plain"), serde_json::to_value(Theme::default()).expect("plain"));
    }
}
