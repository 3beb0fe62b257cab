//! A table with borders that fits the screen; it knows nothing of experiments.
//!
//! ```text
//! ┏━━━━━━━━━━━┳━━━━━━┓
//! ┃ Name      ┃ step ┃
//! ┡━━━━━━━━━━━╇━━━━━━┩
//! │ workspace │ 6    │
//! └───────────┴──────┘
//! ```
//!
//! Columns that do not fit are left out, the least important first, and a narrow column of `…`
//! stands where they were; rows never wrap. Which column matters how much is the caller's to say.
//!
//! comfy-table can draw these borders, but measures and splits every cell for wrapping that we do
//! not want: 11,000 rows of 12 columns take it 50 to 70 ms, half of what `git exp show` may take
//! for them in all. Measured once and written straight, they take 6.

use super::style::Role;
use unicode_width::UnicodeWidthStr;

/// One column's heading and how dear it is.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its heading.
    pub header: String,
    /// The heading's colour.
    pub role: Option<Role>,
    /// Left out before columns of lower rank when the screen is too narrow; 0 stays.
    pub rank: u8,
}

/// One row: the texts of its cells one behind the other, of which some parts are coloured.
///
/// A large table has hundreds of thousands of cells; memory of their own would take longer than all else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    text: String,
    /// Colour up to this byte of the cell, from where the one before ends; none behind the last.
    parts: Vec<(usize, Option<Role>)>,
    /// Where each cell's text and parts end.
    ends: Vec<(usize, usize)>,
}

impl Row {
    /// Returns an empty row with room for so many cells.
    pub fn with_room(cells: usize) -> Row {
        Row {
            text: String::with_capacity(cells * 10),
            parts: Vec::new(),
            ends: Vec::with_capacity(cells),
        }
    }

    /// Appends a part to the cell that [`Row::end`] ends.
    pub fn push(&mut self, text: &str, role: Option<Role>) {
        let (start, first_part) = self.next_start();
        let before = self.text.len() - start;
        self.text.push_str(text);
        if role.is_none() {
            return;
        }
        let coloured = self.parts[first_part..].last().map_or(0, |(end, _)| *end);
        if coloured < before {
            self.parts.push((before, None));
        }
        self.parts.push((before + text.len(), role));
    }

    /// Ends a cell.
    pub fn end(&mut self) {
        self.ends.push((self.text.len(), self.parts.len()));
    }

    /// Appends a cell in one colour.
    pub fn cell(&mut self, text: &str, role: Option<Role>) {
        self.push(text, role);
        self.end();
    }

    /// Returns the texts of the cells without colour.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).filter_map(|index| self.text(index))
    }

    /// Returns how many cells have ended.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Returns the text of a cell.
    pub fn text(&self, index: usize) -> Option<&str> {
        Some(self.get(index)?.0)
    }

    fn get(&self, index: usize) -> Option<Parts<'_>> {
        let (end, last_part) = *self.ends.get(index)?;
        let (start, first_part) = match index {
            0 => (0, 0),
            _ => self.ends[index - 1],
        };
        Some((&self.text[start..end], &self.parts[first_part..last_part]))
    }

    fn next_start(&self) -> (usize, usize) {
        self.ends.last().copied().unwrap_or_default()
    }
}

/// A cell's text, and up to where in it which colour goes.
type Parts<'t> = (&'t str, &'t [(usize, Option<Role>)]);

/// What the screen can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Columns; `None` for as many as needed.
    pub width: Option<usize>,
    /// Whether escape sequences may be written.
    pub colour: bool,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
}

/// A table: every row has a cell for every column.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its columns, left to right.
    pub columns: Vec<Column>,
    /// Its rows, top to bottom.
    pub rows: Vec<Row>,
}

impl Table {
    /// Returns the lines, each with its newline; nothing for a table without columns.
    pub fn draw(&self, screen: Screen) -> String {
        let borders = if screen.unicode { &HEAVY } else { &ASCII };
        let widths = self.widths();
        let shown = fit(&self.columns, &widths, screen.width, borders.cut);
        let Some(total) = total_width(&shown) else {
            return String::new();
        };
        // box drawing takes three bytes a column
        let mut out = String::with_capacity((total * 2 + 16) * (self.rows.len() + 4));
        rule(&mut out, &shown, &borders.top);
        self.line(&mut out, &shown, borders.header, screen, borders.cut, |i| {
            let column = &self.columns[i];
            Line::Header(&column.header, column.role)
        });
        rule(&mut out, &shown, &borders.under_header);
        for row in &self.rows {
            self.line(&mut out, &shown, borders.row, screen, borders.cut, |i| {
                row.get(i).map_or(Line::Header("", None), Line::Cell)
            });
        }
        rule(&mut out, &shown, &borders.bottom);
        out
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|c| width(&c.header)).collect();
        for row in &self.rows {
            for (widest, text) in widths.iter_mut().zip(row.texts()) {
                *widest = (*widest).max(width(text));
            }
        }
        widths
    }

    fn line<'t>(
        &'t self,
        out: &mut String,
        shown: &[Shown],
        border: char,
        screen: Screen,
        cut: &str,
        cell: impl Fn(usize) -> Line<'t>,
    ) {
        for column in shown {
            out.push(border);
            out.push(' ');
            let used = match column.index.map(&cell) {
                None => push_coloured(out, cut, &[(cut.len(), Some(Role::Faint))], screen.colour),
                Some(line) => {
                    let header_part;
                    let (text, parts) = match line {
                        Line::Cell(parts) => parts,
                        Line::Header(text, role) => {
                            header_part = [(text.len(), role)];
                            (text, header_part.as_slice())
                        }
                    };
                    push_fitting(out, text, parts, column.width, cut, screen.colour)
                }
            };
            for _ in used..=column.width {
                out.push(' ');
            }
        }
        out.push(border);
        out.push('\n');
    }
}

enum Line<'t> {
    Header(&'t str, Option<Role>),
    Cell(Parts<'t>),
}

/// A column on the screen: one of the table's, or the mark where some were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    index: Option<usize>,
    width: usize,
}

/// Left end, line, crossing and right end of a horizontal line.
struct Rule {
    left: char,
    line: char,
    crossing: char,
    right: char,
}

struct Borders {
    top: Rule,
    header: char,
    under_header: Rule,
    row: char,
    bottom: Rule,
    /// Stands for what was left out.
    cut: &'static str,
}

const fn ends(left: char, line: char, crossing: char, right: char) -> Rule {
    Rule {
        left,
        line,
        crossing,
        right,
    }
}

static HEAVY: Borders = Borders {
    top: ends('┏', '━', '┳', '┓'),
    header: '┃',
    under_header: ends('┡', '━', '╇', '┩'),
    row: '│',
    bottom: ends('└', '─', '┴', '┘'),
    cut: "…",
};

static ASCII: Borders = Borders {
    top: ends('+', '-', '+', '+'),
    header: '|',
    under_header: ends('+', '=', '+', '+'),
    row: '|',
    bottom: ends('+', '-', '+', '+'),
    cut: "~",
};

/// Returns the width on the screen; most text is ASCII, which needs no table of widths.
fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

fn total_width(shown: &[Shown]) -> Option<usize> {
    let inner: usize = shown.iter().map(|column| column.width + 3).sum();
    (!shown.is_empty()).then_some(inner + 1)
}

/// Chooses the columns that fit: those of the highest rank go first, from the right.
fn fit(columns: &[Column], widths: &[usize], limit: Option<usize>, cut: &str) -> Vec<Shown> {
    let mut hidden = vec![false; columns.len()];
    let limit = limit.unwrap_or(usize::MAX);
    loop {
        let shown = arrange(widths, &hidden, width(cut));
        if total_width(&shown).is_none_or(|total| total <= limit) {
            return shown;
        }
        let next = (0..columns.len())
            .filter(|index| !hidden[*index] && columns[*index].rank > 0)
            .max_by_key(|index| (columns[*index].rank, *index));
        match next {
            Some(index) => hidden[index] = true,
            None => return squeeze(shown, limit),
        }
    }
}

fn arrange(widths: &[usize], hidden: &[bool], cut_width: usize) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::with_capacity(widths.len());
    for (index, width) in widths.iter().enumerate() {
        if !hidden[index] {
            shown.push(Shown {
                index: Some(index),
                width: *width,
            });
        } else if shown.last().is_none_or(|last| last.index.is_some()) {
            shown.push(Shown {
                index: None,
                width: cut_width,
            });
        }
    }
    shown
}

/// Makes the widest columns narrower when even those that stay do not fit.
fn squeeze(mut shown: Vec<Shown>, limit: usize) -> Vec<Shown> {
    while total_width(&shown).is_some_and(|total| total > limit) {
        match shown.iter_mut().max_by_key(|column| column.width) {
            Some(widest) if widest.width > 1 => widest.width -= 1,
            _ => break,
        }
    }
    shown
}

fn rule(out: &mut String, shown: &[Shown], rule: &Rule) {
    for (position, column) in shown.iter().enumerate() {
        out.push(if position == 0 {
            rule.left
        } else {
            rule.crossing
        });
        for _ in 0..column.width + 2 {
            out.push(rule.line);
        }
    }
    out.push(rule.right);
    out.push('\n');
}

/// Appends `text`, cut to `limit` with a mark, and returns the width it takes.
fn push_fitting(
    out: &mut String,
    text: &str,
    parts: &[(usize, Option<Role>)],
    limit: usize,
    cut: &str,
    colour: bool,
) -> usize {
    let full = width(text);
    if full <= limit {
        push_coloured(out, text, parts, colour);
        return full;
    }
    let room = limit.saturating_sub(width(cut));
    let mut used = 0;
    let mut end = 0;
    for (start, character) in text.char_indices() {
        let next = used + unicode_width::UnicodeWidthChar::width(character).unwrap_or(0);
        if next > room {
            break;
        }
        used = next;
        end = start + character.len_utf8();
    }
    push_coloured(out, &text[..end], parts, colour);
    out.push_str(cut);
    used + width(cut)
}

/// Appends `text` with its parts in colour; parts behind its end are passed over.
fn push_coloured(
    out: &mut String,
    text: &str,
    parts: &[(usize, Option<Role>)],
    colour: bool,
) -> usize {
    if !colour || parts.is_empty() {
        out.push_str(text);
        return width(text);
    }
    let mut start = 0;
    for (end, role) in parts {
        let end = (*end).min(text.len());
        match role {
            Some(role) if end > start => out.push_str(&role.paint(&text[start..end], true)),
            _ => out.push_str(&text[start..end]),
        }
        start = end;
    }
    out.push_str(&text[start..]);
    width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Screen = Screen {
        width: None,
        colour: false,
        unicode: true,
    };

    fn row(texts: &[&str]) -> Row {
        let mut row = Row::with_room(texts.len());
        texts.iter().for_each(|text| row.cell(text, None));
        assert!(row.texts().eq(texts.iter().copied()));
        row
    }

    fn table() -> Table {
        let column = |header: &str, rank| Column {
            header: header.into(),
            role: None,
            rank,
        };
        Table {
            columns: vec![
                column("Experiment", 0),
                column("Created", 1),
                column("loss", 2),
                column("acc", 2),
                column("lr", 3),
            ],
            rows: vec![
                row(&["workspace", "-", "0.33246", "0.9", "1e-05"]),
                row(&["│ ╓ d90179a", "01:24 PM", "日本", "-", "-"]),
            ],
        }
    }

    #[test]
    fn draws_a_heavy_header_and_measures_wide_characters() {
        assert_eq!(
            table().draw(WIDE),
            "\
┏━━━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━┳━━━━━┳━━━━━━━┓
┃ Experiment  ┃ Created  ┃ loss    ┃ acc ┃ lr    ┃
┡━━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━╇━━━━━╇━━━━━━━┩
│ workspace   │ -        │ 0.33246 │ 0.9 │ 1e-05 │
│ │ ╓ d90179a │ 01:24 PM │ 日本    │ -   │ -     │
└─────────────┴──────────┴─────────┴─────┴───────┘
"
        );
    }

    #[test]
    fn leaves_the_least_important_columns_out() {
        let screen = Screen {
            width: Some(48),
            ..WIDE
        };
        assert_eq!(
            table().draw(screen),
            "\
┏━━━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━┳━━━━━┳━━━┓
┃ Experiment  ┃ Created  ┃ loss    ┃ acc ┃ … ┃
┡━━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━╇━━━━━╇━━━┩
│ workspace   │ -        │ 0.33246 │ 0.9 │ … │
│ │ ╓ d90179a │ 01:24 PM │ 日本    │ -   │ … │
└─────────────┴──────────┴─────────┴─────┴───┘
"
        );
        let screen = Screen {
            width: Some(12),
            ..WIDE
        };
        assert_eq!(
            table().draw(screen),
            "\
┏━━━━━━┳━━━┓
┃ Exp… ┃ … ┃
┡━━━━━━╇━━━┩
│ wor… │ … │
│ │ ╓… │ … │
└──────┴───┘
"
        );
    }

    #[test]
    fn draws_in_ascii_and_never_loops_on_a_screen_without_room() {
        let mut table = table();
        table.columns.truncate(2);
        table.rows.truncate(1);
        let screen = Screen {
            unicode: false,
            ..WIDE
        };
        assert_eq!(
            table.draw(screen),
            "\
+------------+---------+
| Experiment | Created |
+============+=========+
| workspace  | -       |
+------------+---------+
"
        );
        let screen = Screen {
            width: Some(1),
            ..WIDE
        };
        assert_eq!(table.draw(screen).lines().count(), 5);
        assert_eq!(Table::default().draw(WIDE), "");
    }

    #[test]
    fn colours_parts_and_keeps_the_width() {
        let mut row = Row::default();
        row.push("│ ╓ ", None);
        row.push("d90179a", Some(Role::Id));
        row.end();
        let table = Table {
            columns: vec![Column {
                header: "Name".into(),
                role: Some(Role::Metric),
                rank: 0,
            }],
            rows: vec![row],
        };
        let screen = Screen {
            colour: true,
            ..WIDE
        };
        assert_eq!(
            table.draw(screen),
            "\
┏━━━━━━━━━━━━━┓
┃ \u{1b}[35mName\u{1b}[0m        ┃
┡━━━━━━━━━━━━━┩
│ │ ╓ \u{1b}[33md90179a\u{1b}[0m │
└─────────────┘
"
        );
    }
}
