//! Connections that go wrong because a rule says so.

use std::io;

use bytes::BytesMut;
use tokio::time::{Instant, timeout_at};

use super::stream::{Stream, Transport};
use crate::journal::Ending;
use crate::rules::Fault;
use crate::smtp::reply;

/// Makes `fault` happen to a connection on which all was sent. What lasts ends at `deadline`.
pub(super) async fn happen<T: Transport>(
    mut stream: Stream<T>,
    fault: Fault,
    deadline: Instant,
) -> io::Result<Ending> {
    match fault {
        Fault::Drop => stream.hang_up().await,
        Fault::Reset => stream.reset(),
        Fault::Stall => return timeout_at(deadline, ignore(&mut stream)).await?,
        Fault::HalfClose => {
            stream.shut_down().await?;
            return timeout_at(deadline, ignore(&mut stream)).await?;
        }
        Fault::GarbleTls => {
            let mut hello = BytesMut::new();
            timeout_at(deadline, stream.read(&mut hello, false)).await??;
            // What a firewall says that has lost track of the conversation.
            let mut garbage = BytesMut::new();
            reply::UNRECOGNIZED_COMMAND.write_to(&mut garbage);
            timeout_at(deadline, stream.send(&mut garbage)).await??;
            stream.close().await;
        }
    }
    Ok(Ending::Local)
}

/// Reads until the peer is done, and lets go of it.
async fn ignore<T: Transport>(stream: &mut Stream<T>) -> io::Result<Ending> {
    let mut input = BytesMut::new();
    while stream.read(&mut input, false).await? > 0 {
        input.clear();
    }
    Ok(Ending::Remote)
}
