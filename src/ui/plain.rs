//! Plain tables: two spaces between columns, no borders, as Python's `tabulate` prints them.

use unicode_width::UnicodeWidthStr;

/// Returns the table, a line per row, or nothing without rows.
///
/// ```text
/// Path          Metric    Old
/// metrics.json  loss      0.5
/// ```
///
/// A line break in a cell becomes a space.
pub fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut lines = vec![headers.iter().map(|header| one_line(header)).collect()];
    lines.extend(
        rows.iter()
            .map(|row| row.iter().map(|cell| one_line(cell)).collect::<Vec<_>>()),
    );
    let widths: Vec<usize> = (0..headers.len())
        .map(|column| {
            let cells = lines[1..].iter().filter_map(|line| line.get(column));
            let widest = cells.map(|cell| cell.width()).max().unwrap_or(0);
            // tabulate keeps two more columns free beside a heading
            widest.max(headers[column].width() + 2)
        })
        .collect();
    let mut table = String::new();
    for cells in lines {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

fn one_line(cell: &str) -> String {
    cell.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_widths_of_tabulate() {
        let rows = [
            ["dvclive.json", "acc", "0.9044", "0.8185", "-0.0859"],
            ["dvclive.json", "loss", "0.33246", "0.83515", "0.50269"],
            ["dvclive.json", "step", "6", "8", "2"],
        ];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            table(&["Path", "Metric", "Old", "New", "Change"], &rows),
            "\
Path          Metric    Old      New      Change
dvclive.json  acc       0.9044   0.8185   -0.0859
dvclive.json  loss      0.33246  0.83515  0.50269
dvclive.json  step      6        8        2
"
        );
    }

    #[test]
    fn nothing_to_show_is_no_output() {
        assert_eq!(table(&["Path"], &[]), "");
    }

    #[test]
    fn measures_what_is_seen_and_keeps_to_one_line() {
        let rows = [vec!["深".to_owned(), "a\nb".to_owned()]];
        assert_eq!(table(&["p", "v"], &rows), "p    v\n深   a b\n");
    }
}
