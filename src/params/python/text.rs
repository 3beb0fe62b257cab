//! Numbers and strings as Python writes them.

use super::Kind;
use crate::value::Value;

/// More digits than this Python refuses.
const MOST_DIGITS: usize = 4300;

/// Returns the length of the number that `rest` starts with, and the number; none if it is wrong.
pub(super) fn number(rest: &str) -> (usize, Option<Kind>) {
    let lower = rest.get(..2).unwrap_or_default().to_ascii_lowercase();
    let base = match lower.as_str() {
        "0x" => 16,
        "0o" => 8,
        "0b" => 2,
        _ => return decimal(rest),
    };
    let length = rest[2..]
        .find(|next: char| !(next.is_digit(base) || next == '_'))
        .map_or(rest.len(), |at| at + 2);
    let digits = &rest[2..length];
    // one underscore may stand behind the `x`
    let is_right = is_digits(digits.strip_prefix('_').unwrap_or(digits), base)
        && !rest[length..].starts_with(|next: char| next.is_ascii_digit());
    let plain = format!("{lower}{}", digits.replace('_', ""));
    let value = is_right.then(|| crate::yaml::int(&plain).ok()).flatten();
    (length, value.map(Kind::Scalar))
}

fn decimal(rest: &str) -> (usize, Option<Kind>) {
    let digits = |from: usize| {
        let part = rest.get(from..).unwrap_or_default();
        from + part
            .find(|next: char| !(next.is_ascii_digit() || next == '_'))
            .unwrap_or(part.len())
    };
    let whole = digits(0);
    let mut end = whole;
    let mut parts = vec![&rest[..whole]];
    let mut is_float = false;
    if rest[end..].starts_with('.') {
        is_float = true;
        end = digits(end + 1);
        parts.push(&rest[whole + 1..end]);
    }
    let exponent = rest[end..].strip_prefix(['e', 'E']);
    if let Some(exponent) = exponent {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        if exponent[sign..].starts_with(|next: char| next.is_ascii_digit()) {
            is_float = true;
            let from = end + 1 + sign;
            end = digits(from);
            parts.push(&rest[from..end]);
        }
    }
    let is_right = parts
        .iter()
        .all(|part| part.is_empty() || is_digits(part, 10));
    let text = rest[..end].replace('_', "");
    let is_imaginary = rest[end..].starts_with(['j', 'J']);
    let value = match (is_imaginary, is_float) {
        _ if !is_right => None,
        (true, _) => {
            end += 1;
            Some(Kind::Unfit("a complex number"))
        }
        (false, true) => text
            .parse()
            .ok()
            .map(|value| Kind::Scalar(Value::Float(value))),
        // `012` is wrong, `00` is not
        (false, false) if text.starts_with('0') && text.contains(|next| next != '0') => None,
        (false, false) if text.len() > MOST_DIGITS => None,
        (false, false) => Some(Kind::Scalar(Value::integer(&text))),
    };
    (end, value)
}

/// Digits with single underscores between them.
fn is_digits(text: &str, base: u32) -> bool {
    text.split('_')
        .all(|part| !part.is_empty() && part.chars().all(|next| next.is_digit(base)))
}

/// Strings that follow each other.
#[derive(Default)]
pub(super) struct Joined {
    text: String,
    is_bytes: Option<bool>,
    unfit: Option<&'static str>,
}

impl Joined {
    /// Adds what is between the quotes of a string; the prefix is in lower case.
    pub(super) fn push(&mut self, content: &str, prefix: &str) -> Result<(), &'static str> {
        let is_bytes = prefix.contains('b');
        if self
            .is_bytes
            .replace(is_bytes)
            .is_some_and(|before| before != is_bytes)
        {
            return Err("bytes and text cannot be joined");
        }
        let content = content.replace("\r\n", "\n").replace('\r', "\n");
        match prefix.contains('r') || is_bytes {
            true => self.text.push_str(&content),
            false => self.unescape(&content)?,
        }
        Ok(())
    }

    pub(super) fn kind(self) -> Kind {
        match (self.is_bytes, self.unfit) {
            (Some(true), _) => Kind::Unfit("bytes"),
            (_, Some(what)) => Kind::Unfit(what),
            _ => Kind::Scalar(Value::Str(self.text)),
        }
    }

    fn unescape(&mut self, content: &str) -> Result<(), &'static str> {
        let mut rest = content;
        while let Some(at) = rest.find('\\') {
            self.text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let Some(next) = rest.chars().next() else {
                break;
            };
            rest = &rest[next.len_utf8()..];
            match next {
                '\n' => {}
                '\\' | '\'' | '"' => self.text.push(next),
                'a' => self.text.push('\x07'),
                'b' => self.text.push('\x08'),
                'f' => self.text.push('\x0c'),
                'n' => self.text.push('\n'),
                'r' => self.text.push('\r'),
                't' => self.text.push('\t'),
                'v' => self.text.push('\x0b'),
                '0'..='7' => {
                    let more = rest
                        .bytes()
                        .take(2)
                        .take_while(|next| matches!(next, b'0'..=b'7'));
                    let length = more.count();
                    let digits = format!("{next}{}", &rest[..length]);
                    self.push_code(u32::from_str_radix(&digits, 8).ok());
                    rest = &rest[length..];
                }
                'x' | 'u' | 'U' => {
                    let length = match next {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let digits = rest
                        .get(..length)
                        .filter(|digits| digits.bytes().all(|next| next.is_ascii_hexdigit()))
                        .ok_or("an escape of a character lacks digits")?;
                    let code = u32::from_str_radix(digits, 16).ok();
                    if code.is_none_or(|code| code > 0x10_ffff) {
                        return Err("an escape of a character that does not exist");
                    }
                    self.push_code(code);
                    rest = &rest[length..];
                }
                'N' => {
                    // a table of names is not worth its size
                    self.unfit = Some("text with a character by name");
                    self.text.push_str("\\N");
                }
                other => {
                    self.text.push('\\');
                    self.text.push(other);
                }
            }
        }
        self.text.push_str(rest);
        Ok(())
    }

    fn push_code(&mut self, code: Option<u32>) {
        match code.and_then(char::from_u32) {
            Some(next) => self.text.push(next),
            None => self.unfit = Some("text that is no Unicode"),
        }
    }
}
