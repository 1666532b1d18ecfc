//! What a check has found, and where it is to be mended.

use serde::Serialize;

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// `theme.json` is no theme.
    Schema,
    /// Colours of the theme, or of text that is drawn, differ too little.
    Contrast,
    /// The page does not say that it is ready.
    Ready,
    /// What the page asks for is not there.
    Missing,
    /// The page asks a host that is not allowed.
    External,
    /// The page prints errors, or throws.
    Console,
    /// Text is cut off, or shortened beyond recognition.
    Overflow,
    /// Text lies upon text.
    Overlap,
    /// Text is too small.
    Small,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    /// In the folder, as far as it can be told.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<usize>,
    /// Path of a field of the theme, or selector of an element.
    pub(crate) at: Option<String>,
    pub(crate) message: String,
    /// In which scenes; none for what is so in all.
    pub(crate) scenes: Vec<&'static str>,
}

impl Finding {
    pub(super) fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self { rule, file: None, line: None, at: None, message: message.into(), scenes: Vec::new() }
    }

    pub(super) fn at(self, at: impl Into<String>) -> Self {
        Self { at: Some(at.into()), ..self }
    }

    pub(super) fn in_file(self, place: Option<(String, usize)>) -> Self {
        match place {
            Some((file, line)) => Self { file: Some(file), line: Some(line), ..self },
            None => self,
        }
    }

    /// `index.html:12`, as far as it is known.
    pub(super) fn place(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            (None, _) => "the page".to_owned(),
        }
    }
}

/// Findings that are the same but for their scenes become one.
pub(super) fn gathered(found: Vec<Finding>) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for finding in found {
        let same = all
            .iter_mut()
            .find(|known| known.rule == finding.rule && known.at == finding.at && known.message == finding.message);
        match same {
            Some(known) => known.scenes.extend(finding.scenes),
            None => all.push(finding),
        }
    }
    for finding in &mut all {
        finding.scenes.dedup();
    }
    all.sort_by(|one, other| {
        one.rule.cmp(&other.rule).then_with(|| one.file.cmp(&other.file)).then(one.line.cmp(&other.line))
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_in_many_scenes_is_told_once() {
        let cut = |scene| Finding { scenes: vec![scene], ..Finding::new(Rule::Overflow, "it is cut off").at(".name") };
        let missing = Finding { scenes: vec!["one"], ..Finding::new(Rule::Missing, "logo.png") };
        let all = gathered(vec![cut("one"), cut("two"), missing]);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].rule, all[1].scenes.as_slice()), (Rule::Missing, ["one", "two"].as_slice()));
    }
}
