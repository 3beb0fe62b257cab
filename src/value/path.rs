//! Dotted names: `train.opt.lr`, `layers.0.units`.

use super::Value;

/// One step from a value to a nested one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// To the entry of a mapping.
    Key(String),
    /// To the item of a list, from 0.
    Index(usize),
}

impl Step {
    /// Returns the dotted name that the steps make.
    pub fn dotted(path: &[Step]) -> String {
        let parts: Vec<String> = path
            .iter()
            .map(|step| match step {
                Step::Key(key) => key.clone(),
                Step::Index(index) => index.to_string(),
            })
            .collect();
        parts.join(".")
    }
}

impl Value {
    /// Returns what a dotted name means, list items by index from 0; `None` if there is nothing.
    /// As in DVC, no name leads to a key that has a dot itself.
    pub fn lookup(&self, name: &str) -> Option<&Value> {
        let steps = self.steps(name)?;
        steps.iter().try_fold(self, |value, step| value.at(step))
    }

    /// Returns the step that a part of a dotted name is here; `None` if it leads nowhere.
    fn step(&self, name: &str) -> Option<Step> {
        let step = match self {
            Value::List(_) => Step::Index(index(name)?),
            _ => Step::Key(name.to_owned()),
        };
        self.at(&step).is_some().then_some(step)
    }

    /// Returns the steps that a dotted name takes, as [`Value::lookup`] does; `None` if there is nothing.
    pub fn steps(&self, name: &str) -> Option<Vec<Step>> {
        let mut value = self;
        let mut steps = Vec::new();
        for part in name.split('.') {
            let step = value.step(part)?;
            value = value.at(&step)?;
            steps.push(step);
        }
        Some(steps)
    }

    /// Returns what a step leads to.
    pub fn at(&self, step: &Step) -> Option<&Value> {
        match (self, step) {
            (Value::Map(map), Step::Key(key)) => map.get(key.as_str()),
            (Value::List(items), Step::Index(index)) => items.get(*index),
            _ => None,
        }
    }

    /// Returns what a step leads to, to be changed.
    pub fn at_mut(&mut self, step: &Step) -> Option<&mut Value> {
        match (self, step) {
            (Value::Map(map), Step::Key(key)) => map.get_mut(key.as_str()),
            (Value::List(items), Step::Index(index)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// Returns every value that is no mapping under its dotted name, in the order of the file.
    /// Lists are leaves; so are empty mappings left out.
    pub fn leaves(&self) -> Vec<(String, &Value)> {
        let mut leaves = Vec::new();
        collect(self, String::new(), &mut leaves);
        leaves
    }
}

/// Returns the list index that a name's part is, if it is one.
fn index(part: &str) -> Option<usize> {
    match part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => part.parse().ok(),
        false => None,
    }
}

fn collect<'value>(value: &'value Value, name: String, leaves: &mut Vec<(String, &'value Value)>) {
    let Value::Map(map) = value else {
        leaves.push((name, value));
        return;
    };
    for (key, value) in map {
        let name = match name.is_empty() {
            true => key.to_string(),
            false => format!("{name}.{key}"),
        };
        collect(value, name, leaves);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn value(text: &str) -> Value {
        yaml::parse(text, "p").expect("reads").to_value()
    }

    #[test]
    fn dotted_names_go_through_mappings_and_lists() {
        let value = value("a: {b: [1, {c: x}], 'd.e': 5}\n'f.g': {h: 6}\n7: seven\n");
        let text = |name: &str| value.lookup(name).cloned();
        assert_eq!(text("a.b.0"), Some(Value::Int(1)));
        assert_eq!(text("a.b.1.c"), Some("x".into()));
        assert_eq!(text("7"), Some("seven".into()));
        for missing in [
            "", ".", "a.", "a.b.2", "a.b.-1", "a.b.x", "a.b.0.c", "a..b", "z", "a.d.e", "f.g",
            "f.g.h",
        ] {
            assert_eq!(text(missing), None, "{missing}");
        }
    }

    #[test]
    fn leaves_have_dotted_names_in_the_order_of_the_file() {
        let value = value("b: 1\na: {d: [1, 2], c: {}, e: {f: null}}\n");
        let names: Vec<String> = value.leaves().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "a.d", "a.e.f"]);
    }
}
