//! A small SMTP server that answers as a test says, with STARTTLS or TLS, and keeps what it got.

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tls {
    #[default]
    None,
    Start,
    Implicit,
}

/// Answers that differ from the usual ones: by the beginning of the command; `.` is the end of
/// the text, `greeting` the greeting. `hang` says nothing, `close` closes.
#[derive(Clone, Debug, Default)]
pub(crate) struct SmtpScript {
    pub(crate) tls: Tls,
    pub(crate) answers: Vec<(&'static str, &'static str)>,
    /// Each connection is closed after so many mails.
    pub(crate) mails_per_connection: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) connections: usize,
    pub(crate) commands: Vec<String>,
    pub(crate) mails: Vec<String>,
}

pub(crate) struct SmtpPeer {
    pub(crate) port: u16,
    /// The certificate that it shows.
    pub(crate) ca_file: PathBuf,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl SmtpPeer {
    pub(crate) async fn start(script: SmtpScript) -> Self {
        crate::http::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        let acceptor = acceptor(&ca_file);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let kept = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                kept.lock().unwrap().connections += 1;
                let (script, heard) = (script.clone(), Arc::clone(&kept));
                tokio::spawn(serve(stream, acceptor.clone(), script, heard));
            }
        });
        Self {
            port,
            ca_file,
            heard,
            task,
            _folder: folder,
        }
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for SmtpPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn acceptor(ca_file: &std::path::Path) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(ca_file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    script: SmtpScript,
    heard: Arc<Mutex<Heard>>,
) {
    let mut talk = Talk {
        script,
        heard,
        mails: 0,
    };
    if talk.script.tls == Tls::Implicit {
        if let Ok(stream) = acceptor.accept(stream).await {
            talk.run(BufReader::new(stream), true).await;
        }
        return;
    }
    if let Some(stream) = talk.run(BufReader::new(stream), true).await
        && let Ok(stream) = acceptor.accept(stream.into_inner()).await
    {
        talk.run(BufReader::new(stream), false).await;
    }
}

struct Talk {
    script: SmtpScript,
    heard: Arc<Mutex<Heard>>,
    mails: usize,
}

impl Talk {
    /// Gives the stream back when TLS is to begin on it.
    async fn run<T>(&mut self, mut stream: BufReader<T>, greet: bool) -> Option<BufReader<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        if greet && !self.say(&mut stream, "greeting", "220 peer ready").await {
            return None;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return None;
            }
            let command = line.trim_end().to_owned();
            self.heard.lock().unwrap().commands.push(command.clone());
            let usual = self.usual(&command);
            if !self.say(&mut stream, &command, usual).await {
                return None;
            }
            let answered = self.answer(&command, usual);
            if command.starts_with("STARTTLS") && answered.starts_with("220") {
                return Some(stream);
            }
            if command.starts_with("DATA") && answered.starts_with("354") {
                self.take(&mut stream).await?;
                if !self.say(&mut stream, ".", "250 2.0.0 queued as 1").await {
                    return None;
                }
                self.mails += 1;
                if Some(self.mails) == self.script.mails_per_connection {
                    return None;
                }
            }
        }
    }

    fn usual(&self, command: &str) -> &'static str {
        match command.split(' ').next().unwrap_or_default() {
            "EHLO" if self.script.tls == Tls::Start => {
                "250-peer\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES"
            }
            "EHLO" => "250-peer\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES",
            "AUTH" => "235 2.7.0 ok",
            "STARTTLS" => "220 2.0.0 go on",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 2.0.0 ok",
        }
    }

    fn answer(&self, command: &str, usual: &'static str) -> &'static str {
        let scripted = self
            .script
            .answers
            .iter()
            .find(|(start, _)| command.starts_with(start));
        scripted.map_or(usual, |(_, answer)| answer)
    }

    async fn say<T>(&self, stream: &mut BufReader<T>, command: &str, usual: &'static str) -> bool
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        match self.answer(command, usual) {
            "hang" => std::future::pending().await,
            "close" => false,
            answer => {
                let line = format!("{answer}\r\n");
                stream.write_all(line.as_bytes()).await.is_ok() && stream.flush().await.is_ok()
            }
        }
    }

    async fn take<T: AsyncRead + Unpin>(&self, stream: &mut BufReader<T>) -> Option<()> {
        let mut mail = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return None;
            }
            if line == ".\r\n" {
                self.heard.lock().unwrap().mails.push(mail);
                return Some(());
            }
            mail.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
    }
}
