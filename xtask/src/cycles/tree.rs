//! A crate's modules, and the file that a path leads to.
//!
//! A path is followed through modules, imports and globs to the definition of its item. Paths to other crates, and
//! names from macros or the prelude, lead to no file. Tests (`#[cfg(test)]`, files named tests.rs) are ignored.

use super::said::{Binding, Said, attributes, defined, is_test, plain};
use crate::run::Done;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use syn::{Item, visit::Visit};

/// The modules of a crate; the first is its root.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) files: Vec<PathBuf>,
    modules: Vec<Module>,
}

struct Module {
    file: usize,
    parent: Option<usize>,
    said: Said,
}

/// The target of a path.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    /// Something that is defined in this file.
    Item(usize),
}

/// Names that are being looked up, because imports may be circular.
type Trail = Vec<(usize, String, bool)>;

impl Tree {
    /// Reads a crate from its root file.
    pub(super) fn read(root: &Path) -> Done<Self> {
        let mut tree = Self::default();
        tree.add_file(root, root.parent().unwrap_or(root), None)?;
        Ok(tree)
    }

    /// The dependencies between files, each with the first path that causes it.
    pub(super) fn arrows(&self) -> BTreeMap<(usize, usize), String> {
        let mut arrows = BTreeMap::new();
        for (number, module) in self.modules.iter().enumerate() {
            for path in module.said.imports.iter().chain(&module.said.paths) {
                for target in self.resolve(number, path, &mut Trail::new()) {
                    // A path that ends at a module is no dependency; paths to its items are.
                    if let Target::Item(file) = target
                        && file != module.file
                    {
                        arrows.entry((module.file, file)).or_insert_with(|| path.join("::"));
                    }
                }
            }
        }
        arrows
    }

    fn add_file(&mut self, file: &Path, children: &Path, parent: Option<usize>) -> Done<usize> {
        let fail = |problem: String| format!("{}: {problem}", file.display());
        let text = fs::read_to_string(file).map_err(|error| fail(error.to_string()))?;
        let items = syn::parse_file(&text).map_err(|error| fail(error.to_string()))?.items;
        self.files.push(file.to_owned());
        self.add_module(self.files.len() - 1, items, children, parent)
    }

    fn add_module(&mut self, file: usize, items: Vec<Item>, dir: &Path, parent: Option<usize>) -> Done<usize> {
        let number = self.modules.len();
        self.modules.push(Module { file, parent, said: Said::default() });
        let mut said = Said::default();
        for item in items.into_iter().filter(|item| !is_test(attributes(item))) {
            if let Some(name) = defined(&item) {
                said.bind(name, Binding::Item);
            }
            let Item::Mod(module) = item else {
                said.visit_item(&item);
                continue;
            };
            let name = plain(&module.ident);
            let inner = dir.join(&name);
            let child = match module.content {
                Some((_, items)) => self.add_module(file, items, &inner, Some(number))?,
                None if name == "tests" => continue,
                None => {
                    let beside = inner.with_extension("rs");
                    let file = if beside.is_file() { beside } else { inner.join("mod.rs") };
                    self.add_file(&file, &inner, Some(number))?
                }
            };
            said.bind(name, Binding::Module(child));
        }
        self.modules[number].said = said;
        Ok(number)
    }

    /// The targets of a path, seen from a module. There are several if a name has different meanings on different
    /// systems.
    fn resolve(&self, module: usize, path: &[String], trail: &mut Trail) -> Vec<Target> {
        let mut places = vec![Target::Module(module)];
        for (number, name) in path.iter().enumerate() {
            let last = number + 1 == path.len();
            let mut further = Vec::new();
            for place in places {
                match (place, name.as_str()) {
                    // A variant or a method belongs to the file of its type.
                    (Target::Item(_), _) | (_, "self") => further.push(place),
                    (_, "crate") => further.push(Target::Module(0)),
                    (Target::Module(here), "super") => further.extend(self.modules[here].parent.map(Target::Module)),
                    (Target::Module(here), name) => further.extend(self.look_up(here, name, last, trail)),
                }
            }
            places = further;
        }
        places
    }

    /// The meanings of a name in a module. Before the end of a path, a module is preferred.
    fn look_up(&self, module: usize, name: &str, last: bool, trail: &mut Trail) -> Vec<Target> {
        let step = (module, name.to_owned(), last);
        if trail.contains(&step) {
            return Vec::new();
        }
        trail.push(step);
        let Module { file, said, .. } = &self.modules[module];
        let mut found = Vec::new();
        for binding in said.names.get(name).into_iter().flatten() {
            match binding {
                Binding::Module(number) => found.push(Target::Module(*number)),
                Binding::Item => found.push(Target::Item(*file)),
                Binding::Import(path) => found.extend(self.resolve(module, path, trail)),
            }
        }
        // As in Rust, a glob does not replace names that exist already.
        if found.is_empty() {
            for glob in &said.globs {
                for other in self.resolve(module, glob, trail) {
                    if let Target::Module(other) = other {
                        found.extend(self.look_up(other, name, last, trail));
                    }
                }
            }
        }
        trail.pop();
        let is_module = |target: &Target| matches!(target, Target::Module(_));
        if !last && found.iter().any(is_module) {
            found.retain(is_module);
        }
        found
    }
}
