//! Makes safe HTML of paragraphs: everything escaped, WhatsApp's `*bold*`, `_italic_` and
//! `~struck~` kept as such, addresses of the web as links. Adds no style and no outside content.

/// One `<p>` for each paragraph.
pub(crate) fn render(paragraphs: &[String]) -> String {
    paragraphs
        .iter()
        .map(|text| format!("<p>{}</p>\n", paragraph(text)))
        .collect()
}

/// The text without its marks, for a subject line.
pub(crate) fn without_marks(text: &str) -> String {
    marked(
        text.trim(),
        &mut |_, inner| inner.to_owned(),
        &mut str::to_owned,
    )
}

fn paragraph(text: &str) -> String {
    let mut tag = |name: &str, inner: &str| format!("<{name}>{}</{name}>", words(inner));
    let lines: Vec<String> = text
        .lines()
        .map(|line| marked(line, &mut tag, &mut words))
        .collect();
    lines.join("<br>\n")
}

type Tagged<'a> = &'a mut dyn FnMut(&str, &str) -> String;
type Plain<'a> = &'a mut dyn FnMut(&str) -> String;

/// Splits a line at its marked spans. A mark opens after a space and closes before one.
fn marked(line: &str, tagged: Tagged<'_>, plain: Plain<'_>) -> String {
    let mut made = String::new();
    let mut rest = line;
    let mut from = 0;
    while let Some((start, end, name)) = next_span(rest, from) {
        let inner = &rest[start + 1..end];
        if inner.contains("://") {
            from = end + 1;
            continue;
        }
        made.push_str(&plain(&rest[..start]));
        made.push_str(&tagged(name, inner));
        rest = &rest[end + 1..];
        from = 0;
    }
    made + &plain(rest)
}

fn next_span(text: &str, from: usize) -> Option<(usize, usize, &'static str)> {
    text.get(from..)?
        .match_indices(['*', '_', '~'])
        .find_map(|(at, mark)| {
            let start = from + at;
            let before = text[..start].chars().next_back();
            let inner = &text[start + 1..];
            let in_address = text[..start]
                .rsplit(char::is_whitespace)
                .next()
                .is_some_and(|w| w.contains("://"));
            let opens = !in_address
                && before.is_none_or(|c| !c.is_alphanumeric())
                && inner.chars().next().is_some_and(|c| !c.is_whitespace());
            let closes = |end: usize| {
                let after = inner[end + 1..].chars().next();
                end > 0
                    && inner[..end]
                        .chars()
                        .next_back()
                        .is_some_and(|c| !c.is_whitespace())
                    && after.is_none_or(|c| !c.is_alphanumeric())
            };
            let end = inner
                .match_indices(mark)
                .map(|(end, _)| end)
                .find(|end| closes(*end));
            Some((start, start + 1 + end.filter(|_| opens)?, tag_of(mark)))
        })
}

fn tag_of(mark: &str) -> &'static str {
    match mark {
        "*" => "strong",
        "_" => "em",
        _ => "s",
    }
}

/// Escaped, with links for web addresses.
fn words(text: &str) -> String {
    let mut made = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word
            .trim_end()
            .trim_end_matches(['.', ',', ')', ';', '!', '?']);
        let web = bare.starts_with("https://") || bare.starts_with("http://");
        if web {
            let url = escape(bare);
            made.push_str(&format!("<a href=\"{url}\">{url}</a>"));
            made.push_str(&escape(&word[bare.len()..]));
        } else {
            made.push_str(&escape(word));
        }
    }
    made
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
