//! Who may do what: API keys with scopes, kept as digests in a file that `wallflower keys` writes.
//!
//! Without any key the API is open, which is only allowed on loopback.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use wallflower_domain::secret::Secret;

use super::Api;
use super::problem::Problem;
use crate::digest::sha256;
use crate::orchestrator::Requester;

/// What a key lets its bearer do. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See recordings and their files.
    Read,
    /// Record, and control what that key has recorded.
    Record,
    /// Everything, for everybody's recordings.
    Admin,
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "record" => Ok(Self::Record),
            "admin" => Ok(Self::Admin),
            _ => Err(format!("\"{text}\" is no scope; there are read, record and admin")),
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Record => "record",
            Self::Admin => "admin",
        })
    }
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Names it; part of the key itself.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it lets its bearer do.
    pub scope: Scope,
    /// Hexadecimal SHA-256 of the whole key.
    pub sha256: String,
    /// When it was made, in microseconds since 1970 UTC.
    pub created_us: i64,
}

/// All keys, from their file, which is read again when it has changed.
#[derive(Clone, Debug)]
pub struct Keys {
    path: PathBuf,
    read: Arc<Mutex<Read>>,
}

#[derive(Debug, Default)]
struct Read {
    /// When, which file, how long.
    modified: Option<(SystemTime, u64, u64)>,
    keys: Vec<Key>,
}

impl Keys {
    /// Those in the data directory.
    pub fn in_folder(data: &Path) -> Self {
        Self { path: data.join("keys.json"), read: Arc::default() }
    }

    /// All of them.
    pub fn all(&self) -> std::io::Result<Vec<Key>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // Two changes may come within what the file system calls one moment; each makes another file.
        let modified = match std::fs::metadata(&self.path) {
            Ok(meta) => Some((meta.modified()?, meta.ino(), meta.len())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if modified != read.modified {
            read.keys = match modified {
                Some(_) => serde_json::from_slice(&std::fs::read(&self.path)?)?,
                None => Vec::new(),
            };
            read.modified = modified;
        }
        Ok(read.keys.clone())
    }

    /// Makes one; the secret is told once and not kept.
    pub fn create(&self, name: &str, scope: Scope, now_us: i64) -> std::io::Result<(Key, Secret)> {
        let (id, secret): ([u8; 6], [u8; 24]) = (rand::random(), rand::random());
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let id = hex(&id);
        let whole = format!("wf_{id}_{}", hex(&secret));
        let key = Key { id, name: name.to_owned(), scope, sha256: sha256(whole.as_bytes()), created_us: now_us };
        let mut keys = self.all()?;
        keys.push(key.clone());
        self.write(&keys)?;
        Ok((key, Secret::new(whole)))
    }

    /// Takes one back; false when there is none of this id.
    pub fn revoke(&self, id: &str) -> std::io::Result<bool> {
        let mut keys = self.all()?;
        let before = keys.len();
        keys.retain(|key| key.id != id);
        if keys.len() == before {
            return Ok(false);
        }
        self.write(&keys)?;
        Ok(true)
    }

    fn write(&self, keys: &[Key]) -> std::io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let new = self.path.with_extension("json.new");
        let mut file = std::fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec_pretty(keys)?)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }

    pub(super) fn find(&self, token: &str) -> std::io::Result<Option<Key>> {
        let sha256 = sha256(token.as_bytes());
        Ok(self.all()?.into_iter().find(|key| key.sha256 == sha256))
    }
}

/// Whoever asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Id of the key; none where the API is open.
    pub(crate) key: Option<String>,
    scope: Scope,
}

impl Caller {
    /// Fails when less is allowed.
    pub(crate) fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.scope >= scope {
            return Ok(());
        }
        let detail = format!("This key's scope is {}; this needs {scope}.", self.scope);
        Err(Problem::new(StatusCode::FORBIDDEN, "scope", detail))
    }

    /// Whether the recording of this owner may be seen and controlled.
    pub(crate) fn sees(&self, owner: Option<&str>) -> bool {
        self.scope == Scope::Admin || owner == self.key.as_deref()
    }

    /// As whom it asks for recordings.
    pub(crate) fn requester(&self) -> Requester {
        Requester::Client { key: self.key.clone(), is_admin: self.scope == Scope::Admin && self.key.is_some() }
    }

    /// Whose recordings are listed: everybody's, or one's own.
    pub(crate) fn own(&self) -> Option<String> {
        if self.scope == Scope::Admin { None } else { self.key.clone() }
    }
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let broken = |error: std::io::Error| {
            tracing::error!(%error, "the file of API keys can't be read");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "keys", "The server can't read its API keys.")
        };
        if let Some(token) = bearer(parts) {
            if let Some(key) = api.keys.find(token).map_err(broken)? {
                return Ok(Self { key: Some(key.id), scope: key.scope });
            }
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "key", "This API key is not known here."));
        }
        if api.is_open && api.keys.all().map_err(broken)?.is_empty() {
            return Ok(Self { key: None, scope: Scope::Admin });
        }
        let detail =
            "This needs an API key: send it as \"Authorization: Bearer …\"; `wallflower keys create` makes one.";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "key", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_digest_until_it_is_revoked() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let keys = Keys::in_folder(folder.path());
        assert_eq!(keys.all().expect("none yet"), []);
        let (key, secret) = keys.create("ci", Scope::Record, 0).expect("made");
        let text = std::fs::read_to_string(folder.path().join("keys.json")).expect("written");
        assert!(!text.contains(secret.expose()), "{text}");
        assert_eq!(keys.find(secret.expose()).expect("readable").map(|key| key.id), Some(key.id.clone()));
        assert_eq!(keys.find("wf_other").expect("readable"), None);
        assert!(keys.revoke(&key.id).expect("written"));
        assert!(!keys.revoke(&key.id).expect("readable"));
        assert_eq!(keys.find(secret.expose()).expect("readable"), None);
    }

    #[test]
    fn scopes_include_lesser_ones() {
        let caller = Caller { key: Some("a".into()), scope: Scope::Record };
        assert!(
            caller.may(Scope::Read).is_ok() && caller.may(Scope::Record).is_ok() && caller.may(Scope::Admin).is_err()
        );
        assert!(caller.sees(Some("a")) && !caller.sees(Some("b")) && !caller.sees(None));
    }
}
