//! Bytes as they arrive, from an answer or a file.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use pipewright_component::Cancel;
use reqwest::Response;

use super::{CallError, Connection, Fault, Http, Place};

/// The bytes of an answer or a file.
///
/// An error of the network travels as the [`CallError`] inside the
/// [`io::Error`], see [`Body::failure_of`].
pub(crate) struct Body {
    origin: Origin,
    cancel: Cancel,
}

enum Origin {
    File(File),
    Answer(Box<Incoming>),
}

/// An answer that is still arriving.
struct Incoming {
    http: Arc<Http>,
    answer: Response,
    connection: Connection,
    place: Place,
    /// What arrived last, and how much of it was read.
    chunk: Vec<u8>,
    at: usize,
}

impl Body {
    pub(crate) fn file(file: File, cancel: Cancel) -> Body {
        Body { origin: Origin::File(file), cancel }
    }

    pub(super) fn answer(
        http: Arc<Http>,
        answer: Response,
        place: Place,
        connection: &Connection,
        cancel: Cancel,
    ) -> Body {
        let connection = connection.clone();
        let incoming = Incoming { http, answer, connection, place, chunk: Vec::new(), at: 0 };
        Body { origin: Origin::Answer(Box::new(incoming)), cancel }
    }

    /// The beginning of the text, however it is encoded.
    pub(super) fn read_small(&mut self, most: usize) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.take(most as u64).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What went wrong with the network, if that is what the error is about.
    pub(crate) fn failure_of(error: &io::Error) -> Option<&CallError> {
        error.get_ref()?.downcast_ref()
    }
}

impl Read for Body {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match &mut self.origin {
            Origin::File(_) if self.cancel.is_stopped() => Err(io::Error::other("stopped")),
            Origin::File(file) => file.read(to),
            Origin::Answer(incoming) => incoming.read(to, &self.cancel),
        }
    }
}

impl Incoming {
    fn read(&mut self, to: &mut [u8], cancel: &Cancel) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            let next = self
                .http
                .wait(cancel, self.answer.chunk())
                .and_then(|next| next.map_err(|error| Fault::broken(&error, &self.connection)))
                .map_err(|fault| {
                    io::Error::other(CallError { place: self.place.clone(), fault })
                })?;
            let Some(next) = next else { return Ok(0) };
            self.chunk.clear();
            self.chunk.extend_from_slice(&next);
            self.at = 0;
        }
        let taken = to.len().min(self.chunk.len() - self.at);
        to[..taken].copy_from_slice(&self.chunk[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}
