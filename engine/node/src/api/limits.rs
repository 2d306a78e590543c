//! How much of the node one caller, or all together, can take.
//!
//! How large a body may be, how many requests are worked on at once, and how
//! long the node waits for the next piece of a body.

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
    let request = request.map(|body| {
        Body::from_stream(Patient {
            body: body.into_data_stream(),
            pause,
            end: Box::pin(tokio::time::sleep(pause)),
        })
    });
    Ok(next.run(request).await)
}

/// A body whose pieces must not keep the node waiting.
struct Patient {
    body: BodyDataStream,
    pause: Duration,
    end: Pin<Box<Sleep>>,
}

impl Stream for Patient {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match Pin::new(&mut self.body).poll_next(context) {
            Poll::Ready(piece) => {
                let end = Instant::now() + self.pause;
                self.end.as_mut().reset(end);
                Poll::Ready(piece)
            }
            Poll::Pending => self.end.as_mut().poll(context).map(|()| {
                Some(Err(axum::Error::new(std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    "the body took too long to come",
                ))))
            }),
        }
    }
}
