//! How many segments a text takes: GSM 7-bit or UCS-2, single or joined. Pure.

const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const GSM_ESCAPED: &str = "^{}\\[~]|€\u{c}";

pub(crate) fn count(text: &str) -> usize {
    let septets: Option<usize> = text.chars().map(septets_of).sum();
    match septets {
        Some(septets) => joined(septets, 160, 153),
        None => joined(text.encode_utf16().count(), 70, 67),
    }
}

fn septets_of(c: char) -> Option<usize> {
    if GSM.contains(c) {
        Some(1)
    } else if GSM_ESCAPED.contains(c) {
        Some(2)
    } else {
        None
    }
}

fn joined(units: usize, single: usize, each: usize) -> usize {
    if units <= single {
        1
    } else {
        units.div_ceil(each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_follow_the_alphabet() {
        let check = |text: &str, expect: usize| assert_eq!(count(text), expect, "{text}");
        check("", 1);
        check(&"a".repeat(160), 1);
        check(&"a".repeat(161), 2);
        check(&"€".repeat(80), 1);
        check(&"€".repeat(81), 2);
        check(&"ş".repeat(70), 1);
        check(&"ş".repeat(71), 2);
        check(&"😀".repeat(36), 2);
    }
}
