//! The contents of a module: the names it binds, its imports, and the paths in its code.
//!
//! Comments and strings are ignored, and so is code that is compiled only for tests. Macro arguments are read as
//! tokens: they need not be Rust, and a path looks the same in them.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use syn::{
    Attribute, Item, UseTree, Visibility,
    visit::{self, Visit},
};

/// The segments of a path, including `self`, `super` and `crate`.
type Path = Vec<String>;

/// The contents of a module.
#[derive(Default)]
pub(super) struct Said {
    /// A name may have several meanings, for example a module and a function.
    pub(super) names: BTreeMap<String, Vec<Binding>>,
    pub(super) globs: Vec<Path>,
    /// Imports are dependencies even if the name is not used again: methods of traits.
    pub(super) imports: Vec<Path>,
    pub(super) paths: BTreeSet<Path>,
}

pub(super) enum Binding {
    Module(usize),
    /// Defined in this module.
    Item,
    Import(Path),
}

impl Said {
    pub(super) fn bind(&mut self, name: String, binding: Binding) {
        self.names.entry(name).or_default().push(binding);
    }

    /// Resolves an import tree; `before` is the path so far.
    fn import(&mut self, tree: &UseTree, mut before: Path, passed_on: bool) {
        let (name, bound) = match tree {
            UseTree::Path(path) => {
                before.push(plain(&path.ident));
                return self.import(&path.tree, before, passed_on);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, before.clone(), passed_on));
            }
            UseTree::Glob(_) => return self.globs.push(before),
            UseTree::Name(name) => (plain(&name.ident), None),
            UseTree::Rename(rename) => (plain(&rename.ident), Some(plain(&rename.rename))),
        };
        // `a::{self}` is `a`.
        if name != "self" || before.is_empty() {
            before.push(name);
        }
        if let Some(bound) = bound.or_else(|| before.last().cloned()) {
            self.bind(bound, Binding::Import(before.clone()));
        }
        if !passed_on {
            self.imports.push(before);
        }
    }

    /// Collects the paths in macro arguments.
    fn scan(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Path::new(), 0);
        for token in tokens {
            if let TokenTree::Punct(punct) = &token
                && punct.as_char() == ':'
            {
                colons += 1;
                continue;
            }
            if colons != 2 || !matches!(token, TokenTree::Ident(_)) {
                self.paths.insert(std::mem::take(&mut path));
            }
            colons = 0;
            match token {
                TokenTree::Ident(ident) => path.push(plain(&ident)),
                TokenTree::Group(group) => self.scan(group.stream()),
                _ => {}
            }
        }
        self.paths.insert(path);
    }
}

impl<'a> Visit<'a> for Said {
    fn visit_item(&mut self, item: &'a Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.import(&item.tree, Path::new(), !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.paths.insert(path.segments.iter().map(|segment| plain(&segment.ident)).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'a syn::Macro) {
        self.scan(invocation.tokens.clone());
        visit::visit_macro(self, invocation);
    }
}

/// The identifier without `r#`.
pub(super) fn plain(ident: &proc_macro2::Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

/// Whether the item is compiled only for tests.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Ok(list) = attribute.meta.require_list() else { return false };
        let when: String = list.tokens.to_string().split_whitespace().collect();
        list.path.is_ident("cfg") && (when == "test" || when.starts_with("all(test,"))
    })
}

pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines, unless it is a module.
pub(super) fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(plain(ident))
}
