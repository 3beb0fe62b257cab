//! Whole lines behind a label, for output that shares its place with that of others.
//!
//! A line goes on when it has ended. What its program draws over itself with carriage returns keeps
//! its label, since a terminal would draw over that, too.

/// A line that gets longer than this is broken.
const LONGEST: usize = 1 << 16;

/// Puts a label before each line.
#[derive(Debug)]
pub struct Lines {
    label: Vec<u8>,
    /// The beginning of a line.
    held: Vec<u8>,
}

impl Lines {
    /// Starts with no line.
    pub fn new(label: Vec<u8>) -> Self {
        let held = Vec::new();
        Lines { label, held }
    }

    /// Takes what was printed; returns the lines that have ended, each behind the label.
    pub fn take(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut ended = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.held.extend(&bytes[..end]);
            self.end_line(&mut ended);
            bytes = &bytes[end + 1..];
        }
        self.held.extend(bytes);
        if self.held.len() >= LONGEST {
            self.end_line(&mut ended);
        }
        ended
    }

    /// Nothing more comes: returns the line that has not ended, as one that has; nothing if there is none.
    pub fn end(&mut self) -> Vec<u8> {
        let mut ended = Vec::new();
        if !self.held.is_empty() {
            self.end_line(&mut ended);
        }
        ended
    }

    fn end_line(&mut self, ended: &mut Vec<u8>) {
        ended.extend(&self.label);
        let drawn = self.held.trim_ascii_end().len();
        for (at, byte) in self.held.iter().enumerate() {
            ended.push(*byte);
            if *byte == b'\r' && at < drawn {
                ended.extend(&self.label);
            }
        }
        ended.push(b'\n');
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of these pieces.
    fn labelled(pieces: &[&str]) -> String {
        let mut lines = Lines::new(b"a | ".to_vec());
        let mut all: Vec<u8> = Vec::new();
        for piece in pieces {
            all.extend(lines.take(piece.as_bytes()));
        }
        all.extend(lines.end());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn lines_are_whole_and_labelled() {
        assert_eq!(labelled(&[]), "");
        assert_eq!(labelled(&["one\ntwo\n"]), "a | one\na | two\n");
        assert_eq!(
            labelled(&["o", "ne\n\nt", "w", "o"]),
            "a | one\na | \na | two\n"
        );
        let mut lines = Lines::new(b"a | ".to_vec());
        assert_eq!(lines.take(b"half"), b"");
        assert_eq!(lines.take(b" done\nhalf"), b"a | half done\n");
    }

    #[test]
    fn what_is_drawn_over_keeps_its_label() {
        assert_eq!(labelled(&["1%\r2%\r", "3%\n"]), "a | 1%\ra | 2%\ra | 3%\n");
        assert_eq!(labelled(&["one\r\ntwo\r\n"]), "a | one\r\na | two\r\n");
        assert_eq!(labelled(&["\rbar\r"]), "a | \ra | bar\r\n");
    }

    #[test]
    fn a_line_without_an_end_is_broken() {
        let long = "x".repeat(LONGEST);
        assert_eq!(
            labelled(&[&long, "rest\n"]),
            format!("a | {long}\na | rest\n")
        );
    }
}
