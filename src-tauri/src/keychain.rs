//! Tokens of nodes elsewhere, in the desktop's keychain.

const SERVICE: &str = "Pipewright";

/// Keeps the token of a connection.
pub(crate) fn keep(connection: &str, token: &str) -> keyring::Result<()> {
    keyring::Entry::new(SERVICE, connection)?.set_password(token)
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
