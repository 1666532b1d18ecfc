//! Prints the JSON Schema of a theme file.

use std::io::Write as _;

use wallflower_domain::theme::Theme;

fn main() -> std::io::Result<()> {
    let schema = schemars::generate::SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let text = serde_json::to_string_pretty(&schema.into_root_schema_for::<Theme>())?;
    writeln!(std::io::stdout(), "{text}")
}
