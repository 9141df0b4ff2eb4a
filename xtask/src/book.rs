//! The authors' book: builds it, and follows its chapters.

mod chapter;
mod follow;

use crate::{
    run::{Done, root, run, target},
    tools::tool,
};
use std::process::Command;

/// The options of `cargo xtask book`.
#[derive(clap::Args)]
pub(crate) struct Book {
    /// Run the commands of these chapters, or of all, each chapter in a folder of its own, and print how long they take
    #[arg(long, value_name = "CHAPTER", num_args = 0..)]
    follow: Option<Vec<String>>,
}

pub(crate) fn book(options: &Book) -> Done {
    if let Some(chapters) = &options.follow {
        return follow::chapters(chapters);
    }
    let pages = target().join("book");
    run(Command::new(tool("mdbook", "0.5.4")?)
        .arg("build")
        .arg(root().join("docs/book"))
        .arg("--dest-dir")
        .arg(&pages))?;
    eprintln!("xtask: the book is {}", pages.join("index.html").display());
    Ok(())
}
