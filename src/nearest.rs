//! The word that was probably meant: offered in hints, never acted on.

/// Returns the candidate nearest to `typed` by edits, or `None` when nothing is near.
///
/// Near is at most a third of the longer word's letters, and at least one; ties go to the first
/// candidate. Case counts for little: a word that differs only by case is always near.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // What nobody typed by hand is not worth a quadratic comparison.
    const LONGEST: usize = 100;
    let letters: Vec<char> = typed.chars().take(LONGEST + 1).collect();
    if letters.is_empty() || letters.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other: Vec<char> = candidate.chars().take(LONGEST + 1).collect();
        if other.is_empty() || other.len() > LONGEST {
            continue;
        }
        let near = if typed.eq_ignore_ascii_case(candidate) {
            0
        } else {
            distance(&letters, &other)
        };
        let limit = (letters.len().max(other.len()) / 3).max(1);
        if near <= limit && best.is_none_or(|(nearest, _)| near < nearest) {
            best = Some((near, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns how many letters must be added, taken away, changed or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, letter) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let mut cost = (last[column] + usize::from(letter != other))
                .min(last[column + 1] + 1)
                .min(current[column] + 1);
            let swapped = row > 0
                && column > 0
                && *letter == b[column - 1]
                && a[row - 1] == *other
                && letter != other;
            if swapped {
                cost = cost.min(before[column - 1] + 1);
            }
            current.push(cost);
        }
        before = std::mem::replace(&mut last, current);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_word_that_was_meant() {
        let keys = ["cmd", "wdir", "deps", "outs", "always_changed"];
        assert_eq!(nearest("dep", keys), Some("deps"));
        assert_eq!(nearest("output", keys), None);
        assert_eq!(nearest("otus", keys), Some("outs"));
        assert_eq!(nearest("always-changed", keys), Some("always_changed"));
        assert_eq!(nearest("CMD", keys), Some("cmd"));
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn prefers_the_nearest_then_the_first() {
        assert_eq!(nearest("trian", ["brian", "train"]), Some("brian"));
        assert_eq!(nearest("trains", ["brains", "train"]), Some("brains"));
        assert_eq!(nearest("train1", ["train22", "train2"]), Some("train2"));
    }
}
