//! Blocks and their statements: which of them assign params.

use super::literal::Stop;
use super::scan::{DEEPEST, Scanner};
use super::{Kind, Node};
use crate::error::Result;
use crate::value::Key;

type Entries = Vec<(Key, Node)>;

/// What a block of statements is the body of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// A module or class.
    Open,
    /// `__init__`: only what it assigns to `self`.
    Init,
}

/// The statement that a line starts with.
enum Line<'text> {
    Class(&'text str),
    Init,
    /// Another one that has, or may have, a block.
    Other,
    Simple,
}

impl<'text> Scanner<'text> {
    /// Reads the whole file.
    pub(super) fn module(&mut self, entries: &mut Entries) -> Result<()> {
        match self.next_line() {
            None => Ok(()),
            Some(0) => self.block(0, Body::Open, entries),
            Some(_) => self.error(self.at, "the line is indented"),
        }
    }

    /// Goes on to the next line with code and returns its indentation.
    fn next_line(&mut self) -> Option<usize> {
        loop {
            let mut indent = 0;
            loop {
                match self.peek() {
                    Some(' ') => indent += 1,
                    Some('\t') => indent = indent / 8 * 8 + 8,
                    Some('\x0c') => indent = 0,
                    _ => break,
                }
                self.at += 1;
            }
            match self.peek() {
                None => return None,
                Some('#' | '\n' | '\r') => {
                    self.skip_line();
                    let _ = self.take("\r\n") || self.take("\n") || self.take("\r");
                }
                _ => return Some(indent),
            }
        }
    }

    /// Reads statements that are indented alike, the first of which is next.
    fn block(&mut self, indent: usize, body: Body, entries: &mut Entries) -> Result<()> {
        loop {
            self.line(indent, body, entries)?;
            let back = self.at;
            match self.next_line() {
                Some(found) if found == indent => {}
                Some(found) if found > indent => {
                    return self.error(self.at, "the line is indented");
                }
                _ => {
                    self.at = back;
                    return Ok(());
                }
            }
        }
    }

    /// Reads a line of statements, and the block below it.
    fn line(&mut self, indent: usize, body: Body, entries: &mut Entries) -> Result<()> {
        match self.line_kind() {
            Line::Simple => {
                let last = self.simple(body, entries)?;
                match last {
                    // `match x:`
                    Some(':') => self.skip_block(indent),
                    _ => Ok(()),
                }
            }
            Line::Other => match self.skip_until(|_| false)? {
                Some(':') => self.skip_block(indent),
                _ => Ok(()),
            },
            Line::Class(name) => {
                let mut inner = Vec::new();
                self.body(indent, Body::Open, &mut inner)?;
                let node = Node {
                    kind: Kind::Class(inner),
                    span: self.at..self.at,
                };
                put(entries, Key::from(name), node);
                Ok(())
            }
            Line::Init => {
                let mut inner = Vec::new();
                self.body(indent, Body::Init, &mut inner)?;
                for (key, node) in inner {
                    put(entries, key, node);
                }
                Ok(())
            }
        }
    }

    fn line_kind(&mut self) -> Line<'text> {
        let start = self.at;
        let first = self.name();
        self.skip_blanks(false);
        let second = self.name();
        self.at = start;
        match (first, second) {
            ("class", name) if !name.is_empty() => Line::Class(name),
            ("def", "__init__") => Line::Init,
            (
                "def" | "async" | "if" | "elif" | "else" | "for" | "while" | "with" | "try"
                | "except" | "finally",
                _,
            ) => Line::Other,
            _ => Line::Simple,
        }
    }

    /// Reads the body of a class or function: in its line, or the block below it.
    fn body(&mut self, indent: usize, body: Body, entries: &mut Entries) -> Result<()> {
        self.skip_until(|next| next == ':')?;
        if !self.take(":") {
            return self.error(self.at, "there is no ':'");
        }
        self.skip_blanks(false);
        if !self.is_end() {
            self.simple(body, entries)?;
            return Ok(());
        }
        self.skip_line();
        match self.next_line() {
            Some(deeper) if deeper > indent => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return self.error(self.at, "nested too deeply");
                }
                self.block(deeper, body, entries)?;
                self.depth -= 1;
                Ok(())
            }
            _ => self.error(self.at, "there is no indented block"),
        }
    }

    /// Goes over the block of a line that ends in a colon, and the blocks in it.
    fn skip_block(&mut self, indent: usize) -> Result<()> {
        let mut blocks: Vec<usize> = vec![indent];
        let mut opens = true;
        loop {
            let back = self.at;
            let found = self.next_line();
            let deeper = found.filter(|found| *found > indent);
            match (deeper, opens, blocks.last()) {
                (Some(deeper), true, Some(last)) if deeper > *last => blocks.push(deeper),
                (_, true, _) => return self.error(self.at, "there is no indented block"),
                (Some(deeper), false, _) => {
                    blocks.retain(|block| *block <= deeper);
                    if blocks.last() != Some(&deeper) {
                        return self.error(self.at, "the line is indented");
                    }
                }
                (None, false, _) => {
                    self.at = back;
                    return Ok(());
                }
            }
            opens = self.skip_until(|_| false)? == Some(':');
        }
    }

    /// Reads the statements of a line; returns the last character of the last one.
    fn simple(&mut self, body: Body, entries: &mut Entries) -> Result<Option<char>> {
        loop {
            let start = self.at;
            match self.assignment(body) {
                Ok((name, node)) => put(entries, Key::from(name), node),
                Err(Stop::NoLiteral) => {}
                Err(Stop::Error(error)) => return Err(error),
            }
            self.at = start;
            let last = self.skip_statement()?;
            if !self.take(";") {
                self.skip_line();
                return Ok(last);
            }
            self.skip_blanks(false);
        }
    }

    /// Reads `name = literal`, up to the end of the statement.
    fn assignment(&mut self, body: Body) -> Result<(&'text str, Node), Stop> {
        let mut brackets = 0;
        while self.take("(") {
            brackets += 1;
            self.skip_blanks(true);
        }
        let mut name = self.name();
        let mut is_self = false;
        self.skip_blanks(brackets > 0);
        if name == "self" && self.take(".") {
            self.skip_blanks(brackets > 0);
            is_self = true;
            name = self.name();
        }
        for left in (0..brackets).rev() {
            self.skip_blanks(true);
            if !self.take(")") {
                return Err(Stop::NoLiteral);
            }
            self.skip_blanks(left > 0);
        }
        self.skip_blanks(false);
        if name.is_empty() || (body == Body::Init && !is_self) {
            return Err(Stop::NoLiteral);
        }
        if self.take(":") {
            self.skip_until(|next| matches!(next, '=' | ';'))?;
        }
        if self.rest().starts_with("==") || !self.take("=") {
            return Err(Stop::NoLiteral);
        }
        let node = self.value()?;
        self.skip_blanks(false);
        match self.is_end() {
            true => Ok((name, node)),
            false => Err(Stop::NoLiteral),
        }
    }
}

/// Of two of one name the later one counts, in the earlier one's place, as in a Python dict.
pub(super) fn put(entries: &mut Entries, key: Key, node: Node) {
    match entries.iter_mut().find(|(name, _)| *name == key) {
        Some(entry) => entry.1 = node,
        None => entries.push((key, node)),
    }
}
