//! A reply by SMS in the light of what was asked: "2" is the press of the second choice of the
//! newest message that offered any.

use crate::adapt::{MediaMode, Options, match_choice};
use crate::say::Said;
use crate::whatsapp::wire::webhook::choice_payload;
use bytes::Bytes;
use holdline_core::Redacted;
use holdline_engine::ports::Library;
use holdline_engine::ports::channel::Interpreted;
use holdline_engine::ports::records::MessageRecord;

pub(super) async fn interpret(
    text: &str,
    recent: &[MessageRecord],
    library: &dyn Library,
) -> Option<Interpreted> {
    for message in recent {
        let Ok(said) = Said::stored(message, library).await else {
            continue;
        };
        let options = Options {
            media: MediaMode::Attach,
            replies: true,
        };
        let Ok(adapted) = said.render(&options) else {
            continue;
        };
        if adapted.choices.is_empty() {
            continue;
        }
        let choice = adapted.choices.get(match_choice(text, &adapted.choices)?)?;
        let (kind, payload) = choice_payload(choice);
        return Some(Interpreted {
            context: message.id,
            kind: kind.to_owned(),
            payload: Redacted::new(Bytes::from(payload.to_string())),
        });
    }
    None
}
