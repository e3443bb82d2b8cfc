//! A small HTTP/1.1 server that answers as a test says and keeps what it was asked.

use holdline_engine::contract::channel as contract;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Reply {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Holds the connection and says nothing.
    Hang,
    /// Closes the connection without a word.
    Close,
    /// Promises more than it sends, and closes.
    Torn,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        let headers = vec![("Content-Type".into(), "application/json".into())];
        Self::Reply {
            status,
            headers,
            body: body.into(),
        }
    }

    pub(crate) fn html(status: u16) -> Self {
        let headers = vec![("Content-Type".into(), "text/html".into())];
        Self::Reply {
            status,
            headers,
            body: b"<html><h1>Bad gateway</h1></html>".to_vec(),
        }
    }
}

type Script = Arc<dyn Fn(&Call) -> Answer + Send + Sync>;

pub(crate) struct HttpPeer {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    task: JoinHandle<()>,
}

impl HttpPeer {
    pub(crate) async fn start(script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (kept, script): (_, Script) = (Arc::clone(&calls), Arc::new(script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&kept)));
            }
        });
        Self { url, calls, task }
    }

    /// A provider that does what the channel contract asks for, and where to reach it.
    pub(crate) async fn scripted(
        script: contract::Script,
        accepted: Answer,
        wrong_credentials: Answer,
    ) -> (Self, String) {
        use contract::Script::{Accept, Broken, Refuse, Silent, WrongCredentials};
        let answer = match script {
            Accept | Refuse => accepted,
            Silent => Answer::Hang,
            Broken => Answer::html(502),
            WrongCredentials => wrong_credentials,
        };
        let peer = Self::start(move |_| answer.clone()).await;
        let url = match script {
            Refuse => format!("http://127.0.0.1:{}", closed_port()),
            Accept | Silent | Broken | WrongCredentials => peer.url.clone(),
        };
        (peer, url)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Call {
        self.calls().pop().unwrap()
    }
}

impl Drop for HttpPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address where nothing listens.
pub(crate) fn closed_port() -> u16 {
    StdListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

async fn serve(stream: TcpStream, script: Script, calls: Arc<Mutex<Vec<Call>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(call) = read(&mut stream).await {
        calls.lock().unwrap().push(call.clone());
        match script(&call) {
            Answer::Reply {
                status,
                headers,
                body,
            } => {
                let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                let whole = [head.as_bytes(), b"\r\n", &body].concat();
                if stream.write_all(&whole).await.is_err() {
                    return;
                }
            }
            Answer::Hang => std::future::pending().await,
            Answer::Close => return,
            Answer::Torn => {
                let head = b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{\"messages\"";
                drop(stream.write_all(head).await);
                return;
            }
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Call> {
    let first = line(stream).await?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut call = Call {
        method,
        path,
        ..Call::default()
    };
    loop {
        let header = line(stream).await?;
        match header.split_once(':') {
            Some((name, value)) => {
                call.headers
                    .push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => break,
        }
    }
    if let Some(length) = call
        .header("content-length")
        .and_then(|text| text.parse().ok())
    {
        call.body = vec![0; length];
        stream.read_exact(&mut call.body).await.ok()?;
    } else if call.header("transfer-encoding").is_some() {
        call.body = chunks(stream).await?;
    }
    Some(call)
}

async fn chunks(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(&line(stream).await?, 16).ok()?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).await.ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    match stream.read_line(&mut text).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(text.trim_end().to_owned()),
    }
}
