//! Many checkpoints at once, packed, as they are after `git gc`: made by `git fast-import`.

use crate::project::Project;
use git_exp::checkpoint::{Note, NoteOutput, Trailers};
use git_exp::experiment::{ExperimentName, experiment_ref, notes_ref};
use git_exp::id::ObjectId;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

/// Returns the name of the experiment with this number.
pub fn name(number: usize) -> String {
    format!("exp-{number:05}")
}

/// Adds experiments with checkpoints to the HEAD of `project`; without `notes`, as DVC would.
pub fn add(project: &Project, experiments: usize, checkpoints: usize, notes: bool) {
    let baseline = ObjectId::from_hex(project.git("rev-parse HEAD").as_bytes()).unwrap();
    let mut stream = String::new();
    let mut mark = 0;
    let mut time = 1_700_000_000;
    for experiment in 0..experiments {
        let name = ExperimentName::parse(&name(experiment)).unwrap();
        let id = format!("{experiment:032x}");
        for number in 1..=checkpoints {
            mark += 1;
            time += 60;
            let checkpoint = Checkpoint {
                experiment,
                number,
                time,
            };
            let trailers = Trailers {
                id: Some(id.clone()),
                number: Some(number as u64),
                baseline: Some(baseline.to_string()),
                fork_of: None,
            };
            let subject = format!("{}: checkpoint {number}", name.as_str());
            let message = match notes {
                true => trailers.message(&subject),
                false => format!("dvc: commit experiment {id}{id}"),
            };
            commit(
                &mut stream,
                &experiment_ref(baseline, &name),
                Some(mark),
                time,
                &message,
            );
            if number == 1 {
                writeln!(stream, "from {baseline}").unwrap();
            }
            for (path, text) in checkpoint.files() {
                writeln!(stream, "M 100644 inline {path}").unwrap();
                data(&mut stream, &text);
            }
            if notes {
                commit(
                    &mut stream,
                    &notes_ref(baseline, &name),
                    None,
                    time,
                    "Notes updated by 'git exp'\n",
                );
                writeln!(stream, "N inline :{mark}").unwrap();
                data(&mut stream, &checkpoint.note(&id).to_text());
            }
        }
    }
    let mut import = project.git_command("fast-import --quiet");
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    import
        .stdin
        .take()
        .unwrap()
        .write_all(stream.as_bytes())
        .unwrap();
    assert!(import.wait().unwrap().success());
    project.git("pack-refs --all");
    project.git("repack -a -d -q");
}

fn commit(stream: &mut String, reference: &str, mark: Option<usize>, time: i64, message: &str) {
    writeln!(stream, "commit {reference}").unwrap();
    if let Some(mark) = mark {
        writeln!(stream, "mark :{mark}").unwrap();
    }
    writeln!(stream, "committer A <a@b> {time} +0000").unwrap();
    data(stream, message);
}

fn data(stream: &mut String, text: &str) {
    writeln!(stream, "data {}\n{text}", text.len()).unwrap();
}

struct Checkpoint {
    experiment: usize,
    number: usize,
    time: i64,
}

impl Checkpoint {
    fn metrics(&self) -> String {
        let loss = 1.0 / (self.number + self.experiment) as f64;
        format!(
            "{{\"step\": {}, \"loss\": {loss}, \"acc\": {}}}\n",
            self.number,
            1.0 - loss
        )
    }

    fn params(&self) -> String {
        format!("lr: 0.{:05}\nseed: 1\n", self.experiment)
    }

    fn md5(&self) -> String {
        format!("{:032x}", self.experiment * 1000 + self.number)
    }

    fn files(&self) -> [(&'static str, String); 3] {
        let lock = format!(
            "schema: '2.0'\nstages:\n  train:\n    cmd: python train.py\n    params:\n      params.yaml:\n        lr: 0.{:05}\n    outs:\n    - path: model.pt\n      hash: md5\n      md5: {}\n      size: 1024\n",
            self.experiment,
            self.md5()
        );
        [
            ("dvc.lock", lock),
            ("metrics.json", self.metrics()),
            ("params.yaml", self.params()),
        ]
    }

    fn note(&self, id: &str) -> Note {
        let file = |name: &str, text: &str| {
            let data = git_exp::metrics::file_data(name, text.as_bytes());
            [(name.to_owned(), data)].into_iter().collect()
        };
        Note {
            id: id.to_owned(),
            number: self.number as u64,
            time: self.time,
            metrics: file("metrics.json", &self.metrics()),
            params: file("params.yaml", &self.params()),
            outs: [(
                "model.pt".to_owned(),
                NoteOutput {
                    md5: Some(self.md5()),
                    sha256: Some(self.md5().repeat(2)),
                    size: Some(1024),
                    cache: true,
                    ..NoteOutput::default()
                },
            )]
            .into_iter()
            .collect(),
            ..Note::default()
        }
    }
}
