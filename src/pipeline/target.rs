//! What a target names: stages of a file, of a group or of a folder, and `.dvc` files.

use super::project::{is_data_file, is_pipeline_file};
use super::stage::address as address_of;
use super::{DataFile, PIPELINE_FILE, Pipeline, Stage, paths, template};
use crate::error::{Error, Result};
use crate::nearest::nearest;

impl Pipeline {
    /// Whether a target names a `.dvc` file, or a folder that holds it.
    pub(super) fn is_target(&self, data: &DataFile, targets: &[String]) -> bool {
        targets.iter().any(|typed| {
            let target = Target::parse(typed);
            if let Some(folder) = self.folder_of(typed) {
                return paths::is_within(data.path(), &folder);
            }
            let file = target.file.filter(|_| target.name.is_none());
            file.is_some_and(|file| {
                paths::join(&self.folder, file).is_ok_and(|file| file == data.path())
            })
        })
    }

    /// Returns the positions of the stages that targets name; without any those of the file where
    /// the user stands, or all of them where that one has none.
    pub(super) fn meant(&self, targets: &[String]) -> Result<Vec<usize>> {
        if targets.is_empty() {
            let own = self.own_file();
            if self.files.contains(&own) || self.stages.is_empty() {
                return Ok(self.in_file(&own));
            }
            // one that is here for plots or metrics, as in DVC 3
            let mut above = paths::ancestors(&self.folder).chain([""]);
            let is_here = |folder: &str| {
                let file = paths::below(folder, PIPELINE_FILE);
                self.stageless.contains(&file)
            };
            return match above.any(is_here) {
                true => Ok((0..self.stages.len()).collect()),
                false => {
                    Err(self.no_file(PIPELINE_FILE, "there is no 'dvc.yaml' with stages here"))
                }
            };
        }
        let mut found = Vec::new();
        for target in targets {
            found.extend(self.named(target)?);
        }
        Ok(found)
    }

    /// Returns a stage by its target, or an error that offers the nearest one.
    pub fn stage(&self, target: &str) -> Result<&Stage> {
        let found = self.named(target)?;
        let first = found.first().map(|&position| &self.stages[position]);
        first.ok_or_else(|| self.no_stage(PIPELINE_FILE, target))
    }

    /// Lists the stages that a target means: one, those of a group, or those of a file; none where
    /// nothing is in it.
    pub fn stages_named(&self, target: &str) -> Result<Vec<&Stage>> {
        let found = self.named(target)?.into_iter();
        Ok(found.map(|position| &self.stages[position]).collect())
    }

    /// Returns the file that is meant where none is named: the one where the user stands, else the
    /// nearest above, where DVC would give up.
    pub fn own_file(&self) -> String {
        let mut folder = self.folder.as_str();
        loop {
            let file = paths::below(folder, PIPELINE_FILE);
            if self.files.contains(&file) {
                return file;
            }
            if folder.is_empty() {
                return paths::below(&self.folder, PIPELINE_FILE);
            }
            folder = paths::folder(folder);
        }
    }

    /// Returns the folder that a target with a slash at its end means.
    fn folder_of(&self, typed: &str) -> Option<String> {
        let folder = typed
            .strip_suffix('/')
            .filter(|typed| !typed.contains(':'))?;
        paths::join(&self.folder, folder).ok()
    }

    fn in_file(&self, file: &str) -> Vec<usize> {
        let stages = 0..self.stages.len();
        stages.filter(|&n| self.stages[n].file == file).collect()
    }

    fn named(&self, typed: &str) -> Result<Vec<usize>> {
        if let Some(folder) = self.folder_of(typed) {
            let stages = 0..self.stages.len();
            let inside = |stage: &Stage| paths::is_within(&stage.file, &folder);
            let found: Vec<usize> = stages.filter(|&n| inside(&self.stages[n])).collect();
            if !found.is_empty()
                || self
                    .data
                    .iter()
                    .any(|data| paths::is_within(data.path(), &folder))
            {
                return Ok(found);
            }
        }
        let target = Target::parse(typed);
        let file = match target.file {
            None => self.own_file(),
            Some(file) => paths::join(&self.folder, file)
                .map_err(|problem| Error::usage(format!("target '{typed}': '{file}' {problem}")))?,
        };
        let shown = paths::from(&self.folder, &file);
        let in_file = self.in_file(&file);
        let Some(name) = target.name else {
            let is_known =
                self.stageless.contains(&file) || self.data.iter().any(|data| data.path() == file);
            return match in_file.is_empty() && !is_known {
                true => Err(self.no_file(&shown, format!("there is no '{shown}' with stages"))),
                false => Ok(in_file),
            };
        };
        let is_it = |stage: &Stage| stage.name == name;
        if let Some(&found) = in_file.iter().find(|&&n| is_it(&self.stages[n])) {
            return Ok(vec![found]);
        }
        let belongs = |stage: &Stage| {
            let group = stage.name.rsplit_once(template::JOIN);
            group.is_some_and(|(group, _)| group == name)
        };
        let members = in_file.into_iter().filter(|&n| belongs(&self.stages[n]));
        let found: Vec<usize> = members.collect();
        match found.is_empty() && !self.has_group(&file, name) {
            true => Err(self.no_stage(&shown, name)),
            false => Ok(found),
        }
    }

    fn no_file(&self, file: &str, what: impl AsRef<str>) -> Error {
        let error = Error::missing(what.as_ref());
        let shown = self
            .files
            .iter()
            .map(|file| paths::from(&self.folder, file));
        let shown: Vec<String> = shown.collect();
        match nearest(file, shown.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean '{near}'?")),
            None => error.hint("use 'git exp stage list --all' to see all stages"),
        }
    }

    fn no_stage(&self, file: &str, name: &str) -> Error {
        let error = Error::missing(format!("no stage '{name}' in '{file}'"));
        let from_here = |address: &str| match address.split_once(&format!("{PIPELINE_FILE}:")) {
            Some((folder, name)) => {
                let file = format!("{folder}{PIPELINE_FILE}");
                address_of(&paths::from(&self.folder, &file), name)
            }
            None => address_of(&paths::from(&self.folder, PIPELINE_FILE), address),
        };
        let stages = self.stages.iter().map(|stage| self.shown(stage));
        let groups = self.groups.iter().map(|group| from_here(group));
        let known: Vec<String> = stages.chain(groups).collect();
        let typed = address_of(file, name);
        let elsewhere = || {
            let ends = format!(":{name}");
            known.iter().find(|known| known.ends_with(&ends))
        };
        let near = nearest(&typed, known.iter().map(String::as_str));
        if let Some(near) = near.or_else(|| elsewhere().map(String::as_str)) {
            return error.hint(format!("did you mean '{near}'?"));
        }
        let path = paths::join(&self.folder, name).unwrap_or_default();
        if let Some(stage) = self.writer_of(&path).filter(|_| !path.is_empty()) {
            return error.hint(format!(
                "'{name}' is an output; the stage that writes it is '{}'",
                self.shown(stage)
            ));
        }
        match self.stages.is_empty() {
            true => error.hint("use 'git exp stage add' to add one"),
            false => error.hint("use 'git exp stage list' to see all stages"),
        }
    }
}

/// A target as typed: the file, relative to where the user stands, and the name in it.
struct Target<'t> {
    file: Option<&'t str>,
    name: Option<&'t str>,
}

impl<'t> Target<'t> {
    /// Reads `name`, `:name`, `group@key`, `dir/dvc.yaml`, `dir/dvc.yaml:name` as DVC does: the key of a
    /// generated stage may have anything in it.
    fn parse(typed: &'t str) -> Self {
        let end = typed.find(template::JOIN).unwrap_or(typed.len());
        let colon = typed[..end].rfind(':');
        // a slash or another colon after it belongs to a path
        let colon = colon.filter(|&at| !typed[at..end].contains(['/', '\\']));
        match colon {
            Some(0) => Target {
                file: None,
                name: Some(&typed[1..]),
            },
            Some(at) if at + 1 < typed.len() => Target {
                file: Some(&typed[..at]),
                name: Some(&typed[at + 1..]),
            },
            _ => {
                let path = typed.trim_end_matches(':');
                match is_pipeline_file(path) || is_data_file(path) {
                    true => Target {
                        file: Some(path),
                        name: None,
                    },
                    false => Target {
                        file: None,
                        name: Some(typed),
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::select::tests::diamond;
    use super::*;

    #[test]
    fn what_has_no_stages_is_there_all_the_same() {
        let mut pipeline = diamond(false);
        pipeline.groups.push("empty".to_owned());
        pipeline.stageless.push("plots/dvc.yaml".to_owned());
        let count = |pipeline: &Pipeline, target: &str| {
            let found = pipeline.stages_named(target);
            found.map(|found| found.len()).map_err(|it| it.to_string())
        };
        assert_eq!(count(&pipeline, "empty"), Ok(0));
        assert_eq!(count(&pipeline, "plots/dvc.yaml"), Ok(0));
        assert_eq!(
            count(&pipeline, "plots/dvc.yaml:x"),
            Err("no stage 'x' in 'plots/dvc.yaml'".to_owned())
        );

        pipeline.folder = "plots/deep".to_owned();
        let all = pipeline.stages.len();
        assert_eq!(pipeline.order(&[]).unwrap().len(), all, "of the file above");
        pipeline.files = vec!["other/dvc.yaml".to_owned()];
        assert_eq!(pipeline.order(&[]).unwrap().len(), all);
        pipeline.folder = "other2".to_owned();
        assert_eq!(
            pipeline.order(&[]).unwrap_err().to_string(),
            "there is no 'dvc.yaml' with stages here"
        );
    }

    #[test]
    fn offers_the_stage_that_was_meant() {
        let pipeline = diamond(false);
        let hint = |name: &str| {
            let error = pipeline.order(&[name.to_owned()]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("no stage '{name}' in 'dvc.yaml'")
            );
            error.hints()[0].clone()
        };
        assert_eq!(hint("reprot"), "did you mean 'report'?");
        assert_eq!(
            hint("./top/a/"),
            "'./top/a/' is an output; the stage that writes it is 'top'"
        );
        assert_eq!(
            hint("nothing-like-it"),
            "use 'git exp stage list' to see all stages"
        );
        let error = Pipeline::default().stage("x").unwrap_err();
        assert_eq!(error.hints(), ["use 'git exp stage add' to add one"]);
    }
}
