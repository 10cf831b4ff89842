//! What the operating system alone costs: a relay that does nothing with what it moves.
//!
//! A proxy that is asked over a socket and asks over another reads and writes each of them once for a request and its
//! answer, and is told when to. This does that and no more, so what it costs is what a proxy cannot go below, however little
//! it does by itself. One thread waits for edges of epoll; each client gets a connection to the upstream of its own, which
//! stays; what comes from one goes to the other. Nothing is parsed, counted or timed, nothing is allocated for a message,
//! and no call is made that does not move something, but the wait, which tells of many sockets at once.
//!
//! It is written by hand because a runtime's tasks and timers are what must not be in the figure. Edges and not levels:
//! the system need not look at a socket again that was just read. `io_uring` was left out, since no proxy that is compared
//! uses it; a floor with it would be another one.

mod flow;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::{io, mem};

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use flow::Flow;

/// What is read at once.
const BUFFER: usize = 64 * 1024;
/// How many sockets one wait tells of.
const EVENTS: usize = 256;
/// The listener's number. Those of links count up from zero, two for each.
const LISTENER: u64 = u64::MAX;

/// Whom it connects with whom.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where clients connect.
    #[arg(long)]
    listen: SocketAddr,
    /// Where each of them gets a connection to.
    #[arg(long)]
    to: SocketAddr,
}

/// Relays until the process is ended.
pub fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind(options.listen).context("listening")?;
    let mut relay = Relay::new(listener, options.to)?;
    loop {
        relay.turn()?;
    }
}

struct Relay {
    epoll: OwnedFd,
    listener: TcpListener,
    to: SocketAddr,
    links: Vec<Option<Link>>,
    /// Numbers of links that have ended.
    free: Vec<usize>,
    events: Vec<Event>,
    buffer: Vec<u8>,
}

impl Relay {
    fn new(listener: TcpListener, to: SocketAddr) -> Result<Self> {
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC).context("epoll")?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Self {
            epoll,
            listener,
            to,
            links: Vec::new(),
            free: Vec::new(),
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; BUFFER],
        })
    }

    /// Waits for news once, and does what they ask for.
    fn turn(&mut self) -> Result<()> {
        let mut events = mem::take(&mut self.events);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting"),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                LISTENER => self.accept()?,
                number => self.news(number, event.flags),
            }
        }
        self.events = events;
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let client = match self.listener.accept() {
                Ok((client, _)) => client,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("accepting"),
            };
            // Whoever gets none sees the end of his connection.
            if let Ok(link) = Link::new(client, self.to) {
                self.add(link)?;
            }
        }
    }

    fn add(&mut self, link: Link) -> Result<()> {
        let at = self.free.pop().unwrap_or(self.links.len());
        let number = u64::try_from(at)? * 2;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        for (socket, number) in [(&link.client, number), (&link.upstream, number + 1)] {
            epoll::add(&self.epoll, socket, EventData::new_u64(number), flags)?;
        }
        match self.links.get_mut(at) {
            Some(place) => *place = Some(link),
            None => self.links.push(Some(link)),
        }
        Ok(())
    }

    /// News of one side of a link. It may be one that ended in the same turn, or the next one with its number: to look once
    /// for nothing does no harm.
    fn news(&mut self, number: u64, flags: EventFlags) {
        let at = usize::try_from(number / 2).unwrap_or(usize::MAX);
        let Some(place) = self.links.get_mut(at) else {
            return;
        };
        let Some(link) = place else { return };
        // An error is the end of the link too: its clients notice, and tell.
        if link
            .news(number.is_multiple_of(2), flags, &mut self.buffer)
            .unwrap_or(true)
        {
            *place = None;
            self.free.push(at);
        }
    }
}

/// A client and its connection to the upstream.
struct Link {
    client: TcpStream,
    upstream: TcpStream,
    up: Flow,
    down: Flow,
}

impl Link {
    fn new(client: TcpStream, to: SocketAddr) -> io::Result<Self> {
        // Over loopback the other side need do nothing for it, so there is nothing to wait for.
        let upstream = TcpStream::connect(to)?;
        for socket in [&client, &upstream] {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
        }
        Ok(Self {
            client,
            upstream,
            up: Flow::default(),
            down: Flow::default(),
        })
    }

    /// Moves what can be moved after news of one side. True if both directions have ended.
    fn news(&mut self, is_client: bool, flags: EventFlags, buffer: &mut [u8]) -> io::Result<bool> {
        let (here, there) = (&self.client, &self.upstream);
        let (away, back) = (&mut self.up, &mut self.down);
        let (here, there, away, back) = if is_client {
            (here, there, away, back)
        } else {
            (there, here, back, away)
        };
        if flags.contains(EventFlags::OUT) && back.holds_something() {
            back.pump(there, here, buffer)?;
        }
        const END: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::ERR);
        if flags.intersects(END | EventFlags::IN) {
            away.will_end |= flags.intersects(END);
            if !away.holds_something() {
                away.pump(here, there, buffer)?;
            }
        }
        Ok(self.up.has_ended() && self.down.has_ended())
    }
}

#[cfg(test)]
mod tests;
