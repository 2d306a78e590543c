//! How much of the node one caller, or all together, can take.
//!
//! How large a body may be, how many requests are worked on at once, how long
//! the node waits for the next piece of a body, and how slowly one may come.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_core::Stream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};

use super::Failed;

/// The largest body of a request, in bytes.
pub(super) const LARGEST_BODY: usize = 256 << 20;
/// Requests worked on at once.
const AT_ONCE: usize = 512;
/// The longest pause within the body of a request.
const PAUSE: Duration = Duration::from_secs(30);
/// How slowly a body may come on the whole, in bytes a second.
const SLOWEST: u64 = 4 << 10;

/// What is left.
#[derive(Clone)]
pub(super) struct Limits {
    places: Arc<Semaphore>,
    pause: Duration,
}

impl Limits {
    pub(super) fn usual() -> Limits {
        Limits { places: Arc::new(Semaphore::new(AT_ONCE)), pause: PAUSE }
    }
}

/// Takes a request in if there is a place for it, until its answer begins.
pub(super) async fn bound(
    State(limits): State<Limits>,
    request: Request,
    next: Next,
) -> Result<Response, Failed> {
    let Ok(_place) = limits.places.try_acquire() else {
        return Err(Failed::new(
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "the node works on as many requests as it can: try again in a moment",
        ));
    };
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // Before any of it is read.
    if length.is_some_and(|length| length > LARGEST_BODY as u64) {
        return Err(Failed::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("the body is larger than {LARGEST_BODY} bytes: send it in parts"),
        ));
    }
    let pause = limits.pause;
    let request =
        request.map(|body| Body::from_stream(Patient::new(body.into_data_stream(), pause)));
    Ok(next.run(request).await)
}

/// A body whose pieces must not keep the node waiting. What the node does with
/// a piece meanwhile does not count.
struct Patient {
    body: BodyDataStream,
    pause: Duration,
    /// How long it is waited for, on the whole.
    left: Duration,
    /// Since when it is waited for, while it is.
    since: Option<Instant>,
    end: Pin<Box<Sleep>>,
}

impl Patient {
    fn new(body: BodyDataStream, pause: Duration) -> Patient {
        let end = Box::pin(tokio::time::sleep(pause));
        Patient { body, pause, left: pause, since: None, end }
    }
}

impl Stream for Patient {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match Pin::new(&mut self.body).poll_next(context) {
            Poll::Ready(piece) => {
                let waited = self.since.take().map(|since| since.elapsed()).unwrap_or_default();
                // Each piece gives as much time as it may have taken: a drop now
                // and then keeps no place for long.
                let size =
                    piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, Bytes::len);
                let earned = Duration::from_micros(size as u64 * 1_000_000 / SLOWEST);
                self.left = (self.left.saturating_sub(waited) + earned).min(self.pause);
                Poll::Ready(piece)
            }
            Poll::Pending => {
                if self.since.is_none() {
                    let now = Instant::now();
                    let end = now + self.left;
                    self.since = Some(now);
                    self.end.as_mut().reset(end);
                }
                self.end.as_mut().poll(context).map(|()| {
                    Some(Err(axum::Error::new(std::io::Error::new(
                        std::io::ErrorKind::TimedOut,
                        "the body took too long to come",
                    ))))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Short enough for a test.
    const PAUSE: Duration = Duration::from_secs(1);

    /// A body that comes in pieces of a size, each after so many milliseconds.
    fn body(pieces: usize, size: usize, after: u64) -> Patient {
        let (piece, next) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        tokio::spawn(async move {
            for _ in 0..pieces {
                tokio::time::sleep(Duration::from_millis(after)).await;
                if piece.send(Ok(vec![b'x'; size].into())).await.is_err() {
                    return;
                }
            }
        });
        struct Pieces(tokio::sync::mpsc::Receiver<Result<Bytes, std::io::Error>>);
        impl Stream for Pieces {
            type Item = Result<Bytes, std::io::Error>;

            fn poll_next(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Option<Self::Item>> {
                self.0.poll_recv(context)
            }
        }
        Patient::new(Body::from_stream(Pieces(next)).into_data_stream(), PAUSE)
    }

    /// Whether it is waited for to its end, by one who takes so many
    /// milliseconds over each piece.
    async fn is_awaited(mut body: Patient, over: u64) -> bool {
        while let Some(piece) =
            std::future::poll_fn(|context| Pin::new(&mut body).poll_next(context)).await
        {
            if piece.is_err() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(over)).await;
        }
        true
    }

    #[tokio::test]
    async fn a_body_may_come_slowly_but_not_by_drops() {
        assert!(is_awaited(body(5, 16 << 10, 300), 0).await, "pauses are no offence");
        assert!(!is_awaited(body(1, 16 << 10, 2000), 0).await, "a pause was too long");
        assert!(!is_awaited(body(10, 1, 300), 0).await, "it came by single bytes");
        assert!(is_awaited(body(4, 1, 10), 600).await, "it was the node that took long");
    }
}
