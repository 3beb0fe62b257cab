//! A small project as one text: what it shows, what is expected of it, and its files.
//!
//! ```text
//! what it shows, in a line or more
//! reruns: train          the stages that run again after the change
//! always: stamp          those that run in every run
//! targets: sub/dvc.yaml  what to run; without it all that 'dvc repro' runs
//! dvc: 3                 only DVC 3 knows what it uses
//! folder: sub            where the user stands
//! project: sub           where '.dvc' is, if not at the top of the repository
//! refused: text          both refuse it; the text is in our message
//! -- dvc.yaml --
//! …
//! -- change/params.yaml --
//! the file as it is for the third run
//! ```
//!
//! `[OUTSIDE]`, in paths and in texts, is a folder that lies in no repository.

use std::path::Path;

/// A project of the corpus.
#[derive(Debug, Default)]
pub struct Fixture {
    pub name: String,
    pub files: Vec<(String, String)>,
    pub changes: Vec<(String, String)>,
    pub reruns: Vec<String>,
    pub always: Vec<String>,
    pub targets: Vec<String>,
    pub folder: String,
    pub project: String,
    pub refused: Option<String>,
    pub is_for_3: bool,
}

impl Fixture {
    /// Reads all of the corpus, by name.
    pub fn all() -> Vec<Fixture> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus");
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|suffix| suffix == "txt"))
            .collect();
        paths.sort();
        let all = paths.iter().map(|path| Fixture::read(path));
        // one by its name, for who works on it
        let only = std::env::var("CORPUS").ok();
        all.filter(|it| only.as_ref().is_none_or(|only| *only == it.name))
            .collect()
    }

    fn read(path: &Path) -> Fixture {
        let text = std::fs::read_to_string(path).unwrap();
        let mut fixture = Fixture {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            ..Fixture::default()
        };
        let mut file: Option<(String, String)> = None;
        for line in text.lines() {
            let header = line
                .strip_prefix("-- ")
                .and_then(|rest| rest.strip_suffix(" --"));
            if let Some(path) = header {
                fixture.take(file.replace((path.to_owned(), String::new())));
            } else if let Some((_, text)) = &mut file {
                text.push_str(line);
                text.push('\n');
            } else {
                fixture.directive(line);
            }
        }
        fixture.take(file);
        fixture
    }

    fn take(&mut self, file: Option<(String, String)>) {
        let Some((path, text)) = file else { return };
        match path.strip_prefix("change/") {
            Some(path) => self.changes.push((path.to_owned(), text)),
            None => self.files.push((path, text)),
        }
    }

    fn directive(&mut self, line: &str) {
        let Some((key, value)) = line.split_once(':') else {
            return;
        };
        let words = || value.split_whitespace().map(str::to_owned).collect();
        match key {
            "reruns" => self.reruns = words(),
            "always" => self.always = words(),
            "targets" => self.targets = words(),
            "dvc" => self.is_for_3 = value.trim() == "3",
            "folder" => self.folder = value.trim().to_owned(),
            "project" => self.project = value.trim().to_owned(),
            "refused" => self.refused = Some(value.trim().to_owned()),
            _ => {}
        }
    }
}
