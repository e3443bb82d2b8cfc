//! Message ids as the platform mints them: a base64 envelope around phone digits and a hex id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::draws::Draws;

pub(crate) fn outbound(draws: &mut Draws, phone: &str) -> String {
    let id = draws.hex_upper(18);
    wamid(phone, 0x11, &id)
}

pub(crate) fn inbound(draws: &mut Draws, phone: &str) -> String {
    let id = draws.hex_upper(20);
    wamid(phone, 0x12, &id)
}

fn wamid(phone: &str, direction: u8, id: &str) -> String {
    let digits: Vec<u8> = phone.bytes().filter(u8::is_ascii_digit).take(20).collect();
    let mut bytes = vec![0x1c, 0x18, digits.len() as u8];
    bytes.extend_from_slice(&digits);
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, direction, 0x18, id.len() as u8]);
    bytes.extend_from_slice(id.as_bytes());
    bytes.push(0);
    format!("wamid.{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_the_real_ones() {
        let mut draws = Draws::new(1);
        let id = outbound(&mut draws, "+16505551234");
        assert!(id.starts_with("wamid.HBgLMTY1MDU1NTEyMzQVAgARGB"), "{id}");
        assert!(inbound(&mut draws, "16505551234").starts_with("wamid.HBgLMTY1MDU1NTEyMzQVAgASGB"));
        assert_ne!(id, outbound(&mut draws, "+16505551234"));
    }
}
