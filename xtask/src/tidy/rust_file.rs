//! One Rust file: does it open with its doc, and are file, functions and lines short enough.
//! Trusts rustfmt for the shape of the text; never parses Rust.

use crate::fault::Fault;
use crate::workspace::TextFile;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_COLUMNS_MAX: usize = 100;

/// Left-overs that must not be handed in, in pieces so that this table does not find itself.
const LEFT_OVERS: &[(&str, &str)] = &[
    (concat!("to", "do!("), "write the code"),
    (concat!("unimpl", "emented!("), "write the code"),
    (
        concat!("#[ig", "nore"),
        "make the test run everywhere, or take it out",
    ),
    (
        concat!("TO", "DO"),
        "do it now, or write an issue and take the remark out",
    ),
    (
        concat!("FIX", "ME"),
        "mend it now, or write an issue and take the remark out",
    ),
];

/// Everything untidy in one Rust file.
pub(super) fn check(file: &TextFile) -> Vec<Fault> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut faults = Vec::new();
    faults.extend(check_opening(file, &lines));
    faults.extend(check_length(file, lines.len()));
    faults.extend(check_functions(file, &lines));
    for (at, line) in lines.iter().enumerate() {
        faults.extend(check_line(&format!("{}:{}", file.path, at + 1), line));
    }
    faults
}

fn check_opening(file: &TextFile, lines: &[&str]) -> Option<Fault> {
    let opens = lines.first().is_some_and(|line| line.starts_with("//! "));
    (!opens).then(|| {
        Fault::new(
            format!("{}:1", file.path),
            "the file does not open with //!",
            "open it with a line or two: what it decides or does, what it never does",
        )
    })
}

fn check_length(file: &TextFile, lines: usize) -> Option<Fault> {
    (lines > FILE_LINES_MAX).then(|| {
        Fault::new(
            &file.path,
            format!("{lines} lines; at most {FILE_LINES_MAX}"),
            "split it by entity; tests go to a sibling file",
        )
    })
}

fn check_line(place: &str, line: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let columns = line.chars().count();
    let has_link = line.contains("http://") || line.contains("https://");
    if columns > LINE_COLUMNS_MAX && !has_link {
        let what = format!("{columns} columns; at most {LINE_COLUMNS_MAX}");
        faults.push(Fault::new(
            place,
            what,
            "run rustfmt, or break the string or comment",
        ));
    }
    if line.ends_with([' ', '\t']) {
        faults.push(Fault::new(
            place,
            "blank at the end of the line",
            "take it out",
        ));
    }
    for (left_over, mend) in LEFT_OVERS {
        if line.contains(left_over) {
            faults.push(Fault::new(
                place,
                format!("{left_over} is left over"),
                *mend,
            ));
        }
    }
    faults
}

fn check_functions(file: &TextFile, lines: &[&str]) -> Vec<Fault> {
    (0..lines.len())
        .filter_map(|at| Some((at, function_name(lines[at])?, function_lines(&lines[at..])?)))
        .filter(|(_, _, length)| *length > FUNCTION_LINES_MAX)
        .map(|(at, name, length)| {
            Fault::new(
                format!("{}:{}", file.path, at + 1),
                format!("fn {name} has {length} lines; at most {FUNCTION_LINES_MAX}"),
                "give its parts names of their own, below it",
            )
        })
        .collect()
}

/// The name, when the line opens a function.
fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    while let Some(shorter) = strip_qualifier(rest) {
        rest = shorter;
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .filter(|name| !name.is_empty())
}

fn strip_qualifier(text: &str) -> Option<&str> {
    if let Some(inside) = text.strip_prefix("pub(") {
        return inside.split_once(") ").map(|(_, rest)| rest);
    }
    ["pub ", "async ", "const ", "unsafe ", "extern \"C\" "]
        .iter()
        .find_map(|qualifier| text.strip_prefix(qualifier))
}

/// Lines from the opening to the closing brace at the same indent; none for a bare signature.
fn function_lines(lines: &[&str]) -> Option<usize> {
    let indent = lines[0].len() - lines[0].trim_start().len();
    let mut in_body = false;
    for (at, line) in lines.iter().enumerate() {
        let at_indent = line.len() - line.trim_start().len() == indent && !line.is_empty();
        if !at_indent {
            continue;
        }
        if in_body && line.trim_start().starts_with('}') {
            return Some(at + 1);
        }
        if !in_body && line.ends_with(';') {
            return None;
        }
        if !in_body && line.ends_with('}') {
            return Some(at + 1);
        }
        in_body = in_body || line.ends_with('{');
    }
    None
}
