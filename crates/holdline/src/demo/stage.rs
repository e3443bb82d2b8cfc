//! The stage of the demo: a server on embedded defaults with quick timers, the sandbox, and
//! people, some of whom can only be reached by e-mail when WhatsApp is down.

use crate::config::Config;
use crate::http::auth::hash_token;
use crate::wiring::Server;
use anyhow::anyhow;
use holdline_channels::http::{Body, Client, ClientConfig, Request};
use holdline_engine::ports::Op;
use holdline_engine::ports::records::TokenRecord;
use holdline_sim::config::{SandboxConfig, WebhookConfig, WhatsappConfig};
use holdline_sim::{Provider, Sandbox};
use std::collections::BTreeMap;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(super) const PEOPLE: u32 = 60;
pub(super) const PHONE_ID: &str = "106540352242922";
pub(super) const APP_SECRET: &str = "demo-app-secret";
const TOKEN: &str = "demo-token";
/// Rows of the ledger read at most: more than a demo can send.
pub(super) const LEDGER_MAX: usize = 200_000;

pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) server: Server,
    /// Where the app's webhooks are to be received.
    pub(super) webhooks: std::sync::Mutex<Option<TcpListener>>,
    folder: TempDir,
}

impl Stage {
    pub(super) async fn set() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("holdline-demo-")
            .tempdir()?;
        let sandbox = Sandbox::start(sandbox_config()).await?;
        let webhooks = TcpListener::bind("127.0.0.1:0").await?;
        let callback = format!("http://{}/webhooks", webhooks.local_addr()?);
        let text = config_text(&folder, &sandbox, &callback);
        let config = Config::from_toml_str(&text, &secrets()).map_err(|f| anyhow!("{f}"))?;
        let server = Server::start(config).await?;
        let url = format!("http://{}", server.address);
        sandbox.set_whatsapp_webhook(Some(format!("{url}/hooks/whatsapp")));
        sandbox.set_sms_inbound(Some(format!("{url}/hooks/sms")));
        let token = TokenRecord {
            id: String::from("demo"),
            name: String::from("demo"),
            hash: hash_token(TOKEN),
            app: String::from("demo"),
            senders: Vec::new(),
            created_at: server.engine.now(),
            revoked_at: None,
        };
        let kept = server.engine.commit(vec![Op::Token(token)]).await?;
        kept.map_err(|conflict| anyhow!("the demo's token was refused: {conflict:?}"))?;
        let webhooks = std::sync::Mutex::new(Some(webhooks));
        Ok(Self {
            sandbox,
            server,
            webhooks,
            folder,
        })
    }

    /// Every person has a WhatsApp number; every fourth can only fall back to e-mail.
    pub(super) async fn bring_in_people(&self) -> anyhow::Result<()> {
        let mut csv = String::from("name,whatsapp,sms,email,sms_consent\n");
        for person in 0..PEOPLE {
            let (number, email) = (number_of(person), email_of(person));
            let consent = if by_mail(person) {
                "withdrawn"
            } else {
                "given"
            };
            csv.push_str(&format!(
                "Person {person},{number},{number},{email},{consent}\n"
            ));
        }
        let url = format!("{}/api/v1/contacts/import", self.url()).parse()?;
        let request = Request::post(url, "/api/v1/contacts/import")
            .bearer(TOKEN)
            .header("content-type", "text/csv")
            .body(Body::Bytes(csv.into()));
        let response = Client::new(ClientConfig::default())?.send(request).await?;
        let report: serde_json::Value = serde_json::from_slice(&response.body)?;
        let imported = report["imported"].as_u64().unwrap_or(0);
        anyhow::ensure!(
            imported == u64::from(PEOPLE),
            "people were refused: {report}"
        );
        Ok(())
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// The link by which the console is set up: nobody has signed in yet.
    fn console_url(&self) -> String {
        let setup = self.server.setup_url.clone();
        setup.unwrap_or_else(|| format!("{}/console/", self.url()))
    }

    pub(super) fn token(&self) -> &'static str {
        TOKEN
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.server.engine.now().0
    }

    /// What has really reached phones and mailboxes, by channel.
    pub(super) fn delivered(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::from([("whatsapp", 0), ("sms", 0), ("email", 0)]);
        for row in self.sandbox.ledger(0, LEDGER_MAX) {
            *counts.entry(name_of(row.channel)).or_default() += 1;
        }
        counts
    }

    pub(super) fn urls(&self) -> Vec<(&'static str, String)> {
        let sandbox = self.sandbox.urls();
        vec![
            ("server", self.url()),
            ("token", TOKEN.to_owned()),
            ("console", self.console_url()),
            ("API documentation", format!("{}/api/v1/docs", self.url())),
            ("sandbox control", sandbox.control.clone()),
            ("data", self.folder.path().display().to_string()),
        ]
    }

    pub(super) async fn end(self) {
        self.server.stop().await;
        self.sandbox.shutdown().await;
    }
}

pub(super) fn name_of(provider: Provider) -> &'static str {
    match provider {
        Provider::Whatsapp => "whatsapp",
        Provider::Sms => "sms",
        Provider::Email => "email",
    }
}

pub(super) fn number_of(person: u32) -> String {
    format!("+1650555{:04}", 1_000 + person)
}

fn email_of(person: u32) -> String {
    format!("person{person}@example.com")
}

fn by_mail(person: u32) -> bool {
    person % 4 == 3
}

fn sandbox_config() -> SandboxConfig {
    let whatsapp = WhatsappConfig {
        app_secret: holdline_sim::config::Secret::new(APP_SECRET),
        ..WhatsappConfig::default()
    };
    SandboxConfig {
        whatsapp,
        webhooks: WebhookConfig::default(),
        ..SandboxConfig::default()
    }
}

fn secrets() -> [(&'static str, &'static str); 5] {
    [
        ("HOLDLINE_WHATSAPP_APP_SECRET", APP_SECRET),
        ("HOLDLINE_WHATSAPP_VERIFY_TOKEN", "verify-token"),
        ("HOLDLINE_WHATSAPP_ACCESS_TOKEN", "sandbox-token"),
        ("HOLDLINE_SMS_AUTH_TOKEN", "sandbox-auth-token"),
        ("HOLDLINE_APP_0_SECRET", APP_SECRET),
    ]
}

/// Defaults but for addresses and for timers that would outlast a demo of a minute.
fn config_text(folder: &TempDir, sandbox: &Sandbox, callback: &str) -> String {
    let urls = sandbox.urls();
    let path = folder.path().display();
    let sms = holdline_sim::config::SmsConfig::default();
    format!(
        r#"
[storage]
url = "sqlite:{path}/holdline.db"
media_dir = "{path}/media"
[http]
listen = "127.0.0.1:0"
[net]
allow_private_networks = true
[whatsapp]
base_url = "{whatsapp}"
timeout_ms = 3000
[[whatsapp.sender]]
phone_number_id = "{PHONE_ID}"
waba_id = "102290129340398"
display_phone_number = "15550783881"
[sms]
enabled = true
base_url = "{sms_url}"
account_sid = "{sid}"
from = "{from}"
rate_per_s = 100
[email]
enabled = true
host = "{mail_host}"
port = {mail_port}
tls = "none"
from = "Demo Shop <shop@example.com>"
rate_per_s = 100
[failover]
receipt_wait_urgent_ms = 5000
receipt_wait_service_ms = 8000
ambiguity_urgent_ms = 4000
ambiguity_service_ms = 8000
[health]
dwell_ms = 1000
hold_down_ms = 1000
test_per_s = 20
probe_every_ms = 2000
probe_burst_ms = 250
probe_down_ms = 500
ramp_double_ms = 1000
[console]
sandbox_url = "{control}"
[[feed]]
name = "metastatus"
url = "{status}"
format = "metastatus"
every_s = 1
[[app]]
id = "demo"
callback_url = "{callback}"
"#,
        whatsapp = urls.whatsapp,
        sms_url = urls.sms,
        sid = sms.account_sid,
        from = sms.from,
        mail_host = urls.smtp.ip(),
        mail_port = urls.smtp.port(),
        status = urls.status,
        control = urls.control,
    )
}
