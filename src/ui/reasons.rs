//! Why a stage runs, in one short line.

use crate::reason::{Always, Difference, Reason};
use crate::value::Value;

/// How many reasons are named before the rest is counted.
const NAMED: usize = 4;
/// How many characters of a value or a command are shown.
const WIDEST: usize = 32;

/// Words the reasons: `params.yaml: lr 0.1 → 0.2; train.py changed`. Empty without any.
pub fn line(reasons: &[Reason], unicode: bool) -> String {
    let mut text = String::new();
    let mut last = None;
    for reason in &reasons[..reasons.len().min(NAMED)] {
        let group = group(reason);
        match &last {
            None => {}
            Some(before) if *before == group => text.push_str(", "),
            Some(_) => text.push_str("; "),
        }
        if let (Reason::Param { file, .. }, true) = (reason, last.as_ref() != Some(&group)) {
            text.push_str(&format!("{file}: "));
        }
        text.push_str(&words(reason, unicode));
        last = Some(group);
    }
    if reasons.len() > NAMED {
        text.push_str(&format!(" and {} more", reasons.len() - NAMED));
    }
    text
}

/// What stands together, divided by commas: the params of a file.
fn group(reason: &Reason) -> Option<String> {
    match reason {
        Reason::Param { file, .. } => Some(file.clone()),
        _ => None,
    }
}

fn words(reason: &Reason, unicode: bool) -> String {
    let becomes = if unicode { "→" } else { "->" };
    match reason {
        Reason::Forced => "forced".to_owned(),
        Reason::Follows(stage) => format!("'{stage}' ran"),
        Reason::NotLocked => "not in dvc.lock".to_owned(),
        Reason::Always(Always::Checkpoint) => "a checkpoint stage always runs".to_owned(),
        Reason::Always(Always::Declared) => "always_changed".to_owned(),
        Reason::Always(Always::Unbound) => "it has neither deps nor outs".to_owned(),
        Reason::Command { old, new } => match (short_line(old), short_line(new)) {
            (Some(old), Some(new)) => format!("cmd '{old}' {becomes} '{new}'"),
            _ => "cmd changed".to_owned(),
        },
        Reason::Param { name, old, new, .. } => {
            let old = old.as_ref().map(|value| short(&text(value), unicode));
            let new = new.as_ref().map(|value| short(&text(value), unicode));
            match (old, new) {
                (Some(old), Some(new)) => format!("{name} {old} {becomes} {new}"),
                (None, Some(new)) => format!("{name} is new ({new})"),
                (Some(old), None) => format!("{name} is gone (was {old})"),
                (None, None) => name.clone(),
            }
        }
        Reason::Dependency(path, Difference::New) => format!("{path} is new in deps"),
        Reason::Output(path, Difference::New) => format!("{path} is new in outs"),
        Reason::Dependency(path, difference) | Reason::Output(path, difference) => {
            let how = match difference {
                Difference::Changed | Difference::New => "changed",
                Difference::Missing => "is missing",
                Difference::NotCached => "is not in the cache",
            };
            format!("{path} {how}")
        }
    }
}

/// Returns a command that fits into the line.
fn short_line(cmd: &Value) -> Option<&str> {
    let text = cmd.as_str()?;
    let fits = text.chars().count() <= WIDEST && !text.contains(char::is_control);
    fits.then_some(text)
}

fn text(value: &Value) -> String {
    match value {
        Value::Str(text) if text.is_empty() || text.contains(char::is_whitespace) => {
            format!("'{text}'")
        }
        Value::Str(text) => text.clone(),
        Value::List(_) | Value::Map(_) => value.to_json().to_string(),
        other => other.to_python_json(),
    }
}

fn short(text: &str, unicode: bool) -> String {
    let text = text.replace(char::is_control, " ");
    let ellipsis = if unicode { "…" } else { "..." };
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}{ellipsis}", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(name: &str, old: Option<Value>, new: Option<Value>) -> Reason {
        Reason::Param {
            file: "params.yaml".to_owned(),
            name: name.to_owned(),
            old,
            new,
        }
    }

    #[test]
    fn words_reasons_in_one_line() {
        let lr = param("lr", Some(Value::Float(0.1)), Some(Value::Float(1e-5)));
        assert_eq!(
            line(std::slice::from_ref(&lr), true),
            "params.yaml: lr 0.1 → 1e-05"
        );
        let all = [
            lr,
            param("opt.name", Some("a b".into()), None),
            param("seed", None, Some(Value::Int(3))),
            Reason::Dependency("train.py".to_owned(), Difference::Changed),
            Reason::Dependency("data".to_owned(), Difference::New),
            Reason::Forced,
        ];
        assert_eq!(
            line(&all, false),
            "params.yaml: lr 0.1 -> 1e-05, opt.name is gone (was 'a b'), seed is new (3); train.py changed and 2 more"
        );
        assert_eq!(line(&[], true), "");
    }

    #[test]
    fn cuts_what_is_long() {
        let long = Value::from(vec![Value::Int(12345); 20]);
        let reason = param("layers", Some(Value::from(vec![Value::Int(1)])), Some(long));
        assert_eq!(
            line(&[reason], true),
            "params.yaml: layers [1] → [12345,12345,12345,12345,12345,1…"
        );
        let command = |old: &str, new: &str| Reason::Command {
            old: old.into(),
            new: new.into(),
        };
        assert_eq!(
            line(&[command("python a.py", "python b.py")], true),
            "cmd 'python a.py' → 'python b.py'"
        );
        assert_eq!(line(&[command("a", "b\nc")], true), "cmd changed");
        let both = [
            Reason::Output("m.pt".to_owned(), Difference::Missing),
            Reason::Output("n.pt".to_owned(), Difference::NotCached),
        ];
        assert_eq!(
            line(&both, true),
            "m.pt is missing, n.pt is not in the cache"
        );
    }
}
