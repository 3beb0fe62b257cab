//! `${…}` in a text: where it stands, and what may stand in it.

/// A `${…}` that no backslash escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Template<'t> {
    /// Where it starts, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What stands between the braces.
    pub inner: &'t str,
}

/// Lists the templates of a text. Each ends at the first `}`, which must be in the same line.
pub(super) fn templates(text: &str) -> Vec<Template<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("${") {
        let start = from + at;
        let inner = start + 2;
        from = inner;
        if text[..start].ends_with('\\') {
            continue;
        }
        if let Some(length) = text[inner..].find(['}', '\n'])
            && text[inner + length..].starts_with('}')
        {
            from = inner + length + 1;
            found.push(Template {
                start,
                end: from,
                inner: &text[inner..inner + length],
            });
        }
    }
    found
}

/// Returns the one template that a text consists of, or `None`.
pub(super) fn exact(text: &str) -> Option<Template<'_>> {
    match *templates(text).as_slice() {
        [one] if one.start == 0 && one.end == text.len() => Some(one),
        _ => None,
    }
}

/// Returns the steps that the inside of a template names: `a.b`, `a[0].b`, `a[b]`; `None` if it is
/// malformed. Spaces around a step do not count.
pub(super) fn steps(inner: &str) -> Option<Vec<&str>> {
    let (first, mut rest) = word(inner)?;
    let mut steps = vec![first.trim()];
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if rest.is_empty() {
            return Some(steps);
        }
        let step;
        if let Some(after) = rest.strip_prefix('.') {
            (step, rest) = word(after)?;
        } else {
            (step, rest) = word(rest.strip_prefix('[')?)?;
            rest = rest.strip_prefix(']')?;
        }
        steps.push(step.trim());
    }
}

/// Splits the characters up to the next `.`, `[` or `]` off; there must be one at least.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(['.', '[', ']']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_templates_that_nothing_escapes() {
        let inner = |text| -> Vec<&str> {
            let found = templates(text);
            found.iter().map(|template| template.inner).collect()
        };
        assert_eq!(inner("echo ${a.b} ${c}"), ["a.b", "c"]);
        assert_eq!(inner("echo \\${HOME} ${x}"), ["x"]);
        assert_eq!(inner("echo \\${HOME}"), [""; 0]);
        assert_eq!(inner("echo ${unclosed"), [""; 0]);
        assert_eq!(inner("${a\n} ${b}"), ["b"]);
        assert_eq!(inner("${a\n${b}"), ["b"]);
        assert_eq!(inner("${a${b}"), ["a${b"]);
        assert_eq!(inner("$HOME {a} é${ü}${}"), ["ü", ""]);
        assert_eq!(exact("${x}").map(|template| template.inner), Some("x"));
        for text in ["${x} ", "a${x}", "${x}${y}", "\\${x}", ""] {
            assert_eq!(exact(text), None, "{text}");
        }
    }

    #[test]
    fn reads_steps_as_dvc_does() {
        for (inner, expected) in [
            ("a", Some(vec!["a"])),
            ("a.b", Some(vec!["a", "b"])),
            (" a . b ", Some(vec!["a", "b"])),
            ("a[0].b", Some(vec!["a", "0", "b"])),
            ("a[b][c]", Some(vec!["a", "b", "c"])),
            ("a[0] .b", Some(vec!["a", "0", "b"])),
            ("a[ 0 ] ", Some(vec!["a", "0"])),
            ("a b", Some(vec!["a b"])),
            ("", None),
            (".a", None),
            ("a.", None),
            ("a..b", None),
            ("a[]", None),
            ("a[0", None),
            ("a]", None),
            ("a[b.c]", None),
            ("a[0]b", None),
        ] {
            assert_eq!(steps(inner), expected, "{inner}");
        }
    }
}
