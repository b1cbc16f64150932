//! What a mechanism has to do to be negotiated.

/// One run of a mechanism, on the acceptor's side.
pub trait Inner: Send {
    /// Why the mechanism failed.
    type Error;

    /// Takes the client's next token (GSS_Accept_sec_context).
    fn step(&mut self, token: &[u8]) -> Result<InnerStep, Self::Error>;

    /// Whether MICs protect anything (GSS_C_INTEG_FLAG). Asked once the context is complete.
    fn has_integrity(&self) -> bool;

    /// The mechListMIC over `mech_list` (GSS_GetMIC).
    ///
    /// Called at most once, and before the context signs anything else; where
    /// [`verify_mic`](Self::verify_mic) is called too, the order is that of the wire.
    fn mic(&mut self, mech_list: &[u8]) -> Result<Vec<u8>, Self::Error>;

    /// Checks the client's mechListMIC (GSS_VerifyMIC), at most once.
    fn verify_mic(&mut self, mech_list: &[u8], mic: &[u8]) -> Result<(), Self::Error>;
}

/// What follows a token of the client's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InnerStep {
    /// What to send, if anything. An empty token is none.
    pub token: Option<Vec<u8>>,
    /// The context is established; nothing is expected from the client.
    pub complete: bool,
}

impl<T: Inner + ?Sized> Inner for Box<T> {
    type Error = T::Error;

    fn step(&mut self, token: &[u8]) -> Result<InnerStep, Self::Error> {
        (**self).step(token)
    }

    fn has_integrity(&self) -> bool {
        (**self).has_integrity()
    }

    fn mic(&mut self, mech_list: &[u8]) -> Result<Vec<u8>, Self::Error> {
        (**self).mic(mech_list)
    }

    fn verify_mic(&mut self, mech_list: &[u8], mic: &[u8]) -> Result<(), Self::Error> {
        (**self).verify_mic(mech_list, mic)
    }
}
