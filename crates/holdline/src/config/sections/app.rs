//! The apps that use the front door, with what they once configured at Meta.

use super::WhatsappSender;
use crate::config::reader::{Many, Reader};
use crate::config::section::section;
use crate::secret::Secret;
use std::collections::BTreeSet;
use url::Url;

section! {
    /// One app that talks to our Cloud API, with the settings it has at Meta.
    App at "app" many true {
        /// Id of the app at Meta.
        id: String;
        /// Secret of the app: signs the webhooks we send to it.
        secret: Option<Secret>;
        /// Where its webhooks go. Unset: where the app itself subscribes.
        callback_url: Option<Url>;
        /// WhatsApp Business accounts whose events it gets. Empty: all.
        waba_ids: Vec<String>;
        /// Phone number ids it may use. Empty: all.
        senders: Vec<String>;
    }
}

impl App {
    pub(crate) fn check_all(
        apps: &Many<Self>,
        senders: &Many<WhatsappSender>,
        reader: &mut Reader,
    ) {
        let mut seen = BTreeSet::new();
        for (number, app) in &apps.items {
            if !seen.insert(&app.id) {
                let mend = "remove one of the two tables";
                reader.fault(&[&at(*number, "id")], "is the id of an earlier app", mend);
            }
            app.check(*number, reader);
            if senders.complete {
                app.check_references(*number, senders, reader);
            }
        }
    }

    fn check(&self, number: usize, reader: &mut Reader) {
        if self.callback_url.is_some() && self.secret.is_none() {
            let mend = "set secret_file: without it the app cannot tell our webhooks from others";
            let keys = [at(number, "secret"), at(number, "callback_url")];
            reader.fault(
                &[&keys[0], &keys[1]],
                "is missing while callback_url is set",
                mend,
            );
        }
    }

    fn check_references(&self, number: usize, known: &Many<WhatsappSender>, reader: &mut Reader) {
        for id in &self.senders {
            if !known
                .items
                .iter()
                .any(|(_, sender)| sender.phone_number_id == *id)
            {
                let what = format!("names {id}, which is no [[whatsapp.sender]]");
                let mend = "name a phone_number_id of one of them";
                reader.fault(&[&at(number, "senders")], what, mend);
            }
        }
        for id in &self.waba_ids {
            if !known.items.iter().any(|(_, sender)| sender.waba_id == *id) {
                let what = format!("names {id}, which no [[whatsapp.sender]] belongs to");
                let mend = "name a waba_id of one of them";
                reader.fault(&[&at(number, "waba_ids")], what, mend);
            }
        }
    }
}

fn at(number: usize, key: &str) -> String {
    format!("app.{number}.{key}")
}
