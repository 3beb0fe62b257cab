//! Templates of `dvc.yaml`, resolved as DVC 3 does it: `${…}`, `vars`, `foreach`, `matrix`.
//!
//! `resolve` makes a tree without templates from the tree of the file; a node that a template
//! made stands where the template stood, so that later errors name its place. Values come from the
//! `params.yaml` beside the file and from `vars`; who parses says how files are read, see [`Sources`].
//!
//! A text that is one `${x}` has the type of `x`; elsewhere `x` must be a scalar, or a mapping in
//! `cmd`, which becomes options. `\${x}` is `${x}`.

mod context;
mod data;
mod expression;
mod groups;
mod replace;
mod text;
mod vars;

pub(super) use groups::JOIN;
pub use text::Unpacking;

#[cfg(test)]
mod tests;

use super::schema::File;
use crate::error::Result;
use crate::params::ParamsFile;
use crate::value::Map;
use crate::yaml::{Node, NodeKind};
use context::{Context, Var};
use indexmap::{IndexMap, IndexSet};
use std::cell::RefCell;

/// What templates take from outside of their file.
pub trait Sources {
    /// Returns the bytes of a file by its path, relative to the project's root or absolute; `None` if
    /// there is no such file.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>>;

    /// Returns how mappings become options.
    fn unpacking(&self) -> Result<Unpacking>;

    /// Returns the project's root on the disk, absolute: what lies outside of it is found from there.
    /// Empty if there is none.
    fn root(&self) -> &str;

    /// Returns where a remote of DVC's config is: an absolute path, or an address; `None` if there is no
    /// such remote.
    fn remote(&self, name: &str) -> Result<Option<String>>;
}

/// No files, and DVC's defaults: for a text that stands alone.
pub struct Alone;

impl Sources for Alone {
    fn read(&self, _path: &str) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn unpacking(&self) -> Result<Unpacking> {
        Ok(Unpacking::default())
    }

    fn root(&self) -> &str {
        ""
    }

    fn remote(&self, _name: &str) -> Result<Option<String>> {
        Ok(None)
    }
}

/// A file without templates.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Its tree.
    pub root: Node,
    /// The names of `foreach` and `matrix` groups, in the order of the file.
    pub groups: Vec<String>,
    /// What templates took from files: by file the values under their dotted names.
    pub used: IndexMap<String, Map>,
    /// The files that were read.
    pub files: Vec<String>,
}

/// Resolves the templates of a whole file.
pub(super) fn resolve(file: File<'_>, root: &Node, sources: &dyn Sources) -> Result<Resolved> {
    let mut resolver = Resolver {
        file,
        sources,
        global: Context::default(),
        used: RefCell::default(),
        files: RefCell::default(),
    };
    if is_templated(root) {
        resolver.global = vars::global(&resolver, root.get("vars"))?;
    }
    let scope = Scope {
        context: &resolver.global,
        own: &[],
    };
    let mut groups = Vec::new();
    let mut entries = Vec::new();
    for (key, value) in root.as_map().unwrap_or_default() {
        let resolved = match key.as_str() {
            Some("vars") => continue,
            Some("stages") => groups::stages(&resolver, scope, value, &mut groups)?,
            name => {
                let what = format!("top-level '{}'", name.unwrap_or_default());
                resolver.node(value, scope, Place::of(&what))?
            }
        };
        entries.push((key.clone(), resolved));
    }
    Ok(Resolved {
        root: with_kind(root, NodeKind::Map(entries.into())),
        groups,
        used: resolver.used.into_inner(),
        files: resolver.files.into_inner().into_iter().collect(),
    })
}

/// Whether a file needs values: it has `vars`, a generated stage or a template.
fn is_templated(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Scalar { .. } => {
            let text = node.kind.text().unwrap_or_default();
            text.contains("${") && !expression::templates(text).is_empty()
        }
        NodeKind::List(items) => items.iter().any(is_templated),
        NodeKind::Map(entries) => entries.iter().any(|(key, value)| {
            matches!(key.as_str(), Some("vars" | "foreach" | "matrix"))
                || is_templated(key)
                || is_templated(value)
        }),
    }
}

/// What a name may mean at one place: the stage's own `item` and `key` hide the rest.
#[derive(Clone, Copy)]
struct Scope<'c> {
    context: &'c Context,
    own: &'c [(&'static str, Var)],
}

/// Where a text stands, for messages, and what may stand there.
#[derive(Clone, Copy)]
struct Place<'w> {
    what: &'w str,
    /// Whether it is in a stage: there lists and mappings cannot replace a template, and params that
    /// are used are shown.
    in_stage: bool,
    /// Mappings may become options.
    is_command: bool,
}

impl<'w> Place<'w> {
    fn of(what: &'w str) -> Self {
        Place {
            what,
            in_stage: false,
            is_command: false,
        }
    }
}

/// The file that is being resolved.
struct Resolver<'f> {
    file: File<'f>,
    sources: &'f dyn Sources,
    global: Context,
    used: RefCell<IndexMap<String, Map>>,
    files: RefCell<IndexSet<String>>,
}

impl Resolver<'_> {
    /// Returns a file of values; `None` if it is not there.
    fn values(&self, path: &str) -> Result<Option<ParamsFile>> {
        let Some(bytes) = self.sources.read(path)? else {
            return Ok(None);
        };
        self.files.borrow_mut().insert(path.to_owned());
        ParamsFile::parse(path, &bytes).map(Some)
    }
}

fn with_kind(node: &Node, kind: NodeKind) -> Node {
    Node {
        kind,
        line: node.line,
        column: node.column,
    }
}

/// Returns text as a node.
fn text_node(text: &str, at: &Node) -> Node {
    with_kind(at, NodeKind::scalar(text.into(), text, false))
}
