//! A room that is only played, for whoever designs a page: people, and what they do, as data.
//!
//! The workshop shows it, `design --check` looks at a template in many of them, and a recording can be made of one; the page itself
//! (`layout-app/src/scene`) draws the pictures. People are named by their index, from 0.

use serde::{Deserialize, Serialize};

/// A simulated room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields, default)]
pub struct Scene {
    /// How many people there are; at most [`Scene::MOST_PEOPLE`] are drawn.
    pub people: u16,
    /// What they are called.
    pub names: SceneNames,
    /// Who speaks; absent for silence.
    pub speaker: Option<u16>,
    /// Whose cameras are off.
    pub off: Vec<u16>,
    /// Whose cameras are upright, as a phone's.
    pub tall: Vec<u16>,
    /// Whose cameras have the shape 4:3.
    pub classic: Vec<u16>,
    /// Who is muted; whoever speaks is not.
    pub muted: Vec<u16>,
    /// Whose hands are raised, in this order.
    pub hands: Vec<u16>,
    /// Whose connections are lost.
    pub lost: Vec<u16>,
    /// Who shares a screen.
    pub shares: Vec<u16>,
    /// Lines of chat with which it begins.
    pub chat: u16,
    /// Emoji reactions with which it begins.
    pub reactions: u16,
    /// Reactions come from people whom the room does not name.
    pub strangers: bool,
    /// Whoever speaks is understood, and captions tell what is said.
    pub captions: bool,
    /// Where there are chat and reactions, more of them follow.
    pub lively: bool,
    /// The connection to the room is away.
    pub reconnecting: bool,
    /// Speakers change, and people come and go.
    pub restless: bool,
    /// Whoever speaks is heard.
    pub sound: bool,
    /// The room ends soon after it began.
    pub over: bool,
    /// Pictures stand still, always at the same moment.
    pub still: bool,
    /// Pictures a second of every camera, 1 to 60.
    pub fps: u16,
}

/// What the people of a simulated room are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum SceneNames {
    /// Usual ones, of many languages.
    #[default]
    Plain,
    /// Long ones.
    Long,
    /// From right to left.
    Rtl,
    /// With emoji.
    Emoji,
    /// All that breaks what is built for plain ones: markup, control characters, ten thousand letters.
    Hard,
}

impl Scene {
    /// More are not drawn.
    pub const MOST_PEOPLE: u16 = 200;
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            people: 4,
            names: SceneNames::default(),
            speaker: Some(0),
            off: Vec::new(),
            tall: Vec::new(),
            classic: Vec::new(),
            muted: vec![1, 2],
            hands: Vec::new(),
            lost: Vec::new(),
            shares: Vec::new(),
            chat: 0,
            reactions: 0,
            strangers: false,
            captions: false,
            lively: false,
            reconnecting: false,
            restless: false,
            sound: false,
            over: false,
            still: false,
            fps: 15,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_names_only_what_is_special_about_it() {
        let scene: Scene = serde_json::from_str(r#"{"people": 9, "names": "rtl", "speaker": null}"#).expect("valid");
        assert_eq!(scene, Scene { people: 9, names: SceneNames::Rtl, speaker: None, ..Scene::default() });
        let misspelt = serde_json::from_str::<Scene>(r#"{"poeple": 9}"#).expect_err("refused");
        assert!(misspelt.to_string().contains("unknown field `poeple`"), "{misspelt}");
    }
}
