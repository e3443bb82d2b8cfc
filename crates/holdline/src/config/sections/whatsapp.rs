//! The Cloud API account and the numbers that send through it.

use crate::config::reader::{Many, Reader};
use crate::config::section::section;
use crate::secret::Secret;
use std::collections::BTreeSet;
use url::Url;

section! {
    /// The WhatsApp Cloud API.
    Whatsapp at "whatsapp" many false {
        /// Where the Graph API is.
        base_url: Url = "https://graph.facebook.com";
        /// Version of the Graph API that we call.
        version: String = "v23.0";
        /// Longest wait for the answer to one request.
        timeout_ms: u32 = 10_000, 100 to 120_000;
        /// Longest wait for a connection.
        connect_timeout_ms: u32 = 3_000, 100 to 60_000;
        /// Most requests at a time, for each sender.
        in_flight_max: u32 = 64, 1 to 10_000;
        /// Most messages a second, for each sender: the throughput of the number.
        rate_per_s: u32 = 80, 1 to 100_000;
        /// How often the templates are fetched.
        template_sync_s: u64 = 3_600, 60 to 86_400;
        /// What a webhook reports of longer ago is passed over, so that one that was kept and sent
        /// again is not taken for news. Meta itself tries for 7 days.
        webhook_age_max_h: u32 = 192, 168 to 9_600;
        /// Id of the app at Meta, to check its webhook subscription.
        app_id: Option<String>;
        /// Secret of the app at Meta: proves that webhooks come from there.
        app_secret: Option<Secret>;
        /// Word that Meta repeats when the webhook is set up.
        verify_token: Option<Secret>;
        /// System user token, for every sender that has none of its own.
        access_token: Option<Secret>;
    }
}

section! {
    /// One WhatsApp number of ours.
    WhatsappSender at "whatsapp.sender" many true {
        /// Id of the phone number at Meta (not the number itself).
        phone_number_id: String;
        /// Id of the WhatsApp Business account it belongs to.
        waba_id: String;
        /// The number as people see it.
        display_phone_number: String;
        /// The name as people see it.
        verified_name: Option<String>;
        /// Token of this number alone.
        access_token: Option<Secret>;
    }
}

impl Whatsapp {
    pub(crate) fn check(&self, senders: &Many<WhatsappSender>, reader: &mut Reader) {
        let version = self
            .version
            .strip_prefix('v')
            .and_then(|it| it.split_once('.'));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        if !version.is_some_and(|(major, minor)| digits(major) && digits(minor)) {
            let mend = "write the letter v, a number, a dot and a number: v23.0";
            reader.fault(
                &["whatsapp.version"],
                "is no version of the Graph API",
                mend,
            );
        }
        if !senders.items.is_empty() {
            self.check_webhook_secrets(reader);
        }
        let mut seen = BTreeSet::new();
        for (number, sender) in &senders.items {
            sender.check(*number, self.access_token.is_some(), &mut seen, reader);
        }
    }

    fn check_webhook_secrets(&self, reader: &mut Reader) {
        let secrets = [
            ("app_secret", &self.app_secret),
            ("verify_token", &self.verify_token),
        ];
        for (name, _) in secrets.iter().filter(|(_, secret)| secret.is_none()) {
            let path = format!("whatsapp.{name}");
            let mend = format!("set whatsapp.{name}_file to the path of a file that holds it");
            let what = "is missing: no webhook can be trusted";
            reader.fault(&[&path, "whatsapp.sender.0.phone_number_id"], what, &mend);
        }
    }
}

impl WhatsappSender {
    /// The number in the digits of E.164.
    pub(crate) fn digits(&self) -> String {
        let shown = self.display_phone_number.chars();
        shown.filter(char::is_ascii_digit).collect()
    }

    fn check<'a>(
        &'a self,
        number: usize,
        has_common_token: bool,
        seen: &mut BTreeSet<&'a str>,
        reader: &mut Reader,
    ) {
        let at = |name: &str| format!("whatsapp.sender.{number}.{name}");
        for (name, id) in [
            ("phone_number_id", &self.phone_number_id),
            ("waba_id", &self.waba_id),
        ] {
            if !id.bytes().all(|byte| byte.is_ascii_digit()) {
                let mend = "copy the id from the API set-up page of the app; it is digits only";
                reader.fault(&[&at(name)], "is not an id", mend);
            }
        }
        if !seen.insert(&self.phone_number_id) {
            let mend = "remove one of the two tables";
            reader.fault(
                &[&at("phone_number_id")],
                "is the id of an earlier sender",
                mend,
            );
        }
        if !has_common_token && self.access_token.is_none() {
            let mend = "set access_token_file here, or whatsapp.access_token_file for all senders";
            let keys = [&at("access_token"), "whatsapp.access_token"];
            reader.fault(&keys, "is missing", mend);
        }
    }
}
