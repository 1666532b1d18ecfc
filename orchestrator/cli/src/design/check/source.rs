//! Where in the designer's files something is written.

use super::super::folder::Folder;

const WRITTEN: [&str; 6] = ["html", "css", "js", "mjs", "svg", "json"];
const MOST_BYTES: u64 = 1024 * 1024;

/// The text of a folder's files.
pub(super) struct Source(Vec<(String, String)>);

impl Source {
    pub(super) fn read(folder: &Folder) -> Self {
        let Some(root) = folder.path() else { return Self(Vec::new()) };
        let files = folder.files(&WRITTEN).into_iter().filter_map(|file| {
            let path = root.join(&file);
            let is_short = path.metadata().is_ok_and(|meta| meta.len() <= MOST_BYTES);
            let text = is_short.then(|| std::fs::read_to_string(&path).ok()).flatten()?;
            Some((file, text))
        });
        Self(files.collect())
    }

    /// The first place of the first of these that is written anywhere.
    pub(super) fn find<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> Option<(String, usize)> {
        wanted.into_iter().filter(|text| !text.is_empty()).find_map(|text| self.find_line(|line| line.contains(text)))
    }

    /// Where an element is made or styled, by a selector such as `wf-name span` or `div#title.large`.
    pub(super) fn find_element(&self, selector: &str) -> Option<(String, usize)> {
        selector.split(' ').rev().find_map(|part| self.find_part(part))
    }

    fn find_part(&self, selector: &str) -> Option<(String, usize)> {
        let names: Vec<&str> = selector.split(['.', '#']).collect();
        let (tag, rest) = names.split_first()?;
        if let Some(place) = rest.iter().rev().find_map(|name| self.find_styled(name)) {
            return Some(place);
        }
        let is_common = rest.is_empty() && ["div", "span", "p"].contains(tag);
        let made = (!is_common).then(|| format!("<{tag}"));
        self.find(made.as_deref())
    }

    /// The rule of a class or an id, or the first element that has it.
    fn find_styled(&self, name: &str) -> Option<(String, usize)> {
        let is_whole = |line: &str, at: usize| {
            let next = line[at + name.len()..].chars().next();
            !next.is_some_and(|next| next.is_alphanumeric() || "-_".contains(next))
        };
        let written = |line: &str, before: &[char]| {
            line.match_indices(name).any(|(at, _)| line[..at].ends_with(before) && is_whole(line, at))
        };
        let rule = |line: &str| written(line, &['.', '#']);
        let element = |line: &str| line.contains('<') && written(line, &['"', ' ', '\'', '=']);
        self.find_line(rule).or_else(|| self.find_line(element))
    }

    fn find_line(&self, wanted: impl Fn(&str) -> bool) -> Option<(String, usize)> {
        self.0.iter().find_map(|(file, content)| {
            let line = content.lines().position(&wanted)?;
            Some((file.clone(), line + 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_what_is_written_there() {
        let temp = tempfile::tempdir().expect("temp dir");
        std::fs::write(
            temp.path().join("index.html"),
            "<h1 style=\"--name: 1\">\n<img src=\"logo.png\">\n<p class=\"name\">",
        )
        .expect("written");
        let source = Source::read(&Folder::open(Some(temp.path())).expect("there"));
        assert_eq!(source.find(["nothing", "logo.png"]), Some(("index.html".to_owned(), 2)));
        assert_eq!(source.find_element("p.name"), Some(("index.html".to_owned(), 3)));
        assert_eq!(source.find_element("h1"), Some(("index.html".to_owned(), 1)));
        assert_eq!(source.find_element("div"), None);
        assert_eq!(source.find_element("h1 span"), Some(("index.html".to_owned(), 1)));
    }
}
