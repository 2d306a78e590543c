//! Entities from one stream to another, on all cores.
//!
//! Workers take turns at the input, each taking whole lines of about
//! [`CHUNK`] bytes, and take turns at the output in the same order. At any
//! time there is one chunk for each worker in memory, and what it became.

use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use memchr::{memchr, memrchr};
use pipewright_dtl::{Context, Flow, Program, Target};
use pipewright_entity::transit::{self, Objects};
use pipewright_entity::{Dict, Entity, Value};

/// How much of the input a worker takes at a time, in bytes.
const CHUNK: usize = 1 << 18;
/// The longest line that is taken in, in bytes.
const LONGEST: usize = 512 << 20;

/// What became of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Lines that hold something.
    pub(super) read: u64,
    /// Entities written.
    pub(super) written: u64,
    /// Lines that could not be transformed.
    pub(super) failed: u64,
}

/// Sends each line of `input`, an entity in transit JSON, through programs one
/// after the other, and writes what comes out in the order of the input.
/// Filtered and discarded entities are left out. `complain` is called in that
/// order too, with the number of a line, counted from 1, and why it failed.
pub(super) fn transform<R, W>(
    programs: &[&Program],
    world: &(dyn Context + Sync),
    input: R,
    output: W,
    workers: usize,
    complain: &mut (dyn FnMut(u64, &str) + Send),
) -> io::Result<Report>
where
    R: Read + Send,
    W: Write + Send,
{
    let input = Mutex::new(Input { from: input, rest: Vec::new(), chunks: 0, is_over: false });
    let output = Ordered {
        turn: Mutex::new(Turn {
            to: output,
            chunk: 0,
            line: 0,
            report: Report::default(),
            complain,
            broken: None,
        }),
        next: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                // What waits for this worker must not wait for ever.
                let _stop = StopOnPanic(&output);
                let mut chunk = Vec::new();
                let mut done = Done::default();
                let mut objects = Objects::default();
                loop {
                    let number = match lock(&input).take(&mut chunk) {
                        Ok(Some(number)) => number,
                        Ok(None) => break,
                        Err(error) => return output.stop(error),
                    };
                    done.of(programs, world, &mut objects, &chunk);
                    if !output.write(number, &done) {
                        break;
                    }
                }
            });
        }
    });
    let mut turn = output.turn.into_inner().unwrap_or_else(PoisonError::into_inner);
    match turn.broken {
        Some(error) => Err(error),
        None => turn.to.flush().map(|()| turn.report),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nobody panics half way through a change of what is locked here.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Input<R> {
    from: R,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    chunks: u64,
    is_over: bool,
}

impl<R: Read> Input<R> {
    /// Whole lines, and the number of the chunk; `None` at the end.
    fn take(&mut self, to: &mut Vec<u8>) -> io::Result<Option<u64>> {
        to.clear();
        to.append(&mut self.rest);
        let mut searched = 0;
        while !self.is_over {
            let wanted = CHUNK.max(to.len() / 2);
            if (&mut self.from).take(wanted as u64).read_to_end(to)? < wanted {
                self.is_over = true;
            } else if let Some(end) = memrchr(b'\n', &to[searched..]) {
                self.rest.extend_from_slice(&to[searched + end + 1..]);
                to.truncate(searched + end + 1);
                break;
            } else if to.len() > LONGEST {
                self.is_over = true;
                let what = format!("a line is longer than {} MiB", LONGEST >> 20);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            searched = to.len();
        }
        if to.is_empty() {
            return Ok(None);
        }
        self.chunks += 1;
        Ok(Some(self.chunks - 1))
    }
}

/// What became of a chunk.
#[derive(Default)]
struct Done {
    text: Vec<u8>,
    lines: u64,
    read: u64,
    written: u64,
    /// Lines that failed, counted from 0 within the chunk.
    failed: Vec<(u64, String)>,
}

impl Done {
    fn of(
        &mut self,
        programs: &[&Program],
        world: &dyn Context,
        objects: &mut Objects,
        chunk: &[u8],
    ) {
        self.text.clear();
        self.failed.clear();
        (self.lines, self.read, self.written) = (0, 0, 0);
        let mut rest = chunk;
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            self.lines += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            self.read += 1;
            let before = (self.text.len(), self.written);
            if let Err(why) = self.line(programs, world, objects, line) {
                // Nothing of an entity that failed comes out.
                self.text.truncate(before.0);
                self.written = before.1;
                self.failed.push((self.lines - 1, why));
            }
        }
    }

    fn line(
        &mut self,
        programs: &[&Program],
        world: &dyn Context,
        objects: &mut Objects,
        line: &[u8],
    ) -> Result<(), String> {
        let Some((first, rest)) = programs.split_first() else { return Ok(()) };
        let reads = &first.analysis().reads;
        let source = objects.read(line, reads);
        let Value::Dict(source) = source.map_err(|error| error.to_string())? else {
            return Err("expected an object".into());
        };
        let mut write = |dict: Arc<Dict>| {
            self.written += 1;
            transit::write_dict(&dict, &mut self.text);
            self.text.push(b'\n');
        };
        if rest.is_empty() {
            return apply(first, world, source, &mut write);
        }
        let mut flowing = vec![source];
        for program in programs {
            let mut next = Vec::new();
            for dict in flowing {
                apply(program, world, dict, &mut |dict| next.push(dict))?;
            }
            flowing = next;
        }
        flowing.into_iter().for_each(write);
        Ok(())
    }
}

/// Sends one dict through a program; `to` gets what comes out.
fn apply(
    program: &Program,
    world: &dyn Context,
    source: Arc<Dict>,
    to: &mut dyn FnMut(Arc<Dict>),
) -> Result<(), String> {
    match Entity::from_dict(source.clone()) {
        Ok(entity) => {
            let outcome = program.run(&entity, world).map_err(|error| error.to_string())?;
            outcome.emitted.iter().for_each(|entity| to(entity.dict().clone()));
            if let Target::Kept(entity) = &outcome.target {
                to(entity.dict().clone());
            }
        }
        // Without an `_id` it is no entity, but it can be transformed.
        Err(_) => {
            let outcome = program.run_raw(Value::Dict(source), Dict::default(), world);
            let outcome = outcome.map_err(|error| error.to_string())?;
            outcome.emitted.iter().for_each(|entity| to(entity.dict().clone()));
            if outcome.flow == Flow::Next {
                to(Arc::new(outcome.target));
            }
        }
    }
    Ok(())
}

/// The output, written chunk by chunk in order.
struct Ordered<'c, W> {
    turn: Mutex<Turn<'c, W>>,
    next: Condvar,
}

struct Turn<'c, W> {
    to: W,
    /// The chunk whose turn it is.
    chunk: u64,
    /// Lines in the chunks before.
    line: u64,
    report: Report,
    complain: &'c mut (dyn FnMut(u64, &str) + Send),
    broken: Option<io::Error>,
}

impl<W: Write> Ordered<'_, W> {
    /// Writes what became of a chunk when it is its turn. `false` if nothing
    /// more is to be written.
    fn write(&self, chunk: u64, done: &Done) -> bool {
        let mut turn = lock(&self.turn);
        while turn.chunk != chunk && turn.broken.is_none() {
            turn = self.next.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        if turn.broken.is_some() {
            return false;
        }
        for (line, why) in &done.failed {
            let line = turn.line + line + 1;
            (turn.complain)(line, why);
        }
        turn.line += done.lines;
        turn.report.read += done.read;
        turn.report.written += done.written;
        turn.report.failed += done.failed.len() as u64;
        if let Err(error) = turn.to.write_all(&done.text) {
            turn.broken = Some(error);
        }
        turn.chunk += 1;
        self.next.notify_all();
        turn.broken.is_none()
    }
}

impl<W> Ordered<'_, W> {
    fn stop(&self, error: io::Error) {
        lock(&self.turn).broken.get_or_insert(error);
        self.next.notify_all();
    }
}

struct StopOnPanic<'o, 'c, W>(&'o Ordered<'c, W>);

impl<W> Drop for StopOnPanic<'_, '_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop(io::Error::other("a worker panicked"));
        }
    }
}
