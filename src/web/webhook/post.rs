//! One POST on a connection of its own. Redirects are not followed: an answer that is not 2xx is
//! a failure.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::config::WebhookUrl;

pub(super) struct Poster {
    url: WebhookUrl,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What is posted.
pub(super) struct Signed<'a> {
    pub id: &'a str,
    /// Seconds since 1970.
    pub time: i64,
    pub signature: Option<String>,
    pub body: &'a str,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PosterError {
    #[error("its host is no name: {0}")]
    Name(#[from] InvalidDnsNameError),
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error("{0}")]
    Connection(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("there was no answer in time")]
    Late,
}

impl Poster {
    pub fn new(url: WebhookUrl) -> Result<Self, PosterError> {
        if !url.is_https {
            return Ok(Self { url, tls: None });
        }
        let name = ServerName::try_from(url.host.clone())?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { url, tls: Some((TlsConnector::from(Arc::new(config)), name)) })
    }

    pub async fn post(&self, signed: Signed<'_>) -> Result<(), PostError> {
        let stream = TcpStream::connect((&self.url.host[..], self.url.port)).await?;
        match &self.tls {
            None => self.post_over(stream, signed).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                self.post_over(stream, signed).await
            }
        }
    }

    async fn post_over<T>(&self, stream: T, signed: Signed<'_>) -> Result<(), PostError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut request = Request::post(&self.url.path)
            .header(HOST, &self.url.authority)
            .header(USER_AGENT, concat!("expsd/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, signed.body.len())
            .header("webhook-id", signed.id)
            .header("webhook-timestamp", signed.time);
        if let Some(signature) = signed.signature {
            request = request.header("webhook-signature", signature);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(signed.body.as_bytes())))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Both end here: the connection when the answer is there, or this when it breaks.
        let answer = async {
            tokio::select! {
                answer = sender.send_request(request) => answer,
                Err(error) = connection => Err(error),
            }
        };
        match answer.await?.status() {
            status if status.is_success() => Ok(()),
            status => Err(PostError::Status(status)),
        }
    }
}
