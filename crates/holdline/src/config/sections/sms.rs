//! The SMS provider, spoken to in the Twilio form.

use crate::config::reader::Reader;
use crate::config::section::section;
use crate::secret::Secret;
use url::Url;

section! {
    /// SMS by a provider that speaks the Twilio form.
    Sms at "sms" many false {
        /// Use this channel.
        enabled: bool = false;
        /// Where the API is.
        base_url: Url = "https://api.twilio.com";
        /// Account at the provider.
        account_sid: Option<String>;
        /// Token of the account; it also proves that webhooks come from there.
        auth_token: Option<Secret>;
        /// The number or name that sends. Either this or a messaging service.
        from: Option<String>;
        /// Id of a messaging service, which picks the number.
        messaging_service_sid: Option<String>;
        /// Most messages a second.
        rate_per_s: u32 = 10, 1 to 100_000;
        /// Most requests at a time.
        in_flight_max: u32 = 32, 1 to 10_000;
        /// Longest wait for the answer to one request.
        timeout_ms: u32 = 10_000, 100 to 120_000;
        /// Longest wait for a connection.
        connect_timeout_ms: u32 = 3_000, 100 to 60_000;
        /// What a million messages cost, in your currency: for the cost of an outage. 0: not known.
        cost_per_million: u64 = 0, 0 to 1_000_000_000_000;
        /// Take a person's WhatsApp number for SMS when no other number is known.
        derive_from_whatsapp: bool = true;
        /// Answer to a HELP message. Unset: the provider answers.
        help_text: Option<String>;
        /// Country of numbers without a country code, two letters.
        default_country: Option<String>;
    }
}

impl Sms {
    pub(crate) fn check(&self, reader: &mut Reader) {
        let country = self.default_country.as_deref().unwrap_or("DE");
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let mend = "write two capital letters, for example \"DE\"";
            reader.fault(&["sms.default_country"], "is no country code", mend);
        }
        if self.from.is_some() && self.messaging_service_sid.is_some() {
            let mend = "keep sms.from or sms.messaging_service_sid";
            reader.fault(&["sms.from"], "and a messaging service are both set", mend);
        }
        if self.enabled {
            self.check_complete(reader);
        }
    }

    fn check_complete(&self, reader: &mut Reader) {
        let sends_as = self.from.is_some() || self.messaging_service_sid.is_some();
        let needed = [
            (
                "sms.account_sid",
                self.account_sid.is_some(),
                "set sms.account_sid",
            ),
            (
                "sms.auth_token",
                self.auth_token.is_some(),
                "set sms.auth_token_file to the path of a file that holds the token",
            ),
            (
                "sms.from",
                sends_as,
                "set sms.from or sms.messaging_service_sid",
            ),
        ];
        for (key, _, mend) in needed.into_iter().filter(|(_, given, _)| !given) {
            reader.fault(
                &[key, "sms.enabled"],
                "is missing while SMS is enabled",
                mend,
            );
        }
    }
}
