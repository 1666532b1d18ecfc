//! The API as OpenAPI 3.1 has it, from the types that are read and written and from the list of [`operations`].
//!
//! It is checked in as `docs/openapi.json`, and served as `/openapi.json`.

mod bodies;
mod operations;
mod types;

use std::sync::LazyLock;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Scope;
use super::problem::Problem;
pub(crate) use bodies::{Misfit, misfit};
use types::Types;

static DOCUMENT: LazyLock<Value> = LazyLock::new(make);

/// The OpenAPI document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

pub(crate) async fn serve() -> Response {
    ([(header::CACHE_CONTROL, "no-cache")], Json(document())).into_response()
}

/// What can be asked for.
struct Operation {
    method: &'static str,
    path: &'static str,
    /// Its name in generated clients.
    id: &'static str,
    summary: &'static str,
    /// More than the summary; may be empty.
    description: String,
    access: Access,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Map<String, Value>,
}

/// Who may ask.
enum Access {
    Everybody,
    Key(Scope),
    /// The agent of the recording.
    Agent,
}

impl Operation {
    fn new(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let parameters = path_parameters(path);
        Self {
            method,
            path,
            id,
            summary,
            description: String::new(),
            access: Access::Everybody,
            parameters,
            body: None,
            answers: Map::new(),
        }
    }

    fn description(self, text: &str) -> Self {
        Self { description: text.to_owned(), ..self }
    }

    /// Needs a key of this scope. The least scope is never too little.
    fn needs(self, scope: Scope) -> Self {
        let known = Self { access: Access::Key(scope), ..self }
            .problem(StatusCode::UNAUTHORIZED, "No API key, or one that is not known here.")
            .unavailable();
        if scope == Scope::Read {
            known
        } else {
            known.problem(StatusCode::FORBIDDEN, "The key's scope is less, or a policy does not allow it.")
        }
    }

    fn of_agent(self) -> Self {
        Self { access: Access::Agent, ..self }
            .problem(StatusCode::UNAUTHORIZED, "No token, or not this recording's.")
            .unavailable()
    }

    fn parameters(mut self, more: Vec<Value>) -> Self {
        self.parameters.extend(more);
        self
    }

    fn body(self, schema: Value, is_required: bool, example: Value) -> Self {
        let content = json!({"application/json": {"schema": schema, "example": example}});
        Self { body: Some(json!({"required": is_required, "content": content})), ..self }
            .problem(StatusCode::BAD_REQUEST, "The body is malformed; `field` names the part of it.")
            .problem(StatusCode::PAYLOAD_TOO_LARGE, "The body has more than 4 MiB.")
            .problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not said to be JSON.")
    }

    fn answer(mut self, status: StatusCode, answer: Value) -> Self {
        self.answers.insert(status.as_str().to_owned(), answer);
        self
    }

    /// JSON of this schema.
    fn json(self, status: StatusCode, description: &str, schema: &Value, headers: Value) -> Self {
        let content = json!({"application/json": {"schema": schema}});
        self.answer(status, json!({"description": description, "headers": headers, "content": content}))
    }

    /// Something else than JSON.
    fn content(self, status: StatusCode, description: &str, kind: &str) -> Self {
        let content = json!({kind: {"schema": {"type": "string"}}});
        self.answer(status, json!({"description": description, "content": content}))
    }

    fn empty(self, status: StatusCode, description: &str) -> Self {
        self.answer(status, json!({"description": description}))
    }

    fn problem(self, status: StatusCode, description: &str) -> Self {
        let name = match status {
            StatusCode::UNAUTHORIZED => "Unauthorized",
            StatusCode::SERVICE_UNAVAILABLE => "Unavailable",
            _ => "Problem",
        };
        self.answer(status, json!({"$ref": format!("#/components/responses/{name}"), "description": description}))
    }

    fn missing(self) -> Self {
        self.problem(StatusCode::NOT_FOUND, "There is none of this id, or it is somebody else's.")
    }

    fn unavailable(self) -> Self {
        self.problem(StatusCode::SERVICE_UNAVAILABLE, "The server can't do this now; try again after `Retry-After`.")
    }

    fn to_json(&self) -> Value {
        let mut text = self.description.clone();
        if let Access::Key(scope) = self.access {
            let needs = format!("Needs a key of the scope `{scope}`.");
            text = if text.is_empty() { needs } else { format!("{text}\n\n{needs}") };
        }
        let mut answers: Vec<_> = self.answers.clone().into_iter().collect();
        answers.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut operation = json!({"operationId": self.id, "summary": self.summary});
        if !text.is_empty() {
            operation["description"] = json!(text);
        }
        operation["security"] = match self.access {
            Access::Everybody => json!([]),
            Access::Key(_) => json!([{"key": []}]),
            Access::Agent => json!([{"agent_token": []}]),
        };
        if !self.parameters.is_empty() {
            operation["parameters"] = json!(self.parameters);
        }
        if let Some(body) = &self.body {
            operation["requestBody"] = body.clone();
        }
        operation["responses"] = Value::Object(answers.into_iter().collect());
        operation
    }
}

/// Every name in braces is one.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    names
        .map(|name| {
            let (description, schema) = match name {
                "id" => ("Id of the recording.", json!({"type": "string", "pattern": "^[0-9a-f]{32}$"})),
                "share" => ("Id of the link.", json!({"type": "string", "pattern": "^[0-9a-f]{12}$"})),
                "token" => {
                    ("What makes the link one.", json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,1024}$"}))
                }
                "stream" => ("Id of the stream: `s1`, `s2`, …", json!({"type": "string", "examples": ["s1"]})),
                _ => ("Path of the file in the recording; its slashes are not encoded.", json!({"type": "string"})),
            };
            json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
        })
        .collect()
}

fn make() -> Value {
    let mut types = Types::new();
    let mut paths = Map::new();
    for operation in operations::all(&mut types) {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] = operation.to_json();
    }
    let problem = types.written::<Problem>();
    let in_problem = json!({"application/problem+json": {"schema": problem}});
    let text = json!({"type": "string"});
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wallflower",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
            "description": "Records rooms. Whatever goes wrong is answered by a problem document (RFC 9457) that says what happened, \
                whose fault it is, and what to do."
        },
        "paths": paths,
        "components": {
            "schemas": types.schemas(),
            "responses": {
                "Problem": {"description": "What is wrong.", "content": in_problem},
                "Unauthorized": {
                    "description": "Who asks is not known.",
                    "headers": {"WWW-Authenticate": {"description": "`Bearer`", "schema": text}},
                    "content": in_problem
                },
                "Unavailable": {
                    "description": "This can't be done now.",
                    "headers": {"Retry-After": {"description": "Seconds.", "schema": text}},
                    "content": in_problem
                }
            },
            "securitySchemes": {
                "key": {
                    "type": "http", "scheme": "bearer",
                    "description": "An API key, made by `wallflower keys create`. As long as there is none, a server on loopback needs none."
                },
                "agent_token": {
                    "type": "http", "scheme": "bearer", "description": "The token that an agent got with its job."
                }
            }
        }
    });
    // What is only a part of others by Rust's own means.
    let text = document.to_string();
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| text.contains(&format!("schemas/{name}\"")));
    }
    document
}

#[cfg(test)]
mod tests;
