//! Signed addresses of files: makes them and checks them, in constant time. Whoever holds one can
//! fetch that one file until it ends. Never gives out the key, which the store keeps.

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdline_core::Timestamp;
use holdline_engine::ports::{Group, Op, Store, StoreError};
use std::sync::Arc;

const SETTING: &str = "media_link_key";
const KEY_BYTES: usize = 32;

/// What an address is good for; one kind never passes for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkUse {
    /// Together with a token: what an app gets as the `url` of a medium.
    App,
    /// Alone: what a person gets in an SMS or a mail.
    Person,
}

impl LinkUse {
    /// How long an address is good: the provider's five minutes; as long as media are kept.
    pub(crate) const fn valid_ms(self) -> u64 {
        match self {
            Self::App => 5 * 60_000,
            Self::Person => 30 * 86_400_000,
        }
    }

    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::App => "f",
            Self::Person => "l",
        }
    }
}

/// Signs and checks.
pub(crate) struct LinkSigner(hmac::Key);

impl LinkSigner {
    /// With the stored key; made when there is none.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        if store.setting(SETTING).await?.is_none() {
            let op = Op::Setting {
                key: SETTING.into(),
                value: fresh_key()?,
            };
            // A setting conflicts with nothing.
            let _ = store.commit(Arc::from([Group(vec![op])])).await?;
        }
        let text = store.setting(SETTING).await?.unwrap_or_default();
        let key = URL_SAFE_NO_PAD
            .decode(&text)
            .ok()
            .filter(|key| key.len() == KEY_BYTES);
        let corrupt = || StoreError::Corrupt(format!("the setting {SETTING} is no key"));
        key.map(|key| Self::new(&key)).ok_or_else(corrupt)
    }

    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Path and query of the file's address.
    pub(crate) fn path(&self, link: LinkUse, id: &str, now: Timestamp) -> String {
        let until = now.plus_ms(link.valid_ms()).seconds();
        let tag = hmac::sign(&self.0, words(link, id, until).as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(tag.as_ref());
        format!("/media/{}/{id}?exp={until}&sig={tag}", link.folder())
    }

    pub(crate) fn check(&self, link: LinkUse, id: &str, signed: &Signed, now: Timestamp) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(&signed.sig) else {
            return false;
        };
        let good = hmac::verify(&self.0, words(link, id, signed.exp).as_bytes(), &tag).is_ok();
        good && now.seconds() <= signed.exp
    }
}

/// The query of a signed address.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub(crate) struct Signed {
    #[serde(default)]
    pub(crate) exp: i64,
    #[serde(default)]
    pub(crate) sig: String,
}

fn words(link: LinkUse, id: &str, until: i64) -> String {
    format!("{}\n{id}\n{until}", link.folder())
}

fn fresh_key() -> Result<String, StoreError> {
    let mut key = [0; KEY_BYTES];
    rand::fill(&mut key).map_err(|_| StoreError::Unavailable("no random bytes".into()))?;
    Ok(URL_SAFE_NO_PAD.encode(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn signed(path: &str) -> Signed {
        let query = path.split_once('?').unwrap().1;
        let mut signed = Signed::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "exp" => signed.exp = value.parse().unwrap(),
                "sig" => signed.sig = value.into_owned(),
                other => panic!("{other}"),
            }
        }
        signed
    }

    #[test]
    fn an_address_opens_its_own_file_for_its_own_use_until_it_ends() {
        let signer = LinkSigner::new(&[7; 32]);
        let given = signed(&signer.path(LinkUse::App, "123", NOW));
        assert!(signer.check(LinkUse::App, "123", &given, NOW));
        assert!(!signer.check(LinkUse::App, "124", &given, NOW));
        assert!(!signer.check(LinkUse::Person, "123", &given, NOW));
        assert!(!signer.check(LinkUse::App, "123", &given, NOW.plus_ms(301_000)));
        let later = Signed {
            exp: given.exp + 60,
            ..given.clone()
        };
        assert!(!signer.check(LinkUse::App, "123", &later, NOW));
        assert!(!LinkSigner::new(&[8; 32]).check(LinkUse::App, "123", &given, NOW));
        assert!(!signer.check(LinkUse::App, "123", &Signed::default(), NOW));
    }
}
