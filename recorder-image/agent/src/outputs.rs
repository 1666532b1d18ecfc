//! Outputs that are made while the recording goes on: HLS, with the upload of it, and images.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wallflower_domain::failure::Failure;
use wallflower_domain::output::Output;
use wallflower_domain::timeline::{Delivered, OutputKind};

use crate::hls::{self, Hls};
use crate::images::{self, Images, Wish};
use crate::report::Report;
use crate::spool::{Reader, Spool, Wanted};
use crate::upload::Uploader;
use crate::uploads::Uploads;
use crate::workdir::Lasting;

/// A segment is uploaded so long after it was written.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// What has not been uploaded so long after the end of the recording is left to its delivery.
const UPLOAD_GRACE: Duration = Duration::from_secs(10);

/// What follows the spool.
#[derive(Default)]
pub(crate) struct LiveOutputs {
    begun: bool,
    hls: Vec<(PathBuf, Result<Hls, Failure>)>,
    images: Vec<(PathBuf, Result<Images, Failure>)>,
    followers: Vec<Follower>,
}

impl LiveOutputs {
    /// Begins, once there is an attempt. What can't be begun is told, and does not hinder the rest.
    pub(crate) fn begin(&mut self, spool: &Spool, wanted: &Wanted, ffmpeg: &Path, lasting: &Lasting, report: &Report) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        for output in &wanted.outputs {
            if let Output::Hls { directory } = output {
                let hls = Hls::start(directory, wanted, spool.reader(), report.clone());
                match &hls {
                    Ok(_) => self.followers.extend(follower(directory, spool, wanted, report)),
                    Err(failure) => report.warn(failure.message.clone()),
                }
                self.hls.push((directory.clone(), hls));
            }
            if let Output::Images { directory, every_s } = output {
                let lasting = Some(lasting.clone());
                let wish = Wish { directory, every_s: *every_s, wanted, ffmpeg, lasting };
                let images = Images::start(wish, spool.reader(), report.clone());
                if let Err(failure) = &images {
                    report.warn(failure.message.clone());
                }
                self.images.push((directory.clone(), images));
            }
        }
    }

    /// The last segments, and the playlists of all. The last attempt has ended.
    pub(crate) async fn finish(self) -> Vec<Delivered> {
        let mut delivered = Vec::new();
        for (directory, hls) in self.hls {
            let made = match hls {
                Ok(hls) => hls.finish().await,
                Err(failure) => Err(failure),
            };
            delivered.push(hls_delivered(&directory, made));
        }
        for (directory, images) in self.images {
            let made = match images {
                Ok(images) => images.finish().await,
                Err(failure) => Err(failure),
            };
            delivered.push(images_delivered(&directory, made.err()));
        }
        for follower in self.followers {
            follower.end().await;
        }
        delivered
    }
}

/// The same from a spool that a dead run left.
pub(crate) async fn recover(spool: &Reader, wanted: &Wanted, ffmpeg: &Path) -> Vec<Delivered> {
    let mut delivered = Vec::new();
    for output in &wanted.outputs {
        if let Output::Hls { directory } = output {
            let made = hls::make(directory, wanted, spool.clone()).await;
            delivered.push(hls_delivered(directory, made));
        }
        if let Output::Images { directory, every_s } = output {
            let wish = Wish { directory, every_s: *every_s, wanted, ffmpeg, lasting: None };
            let made = images::make(wish, spool.clone()).await;
            delivered.push(images_delivered(directory, made.err()));
        }
    }
    delivered
}

fn images_delivered(directory: &Path, failure: Option<Failure>) -> Delivered {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    Delivered {
        kind: OutputKind::Images,
        location: directory.display().to_string(),
        bytes: files.filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum(),
        sha256: None,
        duration_s: None,
        facts: None,
        uploads: Vec::new(),
        failure,
    }
}

fn hls_delivered(directory: &Path, made: Result<hls::HlsDelivery, Failure>) -> Delivered {
    let (bytes, duration_s, failure) = match made {
        Ok(made) => (made.bytes, Some(made.duration_s), None),
        Err(failure) => (0, None, Some(failure)),
    };
    Delivered {
        kind: OutputKind::Hls,
        location: directory.display().to_string(),
        bytes,
        sha256: None,
        duration_s,
        facts: None,
        uploads: Vec::new(),
        failure,
    }
}

/// Uploads what comes into a directory of HLS while it does.
struct Follower {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// None when nothing is to be uploaded, or can't be: then it is at the end that this is told.
fn follower(directory: &Path, spool: &Spool, wanted: &Wanted, report: &Report) -> Option<Follower> {
    let began_unix_us = spool.began().map_or(0, |began| began.unix_us);
    let uploader = Uploads::of(wanted, began_unix_us, report).ok()??.follow(directory).ok()?;
    let (end, ends) = oneshot::channel();
    let task = tokio::spawn(follow(directory.to_owned(), uploader, ends));
    Some(Follower { end, task })
}

impl Follower {
    async fn end(self) {
        // It may have ended already.
        let _ = self.end.send(());
        let _ = self.task.await;
    }
}

async fn follow(directory: PathBuf, uploader: Uploader, mut ends: oneshot::Receiver<()>) {
    let mut sent = BTreeSet::new();
    let mut playlist = Bytes::new();
    let folder = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    loop {
        let ended = tokio::time::timeout(LOOK_INTERVAL, &mut ends).await.is_ok();
        // Before the files: all that it names is there then.
        let newest = std::fs::read(directory.join("index.m3u8")).map(Bytes::from).unwrap_or_default();
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let media: BTreeSet<String> = names.filter(|name| name.ends_with(".m4s") || name.ends_with(".mp4")).collect();
        for name in media.difference(&sent) {
            uploader.finished(&directory.join(name), &format!("{folder}/{name}"));
        }
        sent.extend(media);
        if newest != playlist {
            uploader.replaced(&format!("{folder}/index.m3u8"), &newest);
            playlist = newest;
        }
        if ended {
            return uploader.finish(UPLOAD_GRACE).await;
        }
    }
}
