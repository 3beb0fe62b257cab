//! Vega-Lite templates: the project's own, files, and the built-in ones.

use crate::error::{Context, Error, Result};
use crate::plot::vega;
use crate::store::Store;
use crate::value::Value;
use std::collections::HashMap;
use std::path::Path;

/// Templates by the names that plots use, each read once.
#[derive(Debug, Default)]
pub struct Templates {
    known: HashMap<String, Value>,
}

impl Templates {
    /// Returns a template: `.dvc/plots/<name>` with or without `.json`, a path, or a built-in one.
    pub fn get(&mut self, store: &Store, name: &str) -> Result<&Value> {
        if !self.known.contains_key(name) {
            let template = find(store, name)?;
            self.known.insert(name.to_owned(), template);
        }
        self.known
            .get(name)
            .ok_or_else(|| Error::missing(format!("no template '{name}'")))
    }
}

fn find(store: &Store, name: &str) -> Result<Value> {
    let own = store.project()?.join(".dvc/plots");
    let candidates = [
        own.join(name),
        own.join(format!("{name}.json")),
        Path::new(name).to_owned(),
        store.project()?.join(name),
    ];
    for path in candidates {
        if path.is_file() {
            let text = fs_err::read_to_string(&path)
                .context(|| format!("cannot read template '{name}'"))?;
            return vega::parse(&text, name);
        }
    }
    match vega::built_in(name) {
        Some(text) => vega::parse(text, name),
        None => Err(Error::missing(format!("no template '{name}'"))
            .hint("use 'git exp plots templates' to list them")),
    }
}
