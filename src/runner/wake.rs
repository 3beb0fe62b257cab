//! A pipe that wakes the event loop from another thread.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// The end that is polled.
#[derive(Debug)]
pub struct Wake {
    reader: PipeReader,
}

/// The end that wakes; cheap to clone.
#[derive(Debug, Clone)]
pub struct Waker {
    writer: Arc<PipeWriter>,
}

/// Returns both ends of a new, non-blocking pipe.
pub fn pair() -> std::io::Result<(Wake, Waker)> {
    let (reader, writer) = std::io::pipe()?;
    for fd in [reader.as_fd(), writer.as_fd()] {
        let flags = rustix::fs::fcntl_getfl(fd)?;
        rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?;
    }
    Ok((
        Wake { reader },
        Waker {
            writer: Arc::new(writer),
        },
    ))
}

impl Wake {
    /// Empties the pipe.
    pub fn drain(&self) {
        let mut buffer = [0; 64];
        while matches!((&self.reader).read(&mut buffer), Ok(n) if n == buffer.len()) {}
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Waker {
    /// Wakes the loop. A full pipe means that it is already waking.
    pub fn wake(&self) {
        let _already_waking = (&*self.writer).write(&[1]);
    }
}
