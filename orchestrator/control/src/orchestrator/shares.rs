//! Links by which people see a recording without an API key.
//!
//! ```text
//! token  = base64url( 1 ‖ recording (16 bytes) ‖ share (6) ‖ expires, seconds since 1970 (8) ‖ opens ‖ HMAC-SHA256 of all that (32) )
//! opens  = 0 player | 1 player with downloads | 2 ‖ path of a file
//! ```
//!
//! A token that is not signed by this server's secret is nobody's. One that is, but has expired, or is not in its record any more, was
//! good once, and whoever follows it is told so. Replicas share the secret, as they share the data directory that it lies in.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;
use uuid::Uuid;
use wallflower_domain::record::Record;
use wallflower_domain::request::RelativePath;
use wallflower_domain::secret::Secret;
use wallflower_domain::share::{MAX_SHARES, Opens, Share, Term};

use super::records::now_us;
use super::{Denied, Orchestrator};
use crate::store::StoreError;

const VERSION: u8 = 1;
const SUM: usize = 32;
const HEAD: usize = 1 + 16 + 6 + 8;
/// Longer than a token with the longest path.
const LONGEST: usize = 1024;

/// Why a link leads nowhere.
#[derive(Debug, Error)]
pub enum Unshared {
    /// It was never one of ours.
    #[error("This link is not known here.")]
    Unknown,
    /// Its time is over.
    #[error("This link has expired.")]
    Expired,
    /// It was taken back, or its recording was deleted.
    #[error("This link does not hold any more.")]
    Revoked,
    /// The store fails.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Signs tokens, and knows its own again.
#[derive(Clone)]
pub(crate) struct Signer {
    secret: [u8; SUM],
}

/// What a token says.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    recording: String,
    share: String,
    expires_s: i64,
    opens: Opens,
}

impl Signer {
    /// With the secret of this data directory, which is made if there is none.
    pub(crate) fn open(data: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(data)?;
        let path = data.join("share.secret");
        for _ in 0..2 {
            match std::fs::read(&path) {
                Ok(bytes) => {
                    let secret = bytes.try_into().map_err(|_| {
                        std::io::Error::new(ErrorKind::InvalidData, "share.secret is not one of ours; remove it")
                    })?;
                    return Ok(Self { secret });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => make_secret(data, &path)?,
                Err(error) => return Err(error),
            }
        }
        Err(std::io::Error::new(ErrorKind::NotFound, "share.secret was taken away"))
    }

    /// The token of a share; none for a recording whose id is not one of ours.
    pub(crate) fn token(&self, recording: &str, share: &Share) -> Option<Secret> {
        let mut bytes = vec![VERSION];
        bytes.extend(Uuid::parse_str(recording).ok()?.as_bytes());
        bytes.extend(unhex(&share.id)?);
        bytes.extend((share.expires_us / 1_000_000).to_be_bytes());
        match &share.opens {
            Opens::Player { downloads } => bytes.push(u8::from(*downloads)),
            Opens::File { path } => {
                bytes.push(2);
                bytes.extend(String::from(path.clone()).into_bytes());
            }
        }
        let sum = self.sum(&bytes)?.finalize().into_bytes();
        bytes.extend(sum);
        Some(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn sum(&self, bytes: &[u8]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of every length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(bytes);
        Some(mac)
    }

    /// What a token says, if it is ours.
    fn read(&self, token: &str) -> Option<Claim> {
        let bytes = Some(token).filter(|token| token.len() <= LONGEST)?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).ok()?;
        let (said, sum) = bytes.split_last_chunk::<SUM>()?;
        self.sum(said)?.verify_slice(sum).ok()?;
        let (head, opens) = said.split_at_checked(HEAD)?;
        let (&version, head) = head.split_first()?;
        let (recording, head) = head.split_first_chunk::<16>()?;
        let (share, expires) = head.split_first_chunk::<6>()?;
        let opens = match opens.split_first()? {
            (kind @ (0 | 1), []) => Opens::Player { downloads: *kind == 1 },
            (2, path) => Opens::File { path: RelativePath::try_from(String::from_utf8(path.to_vec()).ok()?).ok()? },
            _ => return None,
        };
        let expires_s = i64::from_be_bytes(expires.try_into().ok()?);
        let recording = Uuid::from_bytes(*recording).simple().to_string();
        (version == VERSION).then(|| Claim { recording, share: hex(share), expires_s, opens })
    }
}

/// Whole or not at all, and one alone, however many make one at once.
fn make_secret(data: &Path, path: &Path) -> std::io::Result<()> {
    let secret: [u8; SUM] = rand::random();
    let new = data.join(format!(".share.secret.{}", Uuid::now_v7().simple()));
    let mut file = std::fs::File::options().create_new(true).write(true).mode(0o600).open(&new)?;
    let linked = file.write_all(&secret).and_then(|()| file.sync_all()).and_then(|()| std::fs::hard_link(&new, path));
    std::fs::remove_file(&new)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    if text.len() != 12 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// A share that nobody has yet.
pub(crate) fn new_share(opens: Opens, term: Term, now_us: i64) -> Share {
    // A token has whole seconds, and so has the record.
    let expires_us = now_us.saturating_add(term.micros()) / 1_000_000 * 1_000_000;
    Share { id: hex(&rand::random::<[u8; 6]>()), opens, created_us: now_us, expires_us }
}

/// Adds it in place of those that have expired.
pub(crate) fn add(record: &mut Record, share: Share, now_us: i64) -> Result<(), String> {
    record.shares.retain(|share| share.expires_us > now_us);
    if record.shares.len() >= MAX_SHARES {
        return Err(format!("There are {MAX_SHARES} links to this recording already; take one back first."));
    }
    record.shares.push(share);
    Ok(())
}

/// The address of what is behind a token.
pub(crate) fn link(public_url: &str, token: &Secret) -> Secret {
    Secret::new(format!("{public_url}/s/{}", token.expose()))
}

impl Orchestrator {
    /// Makes a link: what was made, and its address.
    pub async fn share(&self, id: &str, opens: Opens, term: Term) -> Result<(Share, Secret), Denied> {
        let share = new_share(opens, term, now_us());
        self.records.change(id, |record| add(record, share.clone(), now_us())).await?;
        let url = self.share_url(id, &share).ok_or(Denied::Missing)?;
        Ok((share, url))
    }

    /// Takes a link back; false when there is none of this id.
    pub async fn unshare(&self, id: &str, share: &str) -> Result<bool, Denied> {
        let (_, was_there) = self
            .records
            .change(id, |record| {
                let before = record.shares.len();
                record.shares.retain(|known| known.id != share);
                Ok::<bool, std::convert::Infallible>(record.shares.len() < before)
            })
            .await?;
        Ok(was_there)
    }

    fn share_url(&self, id: &str, share: &Share) -> Option<Secret> {
        Some(link(&self.public_url, &self.signer.token(id, share)?))
    }

    /// What a link leads to.
    pub async fn shared(&self, token: &str) -> Result<(Record, Share), Unshared> {
        let claim = self.signer.read(token).ok_or(Unshared::Unknown)?;
        if claim.expires_s <= now_us() / 1_000_000 {
            return Err(Unshared::Expired);
        }
        let record = self.records.store.get(&claim.recording).await?.ok_or(Unshared::Revoked)?;
        let share = record.shares.iter().find(|share| share.id == claim.share && share.opens == claim.opens);
        let share = share.cloned().ok_or(Unshared::Revoked)?;
        Ok((record, share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0192a1b2c3d4e5f60718293a4b5c6d7e";

    fn share(opens: Opens) -> Share {
        new_share(opens, Term::within(std::time::Duration::from_secs(60)), 5_000_000)
    }

    fn path(text: &str) -> RelativePath {
        RelativePath::try_from(text.to_owned()).expect("a path")
    }

    #[test]
    fn a_token_says_what_was_signed_and_no_other_server_takes_it() {
        let folders = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
        let [ours, theirs] = folders.each_ref().map(|folder| Signer::open(folder.path()).expect("a secret"));
        let again = Signer::open(folders[0].path()).expect("the same secret");
        for opens in [
            Opens::Player { downloads: false },
            Opens::Player { downloads: true },
            Opens::File { path: path("day 1/Müller.mp4") },
        ] {
            let share = share(opens.clone());
            let token = ours.token(ID, &share).expect("a token");
            let claim = Claim { recording: ID.to_owned(), share: share.id.clone(), expires_s: 65, opens };
            assert_eq!(again.read(token.expose()), Some(claim));
            assert_eq!(theirs.read(token.expose()), None);
        }
        let mode = std::fs::metadata(folders[0].path().join("share.secret")).expect("it is there");
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
    }

    proptest! {
        #[test]
        fn a_token_that_is_changed_anywhere_is_nobody_s(at in 0usize..80, to in "[A-Za-z0-9_-]") {
            let folder = tempfile::tempdir().expect("a directory");
            let signer = Signer::open(folder.path()).expect("a secret");
            let token = signer.token(ID, &share(Opens::Player { downloads: false })).expect("a token");
            let mut changed = token.expose().to_owned();
            let at = at % changed.len();
            changed.replace_range(at..=at, &to);
            prop_assert!(changed == token.expose() || signer.read(&changed).is_none());
            prop_assert!(signer.read(&token.expose()[..at]).is_none());
        }
    }
}
