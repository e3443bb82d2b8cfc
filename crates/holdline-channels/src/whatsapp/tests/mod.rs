//! Tests of the WhatsApp channel's pure parts.

mod classes;
mod definitions;
mod requests;
mod signatures;
mod updates;

/// The text in lines short enough to read: broken after a comma, with nothing changed or left out.
pub(super) fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    let mut columns = 0;
    for c in text.chars() {
        wrapped.push(c);
        columns += 1;
        if c == ',' && columns > 30 {
            wrapped.push('\n');
            columns = 0;
        }
    }
    wrapped
}
