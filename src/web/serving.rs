//! Connections: how many, and how long each may take to say what it wants.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Connections at a time; more wait to be accepted. These three are our choice.
const MAX_CONNECTIONS: usize = 2_000;
/// For the header of a request, so also for the pause between two requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Octets of a request's header; twice as many may pass, as it is read in large pieces.
const MAX_HEADER: usize = 64 << 10;

/// Answers by `router` until `stopping`, and returns when the last answer is given.
pub(super) async fn serve(socket: TcpListener, router: Router, stopping: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEADER);
    while let Some((stream, place)) =
        stopping.run_until_cancelled(next_connection(&socket, &places)).await
    {
        // Answers are small and are waited for.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // An error is the client's: it broke off, or does not speak HTTP.
            let _ = connection.await;
            drop(place);
        });
    }
    graceful.shutdown().await;
}

/// The next connection. Running out of file descriptors is waited out.
async fn next_connection(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Nobody closes the semaphore.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match socket.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "a connection to HTTP could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
