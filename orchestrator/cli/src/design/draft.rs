//! What is on the designer's screen at a moment, which the page sends with whatever it asks for.

use serde::Deserialize;
use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::layout::Layout;
use wallflower_domain::look::Look;
use wallflower_domain::theme::Theme;
use wallflower_domain::wire::page::{CONTRACT, PageConfig, PageRoom};
use wallflower_domain::wire::scene::Scene;

use super::folder::Folder;
use super::theme_file::{self, ThemeFault};

/// A look with a room to look at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    /// As it would be in `theme.json`.
    pub(super) theme: serde_json::Value,
    pub(super) layout: Layout,
    pub(super) scene: Scene,
    pub(super) size: FrameSize,
}

impl Draft {
    pub(super) fn theme(&self, folder: &Folder) -> Result<Theme, ThemeFault> {
        theme_file::read(&self.theme.to_string(), folder.path())
    }

    /// The room as a page gets it that is not directed.
    pub(super) fn room(&self) -> PageRoom {
        PageRoom::Simulated { scene: self.scene.clone(), director: None }
    }
}

/// What a page finds that is looked at.
pub(super) fn config(theme: Theme, layout: Layout, room: PageRoom, size: FrameSize) -> PageConfig {
    PageConfig {
        contract: CONTRACT,
        recording: "workshop".to_owned(),
        room: Some(room),
        look: Look::new(layout, theme),
        size,
        fps: FrameRate::DEFAULT,
    }
}
