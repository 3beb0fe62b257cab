//! The protocol between training code and whoever answers it: a file that comes and goes.

use crate::measure::milliseconds;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A folder in which a file is a question, and its end the answer.
pub struct Signal {
    file: PathBuf,
    queue: OwnedFd,
}

impl Signal {
    pub fn new(folder: &Path) -> Self {
        Signal {
            file: folder.join("DVC_CHECKPOINT"),
            queue: watch(folder, WatchFlags::DELETE),
        }
    }

    /// Asks, and returns how many milliseconds the answer took.
    pub fn send(&self) -> f64 {
        let mut buffer = [0; 4096];
        let start = Instant::now();
        std::fs::write(&self.file, "").unwrap();
        while self.file.exists() {
            rustix::io::read(&self.queue, &mut buffer).unwrap();
        }
        milliseconds(start)
    }
}

/// The bare protocol: sees the signal file, removes it. Never ends.
pub fn answer(folder: &str) {
    let queue = watch(Path::new(folder), WatchFlags::CREATE | WatchFlags::MOVED_TO);
    let signal = Path::new(folder).join("DVC_CHECKPOINT");
    let mut buffer = [0; 4096];
    loop {
        // It may have been there before the watch.
        let _not_there = std::fs::remove_file(&signal);
        rustix::io::read(&queue, &mut buffer).unwrap();
    }
}

fn watch(folder: &Path, flags: WatchFlags) -> OwnedFd {
    let queue = inotify::init(CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&queue, folder, flags).unwrap();
    queue
}
