//! JSON Schemas of what crosses the API.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// Schemas by the names of their types. What is read and what is written are told apart: a field may be left out of the one only.
pub(super) struct Types {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Types {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
                settings.transforms.push(Box::new(Plain));
                settings.transforms.push(Box::new(Urls));
            })
        };
        Self {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
        }
    }

    /// What a client sends.
    pub(super) fn read<T: JsonSchema>(&mut self) -> Value {
        self.read.subschema_for::<T>().to_value()
    }

    /// What a client gets.
    pub(super) fn written<T: JsonSchema>(&mut self) -> Value {
        self.written.subschema_for::<T>().to_value()
    }

    /// The parameters of a query.
    pub(super) fn query<T: JsonSchema>(&mut self) -> Vec<Value> {
        let schema = self.read.root_schema_for::<T>().to_value();
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        let one = |(name, mut schema): (String, Value)| {
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            json!({"name": name, "in": "query", "description": description, "schema": schema})
        };
        properties.into_iter().map(one).collect()
    }

    /// All that were named, in alphabetical order.
    ///
    /// # Panics
    ///
    /// When a type is read otherwise than it is written, and both have one name.
    pub(super) fn schemas(mut self) -> Value {
        let mut all = self.read.take_definitions(true);
        for (name, schema) in self.written.take_definitions(true) {
            if let Some(other) = all.insert(name.clone(), schema.clone()) {
                assert_eq!(other, schema, "{name} is read otherwise than it is written: give one of them another name");
            }
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        Value::Object(all.into_iter().collect::<Map<_, _>>())
    }
}

/// Takes out of descriptions what only Rust's own documentation understands: links to items.
#[derive(Clone, Debug)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::String(text)) = schema.get_mut("description") {
            *text = text.replace("[`", "`").replace("`]", "`");
        }
        transform_subschemas(self, schema);
    }
}

/// What begins like a URL. The rest is read as browsers read it.
const URL: &str = "^[A-Za-z][A-Za-z0-9+.-]*:";

/// Says of URLs what is true of them: not `uri`, which neither has letters beyond ASCII nor braces.
#[derive(Clone, Debug)]
struct Urls;

impl Transform for Urls {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(fields) = schema.as_object_mut().filter(|fields| fields.get("format") == Some(&json!("uri"))) {
            fields.shift_remove("format");
            fields.entry("pattern").or_insert_with(|| json!(URL));
        }
        transform_subschemas(self, schema);
    }
}
