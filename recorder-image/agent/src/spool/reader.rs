//! What can be read of a spool, also by those who don't hold it, while it grows.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::{
    ATTEMPTS, Attempt, EVENTS, Input, PAUSES, Pause, PauseNote, SEGMENTS, Segment, has_media, lines, media_name,
    media_of, number_of, parse_lines,
};
use crate::clock::Moment;

/// Reads a spool. When the spool is gone, it finds nothing; when the spool can't be read, that is an error.
#[derive(Clone)]
pub(crate) struct Reader {
    folder: PathBuf,
    count: watch::Receiver<u64>,
}

impl Reader {
    pub(super) fn of(folder: PathBuf, count: watch::Receiver<u64>) -> Self {
        Self { folder, count }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the attempt of this number writes.
    pub(crate) fn media(&self, number: u32) -> PathBuf {
        self.folder.join(media_name(number))
    }

    /// Number of the next attempt: no file of that name is there.
    pub(crate) fn next(&self) -> u32 {
        self.numbers().last().map_or(1, |last| last + 1)
    }

    fn numbers(&self) -> Vec<u32> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut numbers: Vec<u32> = entries.filter_map(|entry| number_of(&entry.file_name())).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Attempts that hold media, in order. One whose line was lost is not among them: see [`super::Spool::unaccounted`].
    pub(crate) fn attempts(&self) -> io::Result<Vec<Attempt>> {
        let mut noted: Vec<Attempt> = lines(&self.folder.join(ATTEMPTS))?;
        let media = media_of(&self.folder)?;
        noted.retain(|attempt| media.contains(&attempt.number));
        Ok(noted)
    }

    /// When the recording's first frame was grabbed: media time zero. None before there was an attempt.
    pub(super) fn first_moment(&self) -> io::Result<Option<Moment>> {
        let first = lines::<Attempt>(&self.folder.join(ATTEMPTS))?.into_iter().next();
        Ok(first.map(|attempt| attempt.first_frame))
    }

    /// The same for what is only told: none also when it can't be read.
    pub(crate) fn began(&self) -> Option<Moment> {
        self.first_moment().ok().flatten()
    }

    /// Microseconds of media time at this moment; none before there was an attempt.
    pub(crate) fn now_us(&self) -> Option<i64> {
        self.began().map(|began| began.elapsed_us())
    }

    /// All segments that are whole and on disk, in order.
    pub(crate) fn segments(&self) -> io::Result<Vec<Segment>> {
        lines(&self.folder.join(SEGMENTS))
    }

    /// The segments of the index after a place in it, and where the next look begins; 0 is the beginning. A line that is still being
    /// written is left for that.
    pub(crate) fn segments_after(&self, place: u64) -> io::Result<(Vec<Segment>, u64)> {
        let mut index = match fs::File::open(self.folder.join(SEGMENTS)) {
            Ok(index) => index,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), place)),
            Err(error) => return Err(error),
        };
        index.seek(SeekFrom::Start(place))?;
        let mut bytes = Vec::new();
        index.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        Ok((parse_lines(&bytes[..whole]), place + whole as u64))
    }

    /// Changes with every further segment; fails when nobody writes any more.
    pub(crate) fn segment_count(&self) -> watch::Receiver<u64> {
        self.count.clone()
    }

    /// What a player needs before a segment of this attempt.
    pub(crate) fn init_section(&self, number: u32) -> io::Result<Vec<u8>> {
        let first = self.segments()?.into_iter().find(|segment| segment.attempt == number);
        let length = first.map_or(0, |segment| segment.offset);
        self.read(number, 0, length)
    }

    /// The bytes of a segment.
    pub(crate) fn segment_bytes(&self, segment: &Segment) -> io::Result<Vec<u8>> {
        self.read(segment.attempt, segment.offset, segment.bytes)
    }

    fn read(&self, number: u32, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(self.media(number))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            let what = format!("{} ends before what the index tells of it", media_name(number));
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        Ok(bytes)
    }

    /// Media times of an attempt's beginning and end, in seconds; none when it holds nothing whole.
    pub(crate) fn extent(&self, number: u32) -> io::Result<Option<(f64, f64)>> {
        let segments = self.segments()?;
        let mut own = segments.iter().filter(|segment| segment.attempt == number);
        let Some(first) = own.next() else { return Ok(None) };
        Ok(Some((first.start_s, own.next_back().unwrap_or(first).end_s())))
    }

    /// What ffmpeg, run in the spool's folder, reads to get an attempt from the last keyframe at or before one media time until at
    /// least another. Bytes that are not whole fragments are no part of it.
    pub(crate) fn input(&self, number: u32, from_s: f64, until_s: f64) -> io::Result<Option<Input>> {
        /// Times are fractions; a segment that begins at a time does so within this.
        const NEAR_S: f64 = 1e-4;
        let mut segments = self.segments()?;
        segments.retain(|segment| segment.attempt == number);
        let (Some(earliest), Some(latest)) = (segments.first(), segments.last()) else { return Ok(None) };
        let init = earliest.offset;
        let first = segments.iter().rfind(|segment| segment.start_s <= from_s + NEAR_S).unwrap_or(earliest);
        let last = segments.iter().find(|segment| segment.end_s() >= until_s - NEAR_S).unwrap_or(latest);
        let (start, end, start_s) = (first.offset, last.offset + last.bytes, first.start_s);
        let name = media_name(number);
        let url = format!("concat:subfile,,start,0,end,{init},,:{name}|subfile,,start,{start},end,{end},,:{name}");
        Ok(Some(Input { url, start_s }))
    }

    /// Media time of an attempt's first keyframe at or after a time.
    pub(crate) fn keyframe_after(&self, number: u32, from_s: f64) -> io::Result<Option<f64>> {
        let segments = self.segments()?;
        let mut starts = segments.iter().filter(|segment| segment.attempt == number).map(|segment| segment.start_s);
        Ok(starts.find(|start_s| *start_s >= from_s - 1e-4))
    }

    /// All pauses, in order.
    pub(crate) fn pauses(&self) -> io::Result<Vec<Pause>> {
        let mut pauses: Vec<Pause> = Vec::new();
        for note in lines::<PauseNote>(&self.folder.join(PAUSES))? {
            let lasts = pauses.last_mut().filter(|pause| pause.until_us.is_none());
            match (note, lasts) {
                (PauseNote::Begins { mode, at_us }, None) => {
                    pauses.push(Pause { mode, from_us: at_us, until_us: None });
                }
                (PauseNote::Ends { at_us }, Some(pause)) => pause.until_us = Some(at_us.max(pause.from_us)),
                // Said twice.
                (PauseNote::Begins { .. }, Some(_)) | (PauseNote::Ends { .. }, None) => {}
            }
        }
        Ok(pauses)
    }

    /// Where the timeline is.
    pub(crate) fn events(&self) -> PathBuf {
        self.folder.join(EVENTS)
    }

    /// Something was captured. What can't be read may have been.
    pub(crate) fn has_media(&self) -> bool {
        has_media(&self.folder)
    }

    /// Size of what an attempt wrote so far.
    pub(crate) fn bytes(&self, number: u32) -> u64 {
        fs::metadata(self.media(number)).map_or(0, |meta| meta.len())
    }
}
