//! How a recording looks, and how that is changed while it is recorded.
//!
//! ```text
//! the request's layout and theme ── LookChange ──▶ Look ── LookChange ──▶ Look …      what the page shows
//! ```
//!
//! Changes add up: whoever goes on with a recording applies their sum to what it began with.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::layout::Layout;
use crate::theme::{LowerThird, Theme};
use crate::volume::Volume;

/// The longest banner, in characters.
pub const LONGEST_BANNER: usize = 300;
/// The longest line of a lower third, in characters.
pub const LONGEST_LINE: usize = 200;
/// So many people can be hidden at a time.
pub const MOST_HIDDEN: usize = 500;
/// So many people can be made louder or softer at a time.
pub const MOST_VOLUMES: usize = 500;
/// The longest identity of a participant, in characters.
const LONGEST_IDENTITY: usize = 500;
/// The largest theme that changes may add up to, as JSON: an image or two.
const LARGEST_THEME: usize = 4 * 1024 * 1024;

/// What a page shows a room by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct Look {
    /// Arrangement of the tiles.
    pub layout: Layout,
    /// Colours, logo, overlays.
    pub theme: Theme,
    /// Identity of the participant who is shown as if nobody else spoke, while there.
    pub spotlight: Option<String>,
    /// Participants who are neither seen nor heard: identities, or beginnings of some, such as `guest-*`.
    pub hidden: Vec<String>,
    /// Nobody else is seen or heard; everybody may be when it is empty. Identities, or beginnings of some.
    pub only: Vec<String>,
    /// How loud participants are who are not as loud as they were sent: by identities, or beginnings of some. An identity goes before
    /// a beginning, and a longer beginning before a shorter.
    pub volume: BTreeMap<String, Volume>,
    /// Shown over the lower third from the moment of the change on, in place of the theme's.
    pub lower_third: Option<LowerThird>,
    /// A line across the picture until it is taken away.
    pub banner: Option<String>,
}

impl Default for Look {
    fn default() -> Self {
        Self::new(Layout::default(), Theme::default())
    }
}

impl Look {
    /// What a recording begins with.
    pub fn new(layout: Layout, theme: Theme) -> Self {
        Self {
            layout,
            theme,
            spotlight: None,
            hidden: Vec::new(),
            only: Vec::new(),
            volume: BTreeMap::new(),
            lower_third: None,
            banner: None,
        }
    }
}

/// A change of how a recording looks. What is absent stays as it is; `null` takes away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LookChange {
    /// Another arrangement of the tiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Values of the theme: a JSON merge patch (RFC 7396), such as `{"colors": {"accent": "#ff0066"}, "logo": null}`. Images are
    /// `data:` URLs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<Map<String, Value>>,
    /// Identity of a participant to show as if nobody else spoke; null for whoever does.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub spotlight: Option<Option<String>>,
    /// Participants who are neither to be seen nor heard from now on: identities, or beginnings of some, such as `guest-*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<String>,
    /// What of `hide` no longer holds, as it was said there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unhide: Vec<String>,
    /// Nobody but these is to be seen or heard: identities, or beginnings of some. Null, or none, for everybody.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub only: Option<Option<Vec<String>>>,
    /// How loud participants are, in percent of what they send: `{"ann": 150, "guest-*": 50}`. Identities, or beginnings of some; an
    /// identity goes before a beginning. Null for as loud as they are sent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = MOST_VOLUMES)))]
    pub volume: BTreeMap<String, Option<Volume>>,
    /// Shown over the lower third of the picture: `after` and `seconds` count from now. Null takes it away.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub lower_third: Option<Option<LowerThird>>,
    /// A line across the picture, until it is taken away by null.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub banner: Option<Option<String>>,
}

/// What is wrong with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLook {
    /// The field, such as `theme.tiles`.
    pub field: String,
    /// One sentence.
    pub message: String,
}

impl BadLook {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl std::fmt::Display for BadLook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl LookChange {
    /// It changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What this makes of a look. Whoever is to be hidden and not hidden is hidden.
    pub fn applied_to(&self, look: &Look) -> Result<Look, BadLook> {
        self.check()?;
        let mut next = look.clone();
        if let Some(layout) = self.layout {
            next.layout = layout;
        }
        if let Some(patch) = &self.theme {
            next.theme = patched(&look.theme, patch)?;
        }
        if let Some(spotlight) = &self.spotlight {
            next.spotlight.clone_from(spotlight);
        }
        next.hidden.retain(|identity| !self.unhide.contains(identity));
        for identity in &self.hide {
            if !next.hidden.contains(identity) {
                next.hidden.push(identity.clone());
            }
        }
        if next.hidden.len() > MOST_HIDDEN {
            return Err(BadLook::new(
                "hide",
                format!("No more than {MOST_HIDDEN} participants can be hidden at a time."),
            ));
        }
        if let Some(only) = &self.only {
            next.only = only.clone().unwrap_or_default();
        }
        for (identity, volume) in &self.volume {
            match volume {
                Some(volume) => next.volume.insert(identity.clone(), *volume),
                None => next.volume.remove(identity),
            };
        }
        if next.volume.len() > MOST_VOLUMES {
            let message = format!("No more than {MOST_VOLUMES} participants can have a volume of their own.");
            return Err(BadLook::new("volume", message));
        }
        if let Some(lower_third) = &self.lower_third {
            next.lower_third.clone_from(lower_third);
        }
        if let Some(banner) = &self.banner {
            next.banner.clone_from(banner);
        }
        Ok(next)
    }

    /// Adds a later change. In a theme an object that comes after a null is laid over what was there before the null.
    pub fn then(&mut self, later: &Self) {
        self.layout = later.layout.or(self.layout);
        match (&mut self.theme, &later.theme) {
            (Some(patch), Some(later)) => add(patch, later),
            (None, Some(later)) => self.theme = Some(later.clone()),
            (_, None) => {}
        }
        if later.spotlight.is_some() {
            self.spotlight.clone_from(&later.spotlight);
        }
        self.hide.retain(|identity| !later.unhide.contains(identity));
        self.unhide.retain(|identity| !later.hide.contains(identity));
        join(&mut self.unhide, &later.unhide);
        join(&mut self.hide, &later.hide);
        if later.only.is_some() {
            self.only.clone_from(&later.only);
        }
        self.volume.extend(later.volume.iter().map(|(identity, volume)| (identity.clone(), *volume)));
        if later.lower_third.is_some() {
            self.lower_third.clone_from(&later.lower_third);
        }
        if later.banner.is_some() {
            self.banner.clone_from(&later.banner);
        }
    }

    /// What of it lasts: a lower third goes by itself, unless it is there to stay.
    #[must_use]
    pub fn lasting(&self) -> Self {
        let mut lasting = self.clone();
        if let Some(third) = &mut lasting.lower_third
            && third.as_ref().is_some_and(|third| third.seconds > 0)
        {
            *third = None;
        }
        lasting
    }

    /// What can be told to be wrong without the look that it changes.
    fn check(&self) -> Result<(), BadLook> {
        let only = self.only.as_ref().and_then(Option::as_ref);
        let lists = [("hide", Some(&self.hide)), ("unhide", Some(&self.unhide)), ("only", only)];
        for (field, identities) in lists.into_iter().filter_map(|(field, list)| Some((field, list?))) {
            if identities.len() > MOST_HIDDEN {
                return Err(BadLook::new(
                    field,
                    format!("No more than {MOST_HIDDEN} participants can be named at a time."),
                ));
            }
            if !identities.iter().all(|identity| is_identity(identity)) {
                return Err(BadLook::new(field, not_an_identity()));
            }
        }
        if self.volume.len() > MOST_VOLUMES || !self.volume.keys().all(|identity| is_identity(identity)) {
            let message = format!("It names up to {MOST_VOLUMES} participants. {}", not_an_identity());
            return Err(BadLook::new("volume", message));
        }
        if let Some(Some(identity)) = &self.spotlight
            && !is_identity(identity)
        {
            return Err(BadLook::new("spotlight", not_an_identity()));
        }
        if let Some(Some(banner)) = &self.banner {
            line("banner", banner, LONGEST_BANNER)?;
        }
        if let Some(Some(LowerThird { headline, detail, .. })) = &self.lower_third {
            line("lower_third.headline", headline, LONGEST_LINE)?;
            if let Some(detail) = detail {
                line("lower_third.detail", detail, LONGEST_LINE)?;
            }
        }
        Ok(())
    }
}

fn is_identity(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= LONGEST_IDENTITY
}

fn not_an_identity() -> String {
    format!("A participant's identity has 1 to {LONGEST_IDENTITY} characters.")
}

fn line(field: &str, text: &str, longest: usize) -> Result<(), BadLook> {
    if text.trim().is_empty() || text.chars().count() > longest {
        return Err(BadLook::new(field, format!("It has 1 to {longest} characters; null takes it away.")));
    }
    Ok(())
}

fn patched(theme: &Theme, patch: &Map<String, Value>) -> Result<Theme, BadLook> {
    let unwritable = |error: serde_json::Error| BadLook::new("theme", format!("It can't be read: {error}."));
    let mut value = serde_json::to_value(theme).map_err(unwritable)?;
    start_anew(&mut value, patch);
    merge(&mut value, &Value::Object(patch.clone()));
    if value.to_string().len() > LARGEST_THEME {
        let message = format!("With this the theme would be larger than {} MB.", LARGEST_THEME / 1024 / 1024);
        return Err(BadLook::new("theme", message));
    }
    // A null of a field that has a default means the default.
    drop_nulls(&mut value);
    let mut theme: Theme = serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "theme".to_owned() } else { format!("theme.{path}") };
        BadLook::new(field, format!("{}.", error.into_inner()))
    })?;
    let foreign = theme
        .files_mut()
        .into_iter()
        .find(|(_, file)| !file.starts_with("data:image/") && !file.starts_with("data:video/"));
    match foreign {
        Some((field, _)) => {
            let message = "A running recording takes images and videos as data: URLs.";
            Err(BadLook::new(format!("theme.{field}"), message))
        }
        None => Ok(theme),
    }
}

/// Another base is one for all colours that are not given with it, and a background is one thing: the patch is laid over nothing.
fn start_anew(theme: &mut Value, patch: &Map<String, Value>) {
    let based = patch.get("colors").is_some_and(|colors| colors.get("base").is_some());
    let replaced = [("colors", based), ("background", patch.contains_key("background"))];
    let Value::Object(fields) = theme else { return };
    for (field, _) in replaced.into_iter().filter(|(_, replaced)| *replaced) {
        fields.remove(field);
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The same for two patches: a null stays, to take away what the first one's target has.
fn add(patch: &mut Map<String, Value>, later: &Map<String, Value>) {
    for (key, value) in later {
        match (patch.get_mut(key), value) {
            (Some(Value::Object(known)), Value::Object(value)) => add(known, value),
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
}

fn drop_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(drop_nulls);
    }
}

fn join(known: &mut Vec<String>, more: &[String]) {
    for identity in more {
        if !known.contains(identity) {
            known.push(identity.clone());
        }
    }
}

/// Tells a null from a field that is absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change(json: &str) -> LookChange {
        serde_json::from_str(json).expect(json)
    }

    fn json(volume: &BTreeMap<String, Volume>) -> String {
        serde_json::to_string(volume).expect("JSON")
    }

    fn begin() -> Look {
        Look::new(Layout::Grid, Theme::default())
    }

    #[test]
    fn what_is_absent_stays_and_null_takes_away() {
        let all = r##"{"layout": "speaker", "theme": {"colors": {"accent": "#ff0066"}, "title": "Talk"}, "spotlight": "ann",
            "hide": ["bob"], "volume": {"ann": 150, "guest-*": 20}, "lower_third": {"headline": "Ann"}, "banner": "Back at ten"}"##;
        let look = change(all).applied_to(&begin()).expect("valid");
        assert_eq!((look.layout, look.theme.colors.accent.as_str()), (Layout::Speaker, "#ff0066"));
        assert_eq!(look.theme.colors.text, Theme::default().colors.text);
        assert_eq!((look.spotlight.as_deref(), look.hidden.as_slice()), (Some("ann"), &["bob".to_owned()][..]));
        assert_eq!(json(&look.volume), r#"{"ann":150,"guest-*":20}"#);
        assert_eq!(look.lower_third.as_ref().map(|third| third.seconds), Some(8));
        assert_eq!(change("{}").applied_to(&look).as_ref(), Ok(&look));
        let none = r#"{"spotlight": null, "unhide": ["bob"], "volume": {"ann": null, "bob": 0}, "lower_third": null, "banner": null, "theme": {"title": null}}"#;
        let look = change(none).applied_to(&look).expect("valid");
        assert_eq!(json(&look.volume), r#"{"bob":0,"guest-*":20}"#);
        assert_eq!((look.spotlight, look.hidden.len(), look.lower_third, look.banner), (None, 0, None, None));
        assert_eq!((look.theme.title, look.theme.colors.accent.as_str()), (None, "#ff0066"));
    }

    #[test]
    fn another_base_or_background_is_laid_over_nothing() {
        let first = r##"{"theme": {"colors": {"text": "#eeeeee"}, "background": {"gradient": {"from": "#000", "to": "navy"}}}}"##;
        let look = change(first).applied_to(&begin()).expect("valid");
        let next =
            r#"{"theme": {"colors": {"base": "light"}, "background": {"image": {"file": "data:image/png;base64,"}}}}"#;
        let theme = change(next).applied_to(&look).expect("valid").theme;
        assert_eq!(theme.colors, crate::theme::Colors::of(crate::theme::Base::Light));
        assert!(matches!(theme.background, Some(crate::theme::Background::Image(_))));
    }

    #[test]
    fn a_lower_third_that_goes_by_itself_is_not_shown_again_by_whoever_goes_on() {
        let lasting = |json: &str| serde_json::to_string(&change(json).lasting()).expect("JSON");
        assert_eq!(
            lasting(r#"{"banner":"x","lower_third":{"headline":"Ann"}}"#),
            r#"{"lower_third":null,"banner":"x"}"#
        );
        let stays = r#"{"lower_third":{"headline":"Ann","detail":null,"after":0,"seconds":0}}"#;
        assert_eq!(lasting(stays), stays);
    }

    #[test]
    fn a_change_survives_the_way_to_the_agent() {
        for json in [
            "{}",
            r#"{"spotlight":null}"#,
            r#"{"volume":{"ann":150,"bob":null}}"#,
            r#"{"layout":"pip","hide":["a"],"banner":"x"}"#,
        ] {
            assert_eq!(serde_json::to_string(&change(json)).expect("JSON"), json);
        }
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let long = "x".repeat(LONGEST_BANNER + 1);
        for (json, field) in [
            (r#"{"theme": {"tiles": {"gap": 99}}}"#.to_owned(), "theme.tiles.gap"),
            (r#"{"theme": {"colours": {}}}"#.to_owned(), "theme.colours"),
            (r#"{"theme": {"logo": {"image": "https://x.example/a.png"}}}"#.to_owned(), "theme.logo.image"),
            (r#"{"hide": [""]}"#.to_owned(), "hide"),
            (r#"{"spotlight": ""}"#.to_owned(), "spotlight"),
            (r#"{"volume": {"": 50}}"#.to_owned(), "volume"),
            (r#"{"banner": "  "}"#.to_owned(), "banner"),
            (format!(r#"{{"banner": "{long}"}}"#), "banner"),
            (r#"{"lower_third": {"headline": ""}}"#.to_owned(), "lower_third.headline"),
        ] {
            let bad = change(&json).applied_to(&begin()).expect_err(&json);
            assert_eq!(bad.field, field, "{json}: {bad}");
        }
        for wrong in [r#"{"layuot": "grid"}"#, r#"{"volume": {"ann": 201}}"#, r#"{"volume": {"ann": -1}}"#] {
            assert!(serde_json::from_str::<LookChange>(wrong).is_err(), "{wrong}");
        }
    }

    fn some_change() -> impl Strategy<Value = LookChange> {
        let identity =
            || prop::collection::vec(prop::sample::select(vec!["a".to_owned(), "b".into(), "c".into()]), 0..3);
        let patch = prop::sample::select(vec![
            r##"{"colors": {"accent": "#111111"}}"##,
            r##"{"colors": {"text": "#222222"}, "title": "T"}"##,
            r#"{"title": null, "tiles": {"gap": 3}}"#,
            r#"{"overlays": {"chat": false}}"#,
        ]);
        let patch = patch.prop_map(|text| serde_json::from_str(text).expect("valid"));
        let text = || proptest::option::of(prop::sample::select(vec![None, Some("x".to_owned()), Some("y".into())]));
        let layout = proptest::option::of(prop::sample::select(Layout::ALL.to_vec()));
        let volume = proptest::option::of(0..=Volume::MAX)
            .prop_map(|percent| percent.map(|percent| Volume::try_from(percent).expect("in range")));
        let volumes =
            prop::collection::btree_map(prop::sample::select(vec!["a".to_owned(), "b*".into()]), volume, 0..3);
        (layout, proptest::option::of(patch), text(), identity(), identity(), volumes, text()).prop_map(
            |(layout, theme, spotlight, hide, unhide, volume, banner)| LookChange {
                layout,
                theme,
                spotlight,
                // Who is named in both is a contradiction that a sum can't keep.
                unhide: unhide.into_iter().filter(|identity| !hide.contains(identity)).collect(),
                hide,
                only: None,
                volume,
                lower_third: None,
                banner,
            },
        )
    }

    proptest! {
        #[test]
        fn the_sum_of_changes_makes_the_look_that_each_after_the_other_does(
            changes in prop::collection::vec(some_change(), 1..8),
        ) {
            let mut sum = LookChange::default();
            let mut look = begin();
            for change in &changes {
                look = change.applied_to(&look).expect("valid");
                sum.then(change);
            }
            let mut at_once = sum.applied_to(&begin()).expect("valid");
            look.hidden.sort();
            at_once.hidden.sort();
            prop_assert_eq!(at_once, look);
        }
    }
}
