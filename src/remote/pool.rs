//! The few connections that commands share, each used by one command at a time.

use crate::ssh::{Client, Connection, lock};
use anyhow::Result;
use std::sync::{Condvar, Mutex, PoisonError};

/// Most connections for commands and uploads.
const MOST: usize = 4;

/// libssh2 serialises the calls of a session, so that a long command would make all others wait:
/// further connections are made when all are busy.
pub(crate) struct Pool {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    idle: Vec<Connection>,
    /// Connections that exist or are being made.
    open: usize,
    most: usize,
}

impl Pool {
    pub(crate) fn new(first: Connection) -> Pool {
        Pool {
            state: Mutex::new(State {
                idle: vec![first],
                open: 1,
                most: MOST,
            }),
            freed: Condvar::new(),
        }
    }

    /// A free connection, and whether it was in use before; waits when there are enough already.
    pub(crate) fn take(&self, client: &Client) -> Result<(Connection, bool)> {
        let mut state = lock(&self.state);
        loop {
            if let Some(connection) = state.idle.pop() {
                return Ok((connection, true));
            }
            if state.open < state.most {
                state.open += 1;
                drop(state);
                match client.connect() {
                    Ok(connection) => return Ok((connection, false)),
                    Err(e) => {
                        state = lock(&self.state);
                        state.open -= 1;
                        self.freed.notify_one();
                        if state.open == 0 {
                            return Err(e);
                        }
                        // The server wants no more of us: what there is must do.
                        state.most = state.open;
                        continue;
                    }
                }
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn give(&self, connection: Connection) {
        lock(&self.state).idle.push(connection);
        self.freed.notify_one();
    }

    /// Notes that a connection is gone.
    pub(crate) fn lost(&self) {
        let mut state = lock(&self.state);
        state.open -= 1;
        state.most = state.most.max(1);
        self.freed.notify_one();
    }
}
