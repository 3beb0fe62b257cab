//! A command that runs while the test goes on: interrupted, killed, or just waited for.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag::register_conditional_default;
use std::io::{BufRead, BufReader, PipeWriter, Write, pipe};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
const LIMIT: Duration = Duration::from_secs(60);

/// A process that leads a group of its own, as a terminal's foreground job does.
///
/// Its output is read all the time. Dropped, the whole group is killed.
pub struct Running {
    line: String,
    child: Child,
    /// Its standard output and error, held open so that `end` can mark where they end.
    streams: Option<[PipeWriter; 2]>,
    output: Receiver<String>,
    said: String,
}

/// Written behind all that a process printed, when it has ended.
const END: &[u8] = b"\0\n";

impl Running {
    pub(super) fn start(line: String, mut command: Command) -> Self {
        let ((out, stdout), (err, stderr)) = (pipe().unwrap(), pipe().unwrap());
        let child = command
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let (send, output) = channel();
        for stream in [out, err] {
            let send = send.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream);
                let mut bytes = Vec::new();
                while lines
                    .read_until(b'\n', &mut bytes)
                    .is_ok_and(|count| count > 0)
                {
                    let ends = bytes.ends_with(END);
                    let text = bytes.strip_suffix(END).unwrap_or(&bytes);
                    let text = String::from_utf8_lossy(text).into_owned();
                    if send.send(text).is_err() || ends {
                        break;
                    }
                    bytes.clear();
                }
                drop(send);
                // What it left behind may still print, and must not die of it.
                let _ = std::io::copy(&mut lines, &mut std::io::sink());
            });
        }
        Running {
            line,
            child,
            streams: Some([stdout, stderr]),
            output,
            said: String::new(),
        }
    }

    /// Waits until `count` lines that contain `part` were printed on either stream.
    #[track_caller]
    pub fn wait_for(&mut self, part: &str, count: usize) -> &mut Self {
        let end = Instant::now() + LIMIT;
        while self.said.lines().filter(|line| line.contains(part)).count() < count {
            match self
                .output
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(text) => self.said.push_str(&text),
                Err(reason) => panic!(
                    "{} did not print '{part}' {count} times ({reason}):\n{}",
                    self.line, self.said
                ),
            }
        }
        self
    }

    /// Waits until `condition` holds, a few milliseconds at a time.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, condition: impl Fn() -> bool) -> &mut Self {
        let end = Instant::now() + LIMIT;
        while !condition() {
            assert!(Instant::now() < end, "{}: {what} did not happen", self.line);
            std::thread::sleep(Duration::from_millis(2));
        }
        self
    }

    /// Sends a signal to the whole group, as a terminal does on Ctrl-C.
    pub fn signal_group(&mut self, signal: Signal) -> &mut Self {
        kill_process_group(self.pid(), signal).unwrap();
        self
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&mut self) -> &mut Self {
        self.signal_group(Signal::INT)
    }

    /// Sends a signal to the process that was started, and to no other.
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        kill_process(self.pid(), signal).unwrap();
        self
    }

    /// Types into its standard input, which must be a pipe.
    pub fn type_in(&mut self, text: &str) -> &mut Self {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
        self
    }

    /// The signal that ended it, if one did; `end` comes first.
    pub fn died_of(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap().unwrap().signal()
    }

    /// Whether nothing of its process group is left but what only waits to be reaped.
    pub fn is_gone(&self) -> bool {
        group_is_gone(self.pid())
    }

    /// The process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for the end. Returns exit status (128 and the number for a signal) and all it printed.
    #[track_caller]
    pub fn end(&mut self) -> (i32, String) {
        let end = Instant::now() + LIMIT;
        // The streams may stay open in children that outlive it, so ask for the process itself.
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < end,
                "{} does not end:\n{}",
                self.line,
                self.said
            );
            match self.output.recv_timeout(Duration::from_millis(5)) {
                Ok(text) => self.said.push_str(&text),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        // What it printed is in the pipes by now, however late the readers are.
        for mut stream in self.streams.take().into_iter().flatten() {
            stream.write_all(END).unwrap();
        }
        self.said.extend(self.output.iter());
        let code = status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal));
        (code.unwrap(), self.said.clone())
    }
}

/// Has every process that tests start hear its signals, whatever those who started the tests ignore: what
/// has a handler here starts with the default.
pub fn hear_signals() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            register_conditional_default(signal, Arc::new(AtomicBool::new(true))).unwrap();
        }
    });
}

/// Whether no process of a group is left but such as only wait to be reaped.
pub fn group_is_gone(group: Pid) -> bool {
    let group = group.as_raw_nonzero().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    !processes
        .filter_map(|process| stat(&process.path()))
        .any(|fields| fields.get(2) == Some(&group) && !["Z", "X"].contains(&fields[0].as_str()))
}

/// Whether a process has ended, whether it was reaped or not.
pub fn has_ended(process: i32) -> bool {
    stat(Path::new(&format!("/proc/{process}")))
        .is_none_or(|fields| ["Z", "X"].contains(&fields[0].as_str()))
}

/// The fields of a process from its state on: state, parent, group.
fn stat(process: &Path) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(process.join("stat")).ok()?;
    let fields = text.rsplit(") ").next()?.split(' ');
    Some(fields.map(str::to_owned).collect())
}

/// Waits until `find` finds something, a millisecond at a time.
#[track_caller]
pub fn wait_for<T>(what: &str, find: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}
