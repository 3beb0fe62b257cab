//! A page of Markdown whose code blocks are files and commands, and what it knows of ids and names.

use std::collections::BTreeMap;

/// One thing that a page wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// A file to write: a block that says `file=<path>`.
    File { path: String, text: String },
    /// Text that a file of this repository must have: a block that says `same=<path>`.
    Same { path: String, text: String },
    /// A command of a `console` block, and what it prints.
    Command { line: String, output: String },
}

/// Returns what a page wants done, in order. Every block of code must say what it is.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(head) = line.strip_prefix("```") else {
            continue;
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = body.join("\n") + "\n";
        let option = |key: &str| {
            let path = head.split_once(key)?.1;
            Some(path.to_owned())
        };
        if head == "console" {
            commands(&body, &mut found);
        } else if let Some(path) = option(" file=") {
            found.push(Block::File { path, text });
        } else if let Some(path) = option(" same=") {
            found.push(Block::Same { path, text });
        } else {
            panic!("a block is neither 'console' nor a file: {line}");
        }
    }
    found
}

fn commands(body: &[&str], found: &mut Vec<Block>) {
    let mut lines = body.iter().peekable();
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ");
        let mut command = command
            .unwrap_or_else(|| panic!("no command before '{line}'"))
            .to_owned();
        while command.ends_with('\\') {
            let more = lines.next().and_then(|line| line.strip_prefix("> "));
            command += &format!("\n{}", more.expect("a line after a backslash"));
        }
        let mut output = String::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            output += &format!("{line}\n");
        }
        found.push(Block::Command {
            line: command,
            output,
        });
    }
}

/// What stands on the page for what is really there: short ids of commits, and names of experiments.
pub struct Known {
    names: Vec<String>,
    /// From the page's word to the real one.
    real: BTreeMap<String, String>,
}

impl Known {
    /// Reads which words of a page are names: `<!-- names: … -->`.
    pub fn of(page: &str) -> Self {
        let list = page.split_once("<!-- names: ").unwrap().1;
        let list = list.split_once(" -->").unwrap().0;
        Known {
            names: list.split(' ').map(str::to_owned).collect(),
            real: BTreeMap::new(),
        }
    }

    /// Returns a command with the real ids and names.
    pub fn replaced(&self, line: &str) -> String {
        let words = tokens(line).into_iter();
        let words = words.map(|word| match self.real.get(word) {
            Some(real) => real,
            None if self.stands_for_another(word) => {
                panic!("'{word}' was not shown before: {line}")
            }
            None => word,
        });
        words.collect()
    }

    fn stands_for_another(&self, word: &str) -> bool {
        is_short_id(word) || self.names.iter().any(|name| name == word)
    }

    /// Compares what a command printed with what the page says; the reason is for people.
    pub fn compare(&mut self, expected: &str, printed: &str) -> Result<(), String> {
        let expected: Vec<&str> = expected.lines().collect();
        let printed: Vec<&str> = printed.lines().collect();
        self.lines(&expected, &printed)
    }

    fn lines(&mut self, expected: &[&str], printed: &[&str]) -> Result<(), String> {
        match (expected, printed) {
            ([], []) => Ok(()),
            (["..."], _) => Ok(()),
            (["...", rest @ ..], _) => {
                let mut why = format!("'{}' was not printed", rest[0]);
                for skipped in 0..printed.len() {
                    let before = self.real.clone();
                    match self.lines(rest, &printed[skipped..]) {
                        Ok(()) => return Ok(()),
                        // of the place that looked right
                        Err(later) if self.line(rest[0], printed[skipped]) => why = later,
                        Err(_) => {}
                    }
                    self.real = before;
                }
                Err(why)
            }
            ([line, ..], []) => Err(format!("'{line}' was not printed")),
            ([], [line, ..]) => Err(format!("'{line}' was printed too")),
            ([wanted, expected @ ..], [line, printed @ ..]) => {
                if !self.line(wanted, line) {
                    return Err(format!("'{wanted}' was to be printed, not '{line}'"));
                }
                self.lines(expected, printed)
            }
        }
    }

    fn line(&mut self, expected: &str, printed: &str) -> bool {
        let (expected, printed) = (comparable(expected), comparable(printed));
        let mut printed = printed.iter();
        for wanted in &expected {
            if *wanted == ANYTHING {
                return true;
            }
            let Some(word) = printed.next() else {
                return false;
            };
            if self.stands_for_another(wanted) {
                let alike = is_short_id(wanted) == is_short_id(word);
                let real = self.real.entry((*wanted).to_owned());
                if !alike || real.or_insert_with(|| (*word).to_owned()) != word {
                    return false;
                }
            } else if wanted != word {
                return false;
            }
        }
        printed.next().is_none()
    }
}

/// Stands for whatever follows in the line.
const ANYTHING: &str = "[..]";

/// The words of a line without what differs for no reason: blanks, rules of tables, times.
fn comparable(line: &str) -> Vec<&str> {
    let (line, anything) = match line.split_once(ANYTHING) {
        Some((before, _)) => (before, true),
        None => (line, false),
    };
    let mut words: Vec<&str> = Vec::new();
    for word in tokens(line) {
        let filler = |letter| [' ', '─', '━'].contains(&letter);
        if word.chars().all(filler) {
            continue;
        }
        words.push(word);
    }
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let mut at = 0;
    while let Some(four) = words.get(at..at + 4) {
        let is_time = match *four {
            [hour, ":", minute, "AM" | "PM"] => is_number(hour) && is_number(minute),
            [month, day, ",", year] => month.len() == 3 && is_number(day) && is_number(year),
            _ => false,
        };
        if is_time {
            words.splice(at..at + 4, ["<time>"]);
        }
        at += 1;
    }
    if anything {
        words.push(ANYTHING);
    }
    words
}

/// Takes a line apart into words of letters, digits, `-` and `_`, and single other characters.
fn tokens(line: &str) -> Vec<&str> {
    let in_word = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = match in_word(first) {
            true => rest.find(|letter| !in_word(letter)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

fn is_short_id(word: &str) -> bool {
    word.len() == 7
        && word
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn ids_and_names_mean_the_same_everywhere() {
    let mut known = Known::of("<!-- names: calm-sea other -->");
    let mut compare = |expected: &str, printed: &str| known.compare(expected, printed);
    compare(
        "│ d99d81c [calm-sea]  │ 01:19 PM │\n",
        "│ 1234567 [x] │ Apr 07, 2005 │\n",
    )
    .unwrap();
    compare("...\nof d99d81c\n...\n", "one\nof 1234567\ntwo\nthree\n").unwrap();
    compare("acc [..]\n", "acc 0.5\n").unwrap();
    for (expected, printed) in [
        ("d99d81c\n", "7654321\n"),
        ("calm-sea\n", "y\n"),
        ("0.5\n", "0.50\n"),
        ("a\n", "a\nb\n"),
        ("a\nb\n", "a\n"),
        ("a b\n", "a\n"),
        ("...\nz\n", "a\nb\n"),
    ] {
        assert!(
            compare(expected, printed).is_err(),
            "{expected} is {printed}"
        );
    }
    assert_eq!(
        known.replaced("git exp apply d99d81c~1"),
        "git exp apply 1234567~1"
    );
}

#[test]
fn a_page_is_files_and_commands() {
    let page = "# T\n\n```sh file=a.sh\nls\n```\ntext\n```console\n$ a \\\n> b\nc\n$ d\n```\n";
    let text = "ls\n".to_owned();
    let path = "a.sh".to_owned();
    let command = |line: &str, output: &str| Block::Command {
        line: line.to_owned(),
        output: output.to_owned(),
    };
    let expected = [
        Block::File { path, text },
        command("a \\\nb", "c\n"),
        command("d", ""),
    ];
    assert_eq!(blocks(page), expected);
}
