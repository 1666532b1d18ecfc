//! What a client sends, held against the document. Serde takes more than that says: a list of fields for an object.

use std::collections::HashMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use jsonschema::paths::LocationSegment;
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::document;

/// By the names of the bodies' types.
static BODIES: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let document = document();
    let operations = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    let operations = operations.filter_map(Value::as_object).flat_map(|operations| operations.values());
    let bodies = operations.filter_map(|operation| operation.pointer("/requestBody/content/application~1json/schema"));
    bodies.filter_map(named).collect()
});

fn named(schema: &Value) -> Option<(String, Validator)> {
    let reference = schema["$ref"].as_str()?;
    let name = reference.rsplit('/').next()?.to_owned();
    let whole = json!({"$ref": reference, "components": document()["components"]});
    // Tests make all of them, so one that can't be made is never served.
    Some((name, jsonschema::draft202012::new(&whole).ok()?))
}

/// What of a body is not as the document says.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// Its path; empty for all of it.
    pub(crate) field: String,
    /// What is wrong, without the value, which may be secret.
    pub(crate) reason: String,
}

/// Holds a body against what the document says of this type.
pub(crate) fn misfit<T: JsonSchema>(body: &Value) -> Option<Misfit> {
    let error = BODIES.get(T::schema_name().as_ref())?.validate(body).err()?;
    let field = error.instance_path().iter().fold(String::new(), |path, segment| match segment {
        LocationSegment::Property(name) if path.is_empty() => name.into_owned(),
        LocationSegment::Property(name) => format!("{path}.{name}"),
        LocationSegment::Index(index) => format!("{path}[{index}]"),
    });
    let named = if field.is_empty() { "it" } else { &field };
    Some(Misfit { reason: error.masked_with(named).to_string(), field })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wallflower_domain::look::LookChange;
    use wallflower_domain::request::RecordingRequest;

    #[test]
    fn every_body_can_be_held_against_the_document() {
        let text = document().to_string();
        let bodies = text.matches("\"requestBody\"").count();
        assert!(bodies > 4 && BODIES.len() == bodies, "{bodies} of them, known: {:?}", BODIES.keys());
    }

    #[test]
    fn what_the_document_does_not_say_is_found() {
        let of = |body: Value| misfit::<RecordingRequest>(&body).map(|misfit| misfit.field);
        assert_eq!(of(json!({"room": "demo:a", "theme": {"colors": {}}, "outputs": [{"kind": "hls"}]})), None);
        assert_eq!(of(json!({"room": "demo:a", "theme": [null, null]})).as_deref(), Some("theme"));
        assert_eq!(of(json!({"room": "demo:a", "theme": {"tiles": []}})).as_deref(), Some("theme"));
        assert_eq!(of(json!({"room": "demo:a", "outputs": [["hls"]]})).as_deref(), Some("outputs[0]"));
        assert_eq!(misfit::<LookChange>(&json!([])).map(|misfit| misfit.field).as_deref(), Some(""));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_value() {
        let reason = |stream: &str| {
            let output = json!({"kind": "stream", "url": stream});
            misfit::<RecordingRequest>(&json!({"room": "demo:a", "outputs": [output]})).expect("it is none").reason
        };
        let told = reason("ftp://a.example/hunter2");
        assert!(told.starts_with("outputs[0]") && !told.contains("hunter2"), "{told}");
    }
}
