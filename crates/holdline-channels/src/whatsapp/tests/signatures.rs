//! Signatures agree with known vectors, and with nothing else.

use crate::whatsapp::signature::{sign, verify};

const SECRET: &[u8] = b"app-secret";

const VECTORS: [(&str, &str); 2] = [
    (
        r#"{"object":"whatsapp_business_account","entry":[]}"#,
        "sha256=d3e4f9da0ce6c71ab3dba55929b8eeeee2455349e534924ead19f98d143e904f",
    ),
    (
        "{\"a\":\"caf\u{e9} \u{2713}\"}",
        "sha256=6c5173955d73cbea335dea21c6d62d81854293bdcbc13ade00ba1006b334225f",
    ),
];

#[test]
fn signatures_agree_with_known_vectors() {
    for (body, signature) in VECTORS {
        assert_eq!(sign(SECRET, body.as_bytes()), signature);
        assert!(verify(SECRET, body.as_bytes(), signature));
    }
}

#[test]
fn any_other_signature_is_refused() {
    let (body, signature) = VECTORS[0];
    let bare = signature.trim_start_matches("sha256=");
    let changed = signature.replace("d3e4", "d3e5");
    for header in [
        "",
        "sha256=",
        bare,
        &signature[..70],
        &changed,
        &format!("sha1={bare}"),
    ] {
        assert!(!verify(SECRET, body.as_bytes(), header), "{header}");
    }
    assert!(!verify(SECRET, b"{}", signature));
    assert!(!verify(b"another", body.as_bytes(), signature));
}
