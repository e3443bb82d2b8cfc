//! From the configuration to the settings of the channels: one function a channel.

use crate::config::{Config, EmailTls, HealthEcho};
use crate::engine_config::{email_sender, sms_sender};
use crate::secret::Secret;
use holdline_channels::email::{EmailConfig, Login, TlsMode};
use holdline_channels::http::ClientConfig;
use holdline_channels::sms::SmsConfig;
use holdline_channels::whatsapp::{EchoPair, GraphClient, WhatsappConfig, WhatsappSender};
use holdline_channels::{BuildError, ChannelsConfig};
use holdline_engine::ports::Channel;
use std::sync::Arc;

const HOUR_MS: u64 = 3_600_000;

/// Every channel that is configured.
pub(crate) fn build(
    config: &Config,
    public_base: &str,
) -> Result<Vec<Arc<dyn Channel>>, BuildError> {
    holdline_channels::build(&ChannelsConfig {
        whatsapp: (!config.whatsapp_senders.is_empty()).then(|| whatsapp(config)),
        sms: config.sms.enabled.then(|| sms(config, public_base)),
        email: config.email.enabled.then(|| email(config)),
    })
}

/// The provider's API behind the front door; `None` without a WhatsApp sender.
pub(crate) fn graph(config: &Config) -> Result<Option<Arc<GraphClient>>, BuildError> {
    if config.whatsapp_senders.is_empty() {
        return Ok(None);
    }
    GraphClient::new(whatsapp(config)).map(|client| Some(Arc::new(client)))
}

/// For calls that belong to no provider account.
pub(crate) fn client(config: &Config) -> ClientConfig {
    ClientConfig {
        user_agent: config.net.user_agent.clone(),
        ca_file: config.net.ca_certificates.clone(),
        ..ClientConfig::default()
    }
}

/// Two numbers of ours, one of which writes to the other; `None` where one is not configured.
pub(crate) fn echo_pair(config: &Config, echo: &HealthEcho) -> Option<EchoPair> {
    let number_of = |id: &str| {
        let mut senders = config.whatsapp_senders.iter();
        let sender = senders.find(|sender| sender.phone_number_id == id)?;
        Some(sender.digits())
    };
    Some(EchoPair {
        from: echo.from.clone(),
        to: echo.to.clone(),
        to_number: number_of(&echo.to)?,
        from_number: number_of(&echo.from)?,
    })
}

fn whatsapp(config: &Config) -> WhatsappConfig {
    let whatsapp = &config.whatsapp;
    let senders = config.whatsapp_senders.iter().map(|sender| WhatsappSender {
        phone_number_id: sender.phone_number_id.clone(),
        waba_id: sender.waba_id.clone(),
        access_token: sender.access_token.as_ref().map(Secret::redacted),
    });
    WhatsappConfig {
        base_url: whatsapp.base_url.to_string(),
        version: whatsapp.version.clone(),
        access_token: whatsapp.access_token.as_ref().map(Secret::redacted),
        app_secret: whatsapp.app_secret.as_ref().map(Secret::redacted),
        verify_token: whatsapp.verify_token.as_ref().map(Secret::redacted),
        senders: senders.collect(),
        echoes: config
            .echoes
            .iter()
            .filter_map(|it| echo_pair(config, it))
            .collect(),
        webhook_age_ms_max: u64::from(whatsapp.webhook_age_max_h) * HOUR_MS,
        user_agent: config.net.user_agent.clone(),
        timeout_ms: whatsapp.timeout_ms,
        connect_timeout_ms: whatsapp.connect_timeout_ms,
        in_flight_max: whatsapp.in_flight_max,
        ca_file: config.net.ca_certificates.clone(),
    }
}

fn sms(config: &Config, public_base: &str) -> SmsConfig {
    let sms = &config.sms;
    SmsConfig {
        base_url: sms.base_url.to_string(),
        account_sid: sms.account_sid.clone().unwrap_or_default(),
        auth_token: sms
            .auth_token
            .as_ref()
            .map(Secret::redacted)
            .unwrap_or_default(),
        public_url: public_base.to_owned(),
        senders: vec![sms_sender(config)],
        user_agent: config.net.user_agent.clone(),
        timeout_ms: sms.timeout_ms,
        connect_timeout_ms: sms.connect_timeout_ms,
        in_flight_max: sms.in_flight_max,
        ca_file: config.net.ca_certificates.clone(),
        allow_private_networks: config.net.allow_private_networks,
        ..SmsConfig::default()
    }
}

fn email(config: &Config) -> EmailConfig {
    let email = &config.email;
    let defaults = EmailConfig::default();
    let login = email.username.as_ref().zip(email.password.as_ref());
    EmailConfig {
        host: email.host.clone().unwrap_or_default(),
        port: email.port,
        tls: match email.tls {
            EmailTls::Starttls => TlsMode::StartTls,
            EmailTls::Tls => TlsMode::Tls,
            EmailTls::None => TlsMode::None,
        },
        login: login.map(|(name, password)| Login {
            username: name.clone(),
            password: password.redacted(),
        }),
        from: email_sender(config),
        reply_to: email.reply_to.clone(),
        hello_name: email.hello_name.clone().unwrap_or(defaults.hello_name),
        timeout_ms: email.timeout_ms,
        connect_timeout_ms: email.connect_timeout_ms,
        in_flight_max: email.in_flight_max,
        ca_file: config.net.ca_certificates.clone(),
        ..EmailConfig::default()
    }
}
