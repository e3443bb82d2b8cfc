//! One connection to the mail server: greeting, TLS, login, then mail after mail. Says at which
//! stage it failed, since only from the final dot on a mail may have been taken.

use super::classify::{Reply, Stage, classify, lost};
use super::config::{EmailConfig, TlsMode};
use super::encode::Mail;
use crate::http::BuildError;
use holdline_core::message::Outcome;
use mail_send::{Credentials, Error, SmtpClient};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Why a step failed.
pub(super) enum Broken {
    Reply(Stage, Reply),
    Lost {
        stage: Stage,
        code: &'static str,
        detail: String,
    },
}

/// How connections are made.
pub(super) struct Connector {
    config: EmailConfig,
    tls: Option<TlsConnector>,
}

/// An open connection, logged in.
pub(super) struct Session {
    smtp: SmtpClient<Box<dyn Stream>>,
    /// Largest mail the server takes; 0 where it does not say.
    size_max: usize,
}

impl Broken {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Reply(stage, reply) => classify(*stage, reply),
            Self::Lost {
                stage,
                code,
                detail,
            } => lost(*stage, code, detail),
        }
    }

    /// The connection had gone while it lay idle: nothing was said on it.
    pub(super) fn was_stale(&self) -> bool {
        match self {
            Self::Reply(stage, reply) => *stage == Stage::Mail && reply.code == 421,
            Self::Lost { stage, .. } => *stage == Stage::Mail,
        }
    }

    pub(super) fn keeps_connection(&self) -> bool {
        matches!(self, Self::Reply(stage, reply) if *stage >= Stage::Mail && reply.code != 421)
    }
}

impl Connector {
    pub(super) fn new(config: &EmailConfig) -> Result<Self, BuildError> {
        crate::http::install_crypto();
        let tls = match (config.tls, &config.ca_file) {
            (TlsMode::None, _) => None,
            (TlsMode::StartTls | TlsMode::Tls, Some(path)) => Some(trusting(path)?),
            (TlsMode::StartTls | TlsMode::Tls, None) => Some(system()?),
        };
        Ok(Self {
            config: config.clone(),
            tls,
        })
    }

    pub(super) async fn open(&self, deadline: Instant) -> Result<Session, Broken> {
        let stream = self.connect(deadline).await?;
        let smtp = SmtpClient {
            stream,
            timeout: Duration::ZERO,
        };
        let smtp = match (self.config.tls, &self.tls) {
            (TlsMode::Tls, Some(tls)) => {
                let mut smtp = secure(smtp, tls, &self.config.host, deadline).await?;
                greeting(&mut smtp, deadline).await?;
                smtp
            }
            (TlsMode::StartTls, Some(tls)) => {
                let mut smtp = smtp;
                greeting(&mut smtp, deadline).await?;
                hello(&mut smtp, &self.config.hello_name, deadline).await?;
                command(&mut smtp, Stage::Tls, "STARTTLS\r\n", 220, deadline).await?;
                secure(smtp, tls, &self.config.host, deadline).await?
            }
            (TlsMode::None | TlsMode::Tls | TlsMode::StartTls, _) => {
                let mut smtp = boxed(smtp);
                greeting(&mut smtp, deadline).await?;
                smtp
            }
        };
        self.log_in(smtp, deadline).await
    }

    async fn connect(&self, deadline: Instant) -> Result<TcpStream, Broken> {
        let connect_ms = Duration::from_millis(self.config.connect_timeout_ms.into());
        let deadline = deadline.min(Instant::now() + connect_ms);
        let at = (self.config.host.as_str(), self.config.port);
        let open = async {
            let found: Vec<_> = match lookup_host(at).await {
                Ok(found) => found.collect(),
                Err(error) => return Err(gone(Stage::Connect, "dns", &error)),
            };
            let stream = TcpStream::connect(&found[..]).await;
            let stream = stream.map_err(|error| gone(Stage::Connect, "connect", &error))?;
            // Without it every mail waits for a delayed acknowledgement.
            stream
                .set_nodelay(true)
                .map_err(|error| gone(Stage::Connect, "connect", &error))?;
            Ok(stream)
        };
        timeout_at(deadline, open).await.unwrap_or_else(|_| {
            Err(gone(
                Stage::Connect,
                "connect_timeout",
                &"no connection in time",
            ))
        })
    }

    async fn log_in(
        &self,
        mut smtp: SmtpClient<Box<dyn Stream>>,
        deadline: Instant,
    ) -> Result<Session, Broken> {
        smtp.timeout = left(deadline);
        let hello = smtp.ehlo(&self.config.hello_name).await;
        let hello = hello.map_err(|error| broken(Stage::Hello, error))?;
        if let Some(login) = &self.config.login {
            let username = login.username.as_str();
            let credentials = Credentials::Plain {
                username,
                secret: login.password.expose().as_str(),
            };
            smtp.timeout = left(deadline);
            let done = smtp.authenticate(&credentials, &hello).await;
            done.map_err(|error| broken(Stage::Auth, error))?;
        }
        Ok(Session {
            smtp,
            size_max: hello.size,
        })
    }
}

impl Session {
    /// Submits one mail.
    pub(super) async fn deliver(&mut self, mail: &Mail, deadline: Instant) -> Result<(), Broken> {
        if self.size_max > 0 && mail.bytes.len() > self.size_max {
            let text = format!(
                "the server takes {} bytes, this has {}",
                self.size_max,
                mail.bytes.len()
            );
            let reply = Reply {
                code: 552,
                enhanced: [5, 3, 4],
                text,
            };
            return Err(Broken::Reply(Stage::Data, reply));
        }
        let smtp = &mut self.smtp;
        let from = format!("MAIL FROM:<{}>\r\n", mail.from);
        command(smtp, Stage::Mail, &from, 250, deadline).await?;
        let to = format!("RCPT TO:<{}>\r\n", mail.to);
        command(smtp, Stage::Rcpt, &to, 250, deadline).await?;
        command(smtp, Stage::Data, "DATA\r\n", 354, deadline).await?;
        let submit = async {
            smtp.write_message(&mail.bytes).await?;
            smtp.read().await
        };
        let answer = timeout_at(deadline, submit)
            .await
            .unwrap_or(Err(Error::Timeout));
        let answer = answer.map_err(|error| broken(Stage::Content, error))?;
        expect(Stage::Content, 250, answer.code, answer.esc, answer.message)
    }

    /// Forgets a mail that was refused half-way.
    pub(super) async fn reset(&mut self, deadline: Instant) -> Result<(), Broken> {
        command(&mut self.smtp, Stage::Mail, "RSET\r\n", 250, deadline).await
    }

    /// Asks whether the server is there, and takes leave.
    pub(super) async fn check(mut self, deadline: Instant) -> Result<(), Broken> {
        command(&mut self.smtp, Stage::Mail, "NOOP\r\n", 250, deadline).await?;
        self.smtp.timeout = left(deadline);
        // The server has answered; how it takes leave does not matter.
        drop(self.smtp.quit().await);
        Ok(())
    }
}

async fn greeting<T: Stream>(smtp: &mut SmtpClient<T>, deadline: Instant) -> Result<(), Broken> {
    let read = timeout_at(deadline, smtp.read())
        .await
        .unwrap_or(Err(Error::Timeout));
    let reply = read.map_err(|error| broken(Stage::Greeting, error))?;
    expect(Stage::Greeting, 220, reply.code, reply.esc, reply.message)
}

async fn hello<T: Stream>(
    smtp: &mut SmtpClient<T>,
    name: &str,
    deadline: Instant,
) -> Result<(), Broken> {
    smtp.timeout = left(deadline);
    smtp.ehlo(name)
        .await
        .map(drop)
        .map_err(|error| broken(Stage::Hello, error))
}

async fn secure(
    mut smtp: SmtpClient<TcpStream>,
    tls: &TlsConnector,
    host: &str,
    deadline: Instant,
) -> Result<SmtpClient<Box<dyn Stream>>, Broken> {
    smtp.timeout = left(deadline);
    let secured = smtp.into_tls(tls, host).await;
    secured
        .map(boxed)
        .map_err(|error| broken(Stage::Tls, error))
}

fn boxed<T: Stream + 'static>(smtp: SmtpClient<T>) -> SmtpClient<Box<dyn Stream>> {
    SmtpClient {
        stream: Box::new(smtp.stream),
        timeout: smtp.timeout,
    }
}

async fn command<T: Stream>(
    smtp: &mut SmtpClient<T>,
    stage: Stage,
    line: &str,
    wanted: u16,
    deadline: Instant,
) -> Result<(), Broken> {
    smtp.timeout = left(deadline);
    let reply = smtp
        .cmd(line.as_bytes())
        .await
        .map_err(|error| broken(stage, error))?;
    expect(stage, wanted, reply.code, reply.esc, reply.message)
}

/// The same hundred counts: 251 and such are successes too.
fn expect(
    stage: Stage,
    wanted: u16,
    code: u16,
    enhanced: [u8; 3],
    text: String,
) -> Result<(), Broken> {
    match code / 100 == wanted / 100 {
        true => Ok(()),
        false => Err(Broken::Reply(
            stage,
            Reply {
                code,
                enhanced,
                text,
            },
        )),
    }
}

fn broken(stage: Stage, error: Error) -> Broken {
    let ours = |text: &str| {
        Broken::Reply(
            stage,
            Reply {
                code: 535,
                enhanced: [0; 3],
                text: text.into(),
            },
        )
    };
    match error {
        Error::UnexpectedReply(reply) | Error::AuthenticationFailed(reply) => {
            let (code, enhanced) = (reply.code, reply.esc);
            Broken::Reply(
                stage,
                Reply {
                    code,
                    enhanced,
                    text: reply.message,
                },
            )
        }
        Error::UnsupportedAuthMechanism => ours("the server offers no login method that we have"),
        Error::Timeout => gone(stage, "timeout", &"no answer in time"),
        Error::Tls(error) => gone(stage, "tls", &error),
        Error::Io(error) if is_reset(&error) => gone(stage, "reset", &error),
        Error::Io(error) => gone(stage, "closed", &error),
        Error::UnparseableReply => gone(stage, "closed", &"closed, or no SMTP reply"),
        error @ (Error::Base64(_)
        | Error::Auth(_)
        | Error::InvalidTLSName
        | Error::MissingCredentials
        | Error::MissingMailFrom
        | Error::MissingRcptTo
        | Error::MissingStartTls) => ours(&error.to_string()),
    }
}

fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset)
}

fn gone(stage: Stage, code: &'static str, detail: &dyn std::fmt::Display) -> Broken {
    Broken::Lost {
        stage,
        code,
        detail: detail.to_string(),
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn trusting(path: &Path) -> Result<TlsConnector, BuildError> {
    let fault = |why: String| BuildError::CaFile {
        path: path.into(),
        why,
    };
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| fault(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fault("no certificate found".into()));
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn system() -> Result<TlsConnector, BuildError> {
    mail_send::smtp::tls::build_tls_connector(false).map_err(|why| {
        let mend = "install ca-certificates, or set email.ca_file, or email.tls = \"none\"";
        BuildError::setting("email.tls", format!("{why}; {mend}"))
    })
}
