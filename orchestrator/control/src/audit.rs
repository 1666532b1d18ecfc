//! Who did what to which recording: one line of JSON for each, in a file for each day, that is only ever added to.
//!
//! ```text
//! DATA/audit/2026-11-21.jsonl
//! {"at":"2026-11-21T17:51:37.123456Z","key":"5f0c…","name":"ci","action":"POST /v1/recordings","recording":"0192…","from":"10.0.0.7","status":201}
//! ```
//!
//! Replicas that share a data directory write to the same file: a line is one write. Days beyond the configured time are deleted.

use std::fs;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wallflower_domain::request::Moment;

/// What is read of the files for one page. A page may so be short, or empty, and others follow all the same.
const LOOKED_AT: u64 = 4 * 1024 * 1024;
const DAY: usize = "2026-11-21".len();

/// Something that was done, or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub struct Entry {
    /// When it was answered.
    pub at: Moment,
    /// Id of the API key; absent where none is needed, and for whoever has followed a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What the key is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Id of the link that was followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// What was asked for: method and path, with names in place of what is in braces; or the command on this machine by which a key was made
    /// or revoked, which `key` and `name` are of.
    pub action: String,
    /// The recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// Address of whoever was connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// For whom they said that they asked: `X-Forwarded-For`. Only worth as much as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_for: Option<String>,
    /// How it was answered: the HTTP status, or what it would have been.
    pub status: u16,
}

/// The log.
#[derive(Clone, Debug)]
pub struct Audit {
    folder: PathBuf,
    keep: Duration,
}

/// A part of the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; none when there is nothing before it.
    pub next: Option<Cursor>,
}

/// A place in the log: what is before a byte of a day's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    day: String,
    before: u64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.day, self.before)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (day, before) = text.split_once('.').ok_or(())?;
        let day = Some(day).filter(|day| is_day(day)).ok_or(())?.to_owned();
        Ok(Self { day, before: before.parse().map_err(drop)? })
    }
}

fn is_day(text: &str) -> bool {
    text.len() == DAY
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

impl Audit {
    /// The one in the data directory.
    pub fn in_folder(data: &Path, keep: Duration) -> Self {
        Self { folder: data.join("audit"), keep }
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub fn add(&self, entry: &Entry) -> std::io::Result<()> {
        let at = entry.at.to_string();
        let day = at.get(..DAY).unwrap_or_default();
        let path = self.file(day);
        let mut options = fs::File::options();
        options.append(true).mode(0o600);
        let mut file = match options.open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
                self.prune(entry.at);
                options.create(true).open(&path)?
            }
            opened => opened?,
        };
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    /// The newest entries before a place, of one recording or of all.
    ///
    /// # Errors
    ///
    /// When the log can't be read.
    pub fn page(&self, from: Option<&Cursor>, recording: Option<&str>, limit: usize) -> std::io::Result<Page> {
        let mut days = self.days()?;
        days.retain(|day| from.is_none_or(|from| *day <= from.day));
        days.sort();
        let (mut entries, mut left) = (Vec::new(), LOOKED_AT);
        while let Some(day) = days.pop() {
            let mut file = fs::File::open(self.file(&day))?;
            let length = file.metadata()?.len();
            let mut before = from.filter(|from| from.day == day).map_or(length, |from| from.before.min(length));
            while before > 0 {
                // Whole lines that end at `before`.
                let start = before.saturating_sub(left.clamp(1, 64 * 1024));
                let mut bytes = Vec::new();
                file.seek(SeekFrom::Start(start))?;
                (&mut file).take(before - start).read_to_end(&mut bytes)?;
                left = left.saturating_sub(before - start);
                let cut = if start == 0 {
                    0
                } else {
                    bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1)
                };
                let mut end = bytes.len();
                for line in bytes.get(cut..).unwrap_or_default().split_inclusive(|byte| *byte == b'\n').rev() {
                    end -= line.len();
                    before = start + u64::try_from(end).unwrap_or_default();
                    // The last line of a process that was killed may be cut.
                    let entry = serde_json::from_slice::<Entry>(line).ok();
                    let wanted = |entry: &Entry| recording.is_none() || entry.recording.as_deref() == recording;
                    entries.extend(entry.filter(wanted));
                    if entries.len() >= limit {
                        let next = (before > 0 || !days.is_empty()).then_some(Cursor { day, before });
                        return Ok(Page { entries, next });
                    }
                }
                if cut == bytes.len() {
                    // No line is that long: it is none of ours.
                    before = start;
                }
                if left == 0 {
                    return Ok(Page { entries, next: Some(Cursor { day, before }) });
                }
            }
        }
        Ok(Page { entries, next: None })
    }

    fn file(&self, day: &str) -> PathBuf {
        self.folder.join(format!("{day}.jsonl"))
    }

    fn days(&self) -> std::io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter_map(|name| name.strip_suffix(".jsonl").filter(|day| is_day(day)).map(str::to_owned)).collect())
    }

    /// Deletes what is too old.
    fn prune(&self, now: Moment) {
        let keep_us = i64::try_from(self.keep.as_micros()).unwrap_or(i64::MAX);
        let oldest = Moment::from_unix_us(now.unix_us().saturating_sub(keep_us)).to_string();
        for day in self.days().unwrap_or_default() {
            if oldest.get(..DAY).is_some_and(|oldest| *day < *oldest)
                && let Err(error) = fs::remove_file(self.file(&day))
            {
                tracing::warn!(day, %error, "an old day of the audit log can't be deleted");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_US: i64 = 86_400_000_000;

    fn entry(at_us: i64, recording: &str) -> Entry {
        Entry {
            at: Moment::from_unix_us(at_us),
            key: Some("k".into()),
            name: None,
            share: None,
            action: "POST /v1/recordings".into(),
            recording: Some(recording.into()),
            from: None,
            forwarded_for: None,
            status: 201,
        }
    }

    fn all(audit: &Audit, recording: Option<&str>, limit: usize) -> Vec<Entry> {
        let (mut entries, mut cursor) = (Vec::new(), None);
        loop {
            let page = audit.page(cursor.as_ref(), recording, limit).expect("readable");
            assert!(page.entries.len() <= limit);
            entries.extend(page.entries);
            cursor = page.next.map(|next| next.to_string().parse().expect("a cursor"));
            if cursor.is_none() {
                return entries;
            }
        }
    }

    #[test]
    fn days_are_forgotten_after_their_time() {
        let folder = tempfile::tempdir().expect("a directory");
        let audit = Audit::in_folder(folder.path(), Duration::from_secs(3 * 86_400));
        for day in 0..10 {
            audit.add(&entry(day * DAY_US + 1, "a")).expect("written");
        }
        let kept: Vec<i64> = all(&audit, None, 2).iter().map(|entry| entry.at.unix_us() / DAY_US).collect();
        assert_eq!(kept, [9, 8, 7, 6]);
        let mode = fs::metadata(audit.file("1970-01-10")).expect("it is there").permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    }

    #[test]
    fn a_line_that_was_cut_is_passed_over_and_what_is_no_cursor_is_refused() {
        let folder = tempfile::tempdir().expect("a directory");
        let audit = Audit::in_folder(folder.path(), Duration::MAX);
        assert_eq!(all(&audit, None, 5), []);
        audit.add(&entry(1, "a")).expect("written");
        let mut file = fs::File::options().append(true).open(audit.file("1970-01-01")).expect("it is there");
        file.write_all(b"{\"at\":\"19\n").expect("written");
        audit.add(&entry(2, "b")).expect("written");
        assert_eq!(all(&audit, None, 5), [entry(2, "b"), entry(1, "a")]);
        for bad in ["", "x", "2026-11-21", "../../etc/x.1", "2026-11-21.-1"] {
            assert_eq!(bad.parse::<Cursor>(), Err(()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn pages_are_the_whole_log_newest_first(days in prop::collection::vec((0i64..3, 0u8..2, 0usize..300), 0..40), limit in 1usize..7) {
            let folder = tempfile::tempdir().expect("a directory");
            let audit = Audit::in_folder(folder.path(), Duration::MAX);
            let mut days = days;
            days.sort();
            let written: Vec<Entry> = days.iter().enumerate().map(|(at, (day, recording, length))| {
                let at_us = day * DAY_US + i64::try_from(at).expect("small");
                Entry { name: Some("n".repeat(length * 10)), ..entry(at_us, &recording.to_string()) }
            }).collect();
            for entry in &written {
                audit.add(entry).expect("written");
            }
            let newest: Vec<Entry> = written.into_iter().rev().collect();
            prop_assert_eq!(&all(&audit, None, limit), &newest);
            let of_one: Vec<Entry> = newest.into_iter().filter(|entry| entry.recording.as_deref() == Some("1")).collect();
            prop_assert_eq!(all(&audit, Some("1"), limit), of_one);
        }
    }
}
