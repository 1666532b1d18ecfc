//! Where delivered files are uploaded to.
//!
//! ```text
//! s3://BUCKET/KEY?region=eu-central-1                  Amazon S3
//! s3://BUCKET/KEY?endpoint=http://127.0.0.1:9000       any server that speaks S3, path style
//! gs://BUCKET/KEY                                      Google Cloud Storage
//! az://CONTAINER/KEY?account=NAME                      Azure Blob Storage
//! file:///DIRECTORY/KEY                                a directory of this machine, which has to be there
//! ```
//!
//! KEY is a template with `{room} {id} {date} {time} {name}`; date and time are UTC. One that ends in `/` or has no `{name}` is a
//! directory, to which the file's name is appended. Credentials never are in the URL: they come from the environment. `&env=BACKUP`
//! reads `BACKUP_AWS_ACCESS_KEY_ID` and so on, for a second destination with credentials of its own; `&checksum=none` is for servers
//! that speak S3 but refuse its checksums.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

/// The longest key that S3 and Google Cloud Storage take, in bytes.
const MAX_KEY: usize = 1024;
/// Bytes that a placeholder may become.
const MAX_ROOM: usize = 128;
const MAX_ID: usize = 64;
const MAX_NAME: usize = 320;

/// What would not come back as it was from a URL's path.
const KEY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#').add(b'\\').add(b'"').add(b'<').add(b'>').add(b'`');
/// The same for a parameter.
const VALUE: &AsciiSet = &KEY.add(b'&').add(b'+').add(b'=');

/// A place for uploads, and how objects are called there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("format" = "uri", "pattern" = "^(s3|gs|az|file)://", "examples" = ["s3://bucket/{room}/{date}/", "file:///mnt/archive/"])))]
#[serde(try_from = "String", into = "String")]
pub struct Destination {
    place: Place,
    template: Vec<Piece>,
    env: Option<String>,
}

/// Where objects are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Amazon S3, or a server that speaks it.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// The server; Amazon's when there is none.
        endpoint: Option<Url>,
        /// The region, if it isn't told by the environment.
        region: Option<String>,
        /// Whether parts are sent with their SHA-256.
        checksum: bool,
    },
    /// Google Cloud Storage.
    Google {
        /// Name of the bucket.
        bucket: String,
    },
    /// Azure Blob Storage.
    Azure {
        /// Name of the container.
        container: String,
        /// The storage account, if it isn't told by the environment.
        account: Option<String>,
    },
    /// A directory of this machine.
    Directory {
        /// Absolute path: what of the URL's path comes before the first placeholder.
        path: String,
    },
}

/// A piece of a key's template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Room,
    Id,
    Date,
    Time,
    Name,
}

/// The placeholders, for error sentences.
const PLACEHOLDERS: &str = "{room} {id} {date} {time} {name}";

/// What placeholders stand for, but for the file's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Naming {
    /// What was recorded, in any words: made safe for keys.
    pub room: String,
    /// Id of the recording.
    pub id: String,
    /// When it began, in seconds since 1970 UTC.
    pub began_unix_s: i64,
}

/// What the environment may say of a destination.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// Address of a server that speaks S3.
    pub endpoint: Option<&'a str>,
    /// Region of S3.
    pub region: Option<&'a str>,
    /// Account of Azure.
    pub account: Option<&'a str>,
}

/// Why a text is no destination. None of the sentences repeats what may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DestinationError {
    /// Not a URL at all.
    #[error(
        "that is no destination for uploads: write s3://BUCKET/KEY, gs://BUCKET/KEY, az://CONTAINER/KEY or file:///DIRECTORY/KEY"
    )]
    NotAUrl,
    /// A scheme that Wallflower does not know.
    #[error(
        "uploads to \"{0}:\" are unknown; there are s3://BUCKET/KEY (with ?endpoint=URL for servers other than Amazon's), gs://BUCKET/KEY, az://CONTAINER/KEY and file:///DIRECTORY/KEY"
    )]
    UnknownScheme(String),
    /// Credentials in a URL end up in logs.
    #[error("the destination's URL seems to hold credentials; leave them out and set {0} in the environment")]
    CredentialsInUrl(&'static str),
    /// The URL names no bucket, or one that can't be.
    #[error(
        "the destination's URL names no bucket: write {0}://NAME/KEY, with a NAME of 3 to 222 lowercase letters, digits, dots, - and _{1}"
    )]
    BadBucket(&'static str, &'static str),
    /// A `file:` URL of another machine, or without a path.
    #[error("a directory for uploads is written with three slashes and from the root: file:///srv/recordings/")]
    BadDirectory,
    /// A `#` where it means something else than in a key.
    #[error("the destination's URL has a \"#\"; write it as %23 if the key is to have one")]
    Fragment,
    /// A parameter that Wallflower does not know.
    #[error("a {0}: destination has no parameter \"{1}\"; it has {2}")]
    UnknownParameter(&'static str, String, &'static str),
    /// A parameter that is there twice, or empty.
    #[error("the destination's parameter \"{0}\" must be there once and not be empty")]
    BadParameter(String),
    /// An endpoint that is none.
    #[error(
        "the destination's endpoint must be the server's http:// or https:// address and no more, such as http://127.0.0.1:9000"
    )]
    BadEndpoint,
    /// A checksum that is not known.
    #[error("the destination's checksum is sha256 or, for servers that refuse it, none")]
    BadChecksum,
    /// A prefix that can't be that of environment variables.
    #[error(
        "the destination's env is the beginning of environment variables' names: capital letters, digits and _, such as BACKUP for BACKUP_AWS_ACCESS_KEY_ID"
    )]
    BadEnv,
    /// A placeholder that is not known.
    #[error("\"{{{0}}}\" can't be filled in; keys may have {PLACEHOLDERS}")]
    UnknownPlaceholder(String),
    /// A brace without its other half.
    #[error("the key has a brace without its other half; braces are for {PLACEHOLDERS}")]
    LoneBrace,
    /// A key that no store takes.
    #[error("the key has an empty, \".\" or \"..\" part, or control characters; write it as a/b/{{name}}")]
    BadKey,
    /// A key that may become too long.
    #[error("the key may become longer than {MAX_KEY} bytes, which stores refuse; make it shorter")]
    KeyTooLong,
}

impl Destination {
    /// Where objects are kept.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What the names of the environment variables for this destination begin with; nothing for the usual ones.
    pub fn env(&self) -> Option<&str> {
        self.env.as_deref()
    }

    /// The same with what the environment says and the URL does not: what is written down must mean the same when it is read in
    /// another environment.
    pub fn settled(mut self, environment: &Surroundings<'_>) -> Result<Self, DestinationError> {
        match &mut self.place {
            Place::S3 { endpoint: server, region, .. } => {
                if server.is_none() {
                    *server = environment.endpoint.map(endpoint).transpose()?;
                }
                *region = region.take().or_else(|| environment.region.map(str::to_owned));
            }
            Place::Azure { account, .. } => {
                *account = account.take().or_else(|| environment.account.map(str::to_owned));
            }
            Place::Google { .. } | Place::Directory { .. } => {}
        }
        Ok(self)
    }

    /// Key of a file. `name` is the file's name, or a relative path for a file in a folder of its own.
    ///
    /// Whatever room and name are, the key is one that stores take, at most 1024 bytes long, with no empty, `.` or `..` part.
    pub fn key(&self, naming: &Naming, name: &str) -> String {
        let mut key = String::new();
        for piece in &self.template {
            match piece {
                Piece::Text(text) => key.push_str(text),
                Piece::Room => key.push_str(&safe(&naming.room, MAX_ROOM, "room")),
                Piece::Id => key.push_str(&safe(&naming.id, MAX_ID, "id")),
                Piece::Date => key.push_str(&date(naming.began_unix_s)),
                Piece::Time => key.push_str(&time(naming.began_unix_s)),
                Piece::Name => key.push_str(&safe_name(name)),
            }
        }
        key
    }

    /// The folder that every key begins with: empty, or ending in `/`.
    pub fn folder(&self) -> &str {
        let Some(Piece::Text(text)) = self.template.first() else { return "" };
        let end = if self.template.len() == 1 { text.len() } else { text.rfind('/').map_or(0, |slash| slash + 1) };
        &text[..end]
    }

    /// URL of an object, for people and manifests. It holds no secrets.
    pub fn url(&self, key: &str) -> String {
        let mut url = String::new();
        let key = utf8_percent_encode(key, KEY);
        // Writing to a String can't fail.
        let _ = match &self.place {
            Place::S3 { bucket, .. } => write!(url, "s3://{bucket}/{key}"),
            Place::Google { bucket } => write!(url, "gs://{bucket}/{key}"),
            Place::Azure { container, .. } => write!(url, "az://{container}/{key}"),
            Place::Directory { path } => {
                write!(url, "file://{}/{key}", utf8_percent_encode(path.trim_end_matches('/'), KEY))
            }
        };
        for (index, (name, value)) in self.parameters().iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            let _ = write!(url, "{separator}{name}={}", utf8_percent_encode(value, VALUE));
        }
        url
    }

    fn parameters(&self) -> Vec<(&'static str, &str)> {
        let mut parameters = Vec::new();
        match &self.place {
            Place::S3 { endpoint, region, checksum, .. } => {
                parameters.extend(endpoint.as_ref().map(|url| ("endpoint", bare(url))));
                parameters.extend(region.as_deref().map(|region| ("region", region)));
                if !checksum {
                    parameters.push(("checksum", "none"));
                }
            }
            Place::Azure { account, .. } => {
                parameters.extend(account.as_deref().map(|account| ("account", account)));
            }
            Place::Google { .. } | Place::Directory { .. } => {}
        }
        parameters.extend(self.env.as_deref().map(|env| ("env", env)));
        parameters
    }
}

/// An address without the slash that [`Url`] ends it with.
fn bare(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut template = String::new();
        for piece in &self.template {
            template.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Room => "{room}",
                Piece::Id => "{id}",
                Piece::Date => "{date}",
                Piece::Time => "{time}",
                Piece::Name => "{name}",
            });
        }
        f.write_str(&self.url(&template))
    }
}

impl std::str::FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let url = Url::parse(text).map_err(|_| DestinationError::NotAUrl)?;
        let (scheme, variables) = match url.scheme() {
            "s3" => ("s3", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
            "gs" => ("gs", "GOOGLE_APPLICATION_CREDENTIALS"),
            "az" => ("az", "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_KEY"),
            "file" => ("file", "nothing"),
            scheme => return Err(DestinationError::UnknownScheme(scheme.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(DestinationError::CredentialsInUrl(variables));
        }
        if url.fragment().is_some() {
            return Err(DestinationError::Fragment);
        }
        let mut parameters = Parameters::of(&url, scheme, variables)?;
        let path = percent_encoding::percent_decode_str(url.path());
        let path = path.decode_utf8().map_err(|_| DestinationError::BadKey)?.into_owned();
        let (directory, key) = if scheme == "file" {
            if url.host_str().is_some_and(|host| !host.is_empty()) {
                return Err(DestinationError::BadDirectory);
            }
            split_directory(&path).ok_or(DestinationError::BadDirectory)?
        } else {
            ("", path.strip_prefix('/').unwrap_or(&path))
        };
        let template = template(key)?;
        let place = match scheme {
            "s3" => Place::S3 {
                bucket: bucket(&url, "s3")?,
                endpoint: parameters.take("endpoint").as_deref().map(endpoint).transpose()?,
                region: parameters.take("region"),
                checksum: match parameters.take("checksum").as_deref() {
                    None | Some("sha256") => true,
                    Some("none") => false,
                    Some(_) => return Err(DestinationError::BadChecksum),
                },
            },
            "gs" => Place::Google { bucket: bucket(&url, "gs")? },
            "az" => Place::Azure { container: bucket(&url, "az")?, account: parameters.take("account") },
            _ => Place::Directory { path: directory.to_owned() },
        };
        let env = parameters.take("env");
        if env.as_deref().is_some_and(|env| !is_env(env)) {
            return Err(DestinationError::BadEnv);
        }
        Ok(Self { place, template, env })
    }
}

fn is_env(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// A URL's parameters, each known and there at most once.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(url: &Url, scheme: &'static str, variables: &'static str) -> Result<Self, DestinationError> {
        let (known, sentence): (&[&str], _) = match scheme {
            "s3" => (&["endpoint", "region", "checksum", "env"], "endpoint, region, checksum and env"),
            "gs" => (&["env"], "env"),
            "az" => (&["account", "env"], "account and env"),
            _ => (&[], "none"),
        };
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, value) in url.query_pairs() {
            if !known.contains(&name.as_ref()) {
                let secretive = ["key", "secret", "token", "sig", "sas", "passw", "credential"];
                let lower = name.to_lowercase();
                return Err(if secretive.iter().any(|word| lower.contains(word)) {
                    DestinationError::CredentialsInUrl(variables)
                } else {
                    DestinationError::UnknownParameter(scheme, name.chars().take(40).collect(), sentence)
                });
            }
            if value.is_empty() || found.iter().any(|(known, _)| *known == name) {
                return Err(DestinationError::BadParameter(name.into_owned()));
            }
            found.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(found))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(index).1)
    }
}

fn endpoint(text: &str) -> Result<Url, DestinationError> {
    let url = Url::parse(text).map_err(|_| DestinationError::BadEndpoint)?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if plain && matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(DestinationError::BadEndpoint) }
}

fn bucket(url: &Url, scheme: &'static str) -> Result<String, DestinationError> {
    if url.port().is_some() {
        return Err(DestinationError::BadBucket(
            scheme,
            "; the server's address is given as ?endpoint=http://HOST:PORT",
        ));
    }
    let name = url.host_str().unwrap_or_default();
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let allowed = |c: char| edge(c) || matches!(c, '.' | '-' | '_');
    let fits = (3..=222).contains(&name.len());
    if fits && name.chars().all(allowed) && name.starts_with(edge) && name.ends_with(edge) {
        Ok(name.to_owned())
    } else {
        Err(DestinationError::BadBucket(scheme, ""))
    }
}

/// The directory that has to be there, and the template of what is made in it.
fn split_directory(path: &str) -> Option<(&str, &str)> {
    let fixed = path.find('{').map_or(path, |brace| &path[..brace]);
    let slash = fixed.rfind('/')?;
    // Without a placeholder all of it is the directory.
    let (directory, key) = if fixed.len() == path.len() { (path, "") } else { (&path[..slash], &path[slash + 1..]) };
    let directory = directory.trim_end_matches('/');
    let parts = || directory.split('/').skip(1);
    let sound = parts().all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains(char::is_control));
    (directory.starts_with('/') && sound && !directory.contains('}')).then_some((directory, key))
}

fn template(text: &str) -> Result<Vec<Piece>, DestinationError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        if !rest[open..].starts_with('{') {
            return Err(DestinationError::LoneBrace);
        }
        push_text(&mut pieces, &rest[..open]);
        let (name, after) = rest[open + 1..].split_once('}').ok_or(DestinationError::LoneBrace)?;
        pieces.push(match name {
            "room" => Piece::Room,
            "id" => Piece::Id,
            "date" => Piece::Date,
            "time" => Piece::Time,
            "name" => Piece::Name,
            _ => return Err(DestinationError::UnknownPlaceholder(name.chars().take(40).collect())),
        });
        rest = after;
    }
    push_text(&mut pieces, rest);
    if !pieces.contains(&Piece::Name) || text.ends_with('/') {
        if !text.is_empty() && !text.ends_with('/') {
            push_text(&mut pieces, "/");
        }
        pieces.push(Piece::Name);
    }
    check(&pieces)?;
    Ok(pieces)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn check(pieces: &[Piece]) -> Result<(), DestinationError> {
    let longest = |piece: &Piece| match piece {
        Piece::Text(text) => text.len(),
        Piece::Room => MAX_ROOM,
        Piece::Id => MAX_ID,
        Piece::Date | Piece::Time => 16,
        Piece::Name => MAX_NAME,
    };
    if pieces.iter().map(longest).sum::<usize>() > MAX_KEY {
        return Err(DestinationError::KeyTooLong);
    }
    // What a placeholder becomes is neither empty nor dots, and has no slash but for a name's.
    let shape: String =
        pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.as_str() } else { "x" }).collect();
    let sound = shape.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if sound && !shape.contains(char::is_control) { Ok(()) } else { Err(DestinationError::BadKey) }
}

/// Letters, digits, `-`, `_` and inner dots of a text; what is between them becomes a `-`.
fn safe(text: &str, max_bytes: usize, otherwise: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        let c = if c.is_alphanumeric() || matches!(c, '_' | '.') { c } else { '-' };
        if safe.len() + c.len_utf8() > max_bytes {
            break;
        }
        if c != '-' || !safe.ends_with('-') {
            safe.push(c);
        }
    }
    let safe = safe.trim_matches(['-', '.']);
    if safe.is_empty() { otherwise.to_owned() } else { safe.to_owned() }
}

/// A file's name, or its relative path: what stores and file systems take differently is replaced, the rest stays as people know it.
fn safe_name(name: &str) -> String {
    let parts = name.split(['/', '\\']).filter(|part| !part.is_empty() && part.chars().any(|c| c != '.'));
    let mut safe = String::new();
    for part in parts {
        if !safe.is_empty() {
            safe.push('/');
        }
        safe.extend(part.chars().map(|c| {
            let awkward = c.is_control() || "{}^%`[]\"<>~#|*?:&$@=;+,".contains(c);
            if awkward { '-' } else { c }
        }));
    }
    // The end tells what kind of file it is, so the beginning goes.
    let mut start = safe.len().saturating_sub(MAX_NAME);
    while !safe.is_char_boundary(start) {
        start += 1;
    }
    let kept = safe[start..].trim_start_matches('/');
    // What the cut leaves of the first part may be nothing but dots, which lead elsewhere.
    let kept = match kept.split_once('/') {
        Some((first, rest)) if first.chars().all(|c| c == '.') => rest,
        _ => kept,
    };
    if kept.chars().all(|c| matches!(c, '.' | '/')) { "file".to_owned() } else { kept.to_owned() }
}

/// `2026-11-21`
fn date(unix_s: i64) -> String {
    // Days to a date in the proleptic Gregorian calendar, in eras of 400 years that begin on 1 March.
    let days = unix_s.div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    // A clock that is this wrong is still not to break a key's bound.
    format!("{:04}-{month:02}-{day:02}", year.clamp(0, 9999))
}

/// `14-05-09`
fn time(unix_s: i64) -> String {
    let second = unix_s.rem_euclid(86_400);
    format!("{:02}-{:02}-{:02}", second / 3600, second / 60 % 60, second % 60)
}

impl TryFrom<String> for Destination {
    type Error = DestinationError;

    fn try_from(text: String) -> Result<Self, DestinationError> {
        text.parse()
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naming() -> Naming {
        Naming { room: "Team / Stand-up №1".into(), id: "0193".into(), began_unix_s: 1_795_269_909 }
    }

    fn parse(text: &str) -> Destination {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn keys_are_made_from_templates() {
        for (text, key) in [
            ("s3://bucket", "a.mp4"),
            ("s3://bucket/", "a.mp4"),
            ("s3://bucket/meetings", "meetings/a.mp4"),
            ("s3://bucket/meetings/", "meetings/a.mp4"),
            ("s3://bucket/{date}/{time}-{name}", "2026-11-21/14-05-09-a.mp4"),
            ("s3://bucket/{room}/{id}", "Team-Stand-up-1/0193/a.mp4"),
            ("s3://bucket/{room}/{id}/", "Team-Stand-up-1/0193/a.mp4"),
            ("s3://bucket/{name}/", "a.mp4/a.mp4"),
            ("s3://bucket/with%20space/100%25/{name}", "with space/100%/a.mp4"),
            ("gs://bucket/x/{name}", "x/a.mp4"),
            ("az://container/x/{name}?account=me", "x/a.mp4"),
            ("file:///srv/recordings", "a.mp4"),
            ("file:///srv/recordings/{room}", "Team-Stand-up-1/a.mp4"),
        ] {
            assert_eq!(parse(text).key(&naming(), "a.mp4"), key, "{text}");
        }
    }

    #[test]
    fn a_destination_s_parts_are_told_apart() {
        let s3 = parse(
            "s3://my.bucket/x/y-{id}?region=eu-central-1&endpoint=http://127.0.0.1:9000&env=BACKUP&checksum=none",
        );
        let Place::S3 { bucket, endpoint, region, checksum } = s3.place() else { panic!("not S3") };
        assert_eq!((bucket.as_str(), region.as_deref(), *checksum), ("my.bucket", Some("eu-central-1"), false));
        assert_eq!(endpoint.as_ref().map(Url::as_str), Some("http://127.0.0.1:9000/"));
        assert_eq!((s3.folder(), s3.env()), ("x/", Some("BACKUP")));
        assert_eq!(
            s3.url("x/a b.mp4"),
            "s3://my.bucket/x/a%20b.mp4?endpoint=http://127.0.0.1:9000&region=eu-central-1&checksum=none&env=BACKUP"
        );
        for (text, path, folder) in [
            ("file:///srv/my%20recordings/{room}/{name}", "/srv/my recordings", ""),
            ("file:///srv/recordings/day-{date}/", "/srv/recordings", ""),
            ("file:///srv/recordings/", "/srv/recordings", ""),
        ] {
            let directory = parse(text);
            assert_eq!(directory.place(), &Place::Directory { path: path.into() }, "{text}");
            assert_eq!(directory.folder(), folder, "{text}");
        }
        assert_eq!(parse("file:///srv/my%20recordings/").url("a.mp4"), "file:///srv/my%20recordings/a.mp4");
        assert_eq!(parse("gs://bucket").url("a.mp4"), "gs://bucket/a.mp4");
        assert_eq!(parse("s3://bucket/a/b/{id}/{name}").folder(), "a/b/");
    }

    #[test]
    fn what_the_environment_says_is_settled_unless_the_url_says_it() {
        let environment = Surroundings { endpoint: Some("http://h:1"), region: Some("r"), account: Some("a") };
        for (text, settled) in [
            ("s3://bucket", "s3://bucket/{name}?endpoint=http://h:1&region=r"),
            ("s3://bucket?endpoint=https://other&region=o", "s3://bucket/{name}?endpoint=https://other&region=o"),
            ("az://container", "az://container/{name}?account=a"),
            ("gs://bucket", "gs://bucket/{name}"),
        ] {
            assert_eq!(parse(text).settled(&environment).expect(text).to_string(), settled);
        }
        let bad = Surroundings { endpoint: Some("h:1/bucket"), ..Surroundings::default() };
        assert_eq!(parse("s3://bucket").settled(&bad), Err(DestinationError::BadEndpoint));
    }

    #[test]
    fn destinations_survive_the_way_to_text_and_back() {
        for (text, shown) in [
            ("s3://bucket", "s3://bucket/{name}"),
            ("s3://bucket/a/{id}", "s3://bucket/a/{id}/{name}"),
            ("s3://bucket/100%25%20%23/{name}", "s3://bucket/100%25%20%23/{name}"),
            ("az://container/{name}?account=me", "az://container/{name}?account=me"),
            ("file:///srv/x/{room}/", "file:///srv/x/{room}/{name}"),
        ] {
            assert_eq!(parse(text).to_string(), shown, "{text}");
            assert_eq!(parse(shown), parse(text));
        }
    }

    #[test]
    fn bad_destinations_are_refused_with_their_own_sentence() {
        use DestinationError as E;
        let aws = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        for (text, error) in [
            ("bucket/key", E::NotAUrl),
            ("ftp://host/x", E::UnknownScheme("ftp".into())),
            ("https://bucket.s3.amazonaws.com/x", E::UnknownScheme("https".into())),
            ("s3://KEY:SECRET@bucket/x", E::CredentialsInUrl(aws)),
            ("s3://bucket/x?access_key_id=a", E::CredentialsInUrl(aws)),
            ("s3://bucket/x?X-Amz-Signature=a", E::CredentialsInUrl(aws)),
            ("az://container/x?sig=a", E::CredentialsInUrl("AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_KEY")),
            ("s3:///x", E::BadBucket("s3", "")),
            ("s3://UPPER/x", E::BadBucket("s3", "")),
            ("s3://-bucket/x", E::BadBucket("s3", "")),
            (
                "s3://127.0.0.1:9000/bucket/x",
                E::BadBucket("s3", "; the server's address is given as ?endpoint=http://HOST:PORT"),
            ),
            ("s3://bucket/x#1", E::Fragment),
            ("s3://bucket/x?zone=a", E::UnknownParameter("s3", "zone".into(), "endpoint, region, checksum and env")),
            ("file:///srv/x?region=a", E::UnknownParameter("file", "region".into(), "none")),
            ("s3://bucket/x?region=", E::BadParameter("region".into())),
            ("s3://bucket/x?region=a&region=b", E::BadParameter("region".into())),
            ("s3://bucket/x?endpoint=127.0.0.1:9000", E::BadEndpoint),
            ("s3://bucket/x?endpoint=ftp://h", E::BadEndpoint),
            ("s3://bucket/x?endpoint=http://u:p@h", E::BadEndpoint),
            ("s3://bucket/x?endpoint=http://h/bucket", E::BadEndpoint),
            ("s3://bucket/x?checksum=md5", E::BadChecksum),
            ("s3://bucket/x?env=backup", E::BadEnv),
            ("file://host/srv/x", E::BadDirectory),
            ("file:///", E::BadDirectory),
            ("file:///{room}", E::BadDirectory),
            ("file:///srv//x/{room}", E::BadDirectory),
            ("s3://bucket/{user}/x", E::UnknownPlaceholder("user".into())),
            ("s3://bucket/{}", E::UnknownPlaceholder(String::new())),
            ("s3://bucket/{room", E::LoneBrace),
            ("s3://bucket/room}", E::LoneBrace),
            ("s3://bucket/a//b", E::BadKey),
            ("s3://bucket//a", E::BadKey),
            ("s3://bucket/a%00b", E::BadKey),
            ("s3://bucket/%ff", E::BadKey),
            ("s3://bucket/a%2F..%2Fb", E::BadKey),
        ] {
            assert_eq!(text.parse::<Destination>(), Err(error), "{text}");
        }
        let long = format!("s3://bucket/{}/", "x".repeat(1000));
        assert_eq!(long.parse::<Destination>(), Err(E::KeyTooLong));
        let sentence = "s3://bucket/{user}".parse::<Destination>().expect_err("refused").to_string();
        assert_eq!(sentence, "\"{user}\" can't be filled in; keys may have {room} {id} {date} {time} {name}");
    }

    #[test]
    fn no_sentence_repeats_a_secret() {
        for text in [
            "s3://AKIAHUNTER2:hunter2@bucket/x",
            "s3://hunter2@bucket/x",
            "s3:/hunter2:hunter2@bucket",
            "hunter2@bucket",
            "s3://bucket/x?secret=hunter2",
            "s3://bucket/x?region=a&token=hunter2",
            "s3://bucket/x?endpoint=http://hunter2@h",
            "s3://bucket/x?env=hunter2",
        ] {
            let error = text.parse::<Destination>().expect_err(text);
            assert!(!format!("{error} {error:?}").to_lowercase().contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn dates_and_times_are_those_of_the_calendar() {
        for (unix_s, expected) in [
            (0, "1970-01-01 00-00-00"),
            (-1, "1969-12-31 23-59-59"),
            (951_782_399, "2000-02-28 23-59-59"),
            (951_782_400, "2000-02-29 00-00-00"),
            (951_868_800, "2000-03-01 00-00-00"),
            (1_709_164_800, "2024-02-29 00-00-00"),
            (1_795_269_909, "2026-11-21 14-05-09"),
            (4_107_542_399, "2100-02-28 23-59-59"),
            (4_107_542_400, "2100-03-01 00-00-00"),
        ] {
            assert_eq!(format!("{} {}", date(unix_s), time(unix_s)), expected, "{unix_s}");
        }
    }

    #[test]
    fn rooms_and_names_become_safe() {
        for (room, safely) in [
            ("stand-up", "stand-up"),
            ("../../etc", "etc"),
            ("a / b", "a-b"),
            ("https://example.org/x?y", "https-example.org-x-y"),
            ("日本語", "日本語"),
            ("...", "room"),
            ("", "room"),
        ] {
            assert_eq!(safe(room, MAX_ROOM, "room"), safely, "{room}");
        }
        for (name, safely) in [
            ("weekly call.mp4", "weekly call.mp4"),
            ("live/segment-1.m4s", "live/segment-1.m4s"),
            ("../../etc/passwd", "etc/passwd"),
            ("/abs.mp4", "abs.mp4"),
            ("a\nb?.mp4", "a-b-.mp4"),
            (".hidden", ".hidden"),
            ("..", "file"),
        ] {
            assert_eq!(safe_name(name), safely, "{name}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}") {
            let _ = text.parse::<Destination>();
        }

        #[test]
        fn parsing_what_looks_like_one_never_panics(rest in "[a-z{}/.%?#&=:@ ]{0,60}") {
            for scheme in ["s3", "gs", "az", "file"] {
                let _ = format!("{scheme}://{rest}").parse::<Destination>();
            }
        }

        #[test]
        fn any_destination_survives_the_way_to_text_and_back(
            rest in "(/([a-z %A-Z.\u{e4}-\u{f0}]|\\{room\\}|\\{name\\}|\\{id\\}){1,9}){0,4}/?",
            scheme in "s3://bucket|gs://bucket|az://container|file:///srv",
        ) {
            if let Ok(destination) = format!("{scheme}{rest}").parse::<Destination>() {
                prop_assert_eq!(destination.to_string().parse::<Destination>(), Ok(destination));
            }
        }

        #[test]
        fn any_key_is_one_that_stores_take(room in "\\PC{0,300}", id in "\\PC{0,90}", name in "\\PC{0,400}", began_unix_s: i64) {
            let naming = Naming { room, id, began_unix_s };
            for text in ["s3://bucket/{room}/{id}/{date}/{time}", "s3://bucket/.{room}/..{id}/x{name}", "s3://bucket"] {
                let key = parse(text).key(&naming, &name);
                prop_assert!(key.len() <= MAX_KEY, "{} bytes", key.len());
                prop_assert!(key.split('/').all(|part| !part.is_empty() && part != "." && part != ".."), "{}", key);
                prop_assert!(!key.contains(|c: char| c.is_control()), "{}", key);
            }
        }

        #[test]
        fn later_is_later_in_text(a in 0_i64..250_000_000_000, b in 0_i64..250_000_000_000) {
            let text = |unix_s| format!("{} {}", date(unix_s), time(unix_s));
            prop_assert_eq!(a.cmp(&b), text(a).cmp(&text(b)));
        }
    }
}
