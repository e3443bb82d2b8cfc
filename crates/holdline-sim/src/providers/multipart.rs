//! Splits a multipart/form-data body that is already in memory. Pure; lines end
//! with CR and LF, as the standard says.

use bytes::Bytes;

/// Parts read of one body.
const PARTS_MAX: usize = 32;

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) is_file: bool,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

/// The boundary a content type announces, if it is a form in parts.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    if !content_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("multipart/form-data")
    {
        return None;
    }
    attribute(content_type, "boundary")
}

pub(crate) fn parts(body: &Bytes, boundary: &str) -> Vec<Part> {
    let mark = format!("--{boundary}");
    let Some(start) = find(body, mark.as_bytes(), 0) else {
        return Vec::new();
    };
    let between = format!("\r\n{mark}");
    let mut at = start + mark.len();
    let mut found = Vec::new();
    while found.len() < PARTS_MAX && !body[at..].starts_with(b"--") {
        let Some(end) = find(body, between.as_bytes(), at) else {
            break;
        };
        found.extend(part(&body.slice(at..end)));
        at = end + between.len();
    }
    found
}

fn part(chunk: &Bytes) -> Option<Part> {
    let split = find(chunk, b"\r\n\r\n", 0)?;
    let head = String::from_utf8_lossy(&chunk[..split]).into_owned();
    let disposition = header(&head, "content-disposition")?;
    Some(Part {
        name: attribute(disposition, "name")?,
        is_file: attribute(disposition, "filename").is_some(),
        content_type: header(&head, "content-type").map(str::to_owned),
        bytes: chunk.slice(split + 4..),
    })
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case(wanted)
            .then_some(value.trim())
    })
}

fn attribute(text: &str, wanted: &str) -> Option<String> {
    text.split(';').skip(1).find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        let fits = name.trim().eq_ignore_ascii_case(wanted);
        fits.then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let last = bytes.len().checked_sub(wanted.len())?;
    let first = *wanted.first()?;
    let mut at = from;
    while at <= last {
        let step = bytes[at..=last].iter().position(|byte| *byte == first)?;
        at += step;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files_are_told_apart() {
        let kind = "multipart/form-data; boundary=\"xYz\"";
        let body = Bytes::from_static(
            b"--xYz\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\
              \r\nwhatsapp\r\n\
              --xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\
              Content-Type: image/png\r\n\r\n\x89PNG\r\n--x\r\n--xYz--\r\n",
        );
        let found = parts(&body, &boundary(kind).unwrap());
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].name.as_str(), found[0].is_file),
            ("messaging_product", false)
        );
        assert_eq!(&found[0].bytes[..], b"whatsapp");
        assert_eq!(found[1].content_type.as_deref(), Some("image/png"));
        assert_eq!(&found[1].bytes[..], b"\x89PNG\r\n--x");
    }

    #[test]
    fn broken_bodies_give_no_parts() {
        for body in ["", "--xYz", "--xYz\r\n\r\nno end", "nothing"] {
            assert!(parts(&Bytes::from(body), "xYz").is_empty(), "{body:?}");
        }
        assert_eq!(boundary("application/json"), None);
    }
}
