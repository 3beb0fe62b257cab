//! GitHub's tables, with the column widths of Python's `tabulate`, which DVC prints them with.

use unicode_width::UnicodeWidthStr;

/// Returns header, rule and rows, each line with its newline.
///
/// A bar in a cell is escaped; a line break becomes a space.
pub fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let escape = |cell: &str| cell.replace('|', "\\|").replace(['\n', '\r'], " ");
    let headers: Vec<String> = headers.iter().map(|header| escape(header)).collect();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| escape(cell)).collect())
        .collect();
    let widths: Vec<usize> = headers
        .iter()
        .enumerate()
        .map(|(index, header)| {
            let cells = rows.iter().filter_map(|row| row.get(index));
            let widest = cells.map(|cell| cell.width()).max().unwrap_or(0);
            // tabulate leaves room for two more characters beside a heading
            widest.max(header.width() + 2)
        })
        .collect();
    let mut out = String::new();
    line(&mut out, &headers, &widths);
    out.push('|');
    for width in &widths {
        out.push_str(&"-".repeat(width + 2));
        out.push('|');
    }
    out.push('\n');
    for row in &rows {
        line(&mut out, row, &widths);
    }
    out
}

fn line(out: &mut String, cells: &[String], widths: &[usize]) {
    out.push('|');
    for (cell, width) in cells.iter().zip(widths) {
        out.push(' ');
        out.push_str(cell);
        for _ in cell.width()..=*width {
            out.push(' ');
        }
        out.push('|');
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_widths_of_tabulate() {
        let rows = [
            vec!["│ ╓ d20f86b [forked]".to_owned(), "4".to_owned()],
            vec!["a|b".to_owned(), "-".to_owned()],
        ];
        assert_eq!(
            table(&["Experiment", "step"], &rows),
            "\
| Experiment           | step   |
|----------------------|--------|
| │ ╓ d20f86b [forked] | 4      |
| a\\|b                 | -      |
"
        );
    }
}
