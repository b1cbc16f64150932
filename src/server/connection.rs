//! One connection: selection first, then octets between the socket and the session.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::BytesMut;
use jiff::{Timestamp, Zoned};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::handshake::HandshakeFailure;
use super::places::Place;
use super::record::Recorder;
use super::shared::Shared;
use super::stream::{Stream, Transport};
use super::tracer::Tracer;
use super::turned_away::TurnedAway;
use super::witness::Witness;
use super::{fault, local_of, proxy, rows};
use crate::auth::ChannelBindings;
use crate::capture::{Digest, Message, Tls};
use crate::connector::{Rights, SourceAddress};
use crate::journal::{Ending, Event, Refused};
use crate::session::{
    Arrival, PeerCertificate, Reason, Receipt, Received, Secured, Session, Step, TlsKind, date,
};
use crate::smtp::reply;
use crate::tls::ClientCertificate;

/// Serves an accepted socket; a trusted proxy may first state another source address.
pub(super) async fn accepted(
    shared: Arc<Shared>,
    socket: TcpStream,
    stands_for: Vec<SocketAddr>,
    local: SocketAddr,
    peer: SocketAddr,
    stopping: CancellationToken,
) {
    let own = socket.local_addr().map_or(local.ip(), |own| own.ip());
    let mut stream = Stream::Clear(socket);
    let mut input = BytesMut::new();
    let trusted = shared.trusted_proxies.iter().any(|net| net.contains(&peer.ip().to_canonical()));
    if !trusted {
        return run(shared, stream, input, (local, own), peer, stopping).await;
    }
    match proxy::read_header(&mut stream, &mut input).await {
        Ok(None) => run(shared, stream, input, (local, own), peer, stopping).await,
        Ok(Some(source)) => {
            let local = local_of(&stands_for, source.ip());
            run(shared, stream, input, (local, own), source, stopping).await;
        }
        Err(error) => tracing::warn!(%peer, %error, "closed: a trusted proxy was not understood"),
    }
}

/// Serves a connection whose source address is known.
pub(super) async fn serve<T: Transport>(
    shared: Arc<Shared>,
    transport: T,
    local: SocketAddr,
    remote: SocketAddr,
    stopping: CancellationToken,
) {
    let own = Ipv4Addr::LOCALHOST.into();
    run(shared, Stream::Clear(transport), BytesMut::new(), (local, own), remote, stopping).await;
}

async fn run<T: Transport>(
    shared: Arc<Shared>,
    mut stream: Stream<T>,
    input: BytesMut,
    // The binding, and the address to show where that is a wildcard.
    (local, own): (SocketAddr, IpAddr),
    remote: SocketAddr,
    stopping: CancellationToken,
) {
    let source = SourceAddress::from(remote);
    let started = Instant::now();
    let selection = shared.scope.select(local, source);
    shared.metrics.selected(started.elapsed());
    let id = format!("{:016X}", shared.next_session_id(SystemTime::now()));
    let Some((index, connector)) = selection.index().zip(selection.met()) else {
        let (reply, reason) =
            (reply::SERVICE_NOT_AVAILABLE, Reason::NoConnector(selection.reason()));
        tracing::warn!(%remote, %local, %reply, "refused: {reason}");
        shared.metrics.connection_refused(Refused::NoConnector);
        let (shared, id, selection) = (&shared, &id, &selection);
        let (connector, rows) = (None, None);
        let refused = TurnedAway { shared, id, selection, local, source, connector, rows };
        return refused.with(&reply, &reason, &mut stream).await;
    };
    let own = if local.ip().is_unspecified() { own } else { local.ip() };
    let endpoint = SocketAddr::new(own, local.port());
    let mut rows = rows::open(&shared, &connector, &id, endpoint, remote);
    let place = match shared.served[index].places.take_or_wait(&connector, source).await {
        Ok(place) => place,
        Err(full) => {
            shared.metrics.connection_refused(full.kind());
            let reply = shared.recorder(&connector, Some(&id)).full(&connector, source, full);
            tracing::warn!(%remote, %local, %reply, "refused: {full}");
            let reason = full.reason();
            let (shared, id, selection) = (&shared, &id, &selection);
            let connector = Some(&*connector);
            let refused = TurnedAway { shared, id, selection, local, source, connector, rows };
            return refused.with(&reply, &reason, &mut stream).await;
        }
    };
    let span = tracing::info_span!("session", id, connector = connector.name, %remote);
    let starttls = shared.served[index].starttls.is_some();
    let _open = shared.metrics.session(&shared.host.server.identity(&connector));
    let mut session = Session::new(Arc::clone(&shared.host), connector, starttls, source, now());
    if let Some(rows) = &mut rows {
        rows.started(session.rights());
    }
    span.in_scope(|| tracing::debug!(%local, "connected: {}", selection.reason()));
    let journal = shared.journal.as_ref().filter(|journal| journal.wants_traces());
    let tracer = journal.map(|journal| {
        let server = &shared.host.server;
        Tracer::open(journal, &id, server, &selection, (local, source), &session, now())
    });
    let witness = Witness { rows, tracer };
    if witness.is_there() {
        session.tell_all();
    }
    let connection = Connection {
        shared,
        index,
        place,
        id,
        selection: None,
        local,
        own,
        remote,
        source,
        stream,
        session,
        witness,
        input,
        messages: 0,
        tls: None,
    };
    connection.serve(stopping).instrument(span).await;
}

/// By the clock of the timers, which a test can turn.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

struct Connection<T> {
    shared: Arc<Shared>,
    index: usize,
    place: Place,
    id: String,
    /// Why the connector was selected, once somebody wants to know.
    selection: Option<String>,
    /// The binding.
    local: SocketAddr,
    /// The server's address.
    own: IpAddr,
    remote: SocketAddr,
    source: SourceAddress,
    stream: Stream<T>,
    session: Session,
    witness: Witness,
    input: BytesMut,
    messages: u32,
    tls: Option<Tls>,
}

/// What waiting for the peer came to.
enum Heard {
    Data,
    End,
    Deadline,
    Stopping,
}

impl<T: Transport> Connection<T> {
    async fn serve(mut self, stopping: CancellationToken) {
        let ending = self.converse(stopping).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the connection broke");
            rows::ending(&error)
        });
        self.witness.ended(&self.session, ending);
    }

    async fn converse(&mut self, stopping: CancellationToken) -> io::Result<Ending> {
        self.session.greet(&date(&Zoned::now()));
        if proxy::is_header(&self.input) {
            return self.refuse_proxy();
        }
        let mut first = self.input.is_empty();
        let mut stopped = false;
        loop {
            let step = self.session.step(&mut self.input, now());
            self.record();
            // Said of 2013: a server of the organization is not counted for its source.
            if self.session.rights().contains(Rights::ACCEPT_HEADERS_ORGANIZATION) {
                self.place.leave_source();
            }
            match step {
                Step::Read => {
                    self.flush().await?;
                    if self.input.is_empty() {
                        self.input = BytesMut::new();
                    }
                    match self.listen((!stopped).then_some(&stopping)).await? {
                        Heard::Data if first && proxy::is_header(&self.input) => {
                            return self.refuse_proxy();
                        }
                        Heard::Data => first = false,
                        Heard::End => return Ok(Ending::Remote),
                        Heard::Deadline => self.session.expire(now()),
                        Heard::Stopping => stopped = true,
                    }
                    if stopped {
                        self.session.shut_down();
                    }
                }
                Step::Hold(until) => {
                    self.witness.hand_over();
                    let mut wait = pin!(tokio::time::sleep_until(until.into()));
                    let cut = stopping.run_until_cancelled(wait.as_mut()).await.is_none();
                    if cut && self.session.shut_down() {
                        return self.end().await;
                    }
                    wait.await;
                    self.flush().await?;
                }
                Step::StartTls(kind) => self.start_tls(kind).await?,
                Step::Keep(received) => {
                    self.keep(*received).await;
                    if stopped || stopping.is_cancelled() {
                        stopped = true;
                        self.session.shut_down();
                    }
                }
                Step::Close => {
                    return self.end().await;
                }
                Step::Break(fault) => {
                    self.flush().await?;
                    let deadline = self.session.deadline().into();
                    let stream = std::mem::replace(&mut self.stream, Stream::Gone);
                    let fault = fault::happen(stream, fault, deadline);
                    return stopping.run_until_cancelled(fault).await.unwrap_or(Ok(Ending::Local));
                }
            }
        }
    }

    async fn end(&mut self) -> io::Result<Ending> {
        self.flush().await?;
        self.witness.ending(Ending::Local);
        // The session is over; what follows is for the peer to read its last reply in peace.
        self.place.leave();
        self.stream.close().await;
        Ok(Ending::Local)
    }

    /// Logs what the session noted since the last time.
    fn record(&mut self) {
        for note in self.session.take_notes() {
            self.witness.note(&self.shared.host.server, &self.session, &note, now());
            self.recorder().note(&self.session, note);
        }
    }

    fn recorder(&self) -> Recorder<'_> {
        self.shared.recorder(self.session.connector(), Some(&self.id))
    }

    fn selection(&mut self) -> String {
        let (shared, local, source) = (&self.shared, self.local, self.source);
        self.selection.get_or_insert_with(|| shared.scope.select(local, source).reason()).clone()
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.witness.is_there() {
            let output = std::mem::take(self.session.output());
            self.witness.sent(&output, now());
            *self.session.output() = output;
        }
        let deadline = self.session.deadline().into();
        self.shared.metrics.octets(0, self.session.output().len());
        let send = self.stream.send(self.session.output());
        tokio::time::timeout_at(deadline, send).await?
    }

    async fn listen(&mut self, stopping: Option<&CancellationToken>) -> io::Result<Heard> {
        let deadline = self.session.deadline();
        if now() >= deadline {
            return Ok(Heard::Deadline);
        }
        let mut read = pin!(self.stream.read(&mut self.input, self.session.is_receiving()));
        let early = self.witness.wait_with(read.as_mut()).await;
        let late = tokio::time::timeout_at(deadline.into(), read);
        let read = match (early, stopping) {
            (Some(read), _) => Ok(read),
            (None, Some(stopping)) => match stopping.run_until_cancelled(late).await {
                Some(read) => read,
                None => return Ok(Heard::Stopping),
            },
            (None, None) => late.await,
        };
        match read {
            Err(_) => Ok(Heard::Deadline),
            Ok(Ok(0)) => Ok(Heard::End),
            Ok(Ok(octets)) => {
                self.shared.metrics.octets(octets, 0);
                Ok(Heard::Data)
            }
            Ok(Err(error)) => Err(error),
        }
    }

    fn refuse_proxy(&mut self) -> io::Result<Ending> {
        tracing::warn!(
            "closed: {} states another source address by a PROXY header, and is not in \
             [proxy_protocol] trust or is too late with it",
            self.remote.ip()
        );
        Ok(Ending::Local)
    }

    async fn start_tls(&mut self, kind: TlsKind) -> io::Result<()> {
        self.flush().await?;
        let endpoint = match kind {
            TlsKind::StartTls => self.shared.served[self.index].starttls.clone(),
            TlsKind::XAnonymousTls => Some(self.shared.internal_transport.clone()),
        };
        // The session starts TLS only where there is a certificate for it.
        let endpoint = endpoint.ok_or(io::ErrorKind::NotConnected)?;
        self.witness.sending_certificate(&endpoint.certificate.details);
        let deadline = self.session.deadline().into();
        let handshake = self.stream.accept_tls(&endpoint);
        let facts = tokio::time::timeout_at(deadline, handshake).await.map_err(io::Error::from);
        let facts = facts.flatten().inspect_err(|error| {
            let failure = HandshakeFailure::of(error);
            tracing::info!(%error, "the TLS handshake behind {kind} failed: {failure}");
            self.shared.metrics.handshake(kind, failure.status());
            self.witness.negotiation_failed(&self.shared.host.server, kind, failure, now());
        })?;
        self.shared.metrics.handshake(kind, "ok");
        let peer = facts.client.as_ref().map(|client| self.peer(kind, client));
        let (protocol, cipher_suite) = (facts.protocol.clone(), facts.cipher_suite.clone());
        let client_certificate = peer.as_ref().map(|peer| peer.subject.clone());
        tracing::debug!(protocol, cipher_suite, client_certificate, "TLS by {kind}");
        let tls = Tls { command: kind.to_string(), protocol, cipher_suite, client_certificate };
        self.witness.negotiated(&facts, &tls, now());
        self.tls = Some(tls);
        let exporter = facts.exporter.as_ref().map(|key| &key[..]);
        let bindings = ChannelBindings::new(Some(&facts.end_point), exporter);
        self.session.tls_started(Secured { kind, bindings, peer }, now());
        Ok(())
    }

    fn peer(&self, kind: TlsKind, client: &ClientCertificate) -> PeerCertificate {
        let roots = &self.shared.client_roots;
        if client.details.is_expired(Timestamp::now()) {
            let subject = client.details.subject.clone();
            self.recorder().event(match kind {
                TlsKind::StartTls => Event::RemoteStartTlsExpired { subject },
                TlsKind::XAnonymousTls => Event::RemoteInternalExpired { subject },
            });
        }
        PeerCertificate {
            subject: client.details.subject.clone(),
            names: client.details.names.clone(),
            public_key: client.public_key.clone(),
            is_vouched_for: roots.as_ref().is_some_and(|roots| roots.vouch_for(client)),
        }
    }

    async fn keep(&mut self, received: Received) {
        self.messages += 1;
        let internal_id = self.shared.next_internal_id();
        let guid = uuid::Uuid::new_v4().to_string();
        self.witness.keeping(&guid);
        let selection = self.selection();
        let message = self.message(received, selection, internal_id, &guid);
        let (octets, id, stripped) = (message.octets, message.id.clone(), message.stripped.len());
        let connector = message.connector.clone();
        let (from, recipients) =
            (message.envelope.reverse_path.to_string(), message.envelope.recipients.len());
        match self.shared.capture.keep(message).await {
            Ok(_) => {
                tracing::info!(id, from, recipients, octets, stripped, "message accepted");
                self.shared.metrics.message(&connector);
                self.witness.kept(&id, octets, recipients, now());
                let receipt = Receipt { internal_id, guid };
                self.session.kept(&receipt, now());
            }
            Err(error) => {
                tracing::error!(%error, "a message could not be kept; the client is told to try again");
                self.session.not_kept(error.to_string(), now());
            }
        }
    }

    fn message(
        &self,
        received: Received,
        selection: String,
        internal_id: u64,
        guid: &str,
    ) -> Message {
        let session = &self.session;
        let at = Zoned::now();
        let tls = self.tls.as_ref().map(|tls| (&tls.protocol[..], &tls.cipher_suite[..]));
        let arrival = Arrival { at: &at, local: self.own, tls, guid };
        let mechanism = match session.identity() {
            crate::session::Identity::Account { mechanism, .. } => Some(mechanism.to_string()),
            _ => None,
        };
        Message {
            id: format!("{}-{}", self.id, self.messages),
            session: self.id.clone(),
            received: at.timestamp(),
            connector: self.shared.host.server.identity(session.connector()),
            selection,
            local: self.local.to_string(),
            remote: self.remote.to_string(),
            hello: session.hello().map(|hello| hello.name.to_string()).unwrap_or_default(),
            identity: session.identity().name(),
            mechanism,
            permissions: session.rights().to_string(),
            tls: self.tls.clone(),
            message_id: session.message_id(received.message_id.as_deref(), guid),
            internal_id,
            octets: received.content.len() as u64,
            digest: Digest::of(&received.content),
            stamped: session.stamp(&received, &arrival),
            stripped: received.stripped,
            envelope: received.envelope,
            content: received.content,
        }
    }
}
