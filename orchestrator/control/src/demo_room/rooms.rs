//! Which rooms are open, and how what a room says reaches its clients.
//!
//! One lock guards all rooms. It is never held across an await: a room only computes, and posting never waits. So everybody
//! hears what happened in a room in the same order.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use wallflower_domain::wire::demo_room::{DemoDown, DemoMedia, DemoRole, DemoUp};

use super::mailbox::{Letters, Mailbox, Overflow, mailbox};
use super::room::{ClientId, Delivery, Refusal, Room, RoomName};

pub(super) const MAX_ROOMS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Rooms(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    rooms: HashMap<RoomName, OpenRoom>,
    /// Never reused: a seat of a closed room can't touch the next room of that name.
    last_client: u64,
    is_closing: bool,
}

/// Invariant: every client of the room has a mailbox, and no one else has.
#[derive(Debug, Default)]
struct OpenRoom {
    room: Room,
    mailboxes: HashMap<ClientId, Mailbox>,
}

impl Rooms {
    /// Lets a client in; the first one opens the room.
    pub(super) fn join(
        self: &Arc<Self>,
        name: &RoomName,
        role: DemoRole,
        display_name: &str,
        media: DemoMedia,
    ) -> Result<(Seat, Letters, Overflow), Refusal> {
        let mut open = self.lock();
        if open.is_closing {
            return Err(Refusal::new("The demo room is shutting down."));
        }
        if !open.rooms.contains_key(name) && open.rooms.len() >= MAX_ROOMS {
            return Err(Refusal::new(format!(
                "{MAX_ROOMS} rooms are open already; join one of them, or come back later."
            )));
        }
        open.last_client += 1;
        let client = ClientId(open.last_client);
        let room = open.rooms.entry(name.clone()).or_default();
        let deliveries = match room.room.join(client, role, display_name, media) {
            Ok(deliveries) => deliveries,
            Err(refusal) => {
                open.remove_if_empty(name);
                return Err(refusal);
            }
        };
        let (mailbox, letters, overflow) = mailbox();
        room.mailboxes.insert(client, mailbox);
        room.deliver(deliveries);
        tracing::debug!(room = %name, %client, ?role, "joined");
        Ok((Seat { rooms: Arc::clone(self), room: name.clone(), client }, letters, overflow))
    }

    /// Closes a room for everybody in it; false when there is none of that name.
    pub(super) fn close_room(&self, name: &RoomName) -> bool {
        let room = self.lock().rooms.remove(name);
        room.map(OpenRoom::close).is_some()
    }

    /// Closes every room, and opens none any more.
    pub(super) fn close(&self) {
        let mut open = self.lock();
        open.is_closing = true;
        open.rooms.drain().for_each(|(_, room)| room.close());
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A panic below the lock is a bug in one room's message; the others go on.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn remove_if_empty(&mut self, name: &RoomName) {
        if self.rooms.get(name).is_some_and(|room| room.room.is_empty()) {
            self.rooms.remove(name);
        }
    }
}

impl OpenRoom {
    /// Posts everything. A client that can't take more is taken out, and the others are told in turn.
    fn deliver(&mut self, deliveries: Vec<Delivery>) {
        let mut pending = VecDeque::from(deliveries);
        while let Some(Delivery { to, message }) = pending.pop_front() {
            let text = json(&message);
            for client in to {
                let Some(mailbox) = self.mailboxes.get(&client) else { continue };
                if mailbox.post(text.clone()).is_err() {
                    tracing::debug!(%client, "takes nothing more, is closed");
                    if let Some(mailbox) = self.mailboxes.remove(&client) {
                        mailbox.give_up();
                    }
                    pending.extend(self.room.leave(client));
                }
            }
        }
    }

    fn close(mut self) {
        let farewell = self.room.close();
        self.deliver(vec![farewell]);
    }
}

/// A client's place in a room. Dropping it is leaving.
#[derive(Debug)]
pub(super) struct Seat {
    rooms: Arc<Rooms>,
    room: RoomName,
    client: ClientId,
}

impl Seat {
    /// Passes on a message of this client; nothing happens when the room is gone, or has let go of the client.
    pub(super) fn handle(&self, message: DemoUp) -> Result<(), Refusal> {
        let mut open = self.rooms.lock();
        if let Some(room) = open.rooms.get_mut(&self.room) {
            let deliveries = room.room.handle(self.client, message)?;
            room.deliver(deliveries);
            open.remove_if_empty(&self.room);
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.rooms.lock();
        if let Some(room) = open.rooms.get_mut(&self.room) {
            let deliveries = room.room.leave(self.client);
            room.mailboxes.remove(&self.client);
            room.deliver(deliveries);
            open.remove_if_empty(&self.room);
        }
        tracing::debug!(room = %self.room, client = %self.client, "left");
    }
}

/// The text of a message on the wire.
pub(super) fn json(message: &DemoDown) -> Utf8Bytes {
    // Strings, numbers and booleans under string keys: nothing in it that JSON can't say.
    serde_json::to_string(message).expect("a message of the demo room is always JSON").into()
}
