//! What the trainer writes at each step, and what the same content costs without us.

use crate::measure::milliseconds;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What a training run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A model of so many bytes, another one at each step.
    Model,
    /// The same, on a file system where copies share their blocks.
    Reflink,
    /// A model that never changes.
    Same,
    /// A folder of so many files, one of which changes.
    Folder,
    /// A model as in `Model`; each step signals again while the checkpoint before it is being recorded.
    Busy,
}

impl Kind {
    /// Reads the word of the command line.
    pub fn parse(word: &str) -> Self {
        match word {
            "model" => Kind::Model,
            "reflink" => Kind::Reflink,
            "same" => Kind::Same,
            "folder" => Kind::Folder,
            "busy" => Kind::Busy,
            _ => panic!("'{word}' is no kind of training"),
        }
    }
}

/// Writes what training produces.
pub struct Content {
    kind: Kind,
    size: usize,
    bytes: Vec<u8>,
    written: usize,
}

impl Content {
    pub fn new(kind: Kind, size: usize) -> Self {
        Content {
            kind,
            size,
            bytes: vec![b'x'; size.min(1 << 20)],
            written: 0,
        }
    }

    /// Writes the next step. No two runs write the same, or the second would find all of it in the cache.
    pub fn write(&mut self) {
        let step = self.written;
        self.written += 1;
        let label = format!("{:08}{step:08}", std::process::id());
        let mut number = std::process::id() as usize * 10_000 + step;
        match self.kind {
            Kind::Folder => write_folder(self.size, step, &label),
            Kind::Same => number = 0,
            _ => self.bytes[..16].copy_from_slice(label.as_bytes()),
        }
        if self.kind != Kind::Folder {
            self.write_model();
        }
        let loss = 1.0 / (number + 1) as f64;
        let metrics = format!("{{\"step\": {number}, \"loss\": {loss}}}\n");
        std::fs::write("metrics.json", metrics).unwrap();
    }

    /// Returns what the content costs without us, in milliseconds: `cp` of the model, or one look at
    /// each file of the folder; 0 for a model so small that it is read.
    pub fn floor(&self) -> f64 {
        match self.kind {
            Kind::Folder => look_at_each(Path::new("outputs")),
            Kind::Reflink => copy("--reflink=always"),
            _ if self.size > 1 << 20 => copy("--reflink=auto"),
            _ => 0.0,
        }
    }

    fn write_model(&self) {
        let mut file = std::fs::File::create("model.pt").unwrap();
        let mut left = self.size;
        while left > 0 {
            let count = left.min(self.bytes.len());
            file.write_all(&self.bytes[..count]).unwrap();
            left -= count;
        }
    }
}

fn write_folder(files: usize, step: usize, label: &str) {
    if step == 0 {
        for file in 0..files {
            let folder = format!("outputs/{}", file / 1000);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(format!("{folder}/{file}"), file.to_string()).unwrap();
        }
    }
    std::fs::write(format!("outputs/0/{}", step % 7), label).unwrap();
}

/// One pass over a folder: its entries and what each of them is.
fn look_at_each(folder: &Path) -> f64 {
    fn pass(folder: &Path) -> u64 {
        let mut size = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            size += match metadata.is_dir() {
                true => pass(&entry.path()),
                false => metadata.len(),
            };
        }
        size
    }
    let start = Instant::now();
    std::hint::black_box(pass(folder));
    milliseconds(start)
}

/// Copies the model as a user would, to the file system that it lies on.
fn copy(how: &str) -> f64 {
    let time = crate::measure::run(Command::new("cp").args([how, "model.pt", ".dvc/tmp/copy"]));
    std::fs::remove_file(".dvc/tmp/copy").unwrap();
    time
}
