//! The rooms in which a template is looked at: as many as it takes to see everything that breaks pages.

use wallflower_domain::frame::FrameSize;
use wallflower_domain::layout::Layout;
use wallflower_domain::wire::scene::{Scene, SceneNames};

/// A room, and the frame in which it is shown.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) scene: Scene,
    pub(super) layout: Layout,
    pub(super) size: FrameSize,
}

/// All settings; the first is the plainest.
pub(super) fn settings() -> Result<Vec<Setting>, String> {
    let (wide, upright, square) = (FrameSize::HD, FrameSize::new(720, 1280)?, FrameSize::new(720, 720)?);
    let small = FrameSize::new(640, 360)?;
    let people = |people: u16| Scene { people, speaker: Some(0), muted: vec![1, 2, 5, 7], fps: 5, ..Scene::default() };
    let named = |count: u16, names: SceneNames| Scene { names, chat: 3, ..people(count) };
    let off = |count: u16| Scene { off: (0..count).collect(), ..people(count) };
    let shared = |count: u16| Scene { shares: vec![0], chat: 2, ..people(count) };
    let busy =
        |count: u16| Scene { chat: 5, reactions: 5, hands: vec![1, 2], lost: vec![3], captions: true, ..people(count) };
    let grid = Layout::Grid;
    let table = [
        ("four people", people(4), grid, wide),
        ("nobody yet", people(0), grid, wide),
        ("one person", people(1), grid, wide),
        ("two people", people(2), Layout::Speaker, wide),
        ("nine people, busy", busy(9), grid, wide),
        ("25 people", people(25), grid, wide),
        ("49 people", people(49), grid, wide),
        ("cameras off", off(6), Layout::Speaker, wide),
        ("phones", Scene { tall: vec![0, 1, 2, 3], ..people(4) }, grid, wide),
        ("shared screen", shared(5), Layout::Screen, wide),
        ("long names", named(6, SceneNames::Long), Layout::Speaker, wide),
        ("names from right to left", named(6, SceneNames::Rtl), grid, wide),
        ("names of emoji", named(5, SceneNames::Emoji), grid, wide),
        ("hostile names", Scene { off: vec![1, 7, 11], ..named(16, SceneNames::Hard) }, grid, wide),
        ("connection lost", Scene { reconnecting: true, ..people(3) }, grid, wide),
        ("upright", busy(4), Layout::Speaker, upright),
        ("upright, long names", named(5, SceneNames::Long), grid, upright),
        ("upright, shared screen", shared(4), Layout::Screen, upright),
        ("square", busy(4), grid, square),
        ("small", busy(4), Layout::Speaker, small),
    ];
    Ok(table.into_iter().map(|(name, scene, layout, size)| Setting { name, scene, layout, size }).collect())
}
