use wallflower_domain::encoding::Encoding;
use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::layout::Layout;
use wallflower_domain::output::Output;
use wallflower_domain::theme::Theme;
use wallflower_domain::watchdog::WatchdogConfig;
use wallflower_domain::wire::agent::{Gaps, JobPage, Standing};

use super::*;

pub(crate) fn job(file: &Path) -> Job {
    Job {
        id: "id".into(),
        page: JobPage::Page { url: "http://h/?token=secret".into(), await_start: false },
        layout: Layout::Grid,
        theme: Theme::default(),
        size: FrameSize::HD,
        fps: FrameRate::DEFAULT,
        room: "http://h/".into(),
        encoding: Encoding::default(),
        spool: spool_beside(file, "id").expect("a file").to_str().expect("UTF-8").into(),
        outputs: vec![Output::File { path: file.to_owned() }],
        uploads: Vec::new(),
        overwrite: false,
        gaps: Gaps::Slate,
        public_only: false,
        max_duration_s: None,
        start_deadline_s: 20.0,
        standing: Standing::default(),
        watchdog: WatchdogConfig::default(),
    }
}

/// Writes media as an agent does that is killed before it can end its last segment.
async fn spooled(spool: &Spool, seconds: u32) -> (Attempt, Vec<u8>) {
    spooled_at(spool, Moment::now(), seconds).await
}

/// An attempt whose first frame was grabbed at that moment, of ten frames a second.
pub(crate) async fn spooled_at(spool: &Spool, first_frame: Moment, seconds: u32) -> (Attempt, Vec<u8>) {
    spooled_as(spool, first_frame, crate::fragment::tests::encoded(seconds, 10), 10).await
}

/// An attempt that was encoded so, on a grid of so many frames a second.
pub(crate) async fn spooled_as(spool: &Spool, first_frame: Moment, encoded: Vec<u8>, fps: u32) -> (Attempt, Vec<u8>) {
    let number = spool.next();
    let (attempt, offset, writer) = spool.begin(number, first_frame, fps, None).expect("begun");
    for piece in Cutter::new(offset).push(&encoded).expect("valid") {
        match piece {
            Piece::Init(init) => writer.init(init.bytes).await.expect("open"),
            Piece::Fragment(fragment) => writer.append(std::sync::Arc::new(fragment)).await.expect("open"),
        }
    }
    tokio::task::spawn_blocking(|| writer.close()).await.expect("ran").expect("written");
    (attempt, encoded)
}

#[tokio::test]
async fn segments_are_indexed_by_place_and_time() {
    let folder = tempfile::tempdir().expect("temp dir");
    let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
    let mut count = spool.segment_count();
    let (attempt, _) = spooled(&spool, 5).await;
    let segments = spool.segments().expect("readable");
    assert_eq!(*count.borrow_and_update(), 3);
    let times: Vec<_> = segments.iter().map(|segment| (segment.start_s, segment.length_s)).collect();
    assert_eq!(times, [(0.0, 2.0), (2.0, 2.0), (4.0, 1.0)]);
    assert_eq!(segments[1].unix_us, attempt.first_frame.unix_us + 2_000_000);
    for segment in &segments {
        assert_eq!(&spool.segment_bytes(segment).expect("there")[4..8], b"moof");
    }
    assert_eq!(&spool.init_section(1).expect("there")[4..8], b"ftyp");
}

#[tokio::test]
async fn a_reader_follows_the_index_and_leaves_a_line_that_is_being_written() {
    let folder = tempfile::tempdir().expect("temp dir");
    let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
    let reader = spool.reader();
    assert_eq!(reader.segments_after(0).expect("nothing is there yet"), (vec![], 0));
    spooled(&spool, 5).await;
    let whole = spool.segments().expect("readable");
    let index = spool.folder().join(SEGMENTS);
    let text = fs::read_to_string(&index).expect("there");
    fs::write(&index, &text[..text.len() - 1]).expect("written");
    let (first, place) = reader.segments_after(0).expect("readable");
    assert_eq!(first, whole[..2]);
    fs::write(&index, text).expect("written");
    assert_eq!(reader.segments_after(place).expect("readable").0, whole[2..]);
    spool.remove();
    assert!(reader.segments().expect("nothing is there").is_empty() && reader.began().is_none());
}

#[tokio::test]
async fn what_the_index_lacks_is_found_in_the_media() {
    let folder = tempfile::tempdir().expect("temp dir");
    let job = job(&folder.path().join("a.mp4"));
    let spool = Spool::of(&job).expect("made");
    spooled(&spool, 5).await;
    let (whole, index) = (spool.segments().expect("readable"), spool.folder().join(SEGMENTS));
    drop(spool);
    // The last line was being written.
    for (lines_left, cut) in
        [(0, "{\"attempt\":1,\"off\n"), (1, "{\"attempt\":1,\"off"), (2, "{"), (0, "{\"attempt\":1")]
    {
        let text = fs::read_to_string(&index).expect("there");
        let left: String = text.split_inclusive('\n').take(lines_left).collect();
        fs::write(&index, left + cut).expect("written");
        let mended = Spool::of(&job).expect("opened").segments().expect("readable");
        assert_eq!(mended, whole, "{lines_left} lines were left");
    }
}

#[tokio::test]
async fn a_fragment_that_is_not_whole_is_no_part_of_a_segment() {
    let folder = tempfile::tempdir().expect("temp dir");
    let job = job(&folder.path().join("a.mp4"));
    let spool = Spool::of(&job).expect("made");
    spooled(&spool, 5).await;
    let (media, index) = (spool.media(1), spool.folder().join(SEGMENTS));
    drop(spool);
    let bytes = fs::read(&media).expect("there");
    fs::write(&media, &bytes[..bytes.len() - 10]).expect("written");
    fs::write(index, "").expect("written");
    let segments = Spool::of(&job).expect("opened").segments().expect("readable");
    let end = segments.last().map(|segment| segment.start_s + segment.length_s);
    assert_eq!(end, Some(4.5), "{segments:?}");
}

#[tokio::test]
async fn the_next_agent_goes_on_where_the_last_one_ended() {
    let folder = tempfile::tempdir().expect("temp dir");
    let job = job(&folder.path().join("a.mp4"));
    let spool = Spool::of(&job).expect("made");
    assert_eq!((spool.next(), spool.began()), (1, None));
    let (first, _) = spooled(&spool, 2).await;
    // A line that was cut by a kill.
    let mut file = fs::File::options().append(true).open(spool.folder().join(ATTEMPTS)).expect("there");
    file.write_all(b"{\"number\":2,\"fr\n").expect("written");
    drop(spool);
    let spool = Spool::of(&job).expect("opened");
    assert_eq!((spool.next(), spool.began()), (2, Some(first.first_frame.clone())));
    let (second, _) = spooled(&spool, 2).await;
    assert!(second.frame >= 20, "it does not overlap what the first encoded ahead of the clock: {second:?}");
    assert_eq!(spool.attempts().expect("readable"), [first, second]);
}

#[test]
fn a_pause_that_never_ended_lasts() {
    let folder = tempfile::tempdir().expect("temp dir");
    let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
    spool.note_pause(PauseMode::Cut, 5).expect("noted");
    spool.note_resume(9).expect("noted");
    spool.note_pause(PauseMode::Hold, 20).expect("noted");
    // By the next agent, which begins paused.
    spool.note_pause(PauseMode::Hold, 30).expect("noted");
    let pause = |mode, from_us, until_us| Pause { mode, from_us, until_us };
    assert_eq!(
        spool.pauses().expect("readable"),
        [pause(PauseMode::Cut, 5, Some(9)), pause(PauseMode::Hold, 20, None)]
    );
}

#[test]
fn only_spools_of_the_dead_are_abandoned_and_they_tell_no_secret() {
    let folder = tempfile::tempdir().expect("temp dir");
    let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
    fs::write(spool.media(1), b"media").expect("written");
    assert!(matches!(Spool::left_in(spool.folder()), Err(NotOpened::InUse)));
    assert_eq!(abandoned_spools(folder.path()), Vec::<PathBuf>::new());
    let path = spool.folder().to_owned();
    drop(spool);
    assert_eq!(abandoned_spools(folder.path()), std::slice::from_ref(&path));
    let text = fs::read_to_string(path.join(WANTED)).expect("readable");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn what_lay_beside_a_spool_does_so_wherever_both_are_moved_to() {
    let folder = tempfile::tempdir().expect("temp dir");
    let mut job = job(&folder.path().join("old/a.mp4"));
    job.outputs.push(Output::Hls { directory: folder.path().join("old/live") });
    job.outputs.push(Output::Audio { path: "/elsewhere/a.mp3".into() });
    drop(Spool::of(&job).expect("made"));
    let moved = folder.path().join("new");
    fs::rename(folder.path().join("old"), &moved).expect("moved");
    let (_spool, wanted) = Spool::left_in(&spool_beside(&moved.join("a.mp4"), "id").expect("path")).expect("opened");
    let paths: Vec<_> = wanted.outputs.iter().filter_map(Output::path).collect();
    assert_eq!(paths, [moved.join("a.mp4"), moved.join("live"), "/elsewhere/a.mp3".into()]);
}

#[test]
fn what_can_t_be_read_may_be_media() {
    let folder = tempfile::tempdir().expect("temp dir");
    let file = folder.path().join("no directory");
    assert!(!has_media(&file), "nothing is there");
    fs::write(&file, b"x").expect("written");
    assert!(has_media(&file));
}

#[tokio::test]
async fn notes_that_can_t_be_read_are_not_taken_for_none() {
    let folder = tempfile::tempdir().expect("temp dir");
    let job = job(&folder.path().join("a.mp4"));
    let spool = Spool::of(&job).expect("made");
    spooled(&spool, 2).await;
    for name in [ATTEMPTS, SEGMENTS, PAUSES] {
        let (path, aside) = (spool.folder().join(name), folder.path().join(name));
        let was_there = path.exists();
        if was_there {
            fs::rename(&path, &aside).expect("moved");
        }
        fs::create_dir(&path).expect("made");
        assert!(crate::finisher::plan_of(&spool, &Wanted::of(&job), None).is_err(), "{name}");
        fs::remove_dir(&path).expect("removed");
        if was_there {
            fs::rename(&aside, &path).expect("moved");
        }
    }
    let plan = crate::finisher::plan_of(&spool, &Wanted::of(&job), None).expect("readable");
    assert_eq!(plan.pieces.len(), 1);
}

fn places_of_fragments(media: &[u8]) -> Vec<usize> {
    media.windows(4).enumerate().filter(|(_, window)| *window == b"moof").map(|(at, _)| at - 4).collect()
}

#[tokio::test]
async fn media_that_no_segment_holds_is_told_of_unless_it_is_the_fragment_in_flight() {
    let folder = tempfile::tempdir().expect("temp dir");
    let job = job(&folder.path().join("a.mp4"));
    let spool = Spool::of(&job).expect("made");
    spooled(&spool, 5).await;
    assert_eq!(spool.unaccounted().expect("readable"), Vec::<u32>::new());
    let (media, index) = (spool.media(1), spool.folder().join(SEGMENTS));
    drop(spool);
    let whole = fs::read(&media).expect("there");
    let places = places_of_fragments(&whole);
    let cases: [(&str, Vec<u8>, &[u32]); 4] = [
        ("killed before the first fragment", whole[..places[0]].to_vec(), &[]),
        ("killed in the first fragment", whole[..places[1] - 9].to_vec(), &[]),
        ("killed in the last one", whole[..whole.len() - 9].to_vec(), &[]),
        ("damaged in the middle", [&whole[..places[3]], &[0xff; 50][..], &whole[places[3] + 50..]].concat(), &[1]),
    ];
    for (name, bytes, expected) in cases {
        fs::write(&media, bytes).expect("written");
        let _ = fs::remove_file(&index);
        let spool = Spool::of(&job).expect("opened");
        assert_eq!(spool.unaccounted().expect("readable"), expected, "{name}");
    }
    fs::write(&media, whole).expect("written");
    let spool = Spool::of(&job).expect("opened");
    fs::write(spool.folder().join(ATTEMPTS), "{\"number\":1,\"fr").expect("written");
    assert_eq!(spool.unaccounted().expect("readable"), [1], "its line was cut");
}

#[test]
fn what_is_left_of_a_removal_is_no_spool() {
    let folder = tempfile::tempdir().expect("temp dir");
    let job = job(&folder.path().join("a.mp4"));
    let spool = Spool::of(&job).expect("made");
    fs::write(spool.media(1), b"media").expect("written");
    let (path, removed) = (spool.folder().to_owned(), removed_name(spool.folder()));
    drop(spool);
    fs::rename(&path, &removed).expect("renamed");
    assert_eq!(abandoned_spools(folder.path()), Vec::<PathBuf>::new());
    let spool = Spool::of(&job).expect("made anew");
    assert!(!removed.exists() && !spool.has_media());
    drop(spool);
    fs::rename(&path, &removed).expect("renamed");
    sweep(folder.path());
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
}

#[test]
fn half_of_what_is_wanted_is_written_again() {
    let folder = tempfile::tempdir().expect("temp dir");
    let job = job(&folder.path().join("a.mp4"));
    let path = Spool::of(&job).expect("made").folder().to_owned();
    fs::write(path.join(WANTED), "{\"recording\": \"i").expect("written");
    drop(Spool::of(&job).expect("opened"));
    assert_eq!(Spool::left_in(&path).expect("opened").1, Wanted::of(&job));
}
