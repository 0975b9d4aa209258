//! Finds the blocks of a page that a test writes.

/// A block and the comment before it.
pub struct Block {
    /// The first word of the comment.
    pub kind: String,
    /// What follows it.
    pub argument: String,
    /// What is in the block, without its fences.
    pub text: String,
    pub is_stale: bool,
    /// Where the text is in the page.
    range: std::ops::Range<usize>,
}

/// The blocks in the order of the page, without quotes of the source.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (at, _) in page.match_indices("<!-- ") {
        let Some((comment, after)) = page[at + "<!-- ".len()..].split_once(" -->\n") else { continue };
        if comment.split(": ").next().is_some_and(|path| path.ends_with(".rs")) {
            continue;
        }
        let (kind, argument) = comment.split_once(": ").unwrap_or((comment, ""));
        let fence = if after.starts_with("```") { after.find('\n').map_or(0, |end| end + 1) } else { 0 };
        let start = page.len() - after.len() + fence;
        let length = match fence {
            0 => page[start..].find("\n\n").map_or(page.len() - start, |end| end + 1),
            _ => page[start..].find("```").unwrap_or(0),
        };
        let text = page[start..start + length].to_owned();
        let (kind, argument) = (kind.to_owned(), argument.to_owned());
        blocks.push(Block { kind, argument, text, is_stale: false, range: start..start + length });
    }
    blocks
}

/// The page with the texts of its blocks.
pub fn with(page: &str, blocks: &[Block]) -> String {
    let mut page = page.to_owned();
    for block in blocks.iter().rev() {
        page.replace_range(block.range.clone(), &block.text);
    }
    page
}

/// Console blocks that nothing runs.
pub fn unmarked(page: &str) -> Vec<String> {
    let before =
        page.match_indices("```console\n").map(|(at, _)| page[..at].trim_end_matches(['>', ' ']).lines().last());
    let unmarked = before.filter(|line| !line.is_some_and(|line| line.starts_with("<!-- run")));
    unmarked
        .map(|line| format!("a console block without `<!-- run -->` after {:?}", line.unwrap_or_default()))
        .collect()
}
