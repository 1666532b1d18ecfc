//! Prints the JSON Schema of a theme file.

use std::io::Write as _;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use serde_json::Value;
use wallflower_domain::theme::Theme;

fn main() -> std::io::Result<()> {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let generator = settings.with_transform(plain).into_generator();
    let text = serde_json::to_string_pretty(&generator.into_root_schema_for::<Theme>())?;
    writeln!(std::io::stdout(), "{text}")
}

/// Takes out of descriptions what only Rust's own documentation understands: links to items.
fn plain(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace("[`", "`").replace("`]", "`");
    }
    transform_subschemas(&mut plain, schema);
}
