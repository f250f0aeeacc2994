//! The code blocks of a document that its fences mark for running.

/// A marked block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The line of its fence, counted from 1.
    pub(super) line: usize,
    /// The first word behind the fence.
    pub(super) language: String,
    pub(super) purpose: Use,
    pub(super) text: String,
}

/// What a block is for: the second word behind the fence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// `run`: a program.
    Run,
    /// `file=NAME`: a file that programs find beside them.
    File(String),
}

impl Block {
    /// What its comments say it prints: the rest of each line behind `prints`.
    pub(super) fn prints(&self) -> Vec<&str> {
        let said =
            |line| ["# prints ", "// prints "].iter().find_map(|mark| Some(str::split_once(line, mark)?.1));
        self.text.lines().filter_map(said).collect()
    }
}

/// The marked blocks, in their order; a mark that is unknown is an error, so that none is passed over.
pub(super) fn read(document: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = document.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(fence) = line.strip_prefix("```") else { continue };
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let text: String = inside.flat_map(|line| [line, "\n"]).collect();
        let Some((language, mark)) = fence.split_once(' ') else { continue };
        let purpose = match (mark, mark.strip_prefix("file=")) {
            ("run", _) => Use::Run,
            (_, Some(name)) if !name.contains('/') => Use::File(name.to_string()),
            _ => return Err(format!("line {}: {mark:?} is no mark of a block", index + 1)),
        };
        blocks.push(Block { line: index + 1, language: language.to_string(), purpose, text });
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_blocks_are_read_and_with_their_line() {
        let text =
            "a\n```sh\nrm\n```\n```python run\nb = 1  # prints x y\n\n```\n```python file=s.py\nc\n```\n";
        let blocks = read(text).unwrap();
        let of = |line, purpose, text: &str| Block {
            line,
            language: "python".to_string(),
            purpose,
            text: text.to_string(),
        };
        let file = Use::File("s.py".to_string());
        assert_eq!(blocks, [of(5, Use::Run, "b = 1  # prints x y\n\n"), of(9, file, "c\n")]);
        assert_eq!(blocks[0].prints(), ["x y"]);
    }

    #[test]
    fn a_mark_that_is_unknown_is_an_error() {
        assert!(read("```python runs\n```\n").unwrap_err().contains("line 1"));
        assert!(read("```python file=../x\n```\n").is_err());
    }
}
