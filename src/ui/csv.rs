//! CSV as Python's `csv` module writes it: `\r\n`, quotes only where they are needed.

/// Appends one record.
pub fn push_record<'t>(out: &mut String, fields: impl IntoIterator<Item = &'t str>) {
    let mut first = true;
    let start = out.len();
    for field in fields {
        if !first {
            out.push(',');
        }
        first = false;
        push_field(out, field);
    }
    if out.len() == start && !first {
        // a single empty field would read as an empty line
        out.push_str("\"\"");
    }
    out.push_str("\r\n");
}

fn push_field(out: &mut String, field: &str) {
    if !field.contains([',', '"', '\r', '\n']) {
        out.push_str(field);
        return;
    }
    out.push('"');
    for part in field.split_inclusive('"') {
        out.push_str(part);
        if part.ends_with('"') {
            out.push('"');
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_where_needed() {
        let mut out = String::new();
        push_record(&mut out, ["a", "b c", "1,5", "say \"x\"", "", "two\nlines"]);
        push_record(&mut out, [""]);
        assert_eq!(
            out,
            "a,b c,\"1,5\",\"say \"\"x\"\"\",,\"two\nlines\"\r\n\"\"\r\n"
        );
    }
}
