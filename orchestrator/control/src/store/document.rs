//! Records and notices as backends keep them: the document as it is, and beside it what they look for.

use serde::de::DeserializeOwned;
use wallflower_domain::record::{Notice, Record};
use wallflower_domain::recording::State;

use super::StoreError;

/// A record.
pub(super) struct RecordRow {
    pub(super) id: String,
    pub(super) version: i64,
    pub(super) state: String,
    pub(super) room: String,
    pub(super) owner: Option<String>,
    pub(super) expires_us: Option<i64>,
    pub(super) document: String,
}

impl RecordRow {
    pub(super) fn of(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.id().to_owned(),
            version: record
                .version
                .try_into()
                .map_err(|_| StoreError::Broken(format!("version {} is none", record.version)))?,
            state: state_name(record.state())?,
            room: record.request.room.room.to_string(),
            owner: record.owner.clone(),
            expires_us: record.expiry_due_us(),
            document: written("recording", record.id(), record)?,
        })
    }
}

/// A notice.
pub(super) struct NoticeRow {
    pub(super) id: String,
    pub(super) recording: String,
    pub(super) url: String,
    pub(super) due_us: i64,
    pub(super) dead: bool,
    pub(super) document: String,
}

impl NoticeRow {
    pub(super) fn of(notice: &Notice) -> Result<Self, StoreError> {
        Ok(Self {
            id: notice.id.clone(),
            recording: notice.recording.clone(),
            url: notice.url.clone(),
            due_us: notice.due_us,
            dead: notice.dead,
            document: written("notice", &notice.id, notice)?,
        })
    }

    pub(super) fn all(notices: &[Notice]) -> Result<Vec<Self>, StoreError> {
        notices.iter().map(Self::of).collect()
    }
}

/// A state by its name in documents.
pub(super) fn state_name(state: State) -> Result<String, StoreError> {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        other => Err(StoreError::Broken(format!("the state {state:?} has no name: {other:?}"))),
    }
}

/// An idempotency key as one text with whose it is.
pub(super) fn once_name(owner: Option<&str>, key: &str) -> String {
    serde_json::json!([owner, key]).to_string()
}

/// `kind` and `id` are for the sentence when it can't be read. What the parser says may quote secrets, so it is not repeated.
pub(super) fn read<T: DeserializeOwned>(kind: &str, id: &str, document: &str) -> Result<T, StoreError> {
    serde_json::from_str(document).map_err(|error| {
        StoreError::Broken(format!(
            "the {kind} {id} is not written as this version of Wallflower does it (at byte {} of its document)",
            error.column()
        ))
    })
}

fn written(kind: &str, id: &str, document: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document)
        .map_err(|error| StoreError::Broken(format!("the {kind} {id} can't be written as JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_can_not_be_read_is_named_and_not_quoted() {
        let error = read::<Record>("recording", "r1", r#"{"version": "hunter2"}"#).expect_err("no version").to_string();
        assert!(error.contains("the recording r1") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn keys_of_different_owners_are_different() {
        assert_ne!(once_name(None, "k"), once_name(Some(""), "k"));
        assert_ne!(once_name(Some("a"), "b\",\"c"), once_name(Some("a\",\"b"), "c"));
    }
}
