//! Words for a command line that somebody will paste into a shell.

/// Joins words with blanks; those that a shell would take apart, or for an option, are quoted.
pub fn words(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    quoted.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    if word.starts_with('-') {
        return quoted(&format!("./{word}"));
    }
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let list = [
            "a b/.gitignore",
            "it's",
            "-x",
            "",
            "*.pt",
            "a/b-c_1.txt",
            "é",
        ];
        let list: Vec<String> = list.map(str::to_owned).to_vec();
        let line = words(&list);
        assert_eq!(
            line,
            r"'a b/.gitignore' 'it'\''s' ./-x '' '*.pt' a/b-c_1.txt 'é'"
        );
        let script = format!("printf '%s\\n' {line}");
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(script)
            .output()
            .unwrap();
        let read = String::from_utf8(output.stdout).unwrap();
        assert_eq!(read, list.join("\n").replace("-x", "./-x") + "\n");
    }
}
