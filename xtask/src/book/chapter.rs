//! The commands in a chapter.

/// A block of a chapter that is no code.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Commands.
    Commands(String),
    /// The command of a server, which runs until the chapter ends.
    Server(String),
    /// What the last commands print, among other things.
    Output(String),
}

/// The blocks in their order. Blocks of other kinds are included files.
pub(super) fn blocks(chapter: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = chapter.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = text.join("\n");
        match kind {
            "sh" => blocks.push(Block::Commands(text)),
            "sh,server" => blocks.push(Block::Server(text)),
            "text" => blocks.push(Block::Output(text)),
            _ => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_their_kind() {
        let chapter = "a\n```sh\none\ntwo\n```\nb\n```rust\nfn\n```\n```sh,server\nserve\n```\n```text\nout\n```\n";
        let expected = [
            Block::Commands("one\ntwo".to_owned()),
            Block::Server("serve".to_owned()),
            Block::Output("out".to_owned()),
        ];
        assert_eq!(blocks(chapter), expected);
    }
}
