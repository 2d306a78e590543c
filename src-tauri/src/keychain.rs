//! Tokens of nodes elsewhere: in the desktop's keychain, and where there is
//! none, in this process until it ends.

use pipewright_protocol::shell::TokenPlace;

const SERVICE: &str = "Pipewright";

/// Keeps the token of a connection, and says where. Without a keychain that
/// takes it, nowhere but in this process: a file would show it to whoever reads
/// the disk.
pub(crate) fn keep(connection: &str, token: &str) -> TokenPlace {
    match keyring::Entry::new(SERVICE, connection).and_then(|entry| entry.set_password(token)) {
        Ok(()) => TokenPlace::Keychain,
        Err(error) => {
            tracing::warn!("the access token of {connection} is not kept: {error}");
            TokenPlace::Session
        }
    }
}

/// The token kept for a connection, if there is one and a keychain to ask.
pub(crate) fn kept(connection: &str) -> Option<String> {
    keyring::Entry::new(SERVICE, connection).and_then(|entry| entry.get_password()).ok()
}

/// Forgets the token of a connection.
pub(crate) fn forget(connection: &str) {
    // None was kept, or there is no keychain: gone either way.
    let _ = keyring::Entry::new(SERVICE, connection).and_then(|entry| entry.delete_credential());
}
