//! One line on a terminal that says how far a long read is, gone when it is done.

use super::out::Out;
use super::size::size;
use crate::progress::{Position, Progress};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the line is drawn anew.
const PAUSE: Duration = Duration::from_millis(200);

/// Characters of a path that are shown, its end.
const MOST_OF_A_PATH: usize = 20;

/// Shows, from now on, what is read for longer than a second; `GIT_PROGRESS_DELAY` is other seconds,
/// as for git. Nothing where standard error is no terminal or all is quiet.
pub fn show(progress: Arc<Progress>, out: &Out) {
    if out.quiet || !out.status_is_terminal() {
        return;
    }
    let delay = std::env::var("GIT_PROGRESS_DELAY").ok();
    let delay = Duration::from_secs(delay.and_then(|text| text.parse().ok()).unwrap_or(1));
    // It ends with the process. Without a thread there is no line, and nothing else is wrong.
    let _ = std::thread::Builder::new()
        .name("progress".to_owned())
        .spawn(move || {
            loop {
                draw(&progress, delay, std::io::stderr());
            }
        });
}

/// Draws one long read, from `delay` after its begin to its end.
fn draw(progress: &Progress, delay: Duration, mut screen: impl Write) {
    let mut position = progress.wait_for_long_work(delay);
    let begin = Instant::now();
    let already = position.done;
    let mut width = 0;
    loop {
        let rate = match position.done.saturating_sub(already) {
            // The first line: all of it was read in the delay.
            0 => already.checked_div(delay.as_secs()),
            since => Some((since as f64 / begin.elapsed().as_secs_f64()) as u64),
        };
        let line = line(&position, rate);
        // One write, so that no line of the child's comes between; spaces over a longer one before.
        let _ = screen.write_all(format!("\r{line:width$}").as_bytes());
        let _ = screen.flush();
        width = line.chars().count();
        match progress.next(PAUSE) {
            Some(next) => position = next,
            None => break,
        }
    }
    let _ = screen.write_all(format!("\r{:width$}\r", "").as_bytes());
    let _ = screen.flush();
    progress.cleared();
}

fn line(position: &Position, rate: Option<u64>) -> String {
    let Position { what, done, total } = position;
    let what = end_of(what);
    let percent = (done.saturating_mul(100)).checked_div(*total).unwrap_or(0);
    let percent = percent.min(100);
    let rate = rate.map_or_else(String::new, |rate| format!(", {}/s", size(rate)));
    let (done, total) = (size(*done), size(*total));
    format!("Hashing '{what}': {percent}% ({done} of {total}){rate}")
}

/// Returns a path that leaves room for the rest of the line in 80 columns.
fn end_of(path: &str) -> String {
    let length = path.chars().count();
    match length > MOST_OF_A_PATH {
        false => path.to_owned(),
        true => format!(
            "…{}",
            path.chars()
                .skip(length - MOST_OF_A_PATH + 1)
                .collect::<String>()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    struct Screen(Sender<String>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn screen(progress: &Arc<Progress>, delay: Duration) -> Receiver<String> {
        let (send, drawn) = channel();
        let progress = Arc::clone(progress);
        std::thread::spawn(move || draw(&progress, delay, Screen(send)));
        drawn
    }

    #[test]
    fn a_long_read_is_drawn_and_cleared_before_it_returns() {
        let progress = Arc::new(Progress::default());
        let drawn = screen(&progress, Duration::ZERO);
        let piece = progress.begin("data", 4 << 20);
        piece.add(1 << 20);
        let also = progress.begin("more", 4 << 20);
        drop(also);
        let is_there = |line: &String| line.contains("Hashing 'data': 12% (1.00 MiB of 8.00 MiB)");
        assert!(drawn.iter().any(|line| is_there(&line)));
        drop(piece);
        // All that was drawn has been sent by now, and the last of it leaves an empty line.
        let last = drawn.try_iter().last().unwrap();
        assert_eq!(last.trim(), "");
        assert!(last.starts_with('\r') && last.ends_with('\r'));
    }

    #[test]
    fn a_short_read_is_not_drawn() {
        let progress = Arc::new(Progress::default());
        let drawn = screen(&progress, Duration::from_secs(3600));
        for _ in 0..3 {
            progress.begin("data", 10).add(10);
            progress.begin("data", 10 << 20).add(10 << 20);
        }
        assert!(drawn.try_recv().is_err());
    }

    #[test]
    fn says_how_far_and_how_fast() {
        let position = Position {
            what: "data/images".to_owned(),
            done: 3 << 29,
            total: 2 << 30,
        };
        assert_eq!(
            line(&position, Some(310 << 20)),
            "Hashing 'data/images': 75% (1.50 GiB of 2.00 GiB), 310.00 MiB/s"
        );
        let deep = Position {
            what: "data/that/lies/deep".repeat(3),
            ..position.clone()
        };
        assert!(line(&deep, None).starts_with("Hashing '…data/that/lies/deep': 75%"));
        let nothing = Position {
            done: 0,
            total: 0,
            ..position
        };
        assert_eq!(
            line(&nothing, None),
            "Hashing 'data/images': 0% (0 bytes of 0 bytes)"
        );
    }
}
