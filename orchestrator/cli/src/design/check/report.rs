//! How a check went, as a table for people and as JSON for programs.

use std::fmt::Write as _;

use console::style;
use serde::Serialize;

use super::finding::{Finding, Rule};

/// Scenes that are named before the others are only counted.
const SCENES_NAMED: usize = 3;

/// What was looked at and what was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scenes: Vec<SceneReport>,
    pub(crate) findings: Vec<Finding>,
}

/// One scene.
#[derive(Debug, Serialize)]
pub(crate) struct SceneReport {
    pub(crate) name: &'static str,
    pub(crate) size: String,
    pub(crate) layout: &'static str,
    /// How many things are wrong in it; none when it was not looked at.
    pub(crate) findings: Option<usize>,
}

impl Report {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "ok": self.findings.is_empty(), "scenes": self.scenes, "findings": self.findings })
    }

    pub(super) fn table(&self, name: &str) -> String {
        let mut text = format!("{}\n\n", style(name).bold());
        let about_theme = |finding: &&Finding| finding.file.as_deref() == Some("theme.json");
        let theme = self.findings.iter().filter(about_theme).count();
        line(&mut text, "theme.json", "", Some(theme));
        for scene in &self.scenes {
            line(&mut text, scene.name, &format!("{} {}", scene.size, scene.layout), scene.findings);
        }
        text.push('\n');
        for finding in &self.findings {
            let at = finding.at.as_ref().map(|at| format!(" {at}")).unwrap_or_default();
            let _ = writeln!(text, "{}{}  {}", style(finding.place()).bold(), style(at).cyan(), finding.message);
            let remedy = [told_scenes(finding, self.scenes.len()), remedy(finding.rule).to_owned()];
            let remedy: Vec<String> = remedy.into_iter().filter(|part| !part.is_empty()).collect();
            if !remedy.is_empty() {
                let _ = writeln!(text, "    {}", style(remedy.join(" · ")).dim());
            }
        }
        let (found, scenes) =
            (self.findings.len(), self.scenes.iter().filter(|scene| scene.findings.is_some()).count());
        let _ = match found {
            0 => writeln!(text, "{} in {scenes} scenes.", style("Nothing is wrong").green()),
            1 => writeln!(text, "\n{} in {scenes} scenes.", style("1 thing is wrong").red()),
            _ => writeln!(text, "\n{} in {scenes} scenes.", style(format!("{found} things are wrong")).red()),
        };
        text
    }
}

fn line(text: &mut String, name: &str, how: &str, findings: Option<usize>) {
    let verdict = match findings {
        None => style("not looked at".to_owned()).dim(),
        Some(0) => style("ok".to_owned()).green(),
        Some(count) => style(format!("{count} wrong")).red(),
    };
    let _ = writeln!(text, "  {name:<26}{}{verdict}", style(format!("{how:<24}")).dim());
}

fn told_scenes(finding: &Finding, all: usize) -> String {
    let scenes = &finding.scenes;
    match scenes.len() {
        0 => String::new(),
        count if count == all && all > 1 => "in every scene".to_owned(),
        count if count > SCENES_NAMED => {
            format!("in {}, and {} more", scenes[..SCENES_NAMED].join(", "), count - SCENES_NAMED)
        }
        _ => format!("in {}", scenes.join(", ")),
    }
}

fn remedy(rule: Rule) -> &'static str {
    match rule {
        Rule::Schema => "nothing can be recorded with it; mend it first",
        Rule::Ready => "it has to say that it is ready; the scenes after it were not looked at",
        Rule::Overflow => "shorten it with text-overflow: ellipsis, let it wrap, or give it more room",
        Rule::Overlap => "move one of the two, or give the upper one a background",
        Rule::Small => "use rem or vmin, which grow with the frame",
        Rule::Contrast | Rule::Missing | Rule::External | Rule::Console => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_where_what_and_in_which_scenes() {
        console::set_colors_enabled(false);
        let scene = |name, findings| SceneReport { name, size: "1280x720".into(), layout: "grid", findings };
        let finding = Finding {
            scenes: vec!["one", "two"],
            ..Finding::new(Rule::Missing, "logo.png is not there").in_file(Some(("index.html".into(), 12)))
        };
        let scenes = vec![scene("one", Some(1)), scene("two", Some(1)), scene("three", Some(0)), scene("four", None)];
        let table = Report { scenes, findings: vec![finding] }.table("talks");
        for part in
            ["index.html:12  logo.png is not there", "in one, two", "1 thing is wrong in 3 scenes", "not looked at"]
        {
            assert!(table.contains(part), "{part}: {table}");
        }
    }
}
