//! Prints the OpenAPI document of the API.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let text = serde_json::to_string_pretty(wallflower_control::api::document())?;
    writeln!(std::io::stdout(), "{text}")
}
