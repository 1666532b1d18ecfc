use std::collections::BTreeSet;

use wallflower_domain::request::RecordingRequest;

use super::*;

/// Every path that the router knows, by its own words.
fn routed() -> BTreeSet<String> {
    let source = include_str!("../mod.rs");
    let routes = source.split(".route(").skip(1);
    routes
        .map(|rest| {
            let named = rest.split_once(',').map_or(rest, |(path, _)| path);
            let text = named.split('"').nth(1).unwrap_or_default().replace("{*", "{");
            match named {
                "recording" => "/v1/recordings/{id}".to_owned(),
                of if of.starts_with("&of(") => format!("/v1/recordings/{{id}}/{text}"),
                _ => text,
            }
        })
        .collect()
}

/// That the methods of each are the same is tested on a server.
#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let paths = document()["paths"].as_object().expect("an object");
    let documented: BTreeSet<String> = paths.keys().cloned().collect();
    assert_eq!(documented, routed());
    assert!(documented.len() > 10, "{documented:?}");
}

#[test]
fn every_operation_has_one_name_and_all_that_is_referred_to_is_there() {
    let mut names = BTreeSet::new();
    for (path, operations) in document()["paths"].as_object().expect("an object") {
        for (method, operation) in operations.as_object().expect("an object") {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name), "{method} {path}: {name}");
            assert!(operation["responses"].as_object().is_some_and(|answers| !answers.is_empty()), "{name}");
        }
    }
    let text = document().to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document().pointer(reference).is_some(), "{reference}");
    }
    assert!(!text.contains("[`"), "links that only Rust understands");
}

#[test]
fn examples_are_what_they_show() {
    let paths = &document()["paths"];
    let of = |path: &str| paths[path]["post"]["requestBody"]["content"]["application/json"]["example"].clone();
    serde_json::from_value::<RecordingRequest>(of("/v1/recordings")).expect("a request");
    for (schema, written) in [("Span", "max_duration"), ("Moment", "start_at"), ("Destination", "uploads")] {
        for example in document()["components"]["schemas"][schema]["examples"].as_array().expect("examples") {
            let value = if written == "uploads" { json!([example]) } else { example.clone() };
            let request = json!({"room": "demo:a", written: value});
            serde_json::from_value::<RecordingRequest>(request).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
    for room in document()["components"]["schemas"]["RoomRequest"]["anyOf"][0]["examples"].as_array().expect("examples")
    {
        serde_json::from_value::<RecordingRequest>(json!({"room": room}))
            .unwrap_or_else(|error| panic!("{room}: {error}"));
    }
}
