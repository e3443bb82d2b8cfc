//! Which files WhatsApp takes, how large each may be, and what the first bytes of a file say it
//! is. Pure.

use holdline_channels::whatsapp::wire::GraphError;

const MIB: u64 = 1024 * 1024;
/// Animated stickers; static ones are smaller still, which only the provider can tell.
const STICKER_BYTES_MAX: u64 = 500 * 1024;

/// The media types taken, with their largest size.
pub(super) const TAKEN: [(&str, u64); 19] = [
    ("audio/aac", 16 * MIB),
    ("audio/mp4", 16 * MIB),
    ("audio/mpeg", 16 * MIB),
    ("audio/amr", 16 * MIB),
    ("audio/ogg", 16 * MIB),
    ("audio/opus", 16 * MIB),
    ("application/vnd.ms-powerpoint", 100 * MIB),
    ("application/msword", 100 * MIB),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        100 * MIB,
    ),
    (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        100 * MIB,
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        100 * MIB,
    ),
    ("application/pdf", 100 * MIB),
    ("text/plain", 100 * MIB),
    ("application/vnd.ms-excel", 100 * MIB),
    ("image/jpeg", 5 * MIB),
    ("image/png", 5 * MIB),
    ("image/webp", STICKER_BYTES_MAX),
    ("video/mp4", 16 * MIB),
    ("video/3gpp", 16 * MIB),
];

/// The type without its parameters, in lower case, and its largest size.
pub(super) fn size_max(mime: &str) -> Result<(String, u64), GraphError> {
    let plain = mime
        .split(';')
        .next()
        .unwrap_or(mime)
        .trim()
        .to_ascii_lowercase();
    let plain = match plain.as_str() {
        "image/jpg" => "image/jpeg".to_owned(),
        "audio/mp3" => "audio/mpeg".to_owned(),
        "audio/m4a" | "audio/x-m4a" => "audio/mp4".to_owned(),
        _ => plain,
    };
    match TAKEN.iter().find(|(known, _)| *known == plain) {
        Some((_, size_max)) => Ok((plain, *size_max)),
        None => Err(refused(&plain)),
    }
}

/// What the first bytes tell, where they tell.
pub(super) fn sniff(start: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| {
        start
            .get(offset..offset + magic.len())
            .is_some_and(|bytes| bytes == magic)
    };
    match () {
        () if at(0, b"\xFF\xD8\xFF") => Some("image/jpeg"),
        () if at(0, b"\x89PNG\r\n\x1A\n") => Some("image/png"),
        () if at(0, b"RIFF") && at(8, b"WEBP") => Some("image/webp"),
        () if at(0, b"%PDF-") => Some("application/pdf"),
        () if at(0, b"OggS") => Some("audio/ogg"),
        () if at(0, b"#!AMR") => Some("audio/amr"),
        () if at(0, b"ID3") => Some("audio/mpeg"),
        () if at(4, b"ftyp3g") => Some("video/3gpp"),
        () if at(4, b"ftypM4A") => Some("audio/mp4"),
        () if at(4, b"ftyp") => Some("video/mp4"),
        () => None,
    }
}

/// Whether a file labelled `mime` can start so: a label of another family is a mistake.
pub(super) fn agrees(mime: &str, start: &[u8]) -> bool {
    let Some(found) = sniff(start) else {
        return true;
    };
    let family = |mime: &str| match mime.split('/').next() {
        // The containers of sound and of moving pictures are the same.
        Some("audio" | "video") => "av".to_owned(),
        Some("image") => "image".to_owned(),
        Some(_) | None => mime.to_owned(),
    };
    mime == "text/plain" || family(found) == family(mime)
}

fn refused(mime: &str) -> GraphError {
    let names: Vec<_> = TAKEN.iter().map(|(known, _)| *known).collect();
    let shown: String = mime
        .chars()
        .filter(char::is_ascii_graphic)
        .take(100)
        .collect();
    let mend = format!(
        "must be a file with one of the following types: {}. Received file of type '{shown}': \
         name the right one in the part type",
        names.join(", ")
    );
    GraphError::invalid_parameter("file", &mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_with_parameters_and_by_their_other_names() {
        let check = |mime: &str, expect: &str| assert_eq!(size_max(mime).unwrap().0, expect);
        check("image/JPEG", "image/jpeg");
        check("image/jpg", "image/jpeg");
        check("audio/ogg; codecs=opus", "audio/ogg");
        check("text/plain;charset=utf-8", "text/plain");
        for mime in [
            "",
            "image/gif",
            "application/octet-stream",
            "application/zip",
        ] {
            assert_eq!(size_max(mime).unwrap_err().code, 100, "{mime}");
        }
    }

    #[test]
    fn sizes_are_the_documented_ones() {
        for (mime, mib) in [
            ("image/png", 5),
            ("video/mp4", 16),
            ("application/pdf", 100),
        ] {
            assert_eq!(size_max(mime).unwrap().1, mib * MIB);
        }
        assert_eq!(size_max("image/webp").unwrap().1, 512_000);
    }

    #[test]
    fn a_label_of_another_family_is_found_out() {
        assert!(agrees("image/png", b"\x89PNG\r\n\x1A\n...."));
        assert!(agrees("image/jpeg", b"\x89PNG\r\n\x1A\n...."));
        assert!(agrees("audio/mp4", b"\0\0\0\x20ftypisom"));
        assert!(agrees("image/png", b"nothing that is known"));
        assert!(!agrees("application/pdf", b"\xFF\xD8\xFF\xE0"));
        assert!(!agrees("image/png", b"%PDF-1.7"));
    }
}
